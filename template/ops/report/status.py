"""The answer of status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ops.commands import command
from ops.report import comparison, units
from ops.report.blocks import (
    Bar,
    Block,
    Column,
    Detail,
    Facts,
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
    Step,
    Table,
)
from ops.report.comparison import NONE_APART
from ops.report.copying import copying, speed_figures
from ops.report.failures import Cause, failures, tables
from ops.report.old_objects import failed
from ops.report.words import Words
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.status_answer import (
    CompareUnderWay,
    KeyWaiting,
    PassUnderWay,
    StatusAnswer,
    Sum,
    Verdict,
    VerdictState,
)

_TONES = {
    VerdictState.IN_STEP: "good",
    VerdictState.BEHIND: "open",
    VerdictState.BROKEN: "bad",
    VerdictState.NOT_KNOWN: "calm",
    VerdictState.CLOSED: "way",
}
_PASS_PARTS = {
    "covered": "good",
    "submitted": "way",
    "failed_before": "open",
    "migrating": "way",
    "unsent": "bad",
    "pending": "calm",
}


def exit_code(answer: StatusAnswer) -> int:
    """0 only if all is in step."""
    return 0 if answer.verdict.state is VerdictState.IN_STEP else 1


def report(answer: StatusAnswer, language: str) -> Report:
    """`language` is "en" or "zh"."""
    say, now, last = Words(language), units.moment(answer.at), answer.compare.last
    in_detail = [Detail([comparison.folders(last, NONE_APART, say)])] if last else []
    failing = [*failed(answer, say), *failures(answer.copying, now, say)]
    return Report(
        _hero(answer.verdict, say),
        language,
        [Figures(_figures(answer, now, say))],
        [
            Section("waiting", say("waiting"), say("waiting note"), _backlog(answer, now, say)),
            Section("oms", say("oms"), say("oms note"), copying(answer, say)),
            Section("failures", say("failures"), say("failures note"), failing),
            Section("in-obs", say("in obs"), say("in obs note"), _compared(answer, now, say)),
            Section("lag", say("lag"), say("lag note"), comparison.lag(last.lag, say)) if last else None,
            Section("folders", say("folders"), say("folders note"), in_detail) if last else None,
            Section("passes", say("passes"), say("passes note"), _passes(answer, now, say)),
            Section("sums", say("sums"), say("sums note"), _sums(answer.sums, say)),
        ],
        say("status"),
        (
            Rounded(say("utc", time=units.clock(now)), say("utc", time=answer.at)),
            " ",
            (say("task"), " ", Span("code", answer.task.id)),
        ),
    )


def _hero(verdict: Verdict, say: Words) -> Hero:
    name = " ".join(["then", verdict.step.job, *verdict.step.options])
    step = Step(say(name) if say.knows(name) else "", command(verdict.step))
    tone = "bad" if verdict.alarm else _TONES[verdict.state]
    word = say(f"state {verdict.state.value}")
    return Hero(word, tone, verdict.text.of(say.language), step, word)


def _figures(answer: StatusAnswer, now: datetime, say: Words) -> list[Figure]:
    backlog, last = answer.backlog, answer.compare.last
    here = backlog.failed + backlog.in_run_files
    shown = say("at least", number=here) if backlog.at_least else f"{here:,}"
    since = _since(backlog.oldest, "oldest", now, say) if backlog.oldest else None
    waits = Figure(say("waiting"), shown, since, "open" if here or backlog.at_least else None)
    mark = last.watermark if last else None
    apart = (ObjectClass.OUTSIDE, ObjectClass.CANARY)
    counts = {one: found.source.objects for one, found in last.classes.items() if one not in apart} if last else {}
    rest = sum(counts.values()) - counts.get(ObjectClass.EQUAL_CONTENTS, 0)
    watermark = Figure(
        say("watermark"),
        units.age(units.moment(mark), now, say) if mark else say("not known"),
        say("watermark note", total=sum(counts.values()), rest=rest) if mark else say("never compared"),
        None if mark else "open",
    )
    late = last.lag.copied if last else None
    p99, longest = (late.p99, late.max) if late else (None, None)
    note = say("lag key note", longest=longest) if p99 is not None else None
    lag = Figure(say("lag key figure"), units.duration(p99, say), note, None if note else "open")
    return [waits, *speed_figures(answer, say), watermark, lag]


def _backlog(answer: StatusAnswer, now: datetime, say: Words) -> list[Block]:
    backlog = answer.backlog
    counts = {
        "records": backlog.failed,
        "in replay": backlog.in_run_files,
        "outside": backlog.outside,
        "unreadable": backlog.unreadable_run_files,
        "left behind": sum(one.run_files for one in backlog.left_behind),
    }
    # The first two are always shown, unless there is nothing at all.
    shown = [(name, number) for name, number in counts.items() if number or name in ("records", "in replay")]
    is_empty = not any(counts.values()) and not backlog.at_least
    figures = Figures([Figure(say(name), f"{number:,}") for name, number in shown], within=True)
    return [
        Paragraph(say("nothing waits")) if is_empty else figures,
        *_reasons(answer, say),
        *_first_keys(backlog.keys, now, say),
        *_replay(answer, now, say),
        *_lists(answer, say),
    ]


def _reasons(answer: StatusAnswer, say: Words) -> list[Block]:
    """Reasons in three groups: those that last, those that pass, those that are not known here."""
    if not answer.backlog.by_reason:
        return []
    causes = []
    for name, number in answer.backlog.by_reason.items():
        fix = answer.fixes.get(name)
        group = "unknown" if fix is None else "lasting" if name in answer.lasting else "passing"
        causes.append(Cause(name, number, fix.of(say.language) if fix else None, group))
    read = say("by reason", number=answer.backlog.read)
    return [Paragraph(read, "note"), *tables(say("reason"), causes, say)]


def _first_keys(keys: Sequence[KeyWaiting], now: datetime, say: Words) -> list[Block]:
    body = [
        (
            Span("key", one.key),
            Span("code", one.reason),
            units.time(one.since, now, say),
            Span("outside", one.message) if one.message else "",
        )
        for one in keys
    ]
    columns = [Column(say("key")), Column(say("reason")), Column(say("since")), Column(say("OMS says"), "half")]
    return [Table(columns, body, caption=say("first keys", number=len(body)))] if body else []


def _replay(answer: StatusAnswer, now: datetime, say: Words) -> list[Block]:
    if not answer.replay:
        return []
    result = answer.replay.result
    numbers = {"taken": f"{result.taken:,}", "accepted": f"{result.accepted:,}", "failed": f"{result.failed:,}"}
    return [Paragraph(_since(answer.replay.at, "last replay", now, say, **numbers), "note")]


def _since(given: str, name: str, now: datetime, say: Words, **values: str) -> Rounded:
    """Words that say since when something is, or how long ago it was."""
    age = units.age(units.moment(given), now, say)
    return Rounded(say(name, age=age, **values), say(name, age=given, **values))


def _lists(answer: StatusAnswer, say: Words) -> list[Block]:
    lists = answer.oms_lists
    said = (say("lists problem"), say("colon"), Span("outside", lists.problem))
    unread = (say("lists unread"), say("colon"), f"{lists.unread:,}", " ", Span("key", lists.example))
    shown = [*([said] if lists.problem else ()), *([unread] if lists.unread else ())]
    return [Paragraph(one, "open") for one in shown]


def _compared(answer: StatusAnswer, now: datetime, say: Words) -> list[Block]:
    last = answer.compare.last
    under_way = [_under_way(one, "comparison under way since", now, say) for one in answer.compare.open]
    if not last:
        return [Paragraph(say("never compared"), "open"), *under_way]
    about = Facts(
        [
            (say("last comparison"), units.ran(last.started, last.ended, now, say, last.objects_per_minute)),
            (say("judged again"), units.time(last.amended, now, say) if last.amended else None),
            (say("watermark"), units.time(last.watermark, now, say)),
        ]
    )
    return [
        about,
        *comparison.classes(last, NONE_APART, {}, say),
        comparison.sums(last, NONE_APART, say, adds_up=last.adds_up),
        *comparison.remedies(last, say),
        *under_way,
    ]


def _passes(answer: StatusAnswer, now: datetime, say: Words) -> list[Block]:
    last = answer.reconcile.last
    under_way = [_under_way(one, "under way since", now, say) for one in answer.reconcile.open]
    if not last:
        return [Paragraph(say("no pass"), "open"), *under_way]
    counts = {name: int(getattr(last, name)) for name in _PASS_PARTS}
    scanned = f"{last.scanned:,}"
    said = say("comma").join(say("bar part", name=say(name), number=one) for name, one in counts.items())
    label = say("bar", side=say("last pass"), total=scanned, parts=said)
    bar = Bar([Part(one, _PASS_PARTS[name]) for name, one in counts.items()], label)
    body = [
        ((Span("swatch", tone=_PASS_PARTS[name]), say(name)), units.number(one, say)) for name, one in counts.items()
    ]
    foot = [(say("scanned"), scanned), (say("orphans"), units.number(last.orphans, say))]
    lost = say("lost events", new=last.new, missing=last.new_missing)
    return [
        Facts([(say("last pass"), units.ran(last.started, last.ended, now, say))]),
        Detail([Picture(say("scanned"), scanned, bar)]),
        Table([Column(say("count")), Column(say("objects"), "n")], body, foot),
        *([Paragraph(lost, "open")] if last.new_missing else ()),
        *under_way,
    ]


def _under_way(one: PassUnderWay | CompareUnderWay, name: str, now: datetime, say: Words) -> Block:
    """A pass that is not at its end: how much of it is done, how fast it is, how long the rest takes."""
    since = Span("mark", _since(one.started, name, now, say), "way")
    known = [say("so far", scanned=one.scanned)] if isinstance(one, PassUnderWay) else []
    rate = units.a_minute(one.objects_per_minute, say)
    if one.share is None or one.minutes_left is None:
        return Paragraph((since, say("colon"), say("pause").join([*known, rate, say("end not known")])))
    done = round(one.share * 1000)
    left = say("time left", left=60 * one.minutes_left)
    said = say("pause").join([units.share(done, 1000), *known, rate, left])
    return Picture(since, said, Bar([Part(done, "way"), Part(1000 - done, "rest")], said))


def _sums(sums: Sequence[Sum], say: Words) -> list[Block]:
    if not sums:
        return [Paragraph(say("no sums"), "open")]
    body = []
    for one in sums:
        meaning = None if one.holds else Span("note", one.meaning.of(say.language))
        result = Span("mark", say("holds"), "good") if one.holds else Span("mark", say("does not hold"), "open")
        numbers = f"{one.left:,} {one.sign} {' + '.join(f'{each:,}' for each in one.right)}"
        body.append(((one.claim.of(say.language), meaning), numbers, result))
    return [Table([Column(say("claim"), "half"), Column(say("numbers"), "n"), Column(say("result"))], body)]
