"""The difference between the clocks of the function and of the clouds.

Each cloud states its time in the Date header of the response in which it refuses an unsigned request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from oss_oms_sync.clock import Clock, parse_http_date
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import NETWORK_ERRORS, Connections

# The time limit of connecting, and of each read.
_TIMEOUT_SECONDS = 5.0
# The time limit of an attempt, including the phases to which the connection's timeouts do not apply.
_ATTEMPT_SECONDS = 15.0


def measure_clock_skews(urls: Mapping[str, str], clock: Clock, pool: CallPool) -> dict[str, timedelta | None]:
    """Return the absolute difference between `clock` and the clock of each cloud, by the names in `urls`.

    The difference is None for a cloud without an address, or without a time in its response.
    """
    dates = {name: _ask_date(url, clock, pool) if url else None for name, url in urls.items()}
    return {name: abs(date - clock.now()) if date else None for name, date in dates.items()}


def _ask_date(url: str, clock: Clock, pool: CallPool) -> datetime | None:
    with Connections(url, clock) as session:

        def ask() -> datetime | str:
            try:
                answer = session.send_signed("HEAD", url, {}, (_TIMEOUT_SECONDS, _TIMEOUT_SECONDS))
                return parse_http_date(answer.headers.get("Date")) or ""
            except NETWORK_ERRORS:
                return ""

        (date,) = pool.run([ask], _ATTEMPT_SECONDS)
        if date is None:
            session.abort()
        return date if isinstance(date, datetime) else None
