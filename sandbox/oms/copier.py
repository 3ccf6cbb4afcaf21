"""How OMS copies objects, on whosever order: what it reads, whether it overwrites, what it writes, and why it fails.

A key is copied in two steps. OMS begins: it reads the source object, and decides by what is in the destination whether
to overwrite that. It ends: it writes what it has read, whatever has come there meanwhile.
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
_PLAIN = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")


@dataclass(frozen=True)
class SourceObject:
    """An object as OMS reads it from the source bucket. `headers` are those given back with it, by their names in lower
    case. `unrestored`: why OMS's key may not restore one that is archived; empty if it may."""

    data: bytes
    etag: str
    last_modified: float
    headers: Mapping[str, str] = field(default_factory=dict)
    has_crc64: bool = True
    is_archived: bool = False
    unrestored: str = ""

    @property
    def size(self) -> int:
        return len(self.data)


class Stored(Protocol):
    """An object as its bucket has it."""

    @property
    def data(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    @property
    def last_modified(self) -> float: ...


class Destination(Protocol):
    """The bucket that is copied to."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def objects(self) -> Mapping[str, Stored]: ...

    def put(
        self, key: str, data: bytes, part_size: int | None = None, headers: Mapping[str, str] | None = None
    ) -> object:
        """Store an object by its own clock, in parts if it is larger than `part_size`."""

    def refusal(self, key: str, data: bytes) -> str:
        """Why it does not take an object; empty if it does."""


@dataclass(frozen=True)
class CopyFailure:
    """Why OMS fails to copy an object, as its lists say it."""

    code: str
    message: str = ""

    @property
    def kind(self) -> str:
        return self.code


@dataclass(frozen=True)
class CopyFault:
    """What becomes of one key that OMS is to copy, where that is not to copy it at once."""

    kind: Literal["late", "withheld", "lost"]
    waits: float = 0.0
    takes: float = 0.0

    @staticmethod
    def late(waits: float, takes: float = 0.0) -> CopyFault:
        """Begin after so many seconds, and end so many seconds after that."""
        return CopyFault("late", waits, takes)

    @staticmethod
    def withheld() -> CopyFault:
        """Begin and end when the test says so: `Copier.withheld`."""
        return CopyFault("withheld")

    @staticmethod
    def lost() -> CopyFault:
        """Never copy it, nor count or list it as anything but accepted."""
        return CopyFault("lost")


@dataclass(eq=False)
class Copy:
    """A key on its way; the rest is what OMS found when it began."""

    key: str
    source: SourceObject | None = None
    failure: CopyFailure | None = None
    overwrites: bool = False

    @property
    def size(self) -> int:
        return self.source.size if self.source else 0


_ARCHIVED = "com.aliyun.oss.OSSException: The operation is not valid for the object's state."
_UNRESTORED = "com.aliyun.oss.OSSException: AccessDenied: {}"
Became = Literal["success", "skip"] | CopyFailure
_GONE = CopyFailure("GET_SRC_OBJ_META_FAILURE", "com.aliyun.oss.OSSException: The specified key does not exist.")
# Raises PermissionError where the key that OMS was given may not read it.
ReadSource = Callable[[str], SourceObject | None]


@dataclass(eq=False)
class Copier(ABC):
    """A copier of keys.

    `copies`: the schedule of keys that are copied late, never, or when the test says so (`withheld`, the oldest first,
    with `begin` and `end`). `failures`: the schedule of keys that OMS fails to copy, with the code. `part_size`: larger
    objects are written in parts of so many bytes. `metadata`: other headers than the content's type are copied.
    `restores`: archived objects are restored, which takes no time here, and copied.
    """

    service: Service
    read_source: ReadSource
    bucket: Destination
    overwrite_mode: OverwriteMode
    part_size: int = field(default=PART_SIZE, kw_only=True)
    failures: Schedule[str, CopyFailure] = field(default_factory=Schedule, kw_only=True)
    copies: Schedule[str, CopyFault] = field(default_factory=Schedule, kw_only=True)
    withheld: list[Copy] = field(default_factory=list, kw_only=True)
    metadata: bool = field(default=False, kw_only=True)
    restores: bool = field(default=False, kw_only=True)
    # How many copies of each key wait to be begun.
    _waiting: Counter[str] = field(default_factory=Counter, kw_only=True)

    @abstractmethod
    def tell(self, copy: Copy, became: Became) -> None:
        """Count and list what became of an object."""

    @abstractmethod
    def ended(self) -> None:
        """Several objects were told of, and no more are for now."""

    def copy(self, keys: Iterable[str], usual: CopyFault) -> int:
        """Copy these, each as `copies` has it or else as `usual`; return how many of them it will ever end."""
        together: defaultdict[CopyFault, list[Copy]] = defaultdict(list)
        for key in keys:
            fault = self.copies.next(key) or usual
            if fault.kind != "lost":
                self._waiting[key] += 1
                together[fault].append(Copy(key))
        number = sum(map(len, together.values()))
        self.withheld += together.pop(CopyFault.withheld(), [])
        for fault, copies in together.items():
            self.service.later(fault.waits, partial(self._copy, copies, fault.takes))
        return number

    def begin(self, *copies: Copy) -> None:
        """Read their sources, and decide what becomes of them."""
        with self.service.lock:
            for copy in copies:
                self._waiting[copy.key] -= 1
                try:
                    copy.source, missing = self.read_source(copy.key), _GONE
                except PermissionError as error:
                    missing = CopyFailure("GET_SRC_OBJ_META_FAILURE", str(error))
                copy.failure = self.failures.next(copy.key) or (self._unread(copy.source) if copy.source else missing)
                there = self.bucket.objects.get(copy.key)
                copy.overwrites = copy.source is not None and self._overwrites(copy.source, there)

    def end(self, *copies: Copy) -> None:
        """Write what was read, skip it, or fail; then tell of that."""
        with self.service.lock:
            self.withheld = [copy for copy in self.withheld if copy not in copies]
            for copy in copies:
                self._end(copy)
            self.ended()

    def _copy(self, copies: list[Copy], takes: float) -> None:
        self.begin(*copies)
        if takes:
            self.service.later(takes, partial(self.end, *copies))
        else:
            self.end(*copies)

    def _end(self, copy: Copy) -> None:
        key, source = copy.key, copy.source
        failure = copy.failure or (self._refusal(key, source.data) if source else None)
        if failure:
            self.tell(copy, failure)
        elif source is None:
            raise ValueError(f"the copy of {key!r} was not begun")
        elif not copy.overwrites:
            self.tell(copy, "skip")
        else:
            self.bucket.put(key, source.data, self.part_size, self._copied_headers(source))
            self.tell(copy, "success")

    def _unread(self, source: SourceObject) -> CopyFailure | None:
        """Why it is not read, although it is there."""
        if not source.is_archived or (self.restores and not source.unrestored):
            return None
        return CopyFailure("GET_SRC_OBJ_FAILURE", _UNRESTORED.format(source.unrestored) if self.restores else _ARCHIVED)

    def _overwrites(self, source: SourceObject, there: Stored | None) -> bool:
        if there is None or self.overwrite_mode == "FULL_OVERWRITE":
            return True
        if self.overwrite_mode == "NO_OVERWRITE":
            return False
        if self.overwrite_mode == "CRC64_COMPARISON_OVERWRITE" and source.has_crc64:
            return hashlib.sha256(source.data).digest() != hashlib.sha256(there.data).digest()
        return source.size != there.size or source.last_modified > there.last_modified

    def _copied_headers(self, source: SourceObject) -> dict[str, str]:
        """OMS's FAQ on metadata: the content's type always; else, if asked for, values of letters of English and
        Chinese, digits and hyphens."""
        copied = {}
        for name, value in source.headers.items():
            if name == "content-type" or (self.metadata and _PLAIN.fullmatch(value)):
                copied[name.replace("x-oss-", "x-obs-", 1)] = value
        return copied

    def _refusal(self, key: str, data: bytes) -> CopyFailure | None:
        message = self.bucket.refusal(key, data)
        return CopyFailure("UPLOAD_DST_OBJ_FAILURE", message) if message else None
