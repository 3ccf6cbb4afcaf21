"""Time: the clock, the invocation's deadline, and how long to wait before the next try."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

_TRIES = 5
_FIRST_WAIT = 0.4
_LONGEST_WAIT = 5.0
# Waiting costs money and the log bucket is the queue: so long a job goes on trying, then replay takes over.
_PATIENCE = 20.0
_THROTTLE_PATIENCE = 3.0
# With less than this left, a call to a cloud has no chance.
_SHORTEST_CALL = 0.1

T = TypeVar("T")


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

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock.monotonic())

    def within(self, seconds: float) -> float:
        """The smaller of `seconds` and what is left, at least a millisecond: clients refuse a timeout of 0."""
        return max(0.001, min(seconds, self.left()))

    def passed(self) -> bool:
        """Whether too little is left for one more call."""
        return self.left() < _SHORTEST_CALL

    def less(self, seconds: float) -> Deadline:
        """The moment `seconds` before this one."""
        return Deadline(self.left() - seconds, self._clock)


@dataclass(frozen=True)
class Try(Generic[T]):
    """One try's result, and whether and when another may help.

    `connection_lost`: the connection broke or went silent. `retry_after`: seconds, as the server asks for.
    """

    result: T
    again: bool = False
    connection_lost: bool = False
    throttled: bool = False
    retry_after: float | None = None


class Patience:
    """The tries of one job and the waiting between them, by full jitter: any time from none to a doubling limit."""

    def __init__(self, deadline: Deadline, clock: Clock) -> None:
        self._deadline = deadline
        self._clock = clock
        self._enough = Deadline(_PATIENCE, clock)
        self._throttle_patience = _THROTTLE_PATIENCE

    def keep_trying(self, call: Callable[[], Try[T]], reconnect: Callable[[], None], untried: Try[T]) -> T:
        """The result of the last try; that of `untried` where the deadline had passed before the first.

        After a lost connection `reconnect` is called, and the first time the call is made again at once: the
        connection may have died while the instance was frozen.
        """
        outcome, tries = untried, 0
        while not self._deadline.passed():
            outcome = call()
            tries += 1
            if outcome.connection_lost:
                reconnect()
            if not outcome.again or tries == _TRIES or not self._pause(tries, outcome):
                break
        return outcome.result

    def _pause(self, tries: int, outcome: Try[T]) -> bool:
        """Waits before the next try; False when there is no use in waiting so long."""
        if outcome.retry_after is not None:
            # Not before that, and not all instances at the same moment.
            wait = outcome.retry_after + random.uniform(0, _FIRST_WAIT)
        elif outcome.connection_lost and tries == 1:
            wait = 0.0
        else:
            wait = random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1)))
        if outcome.throttled:
            if (outcome.retry_after or 0) > self._throttle_patience or self._throttle_patience <= 0:
                return False
            wait = min(wait, self._throttle_patience)
            self._throttle_patience -= wait
        if wait + _SHORTEST_CALL > min(self._deadline.left(), self._enough.left()):
            return False
        self._clock.sleep(wait)
        return True


def seconds_of(retry_after: str | None, now: datetime) -> float | None:
    """A Retry-After header (RFC 9110, 10.2.3: seconds, or a date) as seconds from now; None where it says neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    date = date_of(retry_after)
    return max(0.0, (date - now).total_seconds()) if date else None


def date_of(header: str | None) -> datetime | None:
    """An HTTP date in UTC; None where `header` is none."""
    try:
        date = parsedate_to_datetime(header or "")
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):  # a server's nonsense: as if it had not sent the header
        return None
