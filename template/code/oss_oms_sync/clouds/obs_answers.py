"""What OBS says of one object, as values.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0083.html and obs_04_0084.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.clock import parse_http_date

_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<size>\d+)", re.ASCII)
# The SDKs' name for it, and the API's.
_CRC64 = ("x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma")


class NotObs(ValueError):  # noqa: N818  what it is
    """An answer that OBS does not give."""


@dataclass(frozen=True)
class ObjectHead:
    """An object, in the form of ObjectSummary, and what only HEAD and GET tell.

    `crc64` is CRC-64/XZ of the contents, None if OBS does not know it. `encryption` is "kms", "AES256" or empty; with
    it, `etag` may be anything. `version` is empty where the bucket keeps no versions.
    """

    size: int
    etag: str
    modified: int
    crc64: int | None
    encryption: str
    version: str = ""

    @classmethod
    def parse(cls, headers: Mapping[str, str], size: str) -> ObjectHead:
        """Raises NotObs."""
        modified = parse_http_date(headers.get("Last-Modified"))
        etag = headers.get("ETag", "").strip('"').upper()
        if not modified or not etag or not size.isdecimal():
            raise NotObs("it names no ETag, size or time")
        crc64 = next((headers[name] for name in _CRC64 if name in headers), "")
        return cls(
            int(size),
            etag,
            int(modified.timestamp()),
            int(crc64) if crc64.isdecimal() else None,
            headers.get("x-obs-server-side-encryption", ""),
            headers.get("x-obs-version-id", ""),
        )


@dataclass(frozen=True)
class ObjectPart:
    """Bytes of an object from `start` on; `head.size` is that of the whole object."""

    head: ObjectHead
    start: int
    body: bytes

    @classmethod
    def parse(cls, status: int, headers: Mapping[str, str], body: bytes, start: int, length: int) -> ObjectPart:
        """The answer to a request for `length` bytes from `start` on.

        Raises NotObs, also if it is another part.
        """
        if status == 200 and start == 0:
            # OBS may ignore a range; then `body` is the beginning of the whole.
            size = headers.get("Content-Length", "")
        else:
            found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            size = found["size"] if found and status == 206 and int(found["first"]) == start else ""
        head = ObjectHead.parse(headers, size)
        if len(body) != min(length, head.size - start):
            raise NotObs("it is not the range that was asked for")
        return cls(head, start, body)
