"""The answer of status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ops.certificates import line
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
from ops.report.copying import copying, speed_figures
from ops.report.failures import Cause, failures, tables
from ops.report.parts import Answer, fields, in_language, moment, part, rows, seconds, text, whole
from ops.report.words import Words

# The reasons that concern every key, and do not pass by themselves: PERMANENT of the function's code.
LASTING = ("CREDENTIALS", "CLOCK", "FORBIDDEN", "ACCOUNT", "NO_TASK")
_TONES = {"in step": "good", "behind": "open", "broken": "bad", "not known": "calm", "closed": "way"}
_PASS_PARTS = {"covered": "good", "submitted": "way", "failed_before": "open", "pending": "calm"}


def exit_code(answer: Answer) -> int:
    """0 only if all is in step, and what that rests on is there."""
    return 0 if answer["verdict"]["state"] == "in step" and not _lacking(answer) else 1


def report(answer: Answer, language: str) -> Report:
    """`answer` is that of status (oss_oms_sync.jobs.status); `language` is "en" or "zh". What the answer lacks
    is shown as not known."""
    say, now, last = Words(language), moment(part(answer, "at")), fields(answer, "compare", "last")
    task = text(answer, "task", "id")
    about = (
        Rounded(say("utc", time=units.clock(now)), say("utc", time=part(answer, "at"))) if now else None,
        " " if now and task else None,
        (say("task"), " ", Span("code", task)) if task else None,
    )
    in_detail = [Detail([comparison.folders(last, comparison.NONE_APART, say)])]
    return Report(
        _hero(answer, say),
        language,
        [Figures(_figures(answer, now, say))],
        [
            Section("waiting", say("waiting"), say("waiting note"), _backlog(answer, now, say)),
            Section("oms", say("oms"), say("oms note"), copying(answer, say)),
            Section("failures", say("failures"), say("failures note"), failures(answer, now, say)),
            Section("in-obs", say("in obs"), say("in obs note"), _compared(answer, now, say)),
            Section("lag", say("lag"), say("lag note"), comparison.lag(last, say)) if last else None,
            Section("folders", say("folders"), say("folders note"), in_detail) if last else None,
            Section("passes", say("passes"), say("passes note"), _passes(answer, now, say)),
            Section("sums", say("sums"), say("sums note"), _sums(answer, say)),
        ],
        say("status"),
        about,
    )


def _hero(answer: Answer, say: Words) -> Hero:
    state = text(answer, "verdict", "state") or ""
    lead = in_language(fields(answer, "verdict"), "text", say.language) or say("no verdict")
    doctor = Step(say("then doctor"), "python ops.py doctor")
    if state not in _TONES:
        return Hero(say("state not known"), "calm", say("no verdict"), doctor)
    if lacking := _lacking(answer) if state == "in step" else []:
        doubt = say("verdict in doubt", parts=say("comma").join(say(f"doubt {name}") for name in lacking))
        return Hero(say("state not known"), "calm", doubt, doctor)
    tone = "bad" if part(answer, "verdict", "alarm") is True else _TONES[state]
    return Hero(say(f"state {state}"), tone, lead, _next(fields(answer, "verdict", "step"), say) or doctor)


def _next(step: Answer, say: Words) -> Step | None:
    """The step of the verdict, with what it is for, if that is known here."""
    job, options = text(step, "job"), fields(step, "options")
    if not job:
        return None
    name = " ".join(["then", job, *options])
    return Step(say(name) if say.knows(name) else "", line({"job": job, "options": options}))


def _lacking(answer: Answer) -> list[str]:
    """What has to be known before anything is called in step, and is not."""
    needed = {
        "oms": whole(answer, "oms", "month", "failed"),
        "copying": whole(answer, "copying", "unfinished", "objects"),
        "failures": whole(answer, "copying", "failures", "unknown"),
        "backlog": whole(answer, "backlog", "failed"),
        "reconcile": whole(answer, "reconcile", "last", "scanned"),
    }
    return [name for name, known in needed.items() if known is None]


def _figures(answer: Answer, now: datetime | None, say: Words) -> list[Figure]:
    backlog, last = fields(answer, "backlog"), fields(answer, "compare", "last")
    here, more = units.added(whole(backlog, name) for name in ("failed", "in_run_files")), part(backlog, "at_least")
    if here is None:
        waits = Figure(say("waiting"), say("not known"), None, "open")
    else:
        shown = say("at least", number=f"{here:,}") if more is True else f"{here:,}"
        oldest = part(backlog, "oldest")
        since = _since(oldest, "oldest", now, say) if moment(oldest) else None
        waits = Figure(say("waiting"), shown, since, "open" if here or more is True else None)
    mark = moment(part(last, "watermark"))
    classes = fields(last, "classes")
    counts = {
        name: whole(classes, name, "source", "objects") or 0 for name in classes if name not in ("outside", "canary")
    }
    total, proven = sum(counts.values()), counts.get("equal_contents", 0)
    watermark = Figure(
        say("watermark"),
        units.age(mark, now, say) or say("not known"),
        say("watermark note", total=f"{total:,}", rest=f"{total - proven:,}") if mark else say("never compared"),
        None if mark else "open",
    )
    late = fields(last, "lag", "copied")
    longest = units.duration(seconds(late, "max"), say)
    note = say("lag key note", longest=longest) if seconds(late, "p99") is not None else None
    lag = Figure(say("lag key figure"), units.duration(seconds(late, "p99"), say), note, None if note else "open")
    return [waits, *speed_figures(answer, say), watermark, lag]


def _backlog(answer: Answer, now: datetime | None, say: Words) -> list[Block]:
    backlog = fields(answer, "backlog")
    if not backlog:
        return [Paragraph(say("not known"), "open")]
    counts = [(name, whole(backlog, field)) for name, field in (("records", "failed"), ("in replay", "in_run_files"))]
    counts += [
        (name, whole(backlog, field))
        for name, field in (("outside", "outside"), ("unreadable", "unreadable_run_files"))
        if whole(backlog, field) != 0
    ]
    if left := rows(backlog, "left_behind"):
        counts.append(("left behind", sum(whole(one, "run_files") or 0 for one in left)))
    is_empty = all(number == 0 for _, number in counts) and not part(backlog, "at_least")
    figures = Figures([Figure(say(name), units.count(number, say)) for name, number in counts], within=True)
    return [
        Paragraph(say("nothing waits")) if is_empty else figures,
        *_reasons(answer, say),
        *_first_keys(rows(backlog, "keys"), now, say),
        *_replay(answer, now, say),
        *_lists(answer, say),
    ]


def _reasons(answer: Answer, say: Words) -> list[Block]:
    """Reasons in three groups: those that last, those that pass, those that are not known here."""
    by_reason = fields(answer, "backlog", "by_reason")
    if not by_reason:
        return []
    read = units.count(whole(answer, "backlog", "read"), say)
    causes = [
        Cause(name, whole(by_reason, name) or 0, text(answer, "fixes", name, say.language), _group(answer, name))
        for name in by_reason
    ]
    return [Paragraph(say("by reason", number=read), "note"), *tables(say("reason"), causes, say)]


def _group(answer: Answer, reason: str) -> str:
    if part(answer, "fixes", reason) is None:
        return "unknown"
    return "lasting" if reason in LASTING else "passing"


def _first_keys(keys: Sequence[object], now: datetime | None, say: Words) -> list[Block]:
    body = [
        (
            Span("key", str(part(one, "key"))),
            Span("code", str(part(one, "reason"))),
            units.time(part(one, "since"), now, say),
        )
        for one in keys
    ]
    columns = [Column(say("key")), Column(say("reason")), Column(say("since"))]
    return [Table(columns, body, caption=say("first keys", number=len(body)))] if body else []


def _replay(answer: Answer, now: datetime | None, say: Words) -> list[Block]:
    last = fields(answer, "replay")
    if not last:
        return []
    numbers = {name: units.count(whole(last, "result", name), say) for name in ("taken", "accepted", "failed")}
    return [Paragraph(_since(part(last, "at"), "last replay", now, say, **numbers), "note")]


def _since(given: object, name: str, now: datetime | None, say: Words, **values: str) -> Rounded:
    """Words that say since when something is, or how long ago it was."""
    at = moment(given)
    shown, exact = (units.age(at, now, say), str(given)) if at else (None, say("not known"))
    return Rounded(say(name, age=shown or say("not known"), **values), say(name, age=exact, **values))


def _lists(answer: Answer, say: Words) -> list[Block]:
    lists = fields(answer, "oms_lists")
    problem, unread = text(lists, "problem"), whole(lists, "unread")
    example = Span("key", text(lists, "example") or "")
    said = [(say("lists problem"), say("colon"), Span("outside", problem))] if problem else []
    lines = [(say("lists unread"), say("colon"), units.count(unread, say), " ", example)] if unread else []
    return [Paragraph(one, "open") for one in (*said, *lines)]


def _compared(answer: Answer, now: datetime | None, say: Words) -> list[Block]:
    last = fields(answer, "compare", "last")
    under_way = [_under_way(one, "comparison under way since", now, say) for one in rows(answer, "compare", "open")]
    if not last:
        return [Paragraph(say("never compared"), "open"), *under_way]
    amended = part(last, "amended")
    about = Facts(
        [
            (say("last comparison"), units.ran(last, now, say)),
            (say("judged again"), units.time(amended, now, say) if amended else None),
            (say("watermark"), units.time(part(last, "watermark"), now, say)),
        ]
    )
    return [
        about,
        *comparison.classes(last, comparison.NONE_APART, {}, say),
        *comparison.remedies(last, say),
        *under_way,
    ]


def _passes(answer: Answer, now: datetime | None, say: Words) -> list[Block]:
    last = fields(answer, "reconcile", "last")
    under_way = [_under_way(one, "under way since", now, say) for one in rows(answer, "reconcile", "open")]
    if not last:
        return [Paragraph(say("no pass"), "open"), *under_way]
    counts = {name: whole(last, name) for name in _PASS_PARTS}
    scanned = units.count(whole(last, "scanned"), say)
    said = say("comma").join(
        say("bar part", name=say(name), number=units.count(one, say)) for name, one in counts.items()
    )
    label = say("bar", side=say("last pass"), total=scanned, parts=said)
    bar = Bar([Part(one or 0, _PASS_PARTS[name]) for name, one in counts.items()], label)
    body = [
        ((Span("swatch", tone=_PASS_PARTS[name]), say(name)), units.number(one, say)) for name, one in counts.items()
    ]
    foot = [(say("scanned"), scanned), (say("orphans"), units.number(whole(last, "orphans"), say))]
    new, missing = whole(last, "new"), whole(last, "new_missing")
    lost = say("lost events", new=units.count(new, say), missing=units.count(missing, say))
    return [
        Facts([(say("last pass"), units.ran(last, now, say))]),
        Detail([Picture(say("scanned"), scanned, bar)]),
        Table([Column(say("count")), Column(say("objects"), "n")], body, foot),
        *([Paragraph(lost, "open")] if missing else ()),
        *under_way,
    ]


def _under_way(one: object, name: str, now: datetime | None, say: Words) -> Block:
    """A pass that is not at its end: how much of it is done, how fast it is, how long the rest takes."""
    since = Span("mark", _since(part(one, "started"), name, now, say), "way")
    rate = units.a_minute(whole(one, "objects_per_minute"), say)
    share, left, scanned = seconds(one, "share"), whole(one, "minutes_left"), whole(one, "scanned")
    known = [say("so far", scanned=f"{scanned:,}")] if scanned is not None else []
    if share is None or left is None:
        return Paragraph((since, say("colon"), say("pause").join([*known, rate, say("end not known")])))
    done = round(share * 1000)
    minutes = say("time left", minutes=units.duration(60 * left, say))
    said = say("pause").join([units.share(done, 1000), *known, rate, minutes])
    return Picture(since, said, Bar([Part(done, "way"), Part(1000 - done, "rest")], said))


def _sums(answer: Answer, say: Words) -> list[Block]:
    sums = rows(answer, "sums")
    if not sums:
        return [Paragraph(say("no sums"), "open")]
    body = []
    for one in sums:
        claim, meaning = (in_language(one, name, say.language) or say("not known") for name in ("claim", "meaning"))
        holds = part(one, "holds") is True
        result = Span("mark", say("holds"), "good") if holds else Span("mark", say("does not hold"), "open")
        body.append(((claim, None if holds else Span("note", meaning)), _numbers(one, say), result))
    return [Table([Column(say("claim"), "half"), Column(say("numbers"), "n"), Column(say("result"))], body)]


def _numbers(one: object, say: Words) -> str:
    right = [each if type(each) is int else None for each in rows(one, "right")]
    added = " + ".join(units.count(each, say) for each in right) or say("not known")
    return f"{units.count(whole(one, 'left'), say)} {text(one, 'sign') or '='} {added}"
