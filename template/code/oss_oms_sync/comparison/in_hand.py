"""Objects that OMS accepted and may still copy, by its counts and a time limit, because OMS reports no losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import OBJECT_TYPES, Statistics, remaining
from oss_oms_sync.errors import Failure
from oss_oms_sync.rules.times import BYTES_PER_MINUTE

# If OMS reports no counts, objects accepted within this time count as in hand, in seconds.
_ASSUMED_SECONDS = 3600.0
# OMS's counts may lag by this time, in seconds.
_MAX_COUNT_DELAY_SECONDS = 600.0
# Maximum time from an acceptance to its record, in seconds: a step of five minutes, and the clocks' difference.
_MAX_RECORD_DELAY_SECONDS = 360.0


@dataclass(frozen=True)
class OmsProgress:
    """OMS's counts at the time `now`; times are in seconds since 1970.

    - `left`: maximum number of objects accepted and not finished; None if OMS does not report it, or only by the hour.
    - `oldest`: OMS had finished all objects accepted before this time, if it works in order.
    - `finished`: OMS finished its last finished object before this time.
    - `busy`: time of OMS's last acceptance or failure, or the start of the step of its last finished object if that is
      later: copied objects are no reason to wait longer if none are left.
    - `accepted`: start of each step, and the number of objects accepted in it.
    """

    now: float
    left: int | None
    oldest: float
    finished: float
    busy: float = -math.inf
    accepted: Sequence[tuple[float, int]] = ()

    @classmethod
    def assumed(cls, now: float) -> OmsProgress:
        """Return the state to assume if OMS reports no counts."""
        return cls(now, None, now - _ASSUMED_SECONDS, now)

    def may_have(self, accepted: float, size: int = 0, patience: float = 1800.0) -> bool:
        """Return True if OMS may still copy an object of `size` bytes that it accepted at this time.

        An object counts as lost if OMS finished none for `patience`, in seconds, plus a minute for each GB.
        """
        if accepted >= self.now - _MAX_COUNT_DELAY_SECONDS:
            return True
        quiet = self.now - max(accepted, self.finished)
        return accepted >= self.oldest and quiet < patience + 60 * size / BYTES_PER_MINUTE

    def accepted_since(self, time: float) -> int:
        """Return the number of objects accepted since `time`, possibly including some accepted shortly before."""
        return sum(number for begin, number in self.accepted if begin >= time - _MAX_RECORD_DELAY_SECONDS)


def in_hand(invocation: Invocation, *days: int) -> OmsProgress:
    """Return the state of OMS by its counts of recent days.

    The periods of `days` are tried in order, until OMS reports counts for every five minutes; without them, any
    reported counts are used. OMS does not document their maximum age.
    """
    now, statistics = invocation.clock.now(), None
    for number in days or (1,):
        answer = invocation.oms.statistics(OBJECT_TYPES, now - timedelta(days=number), now, invocation.deadline)
        if isinstance(answer, Failure) or answer.unread:
            continue
        statistics = answer
        if answer.is_exact:
            break
    if statistics is None:
        return OmsProgress.assumed(now.timestamp())
    steps, length = statistics.steps, statistics.step_length.total_seconds()
    left = remaining(accepted - finished for _, accepted, finished in steps)
    finish_length = length if left > 0 else 0.0
    return OmsProgress(
        now.timestamp(),
        left if statistics.is_exact else None,
        _oldest_unfinished(steps, left, statistics.from_.timestamp()),
        _last_counted(statistics, dict.fromkeys(("SUCCESS", "FAILURE", "SKIP"), length), now.timestamp()),
        # OMS may count later acceptances with delay, and writes its lists of failures late.
        _last_counted(
            statistics,
            {"REQUEST": length, "FAILURE": length, "SUCCESS": finish_length, "SKIP": finish_length},
            now.timestamp(),
        ),
        [(begin, accepted) for begin, accepted, _ in steps if accepted],
    )


def _oldest_unfinished(steps: Sequence[tuple[float, int, int]], left: int, start: float) -> float:
    """Return the start of the step that accepted the oldest unfinished object; infinite if no object is left."""
    if left <= 0:
        return math.inf
    for begin, accepted, _ in reversed(steps):
        left -= accepted
        if left <= 0:
            return begin
    return start


def _last_counted(statistics: Statistics, after: Mapping[str, float], now: float) -> float:
    """Return the time of the last counted object of the kinds in `after`.

    `after` has the seconds of each kind to add to the start of a step of the counts.
    """
    counted = ((name, begin) for name in after for begin, number in statistics.series[name] if number)
    return min(now, max((begin / 1000 + after[name] for name, begin in counted), default=-math.inf))
