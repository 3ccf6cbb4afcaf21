"""The report on the answer of the job `status`: its verdict, the waiting objects, OMS's work, and the last passes."""

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
    Paragraph,
    Part,
    Picture,
    Report,
    ReportHead,
    RoundedText,
    Section,
    Span,
    StepBlock,
    Table,
)
from ops.report.copy_failures import Cause, cause_tables, failures
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
    "all objects written before this time were in OBS at the last comparison; not proven equal: {unproven} of"
    " {total:object|objects}"
)
_ALARM_REFUSED_TEXT = t(
    "The webhook refused the last alarm: {problem}. Check the webhook's address and the robot's"
    " security settings (keywords, sender addresses)."
)
_LAST_REPLAY_TEXT = t(
    "The last run of replay ({age}) handled {taken:key|keys}: {accepted} accepted, {failed} failed again,"
    " {resolved} no longer to be resent."
)
_PASS_TONES = {
    "covered": "good",
    "submitted": "way",
    "failed_before": "open",
    "migrating": "way",
    "unsent": "bad",
    "pending": "calm",
}


def exit_code(answer: StatusAnswer) -> ExitCode:
    """Return 0 if the project is in step with the source and all waiting keys are counted, otherwise 1.

    A closed project without an alarm, such as in the weeks after a GO, counts as in step.
    """
    has_no_alarm = not (answer.verdict.alarm or answer.backlog.more_may_wait)
    is_in_step = {VerdictState.IN_STEP: True, VerdictState.CLOSED: has_no_alarm}.get(answer.verdict.state)
    return ExitCode.OK if is_in_step else ExitCode.FAILED


def report(answer: StatusAnswer, language: str) -> Report:
    translate, now, last_comparison = Translator(language), parse_timestamp(answer.at), answer.compare.last
    failure_blocks = [*report_failures(answer, translate), *failures(answer.copying, now, translate)]
    return Report(
        _make_head(answer.verdict, translate),
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
                translate("Keys of objects that OMS did not accept, or failed to copy."),
                _describe_backlog(answer, now, translate),
            ),
            Section(
                "oms",
                translate("Copying by OMS"),
                translate("Numbers of objects, as counted by OMS."),
                copying(answer, translate),
            ),
            Section(
                "failures",
                translate("Objects that OMS failed to copy"),
                translate("State of each failed object."),
                failure_blocks,
            ),
            Section(
                "in-obs",
                translate("Contents of OBS"),
                translate("State of the objects in OBS, according to the last comparison."),
                _describe_comparison(answer, now, translate),
            ),
            comparison.lag_section(comparison.lag(last_comparison.lag, last_comparison.amended, translate), translate)
            if last_comparison
            else None,
            comparison.folder_section(comparison.folders(last_comparison, translate), translate)
            if last_comparison
            else None,
            Section(
                "passes",
                translate("Search for lost events"),
                translate("Reconcile lists the whole source bucket."),
                _describe_passes(answer, now, translate),
            ),
            Section(
                "sums",
                translate("Sums"),
                translate("Counts that must be consistent with each other."),
                _tabulate_sums(answer.sums, translate),
            ),
        ],
        translate("Status"),
        (
            RoundedText(
                translate(UTC_NOTE, time=units.date_and_time(now)),
                translate(UTC_NOTE, time=answer.at),
            ),
            "" if translate.language == "zh" else " ",
            (translate("sync task"), " ", Span("code", answer.task.id)),
        ),
    )


def _make_head(verdict: Verdict, translate: Translator) -> ReportHead:
    word, tone = _VERDICT_LABELS[verdict.state]
    step = None
    if verdict.step:
        step = StepBlock(translate(purpose(verdict.step)), command(verdict.step))
    return ReportHead(translate(word), "bad" if verdict.alarm else tone, translate(verdict.text), step, translate(word))


def _list_figures(answer: StatusAnswer, now: datetime, translate: Translator) -> list[Figure]:
    backlog, last_comparison = answer.backlog, answer.compare.last
    waiting_count = backlog.waiting
    count_text = f"{waiting_count:,}"
    if backlog.more_may_wait:
        count_text = translate("at least {number}", number=waiting_count) if waiting_count else translate("unknown")
    oldest_text = (
        _text_with_age(backlog.oldest, t("the oldest object failed {age}"), now, translate) if backlog.oldest else None
    )
    waiting_figure = Figure(
        translate("Waiting to be resent"),
        count_text,
        oldest_text,
        "open" if waiting_count or backlog.more_may_wait else None,
    )
    watermark_time = last_comparison.watermark if last_comparison else None
    watermark_age = (
        units.age(parse_timestamp(watermark_time), now, translate) if watermark_time else translate("unknown")
    )
    watermark_note = (
        translate(
            _WATERMARK_TEXT, total=last_comparison.judged_and_total_counts[1], unproven=last_comparison.unproven_count
        )
        if last_comparison and watermark_time
        else translate(NO_COMPARISON_TEXT)
    )
    watermark = Figure(translate("Watermark"), watermark_age, watermark_note, None if watermark_time else "open")
    copy_lag = last_comparison.lag.copied if last_comparison else None
    p99, max_lag = (copy_lag.p99, copy_lag.max) if copy_lag else (None, None)
    note = translate("99th percentile; longest {longest:time}", longest=max_lag) if p99 is not None else None
    lag = Figure(
        translate("Time from write to arrival in OBS"), units.duration(p99, translate), note, None if note else "open"
    )
    return [waiting_figure, throughput(answer, translate), drain_estimate(answer, translate), watermark, lag]


def _describe_backlog(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    backlog = answer.backlog
    counts = [
        (translate("failed records"), backlog.failed),
        (translate("in replay's run files"), backlog.in_run_files),
        (translate("outside the prefix and suffix (not resent)"), backlog.outside),
        (translate("unreadable run files"), len(backlog.unreadable_run_files)),
        (
            translate("run files of projects that no longer run"),
            sum(project.run_files for project in backlog.left_behind),
        ),
    ]
    is_empty = not any(number for _, number in counts) and not backlog.at_least
    # The first two are always shown, unless all are empty, because their numbers may be minimums.
    if backlog.at_least:
        counts[:2] = [(name, AtLeast(number) if number else 0) for name, number in counts[:2]]
    figures = [
        Figure(name, translate("{n}", n=number)) for index, (name, number) in enumerate(counts) if number or index < 2
    ]
    return [
        Paragraph(translate("No objects are waiting to be resent."))
        if is_empty
        else Figures(figures, is_in_section=True),
        *_tabulate_reasons(answer, translate),
        _tabulate_keys(backlog.keys, now, translate),
        _describe_last_replay(answer, now, translate),
        *_list_problems(answer, translate),
    ]


def _tabulate_reasons(answer: StatusAnswer, translate: Translator) -> Blocks:
    if not answer.backlog.by_reason:
        return []
    causes = []
    for name, number in answer.backlog.by_reason.items():
        fix = answer.fixes.get(name)
        group = "unknown" if fix is None else "lasting" if name in answer.lasting else "passing"
        causes.append(Cause(name, number, translate(fix) if fix else None, group))
    heading = translate("Reasons given in {number:failed record|failed records}", number=answer.backlog.read)
    return [Paragraph(heading, "note"), *cause_tables(translate("reason"), causes, translate)]


def _tabulate_keys(keys: Sequence[WaitingKey], now: datetime, translate: Translator) -> Block | None:
    rows = [
        (
            Span("key", key.key),
            Span("code", key.reason),
            units.time_with_age(key.since, now, translate),
            Span("outside", key.message) if key.message else "",
        )
        for key in keys
    ]
    columns = [
        Column(translate("object key")),
        Column(translate("reason")),
        Column(translate("failed since")),
        Column(translate("OMS's message"), "half"),
    ]
    return (
        Table(columns, rows, caption=translate("The first {number:object key|object keys}", number=len(rows)))
        if rows
        else None
    )


def _describe_last_replay(answer: StatusAnswer, now: datetime, translate: Translator) -> Block | None:
    if not answer.replay:
        return None
    return Paragraph(
        _text_with_age(answer.replay.at, _LAST_REPLAY_TEXT.filled(**vars(answer.replay.result)), now, translate), "note"
    )


def _text_with_age(time_text: str, text: Text, now: datetime, translate: Translator) -> RoundedText:
    """Return `text` for a web page with the age of `time_text`, and for a terminal with the time itself."""
    return RoundedText(
        translate(text, age=units.age(parse_timestamp(time_text), now, translate)), translate(text, age=time_text)
    )


def _list_problems(answer: StatusAnswer, translate: Translator) -> Blocks:
    oms_lists = answer.oms_lists
    problem_text = (
        translate("OMS's lists of failed objects cannot be read"),
        translate(": "),
        Span("outside", oms_lists.problem),
    )
    unread_text = (
        translate("Unreadable lines in OMS's lists of failed objects"),
        translate(": "),
        f"{oms_lists.unread:,}",
        " ",
        Span("key", oms_lists.example),
    )
    return [
        Paragraph(problem_text, "open") if oms_lists.problem else None,
        Paragraph(unread_text, "open") if oms_lists.unread else None,
    ]


def _describe_comparison(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    last_comparison = answer.compare.last
    open_pass_blocks = [
        _describe_open_pass(open_pass, t("A comparison is running (begun: {age})"), now, translate)
        for open_pass in answer.compare.open
    ]
    if not last_comparison:
        return [Paragraph(translate(NO_COMPARISON_TEXT), "open"), *open_pass_blocks]
    return [
        FactList(
            [
                (
                    translate("the last comparison"),
                    units.pass_times(
                        last_comparison.started,
                        last_comparison.ended,
                        now,
                        translate,
                        last_comparison.objects_per_minute,
                    ),
                ),
                (
                    translate("rechecked at"),
                    units.time_with_age(last_comparison.amended, now, translate) if last_comparison.amended else None,
                ),
                (translate("Watermark"), units.time_with_age(last_comparison.watermark, now, translate)),
            ]
        ),
        *comparison.classes(last_comparison, translate),
        comparison.sums(last_comparison, last_comparison.classes, translate, adds_up=last_comparison.adds_up),
        *comparison.remedies(last_comparison, translate),
        *open_pass_blocks,
    ]


def _describe_passes(answer: StatusAnswer, now: datetime, translate: Translator) -> Blocks:
    last_pass = answer.reconcile.last
    open_pass_blocks = [
        _describe_open_pass(open_pass, t("A reconcile pass is running (begun: {age})"), now, translate)
        for open_pass in answer.reconcile.open
    ]
    if not last_pass:
        return [Paragraph(translate("Unknown: no reconcile pass has finished yet."), "open"), *open_pass_blocks]
    parts = [(translate(COUNT_LABELS[name]), int(getattr(last_pass, name)), tone) for name, tone in _PASS_TONES.items()]
    return [
        FactList(
            [
                (
                    translate("The last reconcile pass"),
                    units.pass_times(last_pass.started, last_pass.ended, now, translate),
                )
            ]
        ),
        Detail(
            [
                units.picture(
                    translate("scanned"), translate("The last reconcile pass"), last_pass.scanned, parts, translate
                )
            ]
        ),
        Table(
            [Column(translate("count")), Column(translate("objects"), "n")],
            [((Span("swatch", tone=tone), name), units.count_cell(number, translate)) for name, number, tone in parts],
            [
                (translate("scanned"), f"{last_pass.scanned:,}"),
                (translate(COUNT_LABELS["orphans"]), units.count_cell(last_pass.orphans, translate)),
            ],
        ),
        Paragraph(translate(LOST_EVENTS_TEXT, new=last_pass.new, missing=last_pass.new_missing), "open")
        if last_pass.new_missing
        else None,
        *open_pass_blocks,
    ]


def _describe_open_pass(
    open_pass: UnfinishedPass | UnfinishedComparison, text: Text, now: datetime, translate: Translator
) -> Block:
    age_span = Span("mark", _text_with_age(open_pass.started, text, now, translate), "way")
    scanned_texts = (
        [translate("{n:object|objects} scanned so far", n=open_pass.scanned)]
        if isinstance(open_pass, UnfinishedPass)
        else []
    )
    rate = units.objects_a_minute(open_pass.objects_per_minute, translate)
    if open_pass.share is None or open_pass.minutes_left is None:
        return Paragraph(
            (
                age_span,
                translate(": "),
                translate(", ").join([*scanned_texts, rate, translate("remaining time unknown")]),
            )
        )
    permille = round(open_pass.share * 1000)
    label = translate(", ").join(
        [
            units.share(permille, 1000, translate),
            *scanned_texts,
            rate,
            translate("{left:time} left", left=60 * open_pass.minutes_left),
        ]
    )
    return Picture(age_span, label, Bar([Part(permille, "way"), Part(1000 - permille, "rest")], label))


def _tabulate_sums(sums: Sequence[CountCheck], translate: Translator) -> Blocks:
    if not sums:
        return [Paragraph(translate("Unknown: there are no counts to check yet."), "open")]
    rows = []
    for count_check in sums:
        meaning = None if count_check.holds else Span("note", translate(count_check.meaning))
        result = (
            Span("mark", translate("adds up"), "good")
            if count_check.holds
            else Span("mark", translate("does not add up"), "open")
        )
        numbers = f"{count_check.left:,} {count_check.sign} {' + '.join(f'{number:,}' for number in count_check.right)}"
        rows.append(((translate(count_check.claim), meaning), numbers, result))
    return [
        Table(
            [Column(translate("condition"), "half"), Column(translate("numbers"), "n"), Column(translate("result"))],
            rows,
        )
    ]
