"""The time, so that tests need not wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class WallClock:
    """This machine's; `ahead`: how many seconds that of the functions is ahead of it, as it can be in the sandbox."""

    def __init__(self, ahead: Callable[[], float] = lambda: 0.0) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """The time in UTC, to the second."""
        return (datetime.now(timezone.utc) + timedelta(seconds=self._ahead())).replace(microsecond=0)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def timestamp(at: datetime) -> str:
    """As the functions write times: 2026-01-31T08:00:00Z."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """A time as the functions write it. Raises ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def parse_time(text: str) -> datetime | None:
    """A time with its zone, such as 2026-01-31T08:00:00Z or 2026-01-31 16:00+08:00; None for anything else."""
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(timezone.utc).replace(microsecond=0) if found.tzinfo else None
