"""Figures in an answer, as a person would say them."""

from __future__ import annotations

from ops.words import Report

SIDES = ("source", "destination")
LAGS = ("p50", "p90", "p99", "max")


def figure(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def seconds(lag: float | None) -> str:
    """A lag, as long as a person would say it."""
    if lag is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if lag >= 2 * size:
            return f"{lag / size:.0f} {unit}"
    return f"{lag:.0f} s"


def classes_of(last: Report) -> list[tuple[str, Report]]:
    """The classes that have objects on a side."""
    return [(name, one) for name, one in last["classes"].items() if any(one[side]["objects"] for side in SIDES)]
