"""What a canary writes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# In how large parts OMS may send what is larger: its documents say 50 MB, which of the two is not said.
PARTS = {"50 MB": 50 * 10**6, "50 MiB": 50 * 2**20}
# In how large parts it is written to the source: at least 100 KB each, but for the last.
UPLOAD_PART = 16 * 2**20

_TYPE = {"Content-Type": "text/plain"}
_METADATA = {
    **_TYPE,
    "Cache-Control": "max-age=60",
    "Content-Disposition": 'attachment; filename="a=b.txt"',
    "Content-Language": "en",
    "x-oss-meta-odd": 'a=b "c"',
    "x-oss-meta-plain": "canary-1",
}


@dataclass(frozen=True)
class CanaryObject:
    """An object: what it is for, in reports and in the two languages; what its key ends with, and how it comes into the
    source.

    A copy has the contents of the first. `twice`: the event of it is sent a second time.
    """

    title: str
    title_zh: str
    ending: str
    size: int
    how: Literal["put", "copy", "parts"] = "put"
    headers: Mapping[str, str] = field(default_factory=lambda: _TYPE)
    twice: bool = False

    def contents(self, run: str) -> bytes:
        """The same whenever they are asked for."""
        title = "small" if self.how == "copy" else self.title
        return hashlib.shake_256(f"{run}/{title}".encode()).digest(self.size)


def items() -> list[CanaryObject]:
    """All of them. In UTF-8's order their keys stand otherwise than in UTF-16's, and than without regard to case."""
    smaller, larger = sorted(PARTS.values())
    return [
        CanaryObject("small", "小对象", "small", 1000),
        CanaryObject("hostile name", "特殊键名", "\uff5e a+b%41=c&é;x中x'\"?#", 1000),
        CanaryObject("metadata", "元数据", "\U0001f600", 1000, headers=_METADATA),
        CanaryObject("between", "50 MB 与 50 MiB 之间", "between", (smaller + larger) // 2),
        CanaryObject("above", "分段", "above", larger * 6 // 5, how="parts"),
        CanaryObject("copy", "副本", "copy", 1000, how="copy"),
        CanaryObject("twice", "两次事件", "Twice", 1000, twice=True),
    ]
