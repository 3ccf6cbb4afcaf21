"""A limit of requests per second."""

from __future__ import annotations

from collections.abc import Callable


class RateLimit:
    """A bucket of tokens, a token for each request, that fills again at a rate per second."""

    def __init__(self, rate: float, now: Callable[[], float], burst: float | None = None) -> None:
        self._rate = rate
        self._capacity = burst if burst is not None else max(rate, 1.0)
        self._tokens = self._capacity
        self._now = now
        self._filled = now()

    def allows(self) -> bool:
        """Return True and count the request if it is within the limit."""
        now = self._now()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
