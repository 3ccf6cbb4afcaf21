"""What OMS says of its work: how fast it copies, how long the rest takes, its counts over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ops.report import units
from ops.report.blocks import Block, Chart, Column, Facts, Figure, Paragraph, Span, Table
from ops.report.parts import Answer, fields, moment, part, rows, text, whole
from ops.report.words import Words

# How long OMS's steps are, in seconds, by their names; and over how many of them its speed is taken.
_STEPS = {"FIVE_MINUTES": 300, "ONE_HOUR": 3600}
_RECENT = {"FIVE_MINUTES": timedelta(hours=1), "ONE_HOUR": timedelta(hours=3)}
# What OMS counts, by its names and by those of the month's counters, in the order in which they come about.
_COUNTED = {"REQUEST": "requests", "SUCCESS": "copied", "FAILURE": "failed", "SKIP": "skipped"}
_WORDS = {"requests": "requested"}
# How many spans a picture has at most.
_BINS = 100


class _Speed(NamedTuple):
    """How many objects a minute and bytes a second OMS copied in the last `seconds`."""

    objects: float
    bytes: int
    seconds: float


def _speed(answer: Answer) -> _Speed | None:
    """OMS's speed lately; None if it does not say."""
    statistics, end = fields(answer, "statistics"), moment(part(answer, "at"))
    window = _RECENT.get(str(part(statistics, "step")))
    start = moment(part(statistics, "from"))
    if window is None or end is None or start is None or end <= start or part(statistics, "series") is None:
        return None
    window = min(window, end - start)
    since = (end - window).timestamp() * 1000
    objects, size = (
        sum(number for at, number in _points(statistics, name) if at >= since) for name in ("SUCCESS", "SIZE")
    )
    return _Speed(objects * 60 / window.total_seconds(), round(size / window.total_seconds()), window.total_seconds())


def speed_figures(answer: Answer, say: Words) -> list[Figure]:
    """OMS's speed, and when all that waits is copied at this speed."""
    fast, here = _speed(answer), [whole(answer, "backlog", name) for name in ("failed", "in_run_files")]
    left = units.added([*here, whole(answer, "copying", "unfinished", "objects")])
    if fast is None:
        throughput = Figure(say("throughput"), say("not known"), say("oms silent"), "open")
    else:
        lately = say("throughput note", duration=units.duration(fast.seconds, say))
        volume = say("a second", size=units.size(fast.bytes, say))
        shown = (units.rate(fast.objects), " ", Span("small", say("objects a minute")))
        throughput = Figure(say("throughput"), shown, f"{lately} · {volume}")
    return [throughput, _drain(fast, left, bool(part(answer, "backlog", "at_least")), say)]


def _drain(fast: _Speed | None, left: int | None, at_least: bool, say: Words) -> Figure:
    if left == 0 and not at_least:
        return Figure(say("drain"), say("none"), say("nothing to drain"))
    if left is None or fast is None:
        return Figure(say("drain"), say("not known"), say("oms silent"), "open")
    objects = say("at least", number=f"{left:,}") if at_least else f"{left:,}"
    note = say("drain note", objects=objects)
    if not fast.objects:
        return Figure(say("drain"), say("never at this rate"), note, "open")
    long = units.duration(60 * left / fast.objects, say)
    return Figure(say("drain"), say("at least", number=long) if at_least else long, note)


def copying(answer: Answer, say: Words) -> list[Block]:
    """The section's contents: the task, the picture, the counts."""
    oms = fields(answer, "oms")
    return [*(_silence(oms, say) or [_task(oms, say)]), *_over_time(answer, say), *_counts(answer, say)]


def _silence(answer: Answer, say: Words) -> list[Block]:
    """What OMS said instead of an answer, and what to do about it."""
    problem, said = text(answer, "problem"), text(answer, "message")
    if not problem:
        return [] if answer else [Paragraph(say("oms silent"), "open")]
    return [
        Paragraph((say("oms silent"), say("colon"), Span("code", problem)), "open"),
        Paragraph(text(answer, "fix", say.language)),
        *([Facts([(say("OMS says"), Span("outside", said))])] if said else ()),
    ]


def _task(oms: Answer, say: Words) -> Block:
    status, mode = text(oms, "status"), text(oms, "object_overwrite_mode")
    source, destination = (units.name(text(oms, f"{side}_bucket"), say) for side in ("src", "dst"))
    return Facts(
        [
            (say("buckets"), (source, " → ", destination)),
            (say("task status"), Span("code", status) if status else say("not known")),
            (say("overwrite mode"), Span("code", mode) if mode else None),
        ]
    )


def _over_time(answer: Answer, say: Words) -> list[Block]:
    """What OMS copied and was asked to, on one scale, and below what it failed to copy, on another."""
    statistics, end = fields(answer, "statistics"), moment(part(answer, "at"))
    start, step = moment(part(statistics, "from")), _STEPS.get(str(part(statistics, "step")), 3600)
    if start is None or end is None or end <= start or part(statistics, "series") is None:
        # The task's silence is told already.
        same = part(statistics, "problem") == part(answer, "oms", "problem")
        return [] if same else _silence(statistics, say) or [Paragraph(say("oms silent"), "open")]
    line = Timeline(start, end, step)
    sums = {name: line.sums(_points(statistics, name)) for name in _COUNTED}
    totals = {_WORDS.get(title, title): f"{sum(sums[name]):,}" for name, title in _COUNTED.items()}
    peak = max(*sums["SUCCESS"], *sums["REQUEST"]) * 60 / line.span
    unread = whole(statistics, "unread")
    return [
        Chart(
            say("chart", start=units.clock(start), end=units.clock(end), **totals),
            start,
            end,
            sums["SUCCESS"],
            sums["REQUEST"],
            sums["FAILURE"],
            (say("copied a minute"), say("requested a minute"), say("failed on own scale")),
            (units.a_minute(peak, say), f"{max(sums['FAILURE']):,}"),
            Paragraph(say("statistics unread", number=unread), "open") if unread else None,
        )
    ]


@dataclass(frozen=True)
class Timeline:
    """Equal spans of time from `start` to `end`, each of whole steps of `step` seconds. The first may begin earlier
    than `start`: the last, which is what people look at, has to be a whole one."""

    start: datetime
    end: datetime
    step: int

    @property
    def span(self) -> int:
        """Seconds in each of the spans."""
        return self.step * max(1, -(-self._steps // _BINS))

    def sums(self, points: Iterable[tuple[float, int]]) -> list[int]:
        """The counts of each span, given counts and when they began, in milliseconds since 1970."""
        sums = [0] * max(1, -(-self._steps * self.step // self.span))
        begin = self._end - len(sums) * self.span
        for at, number in points:
            place = int((at / 1000 - begin) // self.span)
            sums[min(max(place, 0), len(sums) - 1)] += number
        return sums

    @property
    def _end(self) -> int:
        """When the step ends that is under way at `end`: OMS counts in steps of the clock."""
        return -(-int(self.end.timestamp()) // self.step) * self.step

    @property
    def _steps(self) -> int:
        return -(-(self._end - int(self.start.timestamp())) // self.step)


def _points(statistics: Answer, name: str) -> list[tuple[float, int]]:
    return [(one[0], one[1]) for one in rows(statistics, "series", name) if _is_point(one)]


def _is_point(one: object) -> bool:
    return isinstance(one, list) and len(one) == 2 and type(one[0]) in (int, float) and type(one[1]) is int


def _counts(answer: Answer, say: Words) -> list[Block]:
    """The month's counters beside those of the picture, and what is left of them."""
    statistics, unfinished = fields(answer, "statistics"), fields(answer, "copying", "unfinished")
    names = {**_COUNTED, "SIZE": "bytes"} if part(statistics, "series") is not None else {}
    shown = {counter: sum(count for _, count in _points(statistics, name)) for name, counter in names.items()}
    left = [
        (say("unfinished"), units.number(whole(unfinished, "objects"), say, "way")),
        (say("overdue"), units.number(whole(unfinished, "overdue"), say, "open")),
    ]
    return [
        counters({"this window": shown, "this month": fields(answer, "oms", "month")}, say),
        Table([Column(say("count")), Column(say("objects"), "n")], left),
    ]


def counters(windows: Mapping[str, Answer], say: Words, caption: str | None = None) -> Table:
    """OMS's counters of one or more windows of time, each with its title."""
    body = [
        (
            say(_WORDS.get(name, name)),
            *(units.number(whole(one, name), say, "bad" if name == "failed" else "") for one in windows.values()),
        )
        for name in _COUNTED.values()
    ]
    volumes = (say("volume"), *(units.volume(whole(one, "bytes"), say) for one in windows.values()))
    columns = [Column(say("count")), *(Column(say(title), "n") for title in windows)]
    return Table(columns, [*body, volumes], caption=caption)
