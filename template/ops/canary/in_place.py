"""Effect of an in-place header change in OBS, which Huawei's documents do not describe.

The test shows whether the change moves LastModified or the ETag, whether OBS accepts a signed URL for it until the URL
expires, and no longer, and whether REPLACE removes unnamed headers without another effect.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ops.clock import WallClock
from ops.clouds.buckets import ObsBucketClient
from ops.clouds.wire import RefusedError, Response
from oss_oms_sync.rules.headers_in_place import NO, YES

UNKNOWN = ""
# Seconds of the URL's validity, and seconds after it until the second use: OBS's times are in whole seconds.
_VALID_SECONDS, _LATE_SECONDS = 10, 5.0
# The changed header; no object of a canary has either value.
_HEADER, _FIRST_VALUE, _SECOND_VALUE = "Cache-Control", "max-age=61", "max-age=62"


class InPlaceEffect(NamedTuple):
    """The answers: "yes", "no", or empty if unknown.

    `moves_time`, `moves_etag`: a change moves LastModified, or the ETag. `url`: OBS accepts a URL that expires;
    `expired_url`: it still does afterwards. `replaces`: REPLACE removes an unnamed header, and leaves ETag, storage
    class and encryption as they are.
    """

    moves_time: str = UNKNOWN
    moves_etag: str = UNKNOWN
    url: str = UNKNOWN
    expired_url: str = UNKNOWN
    replaces: str = UNKNOWN


def change_in_place(bucket: ObsBucketClient, key: str, clock: WallClock) -> InPlaceEffect:
    """Change a header of an object, then too late, then remove the header; read the object and return the effect.

    Raises OpsError, but not if OBS refuses a change.
    """
    # A change in the same second would not affect the time.
    clock.sleep(2.0)
    before = bucket.head(key)
    if before is None or "date" not in before.headers:
        return InPlaceEffect()
    expires = int(parsedate_to_datetime(before.headers["date"]).timestamp()) + _VALID_SECONDS
    by_url = _is_done(lambda: bucket.change_headers(key, {_HEADER: _FIRST_VALUE}, expires))
    if not by_url and not _is_done(lambda: bucket.change_headers(key, {_HEADER: _FIRST_VALUE})):
        return InPlaceEffect()
    after = bucket.head(key)
    if after is None or after.headers.get(_HEADER.lower()) != _FIRST_VALUE:
        return InPlaceEffect()
    late = UNKNOWN
    if by_url:
        clock.sleep(_VALID_SECONDS + _LATE_SECONDS)
        late = _answer(_is_done(lambda: bucket.change_headers(key, {_HEADER: _SECOND_VALUE}, expires)))
        last = bucket.head(key)
        # Another write, such as a second copy by OMS, affects the time as well.
        if late == NO and (last is None or last.headers.get("last-modified") != after.headers.get("last-modified")):
            return InPlaceEffect(url=YES, expired_url=late)
    time, etag = (_answer(before.headers.get(name) != after.headers.get(name)) for name in ("last-modified", "etag"))
    return InPlaceEffect(time, etag, _answer(by_url), late, _answer(_replaces(bucket, key, after)))


def _replaces(bucket: ObsBucketClient, key: str, before: Response) -> bool:
    """Remove the changed header by REPLACE; return True if nothing else changed."""
    kept = {"Content-Type": before.headers.get("content-type", "")}
    if not _is_done(lambda: bucket.change_headers(key, kept, replaces=True)):
        return False
    after = bucket.head(key)
    names = ("etag", "content-type", "content-length", "x-obs-storage-class", "x-obs-server-side-encryption")
    return (
        after is not None
        and _HEADER.lower() not in after.headers
        and all(before.headers.get(name) == after.headers.get(name) for name in names)
    )


def _is_done(change: Callable[[], None]) -> bool:
    """Make a change; return False if OBS refuses the request."""
    try:
        change()
    except RefusedError:
        return False
    return True


def _answer(is_so: bool) -> str:
    return YES if is_so else NO
