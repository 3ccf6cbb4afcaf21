"""Kept-alive connections to both clouds, and the threads that carry the calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime
from typing import Generic, TypeVar

import requests

from .retry import Clock

# Function Compute freezes an instance between events, and networks drop idle connections without a word.
_LONGEST_IDLE = 30.0

T = TypeVar("T")


def read_environment_once(session: requests.Session, url: str) -> None:
    """Takes proxies and trusted certificates for `url` from the environment as requests does, but not at every call:
    that takes longer than signing. A .netrc is not looked for, for signing is all the authorization there is."""
    session.proxies.update(requests.utils.get_environ_proxies(url))
    session.verify = trusted_certificates() or True
    session.trust_env = False


def trusted_certificates() -> str | None:
    """The file or folder of certificates that the environment names; None where it names none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


class KeptAlive(Generic[T]):
    """An HTTP client whose connections are not used again once they were idle too long.

    `session` is the requests session that `client` works with, often the client itself.
    """

    def __init__(self, client: T, session: requests.Session, clock: Clock) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._used: datetime | None = None

    def use(self) -> T:
        """The client, for calls now."""
        now = self._clock.now()
        if self._used and abs((now - self._used).total_seconds()) > _LONGEST_IDLE:
            self.drop()
        self._used = now
        return self._client

    def drop(self) -> None:
        """Lets go of every open connection; the next call opens a new one."""
        self._session.close()


class Lanes:
    """Threads that run calls side by side and leave behind the one that does not return in time.

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
