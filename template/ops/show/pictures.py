"""Pictures on a page: bars whose parts add up, and counts over time. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence

from ops.report.blocks import Bar, Track
from ops.show.html import Markup, element


def bar(given: Bar) -> Markup:
    """A bar of which each part has its share; what is not 0 can be seen, however small."""
    pieces = [
        element("i", class_=part.tone, style=f"flex-grow:{part.number}") for part in given.parts if part.number > 0
    ]
    return element("div", *pieces, class_="bar thin" if given.thin else "bar", role="img", aria_label=given.label)


def track(given: Track) -> Markup:
    """How much a number is of another, beside the number itself."""
    width = f"width:{100 * given.number / max(1, given.of):.3f}%"
    fill = element("span", class_=f"fill {given.tone}", style=width) if given.number > 0 else None
    return element("span", fill, class_="track", aria_hidden="true")


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
