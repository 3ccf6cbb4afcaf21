"""Counts that must add up, shown with their sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, le

from oss_oms_sync.clouds.counters import MonthCounts
from oss_oms_sync.jobs.status.copy_failures import CopyFailures
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import COUNTS

_INEXACT_COUNTS = "two invocations went on with the same pass at once: its counts are not exact, its work is"
_COUNTER_BEHIND = "OMS's counter does not have all yet that its lists name: look again in some minutes"
_OPEN_MONTH = "OMS has not worked on all of them yet: look again in some minutes"


def sums_json(
    month: MonthCounts | None, last: PassState | None, failures: CopyFailures | None
) -> list[dict[str, object]]:
    """The sums of a pass's counts, of what OMS failed to copy, and of a month's counts, as far as they are known.

    Each is {"claim", "left", "right", "holds", "meaning"}: `meaning` explains what it means if the claim does not hold.
    """
    return [
        *(_sums_of_pass(last) if last else ()),
        *(_sums_of_failures(failures) if failures else ()),
        *(_sums_of_month(month) if month else ()),
    ]


def _sums_of_pass(last: PassState) -> list[dict[str, object]]:
    count = {name: last.counts.get(name, 0) for name in COUNTS}
    parts = [count[name] for name in ("covered", "failed_before", "submitted", "pending")]
    outcomes = [count[name] for name in ("accepted", "failed")]
    return [
        _sum("scanned = covered + failed before + submitted + pending", count["scanned"], eq, parts, _INEXACT_COUNTS),
        _sum("submitted = accepted + failed", count["submitted"], eq, outcomes, _INEXACT_COUNTS),
    ]


def _sums_of_failures(failures: CopyFailures) -> list[dict[str, object]]:
    claim = "objects that OMS failed to copy = done since + waiting + stuck + other projects' + not known"
    return [_sum(claim, failures.counted, eq, failures.parts, _COUNTER_BEHIND)]


def _sums_of_month(month: MonthCounts) -> list[dict[str, object]]:
    if month.requests is None or month.processed is None:
        return []
    claim = "objects that OMS accepted this month <= copied + failed + skipped"
    return [_sum(claim, month.requests, le, month.processed, _OPEN_MONTH)]


def _sum(
    claim: str, left: int, holds: Callable[[int, int], bool], right: Sequence[int], meaning: str
) -> dict[str, object]:
    return {"claim": claim, "left": left, "right": list(right), "holds": holds(left, sum(right)), "meaning": meaning}
