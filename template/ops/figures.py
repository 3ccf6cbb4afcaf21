"""Figures in an answer, as a person would say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.words import Report, word

SIDES = ("source", "destination")
LAGS = ("p50", "p90", "p99", "max")
# In the order in which they come about: Function Compute sorts the names in an answer.
MONTH = ("requests", "copied", "failed", "skipped", "bytes")


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


def this_month(report: Report) -> list[tuple[str, int | None]]:
    """OMS's counters of the month."""
    return [(name, report["oms"]["month"][name]) for name in MONTH]


def left_at_oms(report: Report) -> list[tuple[str, int | None]]:
    """What OMS has still to copy; None where it does not say."""
    unfinished = report["copying"]["unfinished"] or {"objects": None, "overdue": None}
    return [("unfinished", unfinished["objects"]), ("overdue", unfinished["overdue"])]


def progress(one: Mapping[str, Any], lang: str) -> str:
    """How fast an open pass is, and how long the rest takes, where that is known."""
    known = ", " + word("a minute", lang).format(one["objects_per_minute"])
    if one["share"] is not None:
        known += ", " + word("left", lang).format(one["share"], one["minutes_left"])
    return known
