"""The objects that a canary writes to the source bucket, and their contents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# The possible sizes of OMS's parts: its documents say 50 MB, without the exact unit.
PART_SIZES = {"50 MB": 50 * 10**6, "50 MiB": 50 * 2**20}
# Bytes of a part of the upload to the source: at least 100 KB, except the last part.
UPLOAD_PART_BYTES = 16 * 2**20

_TYPE_HEADER = {"Content-Type": "text/plain"}
_METADATA_HEADERS = {
    **_TYPE_HEADER,
    "Cache-Control": "max-age=60",
    "Content-Disposition": 'attachment; filename="a=b.txt"',
    "Content-Language": "en",
    "x-oss-meta-odd": 'a=b "c"',
    "x-oss-meta-plain": "canary-1",
}


@dataclass(frozen=True)
class CanaryObject:
    """An object that a canary writes to the source bucket.

    - `ending` is the last part of the object key.
    - `upload_method` is the request that writes the object: "put", "copy" (a copy of the first object) or "parts" (a
      multipart upload).
    - `has_second_event` is True if forward gets the object's event a second time.
    - `is_changed` is True if the object's headers are changed in the source after it has arrived in OBS.
    """

    title: str
    title_zh: str
    ending: str
    size: int
    upload_method: Literal["put", "copy", "parts"] = "put"
    headers: Mapping[str, str] = field(default_factory=lambda: _TYPE_HEADER)
    has_second_event: bool = False
    is_changed: bool = False

    def contents(self, run: str) -> bytes:
        """Return the object's contents, which are computed from its title and the run."""
        title = "small" if self.upload_method == "copy" else self.title
        return hashlib.shake_256(f"{run}/{title}".encode()).digest(self.size)


def canary_objects() -> list[CanaryObject]:
    """Return all objects of a canary.

    Their keys have different orders in UTF-8, in UTF-16 and regardless of case, so a listing shows the cloud's order.
    """
    smaller_part_size, larger_part_size = sorted(PART_SIZES.values())
    return [
        CanaryObject("small", "小对象", "small", 1000),
        CanaryObject("hostile name", "特殊对象名", "\uff5e a+b%41=c&é;x中x'\"?#", 1000),
        CanaryObject("metadata", "元数据", "\U0001f600", 1000, headers=_METADATA_HEADERS),
        CanaryObject("between", "50 MB 与 50 MiB 之间", "between", (smaller_part_size + larger_part_size) // 2),
        CanaryObject("above", "分段", "above", larger_part_size * 6 // 5, upload_method="parts"),
        CanaryObject("copy", "副本", "copy", 1000, upload_method="copy"),
        CanaryObject("twice", "两次事件", "Twice", 1000, has_second_event=True),
        CanaryObject("new headers", "新头域", "headers", 1000, is_changed=True),
    ]
