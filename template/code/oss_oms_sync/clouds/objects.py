"""Objects of a bucket, and what came of a call about them: the values that the clouds' clients take and give."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from oss_oms_sync.errors import StorageError


@dataclass(frozen=True)
class StoredObject:
    """An object to be written, or as it was read: headers in lower case."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class ObjectSummary(NamedTuple):
    """An object as a listing names it. `modified` is in seconds since 1970; `etag` upper-case, without quotes; `type`
    is "Normal", "Multipart", "Appendable" or "Symlink".

    A tuple, because a pass makes millions of them and a dataclass takes three times as long to make.
    """

    name: str
    etag: str
    size: int
    modified: int
    type: str = "Normal"


@dataclass(frozen=True)
class ListPage:
    """Up to 1000 objects in byte order, and whether there are more after them."""

    objects: list[ObjectSummary]
    more: bool


@dataclass(frozen=True)
class StorageFailure:
    """A call that failed. `answered`: OSS said no; else nobody knows whether it was carried out, or still will be.

    `code` is OSS's, or OtherRegion, which OSS says in several ways.
    """

    message: str
    answered: bool
    code: str = ""

    def to_error(self) -> StorageError:
        """The same, to be raised."""
        return StorageError(self.message, self.code)


def etag_of(body: bytes | str) -> str:
    """The ETag (upper-case) that OSS gives a small object of this body: its MD5 ("PutObject")."""
    text = body.encode() if isinstance(body, str) else body
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
