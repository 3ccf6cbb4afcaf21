"""Pictures: bars whose parts add up, and counts over time. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ops.pages.html import Markup, element

_BINS = 100


class Part(NamedTuple):
    """A part of a bar: how much it is, and its tone."""

    number: int
    tone: str


def bar(parts: Iterable[Part], label: str, thin: bool = False) -> Markup:
    """A bar of which each part has its share; what is not 0 can be seen, however small."""
    pieces = [element("i", class_=part.tone, style=f"flex-grow:{part.number}") for part in parts if part.number > 0]
    return element("div", *pieces, class_="bar thin" if thin else "bar", role="img", aria_label=label)


def track(number: int, of: int, tone: str) -> Markup:
    """How much a number is of another, beside the number itself."""
    width = f"width:{100 * number / max(1, of):.3f}%"
    fill = element("span", class_=f"fill {tone}", style=width) if number > 0 else None
    return element("span", fill, class_="track", aria_hidden="true")


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


def columns(values: Sequence[int], kind: str, over: Sequence[int] = ()) -> Markup:
    """Columns of the class `kind` side by side, and a line over them on the same scale."""
    highest = max(1, *values, *over)
    shown = [
        # So that a single one can be seen.
        element("rect", class_=kind, x=f"{place + 0.06:.2f}", y=_y(max(value, highest * 0.04), highest), width="0.88",
                height=f"{100 - float(_y(max(value, highest * 0.04), highest)):.2f}")
        for place, value in enumerate(values)
        if value > 0
    ]  # fmt: skip
    if over:
        points = " ".join(
            f"{place},{_y(value, highest)} {place + 1},{_y(value, highest)}" for place, value in enumerate(over)
        )
        shown.append(element("polyline", class_="requests", points=points, vector_effect="non-scaling-stroke"))
    base = element("line", x1="0", y1="100", x2=str(len(values)), y2="100", vector_effect="non-scaling-stroke")
    return element(
        "svg",
        *shown,
        base,
        viewBox=f"0 0 {max(1, len(values))} 100",
        preserveAspectRatio="none",
        class_="strip" if kind == "failures" else None,
        aria_hidden="true",
        focusable="false",
    )


def _y(value: float, highest: int) -> str:
    return f"{100 - 98 * value / highest:.2f}"
