"""Threads that carry calls to the clouds, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

T = TypeVar("T")


class CallPool:
    """Threads that run calls side by side and leave behind the one that does not return in time; whoever made the call
    is to close its connection (`Session.abort`), or it stays for the instance's life.

    Needed even for a single call: a timeout of requests holds for each read, so an answer that drips in byte by
    byte, or a name that does not resolve, outlives every timeout.
    """

    def __init__(self, width: int = 10) -> None:
        self._width = width
        self._pool = ThreadPoolExecutor(width)

    def run(self, calls: Sequence[Callable[[], T]], seconds: float) -> list[T | None]:
        """What each of `calls` returns, in their order; None for one that did not return within `seconds`.

        An exception of a call is raised here. Calls must not return None.
        """
        begun = [self.begin(call, seconds) for call in calls]
        return [one.result() for one in begun]

    def begin(self, call: Callable[[], T], seconds: float) -> Begun[T]:
        """Lets `call` run while its caller does something else; it is left behind after `seconds`."""
        pool = self._pool
        return Begun(pool.submit(call), seconds, lambda: self._abandon(pool))

    def _abandon(self, pool: ThreadPoolExecutor) -> None:
        """A thread that is stuck would keep its place for the instance's life: leave it behind with its pool."""
        if pool is self._pool:
            pool.shutdown(wait=False, cancel_futures=True)
            self._pool = ThreadPoolExecutor(self._width)


class Begun(Generic[T]):
    """A call that was begun."""

    def __init__(self, future: Future[T], seconds: float, abandon: Callable[[], None]) -> None:
        self._future = future
        self._end = time.monotonic() + seconds
        self._abandon = abandon

    def result(self) -> T | None:
        """What the call returns, or raises; None where it did not return in time."""
        try:
            return self._future.result(max(0.0, self._end - time.monotonic()))
        except CancelledError:  # the pool was left behind before its turn came
            return None
        except FutureTimeoutError:
            # Either no result in time, or a TimeoutError that the call itself raised, which is raised here again.
            if self._future.done():
                return self._future.result()
            self._abandon()
            return None

    def leave(self) -> bool:
        """Nobody will ask for the result. Whether the call is still running: its connection has to be closed then."""
        return not self._future.cancel() and not self._future.done()
