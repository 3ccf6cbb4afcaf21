"""What OBS does if headers of an object are changed in place, which no page of its documents says: whether that moves
LastModified or the ETag, and whether a URL is honoured for it until it expires, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ops.clock import WallClock
from ops.clouds.buckets import ObsBucketClient
from ops.clouds.wire import RefusedError

NOT_OBSERVED, YES, NO = "", "yes", "no"
# How long the URL holds, and how long after that it is used once more: times are in whole seconds.
_VALID_SECONDS, _LATE_SECONDS = 10, 5.0
# What is changed; of whatever object of a canary, neither value is its own.
_HEADER, _FIRST, _SECOND = "Cache-Control", "max-age=61", "max-age=62"


class InPlace(NamedTuple):
    """Each is "yes", "no", or empty if it was not seen: whether a change moves LastModified, or the ETag; whether OBS
    honours a URL that expires, and whether it still does afterwards."""

    moves_time: str = NOT_OBSERVED
    moves_etag: str = NOT_OBSERVED
    url: str = NOT_OBSERVED
    expired_url: str = NOT_OBSERVED


def change_in_place(bucket: ObsBucketClient, key: str, clock: WallClock) -> InPlace:
    """Change a header of an object twice, the second time too late, and look at the object. Raises OpsError, but where
    OBS refuses a change."""
    # What was written in the same second has the same time.
    clock.sleep(2.0)
    before = bucket.head(key)
    if before is None or "date" not in before.headers:
        return InPlace()
    expires = int(parsedate_to_datetime(before.headers["date"]).timestamp()) + _VALID_SECONDS
    by_url = _is_done(lambda: bucket.change_headers(key, {_HEADER: _FIRST}, expires))
    if not by_url and not _is_done(lambda: bucket.change_headers(key, {_HEADER: _FIRST})):
        return InPlace()
    after = bucket.head(key)
    if after is None or after.headers.get(_HEADER.lower()) != _FIRST:
        return InPlace()
    late = NOT_OBSERVED
    if by_url:
        clock.sleep(_VALID_SECONDS + _LATE_SECONDS)
        late = _word(_is_done(lambda: bucket.change_headers(key, {_HEADER: _SECOND}, expires)))
        last = bucket.head(key)
        # Whoever else writes it, such as OMS once more, moves its time.
        if late == NO and (last is None or last.headers.get("last-modified") != after.headers.get("last-modified")):
            return InPlace(url=YES, expired_url=late)
    time, etag = (_word(before.headers.get(name) != after.headers.get(name)) for name in ("last-modified", "etag"))
    return InPlace(time, etag, _word(by_url), late)


def _is_done(change: Callable[[], None]) -> bool:
    """Make a change; return False if OBS refuses it."""
    try:
        change()
    except RefusedError:
        return False
    return True


def _word(is_so: bool) -> str:
    return YES if is_so else NO
