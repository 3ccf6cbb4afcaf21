"""Threads that carry calls to the clouds, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

T = TypeVar("T")


class CallPool:
    """Threads that run calls side by side, and abandon a call that does not return in time. Its caller then has to
    close the connection (`Session.abort`), or the thread stays for the life of the instance.

    Needed even for a single call: a timeout of requests applies to each read, so a response that drips in byte by byte,
    or a name that does not resolve, outlives every timeout.
    """

    def __init__(self, width: int = 10) -> None:
        self._width = width
        self._pool = ThreadPoolExecutor(width)

    def run(self, calls: Sequence[Callable[[], T]], seconds: float) -> list[T | None]:
        """Run `calls`, and return their results in order; None for a call that did not return within `seconds`.

        A call must not return None; what a call raises is raised here.
        """
        end = time.monotonic() + seconds
        futures = [self._pool.submit(call) for call in calls]
        results: list[T | None] = []
        for future in futures:
            try:
                results.append(future.result(max(0.0, end - time.monotonic())))
            except FutureTimeoutError:
                # Either no result came in time, or the call itself raised a TimeoutError: it is raised again here.
                results.append(future.result() if future.done() else None)
        if None in results:
            # A stuck thread would keep its place for the life of the instance, so it is abandoned with its pool.
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = ThreadPoolExecutor(self._width)
        return results
