"""Whether OMS may still have what it accepted, by its own counts and with patience: what it loses, it never says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import OBJECT_TYPES, Statistics, remaining
from oss_oms_sync.errors import Failure

# Where OMS does not tell, what it accepted within so many seconds counts as in hand.
_ASSUMED = 3600.0
# Counts of the last minutes may not be complete yet.
_COUNTED_AFTER = 600.0
# A record is later than what it tells of, by a step of five minutes and what clocks may differ by, at most.
_RECORDED_AFTER = 360.0
# An object of so many bytes may take OMS a minute, in which it need not finish anything else.
_BYTES_A_MINUTE = 10**9


@dataclass(frozen=True)
class InHand:
    """What OMS's counts said at the time `now`; times are in seconds since 1970.

    `left`: how many objects it had accepted and not finished at most; None if it does not tell, or only by the hour.
    It had finished all that it accepted before `oldest`, if it works in order. It last finished something before
    `finished`. It was `busy` until it last accepted or failed something, or until the step began in which it last
    finished something: what it has copied is no reason to wait longer, where nothing is left. `accepted`: when each
    step began, and how many objects it accepted in it.
    """

    now: float
    left: int | None
    oldest: float
    finished: float
    busy: float = -math.inf
    accepted: Sequence[tuple[float, int]] = ()

    @classmethod
    def assumed(cls, now: float) -> InHand:
        """Where OMS does not tell."""
        return cls(now, None, now - _ASSUMED, now)

    def may_have(self, accepted: float, size: int = 0, patience: float = 1800.0) -> bool:
        """Whether OMS may still be about to copy what it accepted at this time: an object of `size` bytes. It has lost
        it if it finished nothing for as long as `patience`, in seconds, and a minute for each GB."""
        if accepted >= self.now - _COUNTED_AFTER:
            return True
        quiet = self.now - max(accepted, self.finished)
        return accepted >= self.oldest and quiet < patience + 60 * size / _BYTES_A_MINUTE

    def accepted_since(self, time: float) -> int:
        """How many objects it accepted since then, and perhaps shortly before."""
        return sum(number for begin, number in self.accepted if begin >= time - _RECORDED_AFTER)


def in_hand(invocation: Invocation, *days: int) -> InHand:
    """Ask OMS what it did in so many `days`, usually the last: the first of these of which it tells every five minutes,
    or else whatever it tells. How far back it does is not documented."""
    now, statistics = invocation.clock.now(), None
    for number in days or (1,):
        answer = invocation.oms.statistics(OBJECT_TYPES, now - timedelta(days=number), now, invocation.deadline)
        if isinstance(answer, Failure) or answer.unread:
            continue
        statistics = answer
        if answer.is_exact:
            break
    if statistics is None:
        return InHand.assumed(now.timestamp())
    steps, length = statistics.steps, statistics.step_length.total_seconds()
    left = remaining(accepted - finished for _, accepted, finished in steps)
    done = length if left > 0 else 0.0
    return InHand(
        now.timestamp(),
        left if statistics.is_exact else None,
        _oldest(steps, left, statistics.from_.timestamp()),
        _last(statistics, dict.fromkeys(("SUCCESS", "FAILURE", "SKIP"), length), now.timestamp()),
        # What it accepted after others may not be counted yet, and its lists of failures come late.
        _last(statistics, {"REQUEST": length, "FAILURE": length, "SUCCESS": done, "SKIP": done}, now.timestamp()),
        [(begin, accepted) for begin, accepted, _ in steps if accepted],
    )


def _oldest(steps: Sequence[tuple[float, int, int]], left: int, start: float) -> float:
    """When the step began in which the oldest of what is left was accepted; infinite if nothing is."""
    if left <= 0:
        return math.inf
    for begin, accepted, _ in reversed(steps):
        left -= accepted
        if left <= 0:
            return begin
    return start


def _last(statistics: Statistics, after: Mapping[str, float], now: float) -> float:
    """The latest of the steps in which anything of these kinds was counted, each so many seconds `after` it began."""
    counted = ((name, begin) for name in after for begin, number in statistics.series[name] if number)
    return min(now, max((begin / 1000 + after[name] for name, begin in counted), default=-math.inf))
