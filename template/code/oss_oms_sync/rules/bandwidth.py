"""The time zone in which OMS applies the bandwidth limits of a task group, found by the group's measured progress."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oss_oms_sync.answers.bandwidth import MINUTES_PER_DAY, CopySpeed, Window, limits_by_minute

# China's time is UTC+8 all year.
_CHINA_SECONDS = 8 * 3600
# A time zone is possible if at most this share of the bytes was copied beyond its limits; smaller shares are noise. In
# a night of eight hours, an hour is an eighth of nearly all bytes.
_MAX_EXCESS_SHARE = 0.05
# Minimum time that the samples have to cover: a day, in which the first or last few samples may be missing.
_MIN_SECONDS = 22 * 3600


def find_hours_late(progress: CopySpeed) -> int | None:
    """Return the hours by which OMS applies the bandwidth windows later than China's time, or None if this is unknown.

    The measured progress has to cover a day, and must have hours in which the group copied more than the windows would
    allow in other time zones. If several time zones are possible, the zone nearest to China's is assumed.
    """
    samples = progress.samples
    intervals = [
        (begin_time, end_time, copied_after - copied_before)
        for (begin_time, copied_before), (end_time, copied_after) in pairwise(samples)
        if end_time > begin_time
    ]
    total_bytes = sum(size for _, _, size in intervals)
    if not intervals or samples[-1][0] - samples[0][0] < _MIN_SECONDS or not total_bytes:
        return None
    excess_by_hours = {
        hours: round(_sum_excess(intervals, progress.windows, hours) / total_bytes / _MAX_EXCESS_SHARE)
        for hours in range(-12, 12)
    }
    best_hours = min(excess_by_hours, key=lambda hours: (excess_by_hours[hours], abs(hours)))
    return best_hours if not excess_by_hours[best_hours] and any(excess_by_hours.values()) else None


def _sum_excess(intervals: Sequence[tuple[int, int, int]], windows: Sequence[Window], hours: int) -> float:
    limits = limits_by_minute(windows, hours)
    excess_bytes = 0.0
    for begin_time, end_time, size in intervals:
        minutes = [(second + _CHINA_SECONDS) // 60 % MINUTES_PER_DAY for second in range(begin_time, end_time, 60)]
        allowed_bytes = sum(limits[minute] for minute in minutes) * (end_time - begin_time) / len(minutes)
        excess_bytes += max(0.0, size - allowed_bytes)
    return excess_bytes
