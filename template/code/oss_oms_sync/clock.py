"""Time: the clock, an invocation's deadline, and every form in which times are written."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# With less than this left, a call to a cloud has no chance.
MIN_CALL_SECONDS = 0.1


class Clock:
    """The machine's clock. Tests hand in one of their own."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; for deadlines."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day in UTC; goes on while Function Compute keeps the instance frozen."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class Deadline:
    """The moment by which a piece of work has to be done."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock.monotonic())

    def cap(self, seconds: float) -> float:
        """The smaller of `seconds` and what is left, at least a millisecond: clients refuse a timeout of 0."""
        return max(0.001, min(seconds, self.remaining()))

    def expired(self) -> bool:
        """Whether too little is left for one more call."""
        return self.remaining() < MIN_CALL_SECONDS

    def minus(self, seconds: float) -> Deadline:
        """The moment `seconds` before this one."""
        return Deadline(self.remaining() - seconds, self._clock)


def parse_retry_after(retry_after: str | None, now: datetime) -> float | None:
    """A Retry-After header (RFC 9110, 10.2.3: seconds, or a date) as seconds from now; None where it says neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    date = parse_http_date(retry_after)
    return max(0.0, (date - now).total_seconds()) if date else None


def parse_http_date(header: str | None) -> datetime | None:
    """An HTTP date in UTC; None where `header` is none."""
    try:
        date = parsedate_to_datetime(header or "")
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):  # a server's nonsense: as if it had not sent the header
        return None


# Compiled where it is first used: the hot path reads no time.
_ISO_8601 = (
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})"
    r"([T ](?P<time>\d\d|\d\d:?\d\d|(\d\d:\d\d:\d\d|\d{6})([.,]\d+)?)(?P<zone>Z|[+-]\d\d(:?\d\d)?)?)?"
)


def timestamp(now: datetime) -> str:
    """A UTC time as records write it. Not by strftime, which pads no year before 1000."""
    return f"{now.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parse_time(text: str) -> datetime | None:
    """The time that `text` says in ISO 8601, such as "2026-01-31", "20260131", "2026-01-31T12:00Z" or
    "2026-01-31 12:00:00.5+08:00": to the second, and UTC where it names no zone. None where it says none.

    Not by fromisoformat, which reads less on python3.10 than on python3.12.
    """
    found = re.fullmatch(_ISO_8601, text, re.ASCII)
    if not found:
        return None
    date = found["date"].replace("-", "")
    time = (found["time"] or "").replace(":", "").ljust(6, "0")[:6]
    zone = (found["zone"] or "Z").replace("Z", "+00").replace(":", "") + "00"
    try:
        return datetime.strptime(f"{date}{time}{zone}", "%Y%m%d%H%M%S%z").astimezone(timezone.utc)
    except (ValueError, OverflowError):  # no such day or zone, or before the year 1 or behind 9999 in UTC
        return None
