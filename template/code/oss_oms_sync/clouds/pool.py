"""Threads that carry calls to the clouds, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

T = TypeVar("T")

# How many calls an instance makes side by side. A thread is only begun when there is a call for it.
POOL_WIDTH = 20


class CallPool:
    """Threads that run calls side by side, and abandon a call that does not return in time. Its caller then has to
    close the connection (`Session.abort`), or the thread stays for the life of the instance.

    Needed even for a single call: a timeout of requests applies to each read, so a response that drips in byte by byte,
    or a name that does not resolve, outlives every timeout.
    """

    def __init__(self, width: int = POOL_WIDTH) -> None:
        self._width = width
        self._pool = ThreadPoolExecutor(width)

    def run(self, calls: Sequence[Callable[[], T]], seconds: float) -> list[T | None]:
        """Run `calls`, and return their results in order; None for a call that did not return within `seconds`.

        A call must not return None; what a call raises is raised here.
        """
        begun = [self.begin(call, seconds) for call in calls]
        return [one.result() for one in begun]

    def begin(self, call: Callable[[], T], seconds: float) -> Begun[T]:
        """Let `call` run while its caller does something else; it is abandoned after `seconds`."""
        pool = self._pool
        return Begun(pool.submit(call), seconds, lambda: self._abandon(pool))

    def _abandon(self, pool: ThreadPoolExecutor) -> None:
        # A stuck thread would keep its place for the life of the instance, so it is abandoned with its pool.
        if pool is self._pool:
            pool.shutdown(wait=False, cancel_futures=True)
            self._pool = ThreadPoolExecutor(self._width)


class Begun(Generic[T]):
    """A call that is running, or waits for its turn."""

    def __init__(self, future: Future[T], seconds: float, abandon: Callable[[], None]) -> None:
        self._future = future
        self._end = time.monotonic() + seconds
        self._abandon = abandon

    def result(self) -> T | None:
        """Wait for the call and return its result; None if it did not return in time.

        What the call raises is raised here.
        """
        try:
            return self._future.result(max(0.0, self._end - time.monotonic()))
        except CancelledError:  # the pool was abandoned before its turn came
            return None
        except FutureTimeoutError:
            # Either no result came in time, or the call itself raised a TimeoutError: it is raised again here.
            if self._future.done():
                return self._future.result()
            self._abandon()
            return None

    def leave(self) -> bool:
        """Give the result up. Return whether the call is still running: then its connection has to be closed."""
        return not self._future.cancel() and not self._future.done()
