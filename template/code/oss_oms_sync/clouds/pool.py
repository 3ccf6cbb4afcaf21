"""Threads that carry calls to the clouds, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

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
        end = time.monotonic() + seconds
        futures = [self._pool.submit(call) for call in calls]
        results: list[T | None] = []
        for future in futures:
            try:
                results.append(future.result(max(0.0, end - time.monotonic())))
            except FutureTimeoutError:
                # Either no result in time, or a TimeoutError that the call itself raised, which is raised here again.
                results.append(future.result() if future.done() else None)
        if None in results:
            # A thread that is stuck would keep its place for the instance's life: leave it behind with its pool.
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = ThreadPoolExecutor(self._width)
        return results
