"""The clock, the deadline of an invocation, and the formats in which times are written."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# Minimum seconds for a call to a cloud.
MIN_CALL_SECONDS = 0.1


class Clock:
    """The machine's clock, which tests replace by a simulated clock."""

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary fixed moment, for deadlines."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the current time in UTC; this clock also runs while Function Compute keeps the instance frozen."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Deadline:
    """The time by which a piece of work must be finished."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Return the number of seconds until the deadline, or 0 after it."""
        return max(0.0, self._end - self._clock.monotonic())

    def cap(self, seconds: float) -> float:
        """Return `seconds`, or the remaining seconds if they are fewer.

        The result is at least 0.001, because HTTP clients refuse a timeout of 0.
        """
        return max(0.001, min(seconds, self.remaining()))

    def expired(self) -> bool:
        """Return True if too little time is left for another call to a cloud."""
        return self.remaining() < MIN_CALL_SECONDS

    def earlier_by(self, seconds: float) -> Deadline:
        return Deadline(self.remaining() - seconds, self._clock)


def parse_retry_after(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds to wait according to a Retry-After header, which is a number or a date (RFC 9110, 10.2.3).

    Return None if the header is missing or invalid.
    """
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    date = parse_http_date(retry_after)
    return max(0.0, (date - now).total_seconds()) if date else None


def parse_http_date(header: str | None) -> datetime | None:
    """Return the UTC time of an HTTP date, or None if `header` is not a date."""
    try:
        date = parsedate_to_datetime(header or "")
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):  # an invalid header counts as missing
        return None


# Compiled at first use, because the hot path parses no times.
_ISO_8601_PATTERN = (
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})"
    r"([T ](?P<time>\d\d|\d\d:?\d\d|(\d\d:\d\d:\d\d|\d{6})([.,]\d+)?)(?P<zone>Z|[+-]\d\d(:?\d\d)?)?)?"
)


def from_epoch(seconds: float) -> datetime:
    """Return the UTC time that is `seconds` after 1970-01-01T00:00:00Z."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def timestamp(utc_time: datetime) -> str:
    """Format a UTC time as in records, for example "2026-01-31T08:00:00Z".

    The function does not use strftime, which writes the years before 1000 without leading zeros.
    """
    return f"{utc_time.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parse_time(text: str) -> datetime | None:
    """Return the UTC time that `text` states in ISO 8601, to the second, or None if `text` is not a time.

    Examples: "2026-01-31", "20260131", "2026-01-31T12:00Z", "2026-01-31 12:00:00.5+08:00". Without a zone, the time is
    in UTC.

    The function does not use fromisoformat, which accepts fewer formats on python3.10 than on python3.12.
    """
    match = re.fullmatch(_ISO_8601_PATTERN, text, re.ASCII)
    if not match:
        return None
    date_digits = match["date"].replace("-", "")
    time_digits = (match["time"] or "").replace(":", "").ljust(6, "0")[:6]
    zone_digits = (match["zone"] or "Z").replace("Z", "+00").replace(":", "") + "00"
    try:
        return datetime.strptime(f"{date_digits}{time_digits}{zone_digits}", "%Y%m%d%H%M%S%z").astimezone(timezone.utc)
    except (ValueError, OverflowError):  # an impossible day or zone, or a year before 1 or after 9999 in UTC
        return None
