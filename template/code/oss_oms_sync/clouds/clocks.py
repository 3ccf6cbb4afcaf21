"""What the clouds' clocks say, by the Date header of an answer to an unsigned request, which they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from oss_oms_sync.clock import Clock, parse_http_date
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import NETWORK_ERRORS, Connections

# How long connecting may take, and each read.
_SECONDS = 5.0
# How long one attempt may take, including what the connection's timeouts do not limit.
_ATTEMPT_SECONDS = 15.0


def clock_skews(urls: Mapping[str, str], clock: Clock, pool: CallPool) -> dict[str, timedelta | None]:
    """How far `clock` is off those of the clouds at `urls`, by name; None where one has no address, or does not say."""
    dates = {name: _date_at(url, clock, pool) if url else None for name, url in urls.items()}
    return {name: abs(date - clock.now()) if date else None for name, date in dates.items()}


def _date_at(url: str, clock: Clock, pool: CallPool) -> datetime | None:
    """The time at `url`; None if it does not say."""
    with Connections(url, clock) as session:

        def ask() -> datetime | str:
            try:
                answer = session.send_signed("HEAD", url, {}, (_SECONDS, _SECONDS))
                return parse_http_date(answer.headers.get("Date")) or ""
            except NETWORK_ERRORS:
                return ""

        (date,) = pool.run([ask], _ATTEMPT_SECONDS)
        if date is None:
            session.abort()
        return date if isinstance(date, datetime) else None
