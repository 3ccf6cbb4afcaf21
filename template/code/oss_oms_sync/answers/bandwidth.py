"""Bandwidth limits of a task group by the time of day, and the measured progress of a group under such limits.

Source: support.huaweicloud.com/api-oms, CreateTaskGroup and UpdateTaskGroup: at most five windows, which neither
overlap nor cross midnight. OMS documents no time zone; the project assumes China's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_WINDOWS = 5
# The smallest bandwidth of a window, in bytes a second: OMS accepts no window with zero.
MIN_BANDWIDTH = 1_048_576
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, order=True)
class Window:
    """A limit in bytes per second from `start` until `end`, times of the day such as "08:00"; `end` is excluded."""

    start: str
    end: str
    max_bandwidth: int

    @property
    def minutes(self) -> range:
        return range(_parse_minute(self.start), _parse_minute(self.end))


# Full speed from 0 to 8 o'clock, when traffic out of OSS costs half in mainland China.
NIGHT_WINDOWS = (Window("08:00", "23:59", MIN_BANDWIDTH),)


@dataclass(frozen=True)
class CopySpeed:
    """Measurements of a task group's progress, between two changes of its bandwidth windows.

    Each of the `samples` has a time in seconds since 1970, and the number of bytes that the group had copied until
    then.
    """

    group: str
    windows: Sequence[Window]
    samples: Sequence[tuple[int, int]]


def limits_by_minute(windows: Sequence[Window], hours_late: int = 0) -> list[float]:
    """Return the limit in bytes per second for each minute of a day in China; it is infinite outside the windows.

    OMS may read the windows in another time zone. `hours_late` is the number of hours by which it then applies them
    later than planned.
    """
    limits = [math.inf] * MINUTES_PER_DAY
    for window in windows:
        for minute in window.minutes:
            limits[(minute + 60 * hours_late) % MINUTES_PER_DAY] = window.max_bandwidth
    return limits


def shift_windows(windows: Sequence[Window], hours: int) -> list[Window]:
    """Return the windows, shifted to a later time of day by `hours`.

    A window that would then cross midnight is split. The minute before midnight stays without a limit, because OMS does
    not accept 24:00.
    """
    shifted_windows: list[Window] = []
    for window in windows:
        start, end = ((_parse_minute(time) + 60 * hours) % MINUTES_PER_DAY for time in (window.start, window.end))
        parts = [(start, end)] if start < end else [(0, end), (start, MINUTES_PER_DAY - 1)]
        shifted_windows += (
            Window(_format_minute(first_minute), _format_minute(end_minute), window.max_bandwidth)
            for first_minute, end_minute in parts
            if first_minute < end_minute
        )
    return sorted(shifted_windows)


def _parse_minute(time: str) -> int:
    hours, minutes = time.split(":")
    return 60 * int(hours) + int(minutes)


def _format_minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
