"""The operations GetObject and HeadObject, with their conditions, ranges and stored headers.

Sources: https://help.aliyun.com/zh/oss/developer-reference/getobject, .../headobject; for ranges
https://help.aliyun.com/document_detail/39571.html ("HTTP Range requests").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.oss.answers import make_checksum_headers, make_last_modified_header, make_version_header
from sandbox.oss.call import Call
from sandbox.oss.checks import check_conditions
from sandbox.oss.errors import OssError, not_implemented
from sandbox.oss.objects import OssObject
from sandbox.server.message import Response

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def get_object(call: Call) -> Response:
    oss_object = call.find_object()
    check_conditions(oss_object, call.headers)
    if oss_object.is_archived:
        raise OssError(403, "InvalidObjectState", "The operation is not valid for the object's state.")
    headers = _make_headers(call, oss_object)
    byte_range = _parse_range(call.headers, oss_object.size)
    if byte_range is None:
        return Response(200, oss_object.data, headers)
    first_byte, last_byte = byte_range
    return Response(
        206,
        oss_object.data[first_byte : last_byte + 1],
        {**headers, "Content-Range": f"bytes {first_byte}-{last_byte}/{oss_object.size}"},
    )


def head_object(call: Call) -> Response:
    """Answer HEAD with a body, which the web library replaces by its length."""
    oss_object = call.find_object()
    check_conditions(oss_object, call.headers)
    return Response(200, oss_object.data, _make_headers(call, oss_object))


def _parse_range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """Return the first and last byte of the requested range, or None for the whole object.

    OSS returns the whole object if the range ends after the last byte. With `x-oss-range-behavior: standard` it returns
    the range up to the last byte, and refuses a range that begins after it.
    """
    if "range" not in headers:
        return None
    match = _RANGE.fullmatch(headers["range"])
    if match is None:
        raise not_implemented()
    first_byte, last_byte = int(match[1]), int(match[2] or size - 1)
    if headers.get("x-oss-range-behavior") == "standard":
        if first_byte >= size:
            raise OssError(416, "InvalidRange", "The requested range cannot be satisfied.")
        last_byte = min(last_byte, size - 1)
    return (first_byte, last_byte) if first_byte <= last_byte < size else None


def _make_headers(call: Call, oss_object: OssObject) -> dict[str, str]:
    return {
        **make_checksum_headers(oss_object),
        **make_last_modified_header(oss_object),
        **oss_object.headers,
        "content-type": oss_object.content_type,
        "Accept-Ranges": "bytes",
        "x-oss-object-type": oss_object.type,
        "x-oss-storage-class": oss_object.storage_class,
        **make_version_header(call.bucket, oss_object.version_id),
        **_make_tagging_header(call, oss_object),
    }


def _make_tagging_header(call: Call, oss_object: OssObject) -> dict[str, str]:
    """Return the header with the number of tags, which OSS sends only to callers with the permission to read tags."""
    action, bucket = "oss:GetObjectTagging", call.bucket.name
    if not oss_object.tag_count or call.store.find_denial(call.caller, action, bucket, call.key):
        return {}
    call.store.record(action, bucket, call.key, 200)
    return {"x-oss-tagging-count": str(oss_object.tag_count)}
