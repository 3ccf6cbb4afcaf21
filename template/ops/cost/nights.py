"""Duration and price of copying the existing objects by day and night, or only by night."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ops.cost import effort
from ops.cost.prices import BYTES_PER_GIGABYTE, Prices
from oss_oms_sync.answers.bandwidth import NIGHT_WINDOWS, Window, limits_by_minute

_NIGHT_MINUTES = 8 * 60
# OMS splits a group above these sizes into tasks, of which at most five run in a region (OMS, "Quotas").
_TASK_BYTES, _TASK_OBJECTS, _MAX_TASKS = 3 * 10**12, 5_000_000, 5
# OMS applies windows this number of hours late if it reads them in UTC.
_UTC_DELAY_HOURS = 8


class CopyEstimate(NamedTuple):
    """A copy of the existing objects: its estimated duration, and the price of the traffic out of OSS.

    Without limits by the time of day, `seconds` is the minimum duration. With limits, it follows from the average speed
    of a day, so a short copy takes less or more time, depending on the hour of its start.
    """

    seconds: float
    dollars: float


class CopyWays(NamedTuple):
    """The ways to copy: by day and night, by night, and by night if OMS applies its time windows in UTC.

    - Each way by night has two estimates if OMS splits the task group into tasks. The second estimate is for the case
      that each task has a limit of its own.
    - Without a lower price by night, `nights` and `in_utc` are empty.
    """

    day_and_night: Sequence[CopyEstimate]
    nights: Sequence[CopyEstimate] = ()
    in_utc: Sequence[CopyEstimate] = ()


def compare_ways(objects: int, size: int, prices: Prices) -> CopyWays:
    """Return the duration and the price of each way to copy, at OMS's usual limits."""
    day_and_night = [estimate_copy(objects, size, prices)]
    if prices.night_egress >= prices.egress:
        return CopyWays(day_and_night)
    max_tasks = max(1, math.ceil(size / _TASK_BYTES), math.ceil(objects / _TASK_OBJECTS))
    task_counts = sorted({1, min(_MAX_TASKS, max_tasks)})
    return CopyWays(
        day_and_night,
        [estimate_copy(objects, size, prices, NIGHT_WINDOWS, number) for number in task_counts],
        [estimate_copy(objects, size, prices, NIGHT_WINDOWS, number, _UTC_DELAY_HOURS) for number in task_counts],
    )


def estimate_copy(
    objects: int, size: int, prices: Prices, windows: Sequence[Window] = (), tasks: int = 1, hours_late: int = 0
) -> CopyEstimate:
    """Return the duration and price of a copy with bandwidth limits by the time of day.

    The limits apply to each of `tasks` parallel tasks separately. OMS applies the limits `hours_late` hours late. The
    copy begins at an unknown hour, so the price is the average over a day.
    """
    speeds = [min(effort.OMS_BYTES_PER_SECOND, tasks * limit) for limit in limits_by_minute(windows, hours_late)]
    night_share = sum(speeds[:_NIGHT_MINUTES]) / sum(speeds)
    dollars_per_gigabyte = night_share * prices.night_egress + (1 - night_share) * prices.egress
    seconds = max(effort.group_seconds(objects, 0), size / (60 * sum(speeds)) * 86400)
    return CopyEstimate(seconds, size / BYTES_PER_GIGABYTE * dollars_per_gigabyte)
