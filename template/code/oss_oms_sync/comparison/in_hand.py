"""What OMS may still have in hand, by its own counters."""

from __future__ import annotations

from datetime import timedelta

from oss_oms_sync.clouds.counters import Statistics
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.reasons import Failure

# OMS tells of a day in steps of five minutes.
_LOOKED_BACK = timedelta(days=1)
# Where OMS does not tell, what it accepted within this time counts as in hand.
_ASSUMED = timedelta(hours=1)
# Counters of the last minutes may not be complete yet.
_COUNTED_AFTER = timedelta(minutes=10)


def in_hand_since(invocation: Invocation) -> float:
    """OMS has worked on all that it accepted before this time, in seconds since 1970, if it works in order."""
    now = invocation.clock.now()
    answer = invocation.oms.statistics(now - _LOOKED_BACK, now, invocation.deadline)
    if isinstance(answer, Failure) or answer.unread:
        return (now - _ASSUMED).timestamp()
    counted = _oldest_unfinished(answer)
    recent = (now - _COUNTED_AFTER).timestamp()
    return recent if counted is None else min(recent, counted)


def _oldest_unfinished(statistics: Statistics) -> float | None:
    """When the step began whose requests OMS has not all worked on; None if it has worked on as many as there were."""
    totals = {name: sum(number for _, number in points) for name, points in statistics.series.items()}
    left = totals["REQUEST"] - totals["SUCCESS"] - totals["FAILURE"] - totals["SKIP"]
    if left <= 0:
        return None
    for begin, number in sorted(statistics.series["REQUEST"], reverse=True):
        left -= number
        if left <= 0:
            return begin / 1000
    return statistics.start.timestamp()
