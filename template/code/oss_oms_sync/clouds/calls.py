"""Concurrent calls to a cloud, which are retried as long as a retry may help and the invocation's deadline permits.

The calls run on threads of their own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from oss_oms_sync.clock import MIN_CALL_SECONDS, Clock, Deadline
from oss_oms_sync.clouds.connection import POOL_WIDTH, Connections
from oss_oms_sync.errors import StorageError

T = TypeVar("T")

_MAX_ATTEMPTS = 5
_FIRST_BACKOFF_SECONDS = 0.4
_MAX_BACKOFF_SECONDS = 5.0
# Maximum total wait of a job for retries. Waiting costs money, so the job then gives up: the log bucket keeps the keys,
# and replay resends them.
_BUDGET_SECONDS = 20.0
_THROTTLE_BUDGET_SECONDS = 3.0


_make_no_answer_error = partial(StorageError, "no answer in time", had_no_effect=False)
_make_too_late_error = partial(StorageError, "the invocation's time limit was reached")


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """The result of an attempt to make a call.

    - `is_retryable`: True if another attempt may help.
    - `connection_lost`: True if the connection broke, or no response came.
    - `retry_after`: the number of seconds for which the server asked the caller to wait.
    """

    result: T
    is_retryable: bool = False
    connection_lost: bool = False
    was_throttled: bool = False
    retry_after: float | None = None


class RetryBudget:
    """The limits of a job for attempts to make its calls: their number, and the total time of the waits between them.

    The length of a wait is random, up to a limit that doubles after each attempt (full jitter).
    """

    def __init__(self, deadline: Deadline, clock: Clock, *, repeat_throttled: bool = True) -> None:
        """Create the limits. A call that the cloud throttled is attempted again only if `repeat_throttled` is True."""
        self._deadline = deadline
        self._clock = clock
        self._budget_deadline = Deadline(_BUDGET_SECONDS, clock)
        self._throttle_budget = _THROTTLE_BUDGET_SECONDS if repeat_throttled else 0.0

    def run(
        self, call: Callable[[], Attempt[T]], reconnect: Callable[[], None], get_unattempted_result: Callable[[], T]
    ) -> T:
        """Attempt `call` until it succeeds or another attempt would not help, and return the last result.

        - `get_unattempted_result` makes the result if the deadline passed before the first attempt.
        - `reconnect` is called after each lost connection. After the first, the next attempt follows immediately: the
          connection may have died while the instance was frozen.
        """
        attempt: Attempt[T] | None = None
        attempts = 0
        while not self._deadline.expired():
            attempt = call()
            attempts += 1
            if attempt.connection_lost:
                reconnect()
            if not attempt.is_retryable or attempts == _MAX_ATTEMPTS or not self._wait_before_retry(attempts, attempt):
                break
        return attempt.result if attempt else get_unattempted_result()

    def give_up(self) -> None:
        self._deadline = Deadline(0, self._clock)

    def _wait_before_retry(self, attempts: int, attempt: Attempt[T]) -> bool:
        """Wait before the next attempt, or return False at once if the wait would exceed a limit."""
        if attempt.retry_after is not None:
            # Instances wait for different times, but none waits for less than the server requested.
            wait_seconds = attempt.retry_after + random.uniform(0, _FIRST_BACKOFF_SECONDS)
        elif attempt.connection_lost and attempts == 1:
            wait_seconds = 0.0
        else:
            wait_seconds = random.uniform(0, min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (attempts - 1)))
        if attempt.was_throttled:
            if (attempt.retry_after or 0) > self._throttle_budget or self._throttle_budget <= 0:
                return False
            wait_seconds = min(wait_seconds, self._throttle_budget)
            self._throttle_budget -= wait_seconds
        if wait_seconds + MIN_CALL_SECONDS > min(self._deadline.remaining(), self._budget_deadline.remaining()):
            return False
        self._clock.sleep(wait_seconds)
        return True


class CallPool:
    """A pool of threads that runs calls in parallel, and abandons a call that does not return in time.

    The caller of an abandoned call has to reset the connection (`Connections.abort`); otherwise the call keeps its
    thread for the life of the instance. Even a single call needs the pool, because a timeout of the library requests
    limits each read, not a response that arrives byte by byte.
    """

    def __init__(self, width: int = POOL_WIDTH) -> None:
        self._width = width
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(width)

    def run(self, calls: Sequence[Callable[[], T]], seconds: float) -> list[T | None]:
        """Run `calls` in parallel, and return their results in the order of `calls`.

        The result is None for a call that did not return within `seconds`; a call itself must not return None. The
        exception of a call is raised again.
        """
        running_calls = [self.begin(call, seconds) for call in calls]
        return [call.result() for call in running_calls]

    def begin(self, call: Callable[[], T], seconds: float) -> RunningCall[T]:
        """Start `call` and return immediately. A call that takes longer than `seconds` is abandoned."""
        # The lock prevents that another thread shuts the pool down before it takes this call.
        with self._lock:
            pool = self._pool
            future = pool.submit(call)
        return RunningCall(future, seconds, lambda: self._abandon(pool))

    def _abandon(self, pool: ThreadPoolExecutor) -> None:
        # A stuck thread would occupy the pool for the life of the instance, so a new pool replaces it.
        with self._lock:
            if pool is not self._pool:
                return
            self._pool = ThreadPoolExecutor(self._width)
        pool.shutdown(wait=False, cancel_futures=True)


class RunningCall(Generic[T]):
    """A call that is running, or waits for a free thread."""

    def __init__(self, future: Future[T], seconds: float, abandon: Callable[[], None]) -> None:
        self._future = future
        self._end = time.monotonic() + seconds
        self._abandon = abandon

    def result(self) -> T | None:
        """Wait for the call and return its result, or None if the call did not return in time.

        The exception of the call is raised again.
        """
        try:
            return self._future.result(max(0.0, self._end - time.monotonic()))
        except CancelledError:  # the pool was replaced before this call began
            return None
        except FutureTimeoutError:
            # No result came in time, or the call itself raised a TimeoutError, which is raised again here.
            if self._future.done():
                return self._future.result()
            self._abandon()
            return None

    def abandon(self) -> bool:
        """Abandon the call. Return True if it is running, so that the caller has to reset its connection."""
        return not self._future.cancel() and not self._future.done()


class Calls:
    """The calls of an invocation to a cloud, on shared connections.

    The methods receive functions, called attempts. An attempt makes a call once, and returns an expected error instead
    of raising it.

    - `make_no_answer_error`: a function that makes the error of an abandoned call.
    - `make_too_late_error`: a function that makes the error of a call that could not begin in time.
    """

    def __init__(
        self,
        session: Connections,
        pool: CallPool,
        deadline: Deadline,
        clock: Clock,
        make_no_answer_error: Callable[[], StorageError] = _make_no_answer_error,
        make_too_late_error: Callable[[], StorageError] = _make_too_late_error,
    ) -> None:
        self._session = session
        self._pool = pool
        self._deadline = deadline
        self._clock = clock
        self._make_no_answer_error = make_no_answer_error
        self._make_too_late_error = make_too_late_error

    def run(self, attempts: Sequence[Callable[[], Attempt[T | StorageError]]]) -> list[T | StorageError]:
        self._session.use()
        budget = RetryBudget(self._deadline, self._clock)
        retried_calls = [partial(self._run_with_retries, attempt, budget) for attempt in attempts]
        results = self._pool.run(retried_calls, self._deadline.remaining())
        if None in results:
            self._session.abort()
        return [self._make_no_answer_error() if result is None else result for result in results]

    def begin(self, attempt: Callable[[], Attempt[T | StorageError]]) -> PendingCall[T]:
        self._session.use()
        budget = RetryBudget(self._deadline, self._clock)
        running_call = self._pool.begin(partial(self._run_with_retries, attempt, budget), self._deadline.remaining())
        return PendingCall(running_call, self._session, budget, self._make_no_answer_error)

    def _run_with_retries(
        self, attempt: Callable[[], Attempt[T | StorageError]], budget: RetryBudget
    ) -> T | StorageError:
        return budget.run(attempt, self._session.close, self._make_too_late_error)


class PendingCall(Generic[T]):
    """A call that was started, and whose result the caller has not requested yet."""

    def __init__(
        self,
        running_call: RunningCall[T | StorageError],
        session: Connections,
        budget: RetryBudget,
        make_no_answer_error: Callable[[], StorageError],
    ) -> None:
        self._running_call = running_call
        self._session = session
        self._budget = budget
        self._make_no_answer_error = make_no_answer_error

    def result(self) -> T:
        """Wait for the call and return its result.

        Raises StorageError if the call failed, or did not return in time.
        """
        result = self._running_call.result()
        if result is None:
            self._session.abort()
            result = self._make_no_answer_error()
        if isinstance(result, StorageError):
            raise result
        return result

    def abandon(self) -> None:
        """Abandon the call, and reset its connection if the call is running."""
        self._budget.give_up()
        if self._running_call.abandon():
            self._session.abort()
