"""The operations HEAD and GET of an OBS object; GET can return a range of bytes.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0083.html, .../obs_04_0084.html.
"""

from __future__ import annotations

import re
from email.utils import formatdate

from sandbox.obs.errors import ObsError, archived_object, no_such_key
from sandbox.obs.objects import Bucket, ObsObject
from sandbox.server.message import Request, Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def head_object(bucket: Bucket, key: str, _request: Request) -> Response:
    """Answer HEAD with an explicit Content-Length, which the web library omits for an empty body."""
    obs_object = _find_object(bucket, key)
    return Response(200, obs_object.data, {**_make_headers(bucket, obs_object), "Content-Length": str(obs_object.size)})


def get_object(bucket: Bucket, key: str, request: Request) -> Response:
    obs_object = _find_object(bucket, key)
    if obs_object.is_archived:
        raise archived_object()
    byte_range = _parse_range(request.headers.get("range", ""), obs_object.size)
    if byte_range is None:
        return Response(200, obs_object.data, _make_headers(bucket, obs_object))
    first_byte, last_byte = byte_range
    content_range = {"Content-Range": f"bytes {first_byte}-{last_byte}/{obs_object.size}"}
    return Response(
        206, obs_object.data[first_byte : last_byte + 1], {**_make_headers(bucket, obs_object), **content_range}
    )


def _find_object(bucket: Bucket, key: str) -> ObsObject:
    obs_object = bucket.objects.get(key)
    if obs_object is None:
        raise no_such_key()
    assert isinstance(obs_object, ObsObject)
    return obs_object


def _parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a range (RFC 9110, 14.2), or None for the whole object."""
    match = _RANGE.fullmatch(text)
    if match is None or match[1] == match[2] == "":
        return None
    first_byte = int(match[1]) if match[1] else max(0, size - int(match[2]))
    last_byte = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first_byte > last_byte:
        raise ObsError(416, "InvalidRange", "The requested range cannot be satisfied.")
    return first_byte, last_byte


def _make_headers(bucket: Bucket, obs_object: ObsObject) -> dict[str, str]:
    headers = {
        "ETag": f'"{obs_object.etag}"',
        "Last-Modified": formatdate(obs_object.last_modified, usegmt=True),
        "Accept-Ranges": "bytes",
        # The name is in lower case, like the names of stored headers.
        "content-type": "application/octet-stream",
        **obs_object.headers,
    }
    if obs_object.storage_class != "STANDARD":
        headers["x-obs-storage-class"] = obs_object.storage_class
    if obs_object.is_encrypted:
        headers["x-obs-server-side-encryption"] = "kms"
    if bucket.has_versions:
        headers["x-obs-version-id"] = obs_object.version_id
    if bucket.crc64_header:
        headers[bucket.crc64_header] = str(obs_object.crc64)
    return headers
