"""Buckets and objects of OBS, and the rules for keys and ETags."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import Literal

import crcmod
from sortedcontainers import SortedDict

from sandbox.account import DOMAIN_ID
from sandbox.versions import History, Marker

_MAX_NAME_BYTES = 1024
_KMS = (
    b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>kms</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)
# The polynomial of ECMA-182, which obs.crc64mod uses as well.
_crc64: Callable[[bytes], int] = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class ObsObject:
    """A version of an object.

    - `last_modified` is Unix time in seconds, to the millisecond.
    - `headers` are those that responses return with the object.
    - `storage_class` is STANDARD, WARM, COLD or DEEP_ARCHIVE.
    """

    data: bytes
    etag: str
    last_modified: float
    is_encrypted: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    version_id: str = "null"
    storage_class: str = "STANDARD"

    @property
    def is_archived(self) -> bool:
        """True if the object must be restored before it can be read or its headers changed."""
        return self.storage_class in ("COLD", "DEEP_ARCHIVE")

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def crc64(self) -> int:
        return _crc64(self.data)


class Bucket:
    """A bucket, with its objects in the order of OBS's listings.

    - `crc64_header` is the name of the response header with an object's CRC64; it is empty if OBS sends none.
    - `is_file_system` is True if the bucket is a parallel file system.
    - `has_retention` is True if a retention rule forbids deletions.
    - `headers_update_time` is True if a change of headers updates LastModified; no page says so.
    - `order` is the order of listings: by UTF-8 bytes or by UTF-16 code units; no page defines it.
    """

    def __init__(
        self,
        name: str,
        region: str,
        lock: AbstractContextManager[object],
        now: Callable[[], float],
        owner: str = DOMAIN_ID,
    ) -> None:
        self.name = name
        self.region = region
        self.owner = owner
        self.storage_class = "STANDARD"
        self._lock = lock
        self._now = now
        # The documents of the bucket's settings, by the query parameter of each setting.
        self.documents: dict[str, bytes] = {}
        self.crc64_header = ""
        self.has_versions = False
        self.is_file_system = False
        self.has_retention = False
        self.headers_update_time = False
        self.order: Literal["bytes", "utf-16"] = "bytes"
        # Python compares texts by code points, which is the order of their UTF-8 bytes.
        self.objects: SortedDict = SortedDict()
        self.history: History[ObsObject] = History(self.objects)

    @property
    def is_encrypted(self) -> bool:
        return b"kms" in self.documents.get("encryption", b"")

    @is_encrypted.setter
    def is_encrypted(self, is_enabled: bool) -> None:
        self.documents.pop("encryption", None)
        if is_enabled:
            self.documents["encryption"] = _KMS

    def put(
        self,
        key: str,
        data: bytes,
        part_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        storage_class: str = "STANDARD",
    ) -> ObsObject:
        """Store an object with the current time of OBS's clock.

        An object larger than `part_size` bytes gets the ETag of an upload in parts. Raises ValueError if OBS refuses
        the object.
        """
        check_name(key)
        if refusal := self.find_refusal(key, data):
            raise ValueError(refusal)
        etag = uuid.uuid4().hex if self.is_encrypted else etag_of(data, part_size)
        version_id = self._make_version_id()
        stored_object = ObsObject(
            data, etag, to_milliseconds(self._now()), self.is_encrypted, headers or {}, version_id, storage_class
        )
        with self._lock:
            if self.has_versions:
                self.history.add(key, stored_object)
            else:
                self.objects[key] = stored_object
        return stored_object

    def find_version(self, key: str, version_id: str) -> ObsObject | None:
        """Return a version of an object, by default the current version, or None if it is missing."""
        current_object: ObsObject | None = self.objects.get(key)
        if not version_id or (current_object and current_object.version_id == version_id):
            return current_object
        version = self.history.find(key, version_id)
        return version if isinstance(version, ObsObject) else None

    def change_headers(self, key: str, stored_object: ObsObject, headers: Mapping[str, str]) -> None:
        last_modified = to_milliseconds(self._now()) if self.headers_update_time else stored_object.last_modified
        replacement = replace(stored_object, headers=headers, last_modified=last_modified)
        with self._lock:
            if self.has_versions:
                self.history.replace(key, replacement)
            else:
                self.objects[key] = replacement

    def delete(self, key: str) -> dict[str, str]:
        """Delete an object and return the headers of the response.

        With versioning, a delete marker becomes the current version.
        """
        if not self.has_versions:
            self.objects.pop(key, None)
            return {}
        marker = Marker(self._make_version_id(), to_milliseconds(self._now()))
        self.history.add(key, marker)
        return {"x-obs-delete-marker": "true", "x-obs-version-id": marker.version_id}

    def _make_version_id(self) -> str:
        return f"G00101{uuid.uuid4().hex[:26]}" if self.has_versions else "null"

    def find_refusal(self, key: str, data: bytes) -> str:
        """Return the reason why a parallel file system refuses an object, or an empty text if the bucket accepts it.

        Source: OBS, "Parallel File System".
        """
        if not self.is_file_system:
            return ""
        if "//" in key:
            return "a path has no empty parts"
        if key.endswith("/") and data:
            return "a folder has no contents"
        if any(key[:end] in self.objects for end in range(1, len(key)) if key[end] == "/"):
            return "there is a file of the folder's name"
        first_child = next(self.objects.irange(f"{key}/"), "")
        return "there is a folder of that name" if first_child.startswith(f"{key}/") else ""


def check_name(key: str) -> None:
    """Raise ValueError if OBS refuses a key for its length."""
    if not 1 <= len(key.encode()) <= _MAX_NAME_BYTES:
        raise ValueError(f"a name has 1 to {_MAX_NAME_BYTES} bytes")


def etag_of(data: bytes, part_size: int | None = None) -> str:
    """Return an object's ETag: its MD5, or for parts the MD5 of their MD5s, a hyphen, and the number of parts."""
    if part_size is None or len(data) <= part_size:
        return hashlib.md5(data).hexdigest()
    parts = [hashlib.md5(data[start : start + part_size]).digest() for start in range(0, len(data), part_size)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"


def to_milliseconds(seconds: float) -> float:
    return math.floor(seconds * 1000) / 1000


@lru_cache(10_000)
def iso_time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
