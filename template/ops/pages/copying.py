"""What OMS says of its work: how fast it copies, how long the rest takes, its counts over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from ops.pages import figures, html, units
from ops.pages.answers import Answer, fields, moment, part, rows, text, whole
from ops.pages.figures import Timeline
from ops.pages.html import Markup, element, join
from ops.pages.layout import Cell, Column, Figure, clock, facts, number, swatch, table, volume
from ops.pages.words import Words

# How long OMS's steps are, in seconds, by their names; and over how many of them its speed is taken.
_STEPS = {"FIVE_MINUTES": 300, "ONE_HOUR": 3600}
_RECENT = {"FIVE_MINUTES": timedelta(hours=1), "ONE_HOUR": timedelta(hours=3)}
# What OMS counts, by its names and by those of the month's counters, in the order in which they come about.
_COUNTED = {"REQUEST": "requests", "SUCCESS": "copied", "FAILURE": "failed", "SKIP": "skipped"}
_WORDS = {"requests": "requested"}


class Speed(NamedTuple):
    """How many objects and bytes OMS copied within `window`."""

    objects: int
    bytes: int
    window: timedelta

    @property
    def a_minute(self) -> float:
        """Objects."""
        return self.objects * 60 / self.window.total_seconds()

    @property
    def bytes_a_second(self) -> int:
        """Bytes."""
        return round(self.bytes / self.window.total_seconds())


def speed(answer: Answer) -> Speed | None:
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
    return Speed(objects, size, window)


def waiting(answer: Answer) -> int | None:
    """How many objects wait, here to be resent and at OMS to be copied; None if one of the two is not known."""
    here = [whole(answer, "backlog", name) for name in ("failed", "in_run_files")]
    numbers = [*here, whole(answer, "copying", "unfinished", "objects")]
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def speed_figures(answer: Answer, say: Words) -> list[Figure]:
    """OMS's speed, and when all that waits is copied at this speed."""
    fast, left = speed(answer), waiting(answer)
    if fast is None:
        throughput = Figure(say("throughput"), say("not known"), say("oms silent"), "open")
    else:
        lately = say("throughput note", duration=units.duration(fast.window.total_seconds(), say))
        volume = say("a second", size=units.size(fast.bytes_a_second, say))
        shown = join((units.rate(fast.a_minute), " ", element("small", say("objects a minute"))))
        throughput = Figure(say("throughput"), shown, f"{lately} · {volume}")
    return [throughput, _drain(fast, left, bool(part(answer, "backlog", "at_least")), say)]


def _drain(fast: Speed | None, left: int | None, at_least: bool, say: Words) -> Figure:
    if left == 0 and not at_least:
        return Figure(say("drain"), say("none"), say("nothing to drain"))
    if left is None or fast is None:
        return Figure(say("drain"), say("not known"), say("oms silent"), "open")
    objects = say("at least", number=f"{left:,}") if at_least else f"{left:,}"
    note = say("drain note", objects=objects)
    if not fast.objects:
        return Figure(say("drain"), say("never at this rate"), note, "open")
    long = units.duration(60 * left / fast.a_minute, say)
    return Figure(say("drain"), say("at least", number=long) if at_least else long, note)


def copying(answer: Answer, say: Words) -> Markup:
    """The section's contents: the task, the picture, the counts."""
    oms = fields(answer, "oms")
    return join((_silence(oms, say) or _task(oms, say), _over_time(answer, say), _counts(answer, say)))


def _silence(answer: Answer, say: Words) -> Markup | None:
    """What OMS said instead of an answer, and what to do about it."""
    problem = text(answer, "problem")
    if not problem:
        return None if answer else element("p", say("oms silent"), class_="open")
    said = text(answer, "message")
    return join(
        (
            element("p", say("oms silent"), say("colon"), html.code(problem), class_="open"),
            element("p", text(answer, "fix", say.language)),
            facts([(say("OMS says"), html.outside(said) if said else None)]) if said else None,
        )
    )


def _task(oms: Answer, say: Words) -> Markup:
    status, mode = text(oms, "status"), text(oms, "object_overwrite_mode")
    return facts(
        [
            (say("task status"), html.code(status) if status else say("not known")),
            (say("overwrite mode"), html.code(mode) if mode else None),
        ]
    )


def _over_time(answer: Answer, say: Words) -> Markup | None:
    """What OMS copied and was asked to, on one scale, and below what it failed to copy, on another."""
    statistics, end = fields(answer, "statistics"), moment(part(answer, "at"))
    start, step = moment(part(statistics, "from")), _STEPS.get(str(part(statistics, "step")), 3600)
    if start is None or end is None or end <= start or part(statistics, "series") is None:
        # The task's silence is told already.
        same = part(statistics, "problem") == part(answer, "oms", "problem")
        return None if same else _silence(statistics, say) or element("p", say("oms silent"), class_="open")
    line = Timeline(start, end, step)
    sums = {name: line.sums(_points(statistics, name)) for name in _COUNTED}
    totals = {name: f"{sum(sums[name]):,}" for name in _COUNTED}
    label = say("chart", start=clock(start), end=clock(end), requested=totals["REQUEST"], copied=totals["SUCCESS"],
                failed=totals["FAILURE"], skipped=totals["SKIP"])  # fmt: skip
    peak = max(*sums["SUCCESS"], *sums["REQUEST"]) * 60 / line.span
    legend = [
        element("span", swatch(tone), say(name), class_="legend")
        for tone, name in (("way", "copied a minute"), ("line", "requested a minute"))
    ]
    ends = element("p", element("span", clock(start)), element("span", clock(end)), class_="ends")
    unread = whole(statistics, "unread")
    return element(
        "figure",
        element("figcaption", element("span", *legend), _peak(units.a_minute(peak, say), say)),
        figures.columns(sums["SUCCESS"], "copied", sums["REQUEST"]),
        element(
            "figcaption",
            element("span", swatch("bad"), say("failed on own scale")),
            _peak(f"{max(sums['FAILURE']):,}", say),
        ),
        figures.columns(sums["FAILURE"], "failures"),
        ends,
        element("p", say("statistics unread", number=unread), class_="open") if unread else None,
        role="group",
        aria_label=label,
    )


def _peak(number: str, say: Words) -> Markup:
    return element("span", say("peak", number=number))


def _points(statistics: Answer, name: str) -> list[tuple[float, int]]:
    return [(one[0], one[1]) for one in rows(statistics, "series", name) if _is_point(one)]


def _is_point(one: object) -> bool:
    return isinstance(one, list) and len(one) == 2 and type(one[0]) in (int, float) and type(one[1]) is int


def _counts(answer: Answer, say: Words) -> Markup:
    """The month's counters beside those of the picture, and what is left of them."""
    statistics, month = fields(answer, "statistics"), fields(answer, "oms", "month")
    known = part(statistics, "series") is not None
    body: list[Sequence[str | Cell]] = []
    for name, counter in _COUNTED.items():
        tone = "bad" if counter == "failed" else ""
        shown = sum(count for _, count in _points(statistics, name)) if known else None
        body.append(
            (say(_WORDS.get(counter, counter)), number(shown, say, tone), number(whole(month, counter), say, tone))
        )
    shown = sum(count for _, count in _points(statistics, "SIZE")) if known else None
    body.append((say("volume"), volume(shown, say), volume(whole(month, "bytes"), say)))
    columns = [Column(say("count")), Column(say("this window"), "n"), Column(say("this month"), "n")]
    unfinished = fields(answer, "copying", "unfinished")
    left = [
        (say("unfinished"), number(whole(unfinished, "objects"), say, "way")),
        (say("overdue"), number(whole(unfinished, "overdue"), say, "open")),
    ]
    return join((table(columns, body), table([Column(say("count")), Column(say("objects"), "n")], left)))
