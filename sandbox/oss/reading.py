"""GetObject, HeadObject, GetObjectMeta: conditions, ranges, the headers that were stored.

https://help.aliyun.com/zh/oss/developer-reference/getobject, .../headobject, .../getobjectmeta; for ranges
https://help.aliyun.com/document_detail/39571.html ("HTTP Range requests").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING

from sandbox.oss.call import Call, checksums, find, version_header
from sandbox.oss.errors import OssError
from sandbox.oss.objects import OssObject
from sandbox.server.message import Response

if TYPE_CHECKING:
    from sandbox.oss.service import Oss

_RANGE = re.compile(r"bytes=(\d*)-(\d*)(?:,.*)?")
# Parameters of GetObject that change a header of its answer.
OVERRIDES = {
    f"response-{name}"
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
}


def get_object(_: Oss, call: Call) -> Response:
    obj = find(call.bucket, call.key)
    check_conditions(obj, call.headers)
    overrides = {name.removeprefix("response-"): call.params[name] for name in OVERRIDES & call.params.keys()}
    headers = {**_headers(call, obj), **overrides}
    wanted = _range(call.headers, obj.size)
    if wanted is None:
        return Response(200, obj.data, headers)
    first, last = wanted
    return Response(206, obj.data[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{obj.size}"})


def head_object(_: Oss, call: Call) -> Response:
    """The web library leaves the body of the answer out and keeps its length."""
    obj = find(call.bucket, call.key)
    check_conditions(obj, call.headers)
    return Response(200, obj.data, _headers(call, obj))


def object_meta(_: Oss, call: Call) -> Response:
    """A HEAD that tells ETag, size and time only."""
    obj = find(call.bucket, call.key)
    headers = {**checksums(obj), **_last_modified(obj), **version_header(call.bucket, obj.version_id)}
    return Response(200, obj.data, headers)


def check_conditions(obj: OssObject, headers: Mapping[str, str], prefix: str = "") -> None:
    """Raise what OSS answers where a condition does not hold. Each counts by itself; a malformed date counts for none.

    With the prefix `x-oss-copy-source-` these are the conditions of CopyObject.
    """
    given = headers.get(prefix + "if-match")
    if given is not None and given.strip('"') != obj.etag:
        raise _precondition_failed("If-Match")
    moment = _moment(headers.get(prefix + "if-unmodified-since"))
    if moment is not None and moment < obj.last_modified:
        raise _precondition_failed("If-Unmodified-Since")
    given = headers.get(prefix + "if-none-match")
    moment = _moment(headers.get(prefix + "if-modified-since"))
    if (given is not None and given.strip('"') == obj.etag) or (moment is not None and moment >= obj.last_modified):
        raise OssError(304, "NotModified", "Not Modified", {**checksums(obj), **_last_modified(obj)})


def _precondition_failed(condition: str) -> OssError:
    return OssError(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold.",
        ec="0017-00001001",
        Condition=condition,
    )


def _moment(given: str | None) -> float | None:
    try:
        return parsedate_to_datetime(given).timestamp() if given else None
    except ValueError:
        return None


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
        **_last_modified(obj),
        **obj.headers,
        "content-type": obj.content_type,
        "Accept-Ranges": "bytes",
        "x-oss-object-type": obj.type,
        "x-oss-storage-class": "Standard",
        **version_header(call.bucket, obj.version_id),
    }
    if obj.type == "Appendable":
        headers["x-oss-next-append-position"] = str(obj.size)
    return headers


def _last_modified(obj: OssObject) -> dict[str, str]:
    return {"Last-Modified": formatdate(obj.last_modified, usegmt=True)}
