"""Objects that OMS has accepted and may still copy, estimated by its counts and a time limit.

OMS does not report which objects it still has to copy, nor which it has lost. It reports counts in steps; a step is
an interval of five minutes or of an hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import OBJECT_TYPES, Statistics, count_min_unfinished
from oss_oms_sync.errors import Failure
from oss_oms_sync.rules.times import BYTES_PER_MINUTE

# Time after its acceptance, in seconds, during which OMS may still copy an object, if OMS reports no counts.
_ASSUMED_SECONDS = 3600.0
# Maximum delay of OMS's counts, in seconds.
_MAX_COUNT_DELAY_SECONDS = 600.0
# Maximum time from an acceptance to its record, in seconds: an interval of OMS's counts (five minutes), and the
# difference of the clocks.
_MAX_RECORD_DELAY_SECONDS = 360.0


@dataclass(frozen=True)
class OmsProgress:
    """OMS's counts at the time `now`. All times are in seconds since 1970.

    - `max_unfinished`: the maximum number of objects that OMS has accepted and not finished; None if OMS does not
      report it, or only by the hour.
    - `oldest_unfinished`: OMS has finished all objects accepted before this time, if it processes them in order.
    - `last_finished`: the end of the last step in which OMS finished an object, at most `now`.
    - `last_busy`: the end of the last step in which OMS accepted an object or failed to copy one. A step in which OMS
      copied or skipped an object counts as well: by its end if OMS has unfinished objects, otherwise by its start.
    - `accepted_steps`: the start of each step, and the number of objects accepted in it.
    """

    now: float
    max_unfinished: int | None
    oldest_unfinished: float
    last_finished: float
    last_busy: float = -math.inf
    accepted_steps: Sequence[tuple[float, int]] = ()

    @classmethod
    def without_counts(cls, now: float) -> OmsProgress:
        """Return the progress to assume at the time `now` if OMS reports no counts."""
        return cls(now, None, now - _ASSUMED_SECONDS, now)

    def may_still_copy(self, accepted_at: float, size: int = 0, patience_seconds: float = 1800.0) -> bool:
        """Return True if OMS may still copy an object of `size` bytes that it accepted at `accepted_at`.

        The object counts as lost after OMS has finished no object for `patience_seconds` and a minute per GB of the
        object.
        """
        if accepted_at >= self.now - _MAX_COUNT_DELAY_SECONDS:
            return True
        idle_seconds = self.now - max(accepted_at, self.last_finished)
        return accepted_at >= self.oldest_unfinished and idle_seconds < patience_seconds + 60 * size / BYTES_PER_MINUTE

    def count_accepted_since(self, time: float) -> int:
        """Return the number of objects that OMS accepted since `time`, or up to a few minutes before."""
        return sum(
            number for step_start, number in self.accepted_steps if step_start >= time - _MAX_RECORD_DELAY_SECONDS
        )


def query_progress(invocation: Invocation, *days: int) -> OmsProgress:
    """Return OMS's progress according to its counts of the most recent days.

    OMS keeps counts of five minutes only for a time that it does not document. So each period in `days` is tried in
    order, until OMS reports such counts. If OMS never does, the last reported counts are used.
    """
    now, statistics = invocation.clock.now(), None
    for number in days or (1,):
        answer = invocation.oms.query_statistics(OBJECT_TYPES, now - timedelta(days=number), now, invocation.deadline)
        if isinstance(answer, Failure) or answer.unread:
            continue
        statistics = answer
        if answer.is_exact:
            break
    if statistics is None:
        return OmsProgress.without_counts(now.timestamp())
    steps, step_seconds = statistics.steps, statistics.step_length.total_seconds()
    unfinished_objects = count_min_unfinished(accepted - finished for _, accepted, finished in steps)
    finish_seconds = step_seconds if unfinished_objects > 0 else 0.0
    return OmsProgress(
        now.timestamp(),
        unfinished_objects if statistics.is_exact else None,
        _find_oldest_unfinished_time(steps, unfinished_objects, statistics.from_.timestamp()),
        _find_last_counted_time(
            statistics, dict.fromkeys(("SUCCESS", "FAILURE", "SKIP"), step_seconds), now.timestamp()
        ),
        # OMS may count acceptances with a delay, and it writes its lists of failures late.
        _find_last_counted_time(
            statistics,
            {"REQUEST": step_seconds, "FAILURE": step_seconds, "SUCCESS": finish_seconds, "SKIP": finish_seconds},
            now.timestamp(),
        ),
        [(step_start, accepted) for step_start, accepted, _ in steps if accepted],
    )


def _find_oldest_unfinished_time(
    steps: Sequence[tuple[float, int, int]], unfinished_objects: int, start: float
) -> float:
    """Return the start of the step that accepted the oldest unfinished object, or infinity if no object is left."""
    if unfinished_objects <= 0:
        return math.inf
    for step_start, accepted, _ in reversed(steps):
        unfinished_objects -= accepted
        if unfinished_objects <= 0:
            return step_start
    return start


def _find_last_counted_time(statistics: Statistics, seconds_by_kind: Mapping[str, float], now: float) -> float:
    """Return the time of the last counted object of the kinds in `seconds_by_kind`, at most `now`.

    The time is the start of a step, plus the kind's seconds in `seconds_by_kind`.
    """
    counted_steps = (
        (name, step_start) for name in seconds_by_kind for step_start, number in statistics.series[name] if number
    )
    return min(
        now, max((step_start / 1000 + seconds_by_kind[name] for name, step_start in counted_steps), default=-math.inf)
    )
