"""Copying of objects by an OMS task or group: reading, comparing, writing, and failures.

OMS copies an object in two steps. At the beginning it reads the source object, and decides by comparison with the
destination whether to overwrite. At the end it writes the contents that it read, even if the destination has changed
meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

from sandbox.server.faults import Schedule
from sandbox.server.service import Service

OverwriteMode = Literal[
    "NO_OVERWRITE",
    "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    "CRC64_COMPARISON_OVERWRITE",
    "FULL_OVERWRITE",
]
PART_SIZE = 50 * 1024 * 1024
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


# OBS's storage classes for those of OSS under SRC_STORAGE_MAPPING. No document names the class of a ColdArchive object,
# so it is a property of the task.
_OBS_CLASSES = {"Standard": "STANDARD", "IA": "WARM", "Archive": "COLD"}


@dataclass(frozen=True)
class SourceObject:
    """An object that OMS reads from the source bucket.

    - `headers` are those that responses return with the object, by names in lower case.
    - `restore_denial` is the reason why OMS's access key cannot restore an archived object, or empty if it can.
    """

    data: bytes
    etag: str
    last_modified: float
    headers: Mapping[str, str] = field(default_factory=dict)
    has_crc64: bool = True
    storage_class: str = "Standard"
    restore_denial: str = ""

    @property
    def is_archived(self) -> bool:
        """True if the object must be restored before it can be read."""
        return self.storage_class not in ("Standard", "IA")

    @property
    def size(self) -> int:
        return len(self.data)


class StoredObject(Protocol):
    """The properties that OMS reads of an object in the destination bucket."""

    @property
    def data(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    @property
    def last_modified(self) -> float: ...


class Destination(Protocol):
    """The destination bucket, with the operations that OMS needs."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def objects(self) -> Mapping[str, StoredObject]: ...

    def put(
        self,
        key: str,
        data: bytes,
        part_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        storage_class: str = "STANDARD",
    ) -> object:
        """Store an object with the current time of the bucket, in parts if it has more than `part_size` bytes."""

    def find_refusal(self, key: str, data: bytes) -> str:
        """Return the reason why the bucket refuses an object, or an empty text if it accepts the object."""


@dataclass(frozen=True)
class CopyFailure:
    """The failure of a copy, with the code and message for OMS's lists of failed objects."""

    code: str
    message: str = ""

    @property
    def kind(self) -> str:
        return self.code


@dataclass(frozen=True)
class CopyFault:
    """A fault in the copy of a key.

    - late: the copy begins after `delay` seconds, and ends `duration` seconds later.
    - withheld: the copy waits until a test calls `Copier.begin` and `Copier.end`.
    - lost: OMS accepts the key and never copies it.
    """

    kind: Literal["late", "withheld", "lost"]
    delay: float = 0.0
    duration: float = 0.0

    @staticmethod
    def late(delay: float, duration: float = 0.0) -> CopyFault:
        return CopyFault("late", delay, duration)

    @staticmethod
    def withheld() -> CopyFault:
        return CopyFault("withheld")

    @staticmethod
    def lost() -> CopyFault:
        return CopyFault("lost")


@dataclass(eq=False)
class Copy:
    """A copy of an object: the source object as OMS read it at the beginning, and the decision whether to overwrite."""

    key: str
    source: SourceObject | None = None
    failure: CopyFailure | None = None
    overwrites: bool = False

    @property
    def size(self) -> int:
        return self.source.size if self.source else 0


_ARCHIVED_MESSAGE = "com.aliyun.oss.OSSException: The operation is not valid for the object's state."
_UNRESTORED_MESSAGE = "com.aliyun.oss.OSSException: AccessDenied: {}"
Outcome = Literal["success", "skip"] | CopyFailure
_MISSING_OBJECT = CopyFailure(
    "GET_SRC_OBJ_META_FAILURE", "com.aliyun.oss.OSSException: The specified key does not exist."
)
# A function that returns a source object or None, and raises PermissionError if OMS's key cannot read it.
ReadSource = Callable[[str], SourceObject | None]


@dataclass(eq=False)
class Copier(ABC):
    """A task or group that copies the objects with given keys.

    - `copy_faults` schedules faults of copies, and `failures` their failures.
    - `part_size` is the size in bytes above which objects are written in parts.
    - `copies_metadata` is True if headers other than the content type are copied.
    - `restores_archived` is True if archived objects are restored, which takes no time here.
    - `cold_class` is the class of a copied ColdArchive object under the policy SRC_STORAGE_MAPPING.
    """

    service: Service
    read_source: ReadSource
    bucket: Destination
    overwrite_mode: OverwriteMode
    part_size: int = field(default=PART_SIZE, kw_only=True)
    failures: Schedule[str, CopyFailure] = field(default_factory=Schedule, kw_only=True)
    copy_faults: Schedule[str, CopyFault] = field(default_factory=Schedule, kw_only=True)
    withheld_copies: list[Copy] = field(default_factory=list, kw_only=True)
    copies_metadata: bool = field(default=False, kw_only=True)
    restores_archived: bool = field(default=False, kw_only=True)
    storage_policy: str = field(default="STANDARD", kw_only=True)
    cold_class: str = field(default="DEEP_ARCHIVE", kw_only=True)
    # The number of copies of each key that have not begun.
    _waiting_copies: Counter[str] = field(default_factory=Counter, kw_only=True)

    @abstractmethod
    def report(self, copy: Copy, outcome: Outcome) -> None:
        """Add the outcome of a copy to the counts and to OMS's lists."""

    @abstractmethod
    def finish_batch(self) -> None:
        """Write OMS's lists or update the status, after all outcomes of a batch of copies were reported."""

    def copy(self, keys: Iterable[str], default_fault: CopyFault) -> int:
        """Schedule the copies of keys, and return the number of copies that are not lost.

        A key for which `copies` has no fault gets `default_fault`.
        """
        copies_by_fault: defaultdict[CopyFault, list[Copy]] = defaultdict(list)
        for key in keys:
            fault = self.copy_faults.next(key) or default_fault
            if fault.kind != "lost":
                self._waiting_copies[key] += 1
                copies_by_fault[fault].append(Copy(key))
        number = sum(map(len, copies_by_fault.values()))
        self.withheld_copies += copies_by_fault.pop(CopyFault.withheld(), [])
        for fault, copies in copies_by_fault.items():
            self.service.schedule(fault.delay, partial(self._copy_batch, copies, fault.duration))
        return number

    def begin(self, *copies: Copy) -> None:
        with self.service.lock:
            for copy in copies:
                self._waiting_copies[copy.key] -= 1
                try:
                    copy.source, failure = self.read_source(copy.key), _MISSING_OBJECT
                except PermissionError as error:
                    failure = CopyFailure("GET_SRC_OBJ_META_FAILURE", str(error))
                copy.failure = self.failures.next(copy.key) or (
                    self._find_reading_failure(copy.source) if copy.source else failure
                )
                stored_object = self.bucket.objects.get(copy.key)
                copy.overwrites = copy.source is not None and self._should_overwrite(copy.source, stored_object)

    def end(self, *copies: Copy) -> None:
        with self.service.lock:
            self.withheld_copies = [copy for copy in self.withheld_copies if copy not in copies]
            for copy in copies:
                self._end_copy(copy)
            self.finish_batch()

    def _copy_batch(self, copies: list[Copy], duration: float) -> None:
        self.begin(*copies)
        if duration:
            self.service.schedule(duration, partial(self.end, *copies))
        else:
            self.end(*copies)

    def _end_copy(self, copy: Copy) -> None:
        key, source = copy.key, copy.source
        failure = copy.failure or (self._find_writing_failure(key, source.data) if source else None)
        if failure:
            self.report(copy, failure)
        elif source is None:
            raise ValueError(f"the copy of {key!r} was not begun")
        elif not copy.overwrites:
            self.report(copy, "skip")
        else:
            mapped_class = _OBS_CLASSES.get(source.storage_class, self.cold_class)
            storage_class = mapped_class if self.storage_policy == "SRC_STORAGE_MAPPING" else "STANDARD"
            self.bucket.put(key, source.data, self.part_size, self._select_headers(source), storage_class)
            self.report(copy, "success")

    def _find_reading_failure(self, source: SourceObject) -> CopyFailure | None:
        if not source.is_archived or (self.restores_archived and not source.restore_denial):
            return None
        return CopyFailure(
            "GET_SRC_OBJ_FAILURE",
            _UNRESTORED_MESSAGE.format(source.restore_denial) if self.restores_archived else _ARCHIVED_MESSAGE,
        )

    def _should_overwrite(self, source: SourceObject, stored_object: StoredObject | None) -> bool:
        if stored_object is None or self.overwrite_mode == "FULL_OVERWRITE":
            return True
        if self.overwrite_mode == "NO_OVERWRITE":
            return False
        if self.overwrite_mode == "CRC64_COMPARISON_OVERWRITE" and source.has_crc64:
            return hashlib.sha256(source.data).digest() != hashlib.sha256(stored_object.data).digest()
        return source.size != stored_object.size or source.last_modified > stored_object.last_modified

    def _select_headers(self, source: SourceObject) -> dict[str, str]:
        """Return the headers of the copy, as OMS's FAQ on metadata describes them.

        The content type is always copied. Other headers are copied only with `copies_metadata`, and only if their
        values consist of English and Chinese letters, digits and hyphens.
        """
        headers = {}
        for name, value in source.headers.items():
            if name == "content-type" or (self.copies_metadata and _PLAIN_VALUE.fullmatch(value)):
                headers[name.replace("x-oss-", "x-obs-", 1)] = value
        return headers

    def _find_writing_failure(self, key: str, data: bytes) -> CopyFailure | None:
        message = self.bucket.find_refusal(key, data)
        return CopyFailure("UPLOAD_DST_OBJ_FAILURE", message) if message else None
