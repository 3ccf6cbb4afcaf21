"""GetObject, HeadObject, GetObjectMeta: conditions, ranges, the headers that were stored.

https://help.aliyun.com/zh/oss/developer-reference/getobject, .../headobject, .../getobjectmeta; for ranges
https://help.aliyun.com/document_detail/39571.html ("HTTP Range requests").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.oss.answers import checksums, last_modified, version_header
from sandbox.oss.call import Call
from sandbox.oss.checks import check_conditions
from sandbox.oss.errors import OssError
from sandbox.oss.objects import OssObject
from sandbox.server.message import Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)(?:,.*)?")


def get_object(call: Call) -> Response:
    obj = call.find()
    check_conditions(obj, call.headers)
    if obj.is_archived:
        raise OssError(403, "InvalidObjectState", "The operation is not valid for the object's state.")
    headers = _headers(call, obj)
    wanted = _range(call.headers, obj.size)
    if wanted is None:
        return Response(200, obj.data, headers)
    first, last = wanted
    return Response(206, obj.data[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{obj.size}"})


def head_object(call: Call) -> Response:
    """The web library leaves the body of the answer out and keeps its length."""
    obj = call.find()
    check_conditions(obj, call.headers)
    return Response(200, obj.data, _headers(call, obj))


def get_object_meta(call: Call) -> Response:
    """A HEAD that answers ETag, size and time only."""
    obj = call.find()
    headers = {**checksums(obj), **last_modified(obj), **version_header(call.bucket, obj.version_id)}
    return Response(200, obj.data, headers)


def _range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """The first and the last byte wanted, None for all of them.

    OSS answers a range that is malformed or not wholly in the object with the whole object. With
    x-oss-range-behavior: standard it cuts an end off that is too far, and refuses a beginning that is.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or match[1] == match[2] == "":
        return None
    standard = headers.get("x-oss-range-behavior") == "standard"
    first = int(match[1]) if match[1] else size - int(match[2])
    last = int(match[2]) if match[1] and match[2] else size - 1
    if standard:
        if first >= size:
            raise OssError(416, "InvalidRange", "The requested range cannot be satisfied.")
        first, last = max(first, 0), min(last, size - 1)
    return (first, last) if 0 <= first <= last < size else None


def _headers(call: Call, obj: OssObject) -> dict[str, str]:
    headers = {
        **checksums(obj),
        **last_modified(obj),
        **obj.headers,
        "content-type": obj.content_type,
        "Accept-Ranges": "bytes",
        "x-oss-object-type": obj.type,
        "x-oss-storage-class": obj.storage_class,
        **version_header(call.bucket, obj.version_id),
    }
    if obj.type == "Appendable":
        headers["x-oss-next-append-position"] = str(obj.size)
    return headers
