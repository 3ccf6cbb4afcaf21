"""A test of changing headers in OBS by copying an object onto itself; Huawei does not document the effects.

The test answers these questions:

- Does the change move LastModified or the ETag?
- Does OBS accept a signed URL for the change until the URL expires, and not later?
- Does the directive REPLACE remove the headers that the request does not name, without another effect?
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
# Seconds for which the signed URL is valid, and further seconds until it is used again: OBS's times are whole seconds.
_VALID_SECONDS, _LATE_SECONDS = 10, 5.0
# The changed header and its values, which no object of a canary has.
_HEADER, _FIRST_VALUE, _SECOND_VALUE = "Cache-Control", "max-age=61", "max-age=62"


class InPlaceEffect(NamedTuple):
    """The results of the test, each of which is "yes", "no", or empty if it is unknown.

    - `moves_time` and `moves_etag`: the change moves LastModified, or the ETag.
    - `url`: OBS accepts a signed URL before it expires.
    - `expired_url`: OBS accepts a signed URL after it has expired.
    - `replaces`: REPLACE removes an unnamed header, and keeps the ETag, the storage class and the encryption.
    """

    moves_time: str = UNKNOWN
    moves_etag: str = UNKNOWN
    url: str = UNKNOWN
    expired_url: str = UNKNOWN
    replaces: str = UNKNOWN


def change_in_place(bucket: ObsBucketClient, key: str, clock: WallClock) -> InPlaceEffect:
    """Change a header of an object, try another change by an expired URL, then remove the header; return the effect.

    If OBS refuses a change, its effect is "no" or unknown. Raises OpsError for other failures.
    """
    # OBS's times are in whole seconds: a change in the second of the write would not move LastModified.
    clock.sleep(2.0)
    first_head = bucket.head(key)
    if first_head is None or "date" not in first_head.headers:
        return InPlaceEffect()
    expires = int(parsedate_to_datetime(first_head.headers["date"]).timestamp()) + _VALID_SECONDS
    url_works = _try_change(lambda: bucket.change_headers(key, {_HEADER: _FIRST_VALUE}, expires))
    if not url_works and not _try_change(lambda: bucket.change_headers(key, {_HEADER: _FIRST_VALUE})):
        return InPlaceEffect()
    changed_head = bucket.head(key)
    if changed_head is None or changed_head.headers.get(_HEADER.lower()) != _FIRST_VALUE:
        return InPlaceEffect()
    accepts_expired_url = UNKNOWN
    if url_works:
        clock.sleep(_VALID_SECONDS + _LATE_SECONDS)
        accepts_expired_url = _yes_or_no(
            _try_change(lambda: bucket.change_headers(key, {_HEADER: _SECOND_VALUE}, expires))
        )
        final_head = bucket.head(key)
        # If another write, such as a second copy by OMS, moved LastModified, the effect of the change is unknown.
        if accepts_expired_url == NO and (
            final_head is None or final_head.headers.get("last-modified") != changed_head.headers.get("last-modified")
        ):
            return InPlaceEffect(url=YES, expired_url=accepts_expired_url)
    time, etag = (
        _yes_or_no(first_head.headers.get(name) != changed_head.headers.get(name)) for name in ("last-modified", "etag")
    )
    return InPlaceEffect(
        time, etag, _yes_or_no(url_works), accepts_expired_url, _yes_or_no(_try_replace(bucket, key, changed_head))
    )


def _try_replace(bucket: ObsBucketClient, key: str, first_head: Response) -> bool:
    """Remove the changed header by the directive REPLACE; return True if nothing else changed."""
    kept_headers = {"Content-Type": first_head.headers.get("content-type", "")}
    if not _try_change(lambda: bucket.change_headers(key, kept_headers, replaces=True)):
        return False
    final_head = bucket.head(key)
    names = ("etag", "content-type", "content-length", "x-obs-storage-class", "x-obs-server-side-encryption")
    return (
        final_head is not None
        and _HEADER.lower() not in final_head.headers
        and all(first_head.headers.get(name) == final_head.headers.get(name) for name in names)
    )


def _try_change(change: Callable[[], None]) -> bool:
    try:
        change()
    except RefusedError:
        return False
    return True


def _yes_or_no(is_true: bool) -> str:
    return YES if is_true else NO
