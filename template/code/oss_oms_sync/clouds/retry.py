"""How often a call is attempted, and how long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from oss_oms_sync.clock import MIN_CALL_SECONDS, Clock, Deadline

_MAX_ATTEMPTS = 5
_BACKOFF_BASE = 0.4
_BACKOFF_MAX = 5.0
# Waiting costs money, and the log bucket is the queue: after this long a job gives up, and replay takes over.
_BUDGET_SECONDS = 20.0
_THROTTLE_BUDGET_SECONDS = 3.0

T = TypeVar("T")


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """The result of one attempt, and whether and when another may help.

    `connection_lost`: the connection broke or went silent. `retry_after`: in seconds, as the server asks.
    """

    result: T
    again: bool = False
    connection_lost: bool = False
    throttled: bool = False
    retry_after: float | None = None


class RetryBudget:
    """The attempts of one job, and the waits between them with full jitter: random, up to a limit that doubles."""

    def __init__(self, deadline: Deadline, clock: Clock, *, patient: bool = True) -> None:
        """A throttled call is attempted again only if `patient`."""
        self._deadline = deadline
        self._clock = clock
        self._enough = Deadline(_BUDGET_SECONDS, clock)
        self._throttle_budget = _THROTTLE_BUDGET_SECONDS if patient else 0.0

    def run(self, call: Callable[[], Attempt[T]], reconnect: Callable[[], None], if_not_attempted: T) -> T:
        """Attempt `call` until another attempt would not help. Return the last result, or `if_not_attempted` if the
        deadline had passed before the first attempt.

        After a lost connection, `reconnect` is called, and the first time the next attempt follows at once, because the
        connection may have died while the instance was frozen.
        """
        result, attempts = if_not_attempted, 0
        while not self._deadline.expired():
            attempt = call()
            result = attempt.result
            attempts += 1
            if attempt.connection_lost:
                reconnect()
            if not attempt.again or attempts == _MAX_ATTEMPTS or not self._pause(attempts, attempt):
                break
        return result

    def give_up(self) -> None:
        """No further attempt: nobody waits for the result any more."""
        self._deadline = Deadline(0, self._clock)

    def _pause(self, attempts: int, attempt: Attempt[T]) -> bool:
        """Wait before the next attempt; return False at once if the wait would be too long."""
        if attempt.retry_after is not None:
            # Not earlier than asked, and not all instances at the same moment.
            wait = attempt.retry_after + random.uniform(0, _BACKOFF_BASE)
        elif attempt.connection_lost and attempts == 1:
            wait = 0.0
        else:
            wait = random.uniform(0, min(_BACKOFF_MAX, _BACKOFF_BASE * 2 ** (attempts - 1)))
        if attempt.throttled:
            if (attempt.retry_after or 0) > self._throttle_budget or self._throttle_budget <= 0:
                return False
            wait = min(wait, self._throttle_budget)
            self._throttle_budget -= wait
        if wait + MIN_CALL_SECONDS > min(self._deadline.remaining(), self._enough.remaining()):
            return False
        self._clock.sleep(wait)
        return True
