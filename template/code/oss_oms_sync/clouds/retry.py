"""How often a call is tried, and how long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from oss_oms_sync.clock import MIN_CALL_SECONDS, Clock, Deadline

_MAX_ATTEMPTS = 5
_BACKOFF_BASE = 0.4
_BACKOFF_MAX = 5.0
# Waiting costs money and the log bucket is the queue: so long a job goes on trying, then replay takes over.
_BUDGET_SECONDS = 20.0
_THROTTLE_BUDGET_SECONDS = 3.0

T = TypeVar("T")


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """One try's result, and whether and when another may help.

    `connection_lost`: the connection broke or went silent. `retry_after`: seconds, as the server asks for.
    """

    result: T
    again: bool = False
    connection_lost: bool = False
    throttled: bool = False
    retry_after: float | None = None


class RetryBudget:
    """The tries of one job and the waiting between them, by full jitter: any time from none to a doubling limit."""

    def __init__(self, deadline: Deadline, clock: Clock) -> None:
        self._deadline = deadline
        self._clock = clock
        self._enough = Deadline(_BUDGET_SECONDS, clock)
        self._throttle_budget = _THROTTLE_BUDGET_SECONDS

    def run(self, call: Callable[[], Attempt[T]], reconnect: Callable[[], None], if_not_attempted: Attempt[T]) -> T:
        """The result of the last try; that of `untried` where the deadline had passed before the first.

        After a lost connection `reconnect` is called, and the first time the call is made again at once: the
        connection may have died while the instance was frozen.
        """
        outcome, tries = if_not_attempted, 0
        while not self._deadline.expired():
            outcome = call()
            tries += 1
            if outcome.connection_lost:
                reconnect()
            if not outcome.again or tries == _MAX_ATTEMPTS or not self._pause(tries, outcome):
                break
        return outcome.result

    def _pause(self, tries: int, outcome: Attempt[T]) -> bool:
        """Waits before the next try; False when there is no use in waiting so long."""
        if outcome.retry_after is not None:
            # Not before that, and not all instances at the same moment.
            wait = outcome.retry_after + random.uniform(0, _BACKOFF_BASE)
        elif outcome.connection_lost and tries == 1:
            wait = 0.0
        else:
            wait = random.uniform(0, min(_BACKOFF_MAX, _BACKOFF_BASE * 2 ** (tries - 1)))
        if outcome.throttled:
            if (outcome.retry_after or 0) > self._throttle_budget or self._throttle_budget <= 0:
                return False
            wait = min(wait, self._throttle_budget)
            self._throttle_budget -= wait
        if wait + MIN_CALL_SECONDS > min(self._deadline.remaining(), self._enough.remaining()):
            return False
        self._clock.sleep(wait)
        return True
