"""A limit on the number of requests per second."""

from __future__ import annotations

from collections.abc import Callable


class RateLimit:
    """A token bucket: each request takes a token, and `rate` tokens are added each second.

    `burst` is the capacity of the bucket, by default `rate` and at least 1.
    """

    def __init__(self, rate: float, now: Callable[[], float], burst: float | None = None) -> None:
        self._rate = rate
        self._capacity = burst if burst is not None else max(rate, 1.0)
        self._tokens = self._capacity
        self._now = now
        self._filled_at = now()

    def allows(self) -> bool:
        """Return True and take a token if the limit allows another request now."""
        now = self._now()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
