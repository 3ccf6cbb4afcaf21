"""The report on the answer of status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ops.clock import parse_timestamp
from ops.exit_codes import ExitCode
from ops.report import comparison, units
from ops.report.blocks import (
    Bar,
    Block,
    Blocks,
    Column,
    Detail,
    FactList,
    Figure,
    Figures,
    Hero,
    Paragraph,
    Part,
    Picture,
    Report,
    Rounded,
    Section,
    Span,
    StepBlock,
    Table,
)
from ops.report.copy_failures import Cause, failures, tables
from ops.report.copying import copying, drain_estimate, throughput
from ops.report.existing_objects import report_failures
from ops.report.words import COUNT_LABELS, LOST_EVENTS_TEXT, NO_COMPARISON_TEXT, UTC_NOTE, Translator, purpose
from ops.shell import command
from oss_oms_sync.answers.status_answer import (
    CountCheck,
    StatusAnswer,
    UnfinishedComparison,
    UnfinishedPass,
    Verdict,
    VerdictState,
    WaitingKey,
)
from oss_oms_sync.answers.text import AtLeast, Text, t

_VERDICT_LABELS = {
    VerdictState.IN_STEP: (t("In step"), "good"),
    VerdictState.BEHIND: (t("Behind"), "open"),
    VerdictState.BROKEN: (t("Broken"), "bad"),
    VerdictState.UNKNOWN: (t("Unknown"), "calm"),
    VerdictState.CLOSED: (t("Closed"), "way"),
}
_WATERMARK_TEXT = t(
    "all objects written before were in OBS at the last comparison; {unproven} of {total} objects are not proven equal"
)
_ALARM_REFUSED_TEXT = t(
    "The webhook refused the last alarm: {problem}. Check the webhook's address and the robot's"
    " security settings (keywords, sender addresses)."
)
_LAST_REPLAY_TEXT = t("The last replay ({age}) took {taken}: {accepted} accepted, {failed} failed again.")
_PASS_TONES = {
    "covered": "good",
    "submitted": "way",
    "failed_before": "open",
    "migrating": "way",
    "unsent": "bad",
    "pending": "calm",
}


def exit_code(answer: StatusAnswer) -> ExitCode:
    """Return 0 if the project is in step and all waiting keys are counted, otherwise 1.

    A closed project without an alarm, such as in the weeks after a GO, counts as in step.
    """
    is_calm = not (answer.verdict.alarm or answer.backlog.more_may_wait)
    is_well = {VerdictState.IN_STEP: True, VerdictState.CLOSED: is_calm}.get(answer.verdict.state)
    return ExitCode.OK if is_well else ExitCode.FAILED


def report(answer: StatusAnswer, language: str) -> Report:
    """Return the status report in `language`, "en" or "zh"."""
    translate, now, last = Translator(language), parse_timestamp(answer.at), answer.compare.last
    failing = [*report_failures(answer, translate), *failures(answer.copying, now, translate)]
    return Report(
        _make_hero(answer.verdict, translate),
        language,
        [
            Paragraph(translate(_ALARM_REFUSED_TEXT, problem=answer.alarm_not_taken), "bad")
            if answer.alarm_not_taken
            else None,
            Figures(_list_figures(answer, now, translate)),
        ],
        [
            Section(
                "waiting",
                translate("Waiting to be resent"),
                translate("Keys that OMS did not accept or failed to copy."),
                _describe_backlog(answer, now, translate),
            ),
            Section(
                "oms", translate("Copying by OMS"), translate("Counted by OMS, in objects."), copying(answer, translate)
            ),
            Section(
                "failures",
                translate("Objects that OMS failed to copy"),
                translate("State of each failed object."),
                failing,
            ),
            Section(
                "in-obs",
                translate("Contents of OBS"),
                translate("The last comparison, object by object."),
                _describe_comparison(answer, now, translate),
            ),
            comparison.lag_section(comparison.lag(last.lag, last.amended, translate), translate) if last else None,
            comparison.folder_section(comparison.folders(last, translate), translate) if last else None,
            Section(
                "passes",
                translate("Search for lost events"),
                translate("Reconcile reads the whole source bucket."),
                _describe_passes(answer, now, translate),
            ),
            Section(
                "sums", translate("Sums"), translate("Counts that must agree."), _tabulate_sums(answer.sums, translate)
            ),
        ],
        translate("Status"),
        (
            Rounded(
                translate(UTC_NOTE, time=units.clock(now)),
                translate(UTC_NOTE, time=answer.at),
            ),
            "" if translate.language == "zh" else " ",
            (translate("sync task"), " ", Span("code", answer.task.id)),
        ),
    )


def _make_hero(verdict: Verdict, translate: Translator) -> Hero:
    word, tone = _VERDICT_LABELS[verdict.state]
    step = None
    if verdict.step:
        step = StepBlock(translate(purpose(verdict.step)), command(verdict.step))
    return Hero(translate(word), "bad" if verdict.alarm else tone, translate(verdict.text), step, translate(word))


def _list_figures(answer: StatusAnswer, now: datetime, translate: Translator) -> list[Figure]:
    backlog, last = answer.backlog, answer.compare.last
    waiting_count = backlog.waiting
    count_text = f"{waiting_count:,}"
    if backlog.more_may_wait:
        count_text = translate("at least {number}", number=waiting_count) if waiting_count else translate("unknown")
    oldest_text = (
        _text_with_age(backlog.oldest, t("the oldest failed {age}"), now, translate) if backlog.oldest else None
    )
    waiting = Figure(
        translate("Waiting to be resent"),
        count_text,
        oldest_text,
        "open" if waiting_count or backlog.more_may_wait else None,
    )
    watermark_time = last.watermark if last else None
    watermark_age = (
        units.age(parse_timestamp(watermark_time), now, translate) if watermark_time else translate("unknown")
    )
    watermark_note = (
        translate(_WATERMARK_TEXT, total=last.judged_counts[1], unproven=last.unproven_count)
        if last and watermark_time
        else translate(NO_COMPARISON_TEXT)
    )
    watermark = Figure(translate("Watermark"), watermark_age, watermark_note, None if watermark_time else "open")
    copy_lag = last.lag.copied if last else None
    p99, longest = (copy_lag.p99, copy_lag.max) if copy_lag else (None, None)
    note = translate("99th percentile; longest {longest:time}", longest=longest) if p99 is not None else None
    lag = Figure(translate("Time from write to OBS"), units.duration(p99, translate), note, None if note else "open")
    return [waiting, throughput(answer, translate), drain_estimate(answer, translate), watermark, lag]


def _describe_backlog(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    backlog = answer.backlog
    counts = [
        (translate("failed records"), backlog.failed),
        (translate("in replay's run files"), backlog.in_run_files),
        (translate("outside prefix and suffix, not resent"), backlog.outside),
        (translate("unreadable run files"), len(backlog.unreadable_run_files)),
        (
            translate("run files of projects that no longer run"),
            sum(left_behind.run_files for left_behind in backlog.left_behind),
        ),
    ]
    is_empty = not any(number for _, number in counts) and not backlog.at_least
    # The first two are always shown, unless all are empty, because their numbers may be minimums.
    if backlog.at_least:
        counts[:2] = [(name, AtLeast(number) if number else 0) for name, number in counts[:2]]
    figures = [
        Figure(name, translate("{n}", n=number)) for place, (name, number) in enumerate(counts) if number or place < 2
    ]
    return [
        Paragraph(translate("No objects waiting.")) if is_empty else Figures(figures, within=True),
        *_tabulate_reasons(answer, translate),
        _tabulate_keys(backlog.keys, now, translate),
        _describe_last_replay(answer, now, translate),
        *_list_problems(answer, translate),
    ]


def _tabulate_reasons(answer: StatusAnswer, translate: Translator) -> Blocks:
    """Return a table of reasons for each of three groups: lasting, passing and unknown reasons."""
    if not answer.backlog.by_reason:
        return []
    causes = []
    for name, number in answer.backlog.by_reason.items():
        fix = answer.fixes.get(name)
        group = "unknown" if fix is None else "lasting" if name in answer.lasting else "passing"
        causes.append(Cause(name, number, translate(fix) if fix else None, group))
    read = translate("By reason, from {number:record|records}", number=answer.backlog.read)
    return [Paragraph(read, "note"), *tables(translate("reason"), causes, translate)]


def _tabulate_keys(keys: Sequence[WaitingKey], now: datetime, translate: Translator) -> Block | None:
    body = [
        (
            Span("key", key.key),
            Span("code", key.reason),
            units.time(key.since, now, translate),
            Span("outside", key.message) if key.message else "",
        )
        for key in keys
    ]
    columns = [
        Column(translate("object key")),
        Column(translate("reason")),
        Column(translate("since")),
        Column(translate("OMS's message"), "half"),
    ]
    return Table(columns, body, caption=translate("The first {number}", number=len(body))) if body else None


def _describe_last_replay(answer: StatusAnswer, now: datetime, translate: Translator) -> Block | None:
    if not answer.replay:
        return None
    return Paragraph(
        _text_with_age(answer.replay.at, _LAST_REPLAY_TEXT.filled(**vars(answer.replay.result)), now, translate), "note"
    )


def _text_with_age(started: str, text: Text, now: datetime, translate: Translator) -> Rounded:
    """Fill in `text` with the age of `started` for a page, and with the time itself for a terminal."""
    return Rounded(
        translate(text, age=units.age(parse_timestamp(started), now, translate)), translate(text, age=started)
    )


def _list_problems(answer: StatusAnswer, translate: Translator) -> Blocks:
    lists = answer.oms_lists
    problem = (translate("OMS's lists of failures are not read"), translate(": "), Span("outside", lists.problem))
    unread = (
        translate("Unreadable lines in OMS's lists of failures"),
        translate(": "),
        f"{lists.unread:,}",
        " ",
        Span("key", lists.example),
    )
    return [Paragraph(problem, "open") if lists.problem else None, Paragraph(unread, "open") if lists.unread else None]


def _describe_comparison(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    last = answer.compare.last
    under_way = [
        _describe_open_pass(compare_under_way, t("A comparison has been running since {age}"), now, translate)
        for compare_under_way in answer.compare.open
    ]
    if not last:
        return [Paragraph(translate(NO_COMPARISON_TEXT), "open"), *under_way]
    return [
        FactList(
            [
                (
                    translate("the last comparison"),
                    units.pass_times(last.started, last.ended, now, translate, last.objects_per_minute),
                ),
                (translate("rechecked at"), units.time(last.amended, now, translate) if last.amended else None),
                (translate("Watermark"), units.time(last.watermark, now, translate)),
            ]
        ),
        *comparison.classes(last, translate),
        comparison.sums(last, last.classes, translate, adds_up=last.adds_up),
        *comparison.remedies(last, translate),
        *under_way,
    ]


def _describe_passes(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    last = answer.reconcile.last
    under_way = [
        _describe_open_pass(pass_under_way, t("A pass has been running since {age}"), now, translate)
        for pass_under_way in answer.reconcile.open
    ]
    if not last:
        return [Paragraph(translate("No reconcile pass has finished yet: unknown."), "open"), *under_way]
    parts = [(translate(COUNT_LABELS[name]), int(getattr(last, name)), tone) for name, tone in _PASS_TONES.items()]
    scanned = f"{last.scanned:,}"
    return [
        FactList([(translate("The last pass"), units.pass_times(last.started, last.ended, now, translate))]),
        Detail([units.picture(translate("scanned"), translate("The last pass"), scanned, parts, translate)]),
        Table(
            [Column(translate("count")), Column(translate("objects"), "n")],
            [((Span("swatch", tone=tone), name), units.number(number, translate)) for name, number, tone in parts],
            [
                (translate("scanned"), scanned),
                (translate(COUNT_LABELS["orphans"]), units.number(last.orphans, translate)),
            ],
        ),
        Paragraph(translate(LOST_EVENTS_TEXT, new=last.new, missing=last.new_missing), "open")
        if last.new_missing
        else None,
        *under_way,
    ]


def _describe_open_pass(
    pass_under_way: UnfinishedPass | UnfinishedComparison, text: Text, now: datetime, translate: Translator
) -> Block:
    """Return the progress of an open pass, its speed, and the time left."""
    since = Span("mark", _text_with_age(pass_under_way.started, text, now, translate), "way")
    scanned = (
        [translate("{scanned} so far", scanned=pass_under_way.scanned)]
        if isinstance(pass_under_way, UnfinishedPass)
        else []
    )
    rate = units.objects_a_minute(pass_under_way.objects_per_minute, translate)
    if pass_under_way.share is None or pass_under_way.minutes_left is None:
        return Paragraph((since, translate(": "), translate(", ").join([*scanned, rate, translate("end unknown")])))
    done = round(pass_under_way.share * 1000)
    time_left = translate("{left:time} left", left=60 * pass_under_way.minutes_left)
    label = translate(", ").join([units.share(done, 1000, translate), *scanned, rate, time_left])
    return Picture(since, label, Bar([Part(done, "way"), Part(1000 - done, "rest")], label))


def _tabulate_sums(sums: Sequence[CountCheck], translate: Translator) -> Blocks:
    if not sums:
        return [Paragraph(translate("No counts to add up yet: unknown."), "open")]
    body = []
    for sum_ in sums:
        meaning = None if sum_.holds else Span("note", translate(sum_.meaning))
        result = (
            Span("mark", translate("adds up"), "good")
            if sum_.holds
            else Span("mark", translate("does not add up"), "open")
        )
        numbers = f"{sum_.left:,} {sum_.sign} {' + '.join(f'{number:,}' for number in sum_.right)}"
        body.append(((translate(sum_.claim), meaning), numbers, result))
    return [
        Table(
            [Column(translate("condition"), "half"), Column(translate("numbers"), "n"), Column(translate("result"))],
            body,
        )
    ]
