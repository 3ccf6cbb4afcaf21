"""The time zone in which OMS reads the limits of a group's bandwidth, by the measured progress of the group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oss_oms_sync.answers.bandwidth import MINUTES_PER_DAY, CopySpeed, Window, limits_by_minute

# China's time is UTC+8 all year.
_CHINA_SECONDS = 8 * 3600
# Maximum share of copied bytes beyond the limits of a possible time zone; smaller differences are noise. An hour of a
# night of eight hours is an eighth of nearly all bytes.
_MAX_EXCESS_SHARE = 0.05
# A day of samples, one each quarter of an hour, without the first or last few.
_MIN_SECONDS = 22 * 3600


def hours_late(progress: CopySpeed) -> int | None:
    """Return the delay in hours of OMS's windows against China's time; None if the progress does not show it.

    It needs a day of samples, and hours in which the group copied more than other time zones' windows allow. The result
    is the time zone nearest to China's of several possible zones.
    """
    samples = progress.samples
    copied = [(begin, end, after - before) for (begin, before), (end, after) in pairwise(samples) if end > begin]
    total = sum(size for _, _, size in copied)
    if not copied or samples[-1][0] - samples[0][0] < _MIN_SECONDS or not total:
        return None
    excess = {
        hours: round(_excess(copied, progress.windows, hours) / total / _MAX_EXCESS_SHARE) for hours in range(-12, 12)
    }
    best = min(excess, key=lambda hours: (excess[hours], abs(hours)))
    return best if not excess[best] and any(excess.values()) else None


def _excess(copied: Sequence[tuple[int, int, int]], windows: Sequence[Window], hours: int) -> float:
    """Return the bytes copied beyond the limits, on the assumption that OMS applies the windows `hours` later."""
    limits = limits_by_minute(windows, hours)
    beyond = 0.0
    for begin, end, size in copied:
        minutes = [(second + _CHINA_SECONDS) // 60 % MINUTES_PER_DAY for second in range(begin, end, 60)]
        allowed = sum(limits[minute] for minute in minutes) * (end - begin) / len(minutes)
        beyond += max(0.0, size - allowed)
    return beyond
