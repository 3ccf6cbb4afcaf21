"""The clock of the commands; tests replace it to avoid waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from oss_oms_sync.answers.codec import parse_timestamp as parse_timestamp
from oss_oms_sync.answers.codec import timestamp as timestamp


class WallClock:
    """This machine's clock, set forward by the time that the sandbox has skipped (`skipped_seconds`)."""

    def __init__(self, skipped_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._skipped_seconds = skipped_seconds

    def now(self) -> datetime:
        """Return the time in UTC, in whole seconds."""
        return (datetime.now(timezone.utc) + timedelta(seconds=self._skipped_seconds())).replace(microsecond=0)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def parse_time(text: str) -> datetime | None:
    """Parse a time with a zone, such as 2026-01-31T08:00:00Z or 2026-01-31 16:00+08:00; return None for other forms."""
    try:
        parsed_time = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return parsed_time.astimezone(timezone.utc).replace(microsecond=0) if parsed_time.tzinfo else None
