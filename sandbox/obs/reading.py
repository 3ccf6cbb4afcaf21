"""HEAD and GET of an object; GET can return a range.

https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0083.html, .../obs_04_0084.html.
"""

from __future__ import annotations

import re
from email.utils import formatdate

from sandbox.obs.errors import ObsError, archived_object, no_such_key
from sandbox.obs.objects import Bucket, ObsObject
from sandbox.server.message import Request, Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def head_object(bucket: Bucket, key: str, _request: Request) -> Response:
    """Answer HEAD, with an explicit Content-Length: the web library omits it for an empty body."""
    obj = _find_object(bucket, key)
    return Response(200, obj.data, {**_make_headers(bucket, obj), "Content-Length": str(obj.size)})


def get_object(bucket: Bucket, key: str, request: Request) -> Response:
    obj = _find_object(bucket, key)
    if obj.is_archived:
        raise archived_object()
    byte_range = _parse_range(request.headers.get("range", ""), obj.size)
    if byte_range is None:
        return Response(200, obj.data, _make_headers(bucket, obj))
    first_byte, last_byte = byte_range
    content_range = {"Content-Range": f"bytes {first_byte}-{last_byte}/{obj.size}"}
    return Response(206, obj.data[first_byte : last_byte + 1], {**_make_headers(bucket, obj), **content_range})


def _find_object(bucket: Bucket, key: str) -> ObsObject:
    obs_object = bucket.objects.get(key)
    if obs_object is None:
        raise no_such_key()
    assert isinstance(obs_object, ObsObject)
    return obs_object


def _parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a range (RFC 9110, 14.2); None for the whole object."""
    match = _RANGE.fullmatch(text)
    if match is None or match[1] == match[2] == "":
        return None
    first_byte = int(match[1]) if match[1] else max(0, size - int(match[2]))
    last_byte = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first_byte > last_byte:
        raise ObsError(416, "InvalidRange", "The requested range cannot be satisfied.")
    return first_byte, last_byte


def _make_headers(bucket: Bucket, obj: ObsObject) -> dict[str, str]:
    headers = {
        "ETag": f'"{obj.etag}"',
        "Last-Modified": formatdate(obj.last_modified, usegmt=True),
        "Accept-Ranges": "bytes",
        # The name is in lower case, like the names of stored headers.
        "content-type": "application/octet-stream",
        **obj.headers,
    }
    if obj.storage_class != "STANDARD":
        headers["x-obs-storage-class"] = obj.storage_class
    if obj.is_encrypted:
        headers["x-obs-server-side-encryption"] = "kms"
    if bucket.has_versions:
        headers["x-obs-version-id"] = obj.version_id
    if bucket.crc64_header:
        headers[bucket.crc64_header] = str(obj.crc64)
    return headers
