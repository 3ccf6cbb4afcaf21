"""An OMS synchronization task: what it accepted, what it copied, and what it says about that."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Literal, Protocol

from sandbox.oms.lists import LISTS_ROOT, ResultLists
from sandbox.server.faults import Schedule
from sandbox.server.service import Service

KeyEncoding = Literal["url", "raw"]
OverwriteMode = Literal[
    "NO_OVERWRITE",
    "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    "CRC64_COMPARISON_OVERWRITE",
    "FULL_OVERWRITE",
]
PART_SIZE = 50 * 1024 * 1024
_STEPS = {"FIVE_MINUTES": 5 * 60 * 1000, "ONE_HOUR": 60 * 60 * 1000}
_PLAIN = re.compile(r"[A-Za-z0-9\u4e00-\u9fff-]*")
STATISTICS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP", "SIZE")


@dataclass(frozen=True)
class SourceObject:
    """An object as OMS reads it from the source bucket. `headers` are those given back with it, by their names in lower
    case."""

    data: bytes
    etag: str
    last_modified: float
    headers: Mapping[str, str] = field(default_factory=dict)
    has_crc64: bool = True

    @property
    def size(self) -> int:
        return len(self.data)


class _Stored(Protocol):
    """An object as its bucket has it."""

    @property
    def data(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    @property
    def last_modified(self) -> float: ...


class Destination(Protocol):
    """The bucket that a task copies to."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def objects(self) -> Mapping[str, _Stored]: ...

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
    """What becomes of one key that OMS accepts, where that is not to copy it at once."""

    kind: Literal["late", "held", "lost"]
    waits: float = 0.0
    takes: float = 0.0

    @staticmethod
    def late(waits: float, takes: float = 0.0) -> CopyFault:
        """Begin after so many seconds, and end so many seconds after that."""
        return CopyFault("late", waits, takes)

    @staticmethod
    def held() -> CopyFault:
        """Begin and end when the test says so: `Task.held`."""
        return CopyFault("held")

    @staticmethod
    def lost() -> CopyFault:
        """Never copy it, nor count or list it as anything but accepted."""
        return CopyFault("lost")


@dataclass(eq=False)
class Copy:
    """An accepted key on its way; the rest is what OMS found when it began."""

    key: str
    source: SourceObject | None = None
    failure: CopyFailure | None = None
    overwrites: bool = False


# Long enough that an answer is out before the copy is made, as in the cloud.
_SOON = CopyFault.late(0.005)
_GONE = CopyFailure("GET_SRC_OBJ_META_FAILURE", "com.aliyun.oss.OSSException: The specified key does not exist.")
# Raises PermissionError where the task's key may not read it.
ReadSource = Callable[[str], SourceObject | None]


@dataclass(eq=False)
class Task:
    """One task. It is created running, as OMS does it; `status` may be set to STOPPED.

    A key is copied in two steps. OMS begins: it reads the source object, and decides by what is in the destination
    whether to overwrite that. It ends: it writes what it has read, whatever has come there meanwhile. `copies`: which
    keys are to be copied late, when the test says so (`held`, the oldest first, with `begin` and `end`), or never.

    `failures`: which keys OMS is to fail to copy, and with what code. `part_size`: larger objects are written in parts
    of so many bytes. `merges`: a key that is accepted again while it waits to be begun is copied once for both. `lag`:
    after how many seconds its counts show something. `step`: that of its statistics. `metadata`: whether other
    headers than the content's type go with an object. `note`: its description.
    """

    project_id: str
    task_id: str
    service: Service
    read_source: ReadSource
    bucket: Destination
    key_encoding: KeyEncoding
    overwrite_mode: OverwriteMode
    src_bucket: str
    src_region: str
    src_cloud_type: str = "Aliyun"
    part_size: int = PART_SIZE
    failures: Schedule[str, CopyFailure] = field(default_factory=Schedule)
    copies: Schedule[str, CopyFault] = field(default_factory=Schedule)
    held: list[Copy] = field(default_factory=list)
    merges: bool = False
    lag: float = 0.0
    step: Literal["FIVE_MINUTES", "ONE_HOUR"] = "FIVE_MINUTES"
    metadata: bool = False
    consistency_check: str = "size_last_modified"
    note: str = ""
    status: Literal["SYNCHRONIZING", "STOPPED"] = "SYNCHRONIZING"
    _created: int = 0
    _started: int = 0
    # How many copies of each key wait to be begun.
    _waiting: Counter[str] = field(default_factory=Counter)
    # By what is counted, and when, in milliseconds.
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.lists = ResultLists(self.task_id, lambda key, data, _: self.bucket.put(key, data))

    @property
    def sync_url(self) -> str:
        return f"{self.service.endpoint}/v2/{self.project_id}/sync-tasks/{self.task_id}/events"

    @property
    def destination(self) -> dict[str, _Stored]:
        """What is in the destination now, without OMS's own lists."""
        found = list(self.bucket.objects.items())
        return {key: one for key, one in found if not key.startswith(LISTS_ROOT)}

    @property
    def acceptance_request(self) -> int:
        return self._total("REQUEST")

    @property
    def success_object(self) -> int:
        return self._total("SUCCESS")

    @property
    def failure_object(self) -> int:
        return self._total("FAILURE")

    @property
    def skip_object(self) -> int:
        return self._total("SKIP")

    @property
    def size(self) -> int:
        return self._total("SIZE")

    def start(self) -> None:
        self.status = "SYNCHRONIZING"
        self._started = int(self.service.now() * 1000)
        self._created = self._created or self._started

    def accept(self, keys: Iterable[str]) -> None:
        """Take the keys of one call, and copy them later. REQUEST counts objects, not calls ("number of objects
        requested")."""
        together: defaultdict[CopyFault, list[Copy]] = defaultdict(list)
        for key in keys:
            self._count("REQUEST", 1)
            if self.merges and self._waiting[key]:
                continue
            fault = self.copies.next(key) or _SOON
            if fault.kind != "lost":
                self._waiting[key] += 1
                together[fault].append(Copy(key))
        self.held += together.pop(CopyFault.held(), [])
        for fault, copies in together.items():
            self.service.later(fault.waits, partial(self._copy, copies, fault.takes))

    def counted(self, kind: str, number: int, at: float) -> None:
        """Objects of before there was anything here, which OMS counted at that time."""
        self._counts[kind, int(at * 1000)] += number

    def begin(self, *copies: Copy) -> None:
        """Read their sources, and decide what becomes of them."""
        with self.service.lock:
            for copy in copies:
                self._waiting[copy.key] -= 1
                try:
                    copy.source, missing = self.read_source(copy.key), _GONE
                except PermissionError as error:
                    missing = CopyFailure("GET_SRC_OBJ_META_FAILURE", str(error))
                copy.failure = self.failures.next(copy.key) or (None if copy.source else missing)
                there = self.bucket.objects.get(copy.key)
                copy.overwrites = copy.source is not None and self._overwrites(copy.source, there)

    def end(self, *copies: Copy) -> None:
        """Write what was read, skip it, or fail; then write the lists of that."""
        with self.service.lock:
            self.held = [copy for copy in self.held if copy not in copies]
            for copy in copies:
                self._end(copy)
            self.lists.write(self.service.now())

    def _copy(self, copies: list[Copy], takes: float) -> None:
        self.begin(*copies)
        if takes:
            self.service.later(takes, partial(self.end, *copies))
        else:
            self.end(*copies)

    def _end(self, copy: Copy) -> None:
        key, source, now = copy.key, copy.source, self.service.now()
        failure = copy.failure or (self._refusal(key, source.data) if source else None)
        if failure:
            self._count("FAILURE", 1)
            self.lists.add_failed(key, failure.code, failure.message, now)
        elif source is None:
            raise ValueError(f"the copy of {key!r} was not begun")
        elif not copy.overwrites:
            self._count("SKIP", 1)
            self.lists.add("skip", key, source.size, now)
        else:
            self.bucket.put(key, source.data, self.part_size, self._copied_headers(source))
            self._count("SUCCESS", 1)
            self._count("SIZE", source.size)
            self.lists.add("success", key, source.size, now)

    def summary(self) -> dict[str, object]:
        """One element of ListSyncTasks' answer (model SyncTaskInfo of huaweicloudsdkoms)."""
        return {
            "sync_task_id": self.task_id,
            "src_cloud_type": self.src_cloud_type,
            "src_region": self.src_region,
            "src_bucket": self.src_bucket,
            "dst_region": self.bucket.region,
            "dst_bucket": self.bucket.name,
            "create_time": self._created,
            "last_start_time": self._started,
            "status": self.status,
            "object_overwrite_mode": self.overwrite_mode,
            "consistency_check": self.consistency_check,
            "description": self.note,
            "dst_storage_policy": "STANDARD",
            "enable_restore": False,
            "enable_metadata_migration": self.metadata,
        }

    def description(self, query_time: float) -> dict[str, object]:
        """The answer of ShowSyncTask, with the counters of the month of `query_time` (seconds since 1970):
        support.huaweicloud.com/api-oms, "Querying details of a sync task"."""
        month = _month(query_time)
        counted: Counter[str] = Counter()
        for kind, stamp, number in self._told():
            counted[kind] += number if _month(stamp / 1000) == month else 0
        return {
            **self.summary(),
            "monthly_acceptance_request": counted["REQUEST"],
            "monthly_success_object": counted["SUCCESS"],
            "monthly_failure_object": counted["FAILURE"],
            "monthly_skip_object": counted["SKIP"],
            "monthly_size": counted["SIZE"],
        }

    def statistics(self, data_types: Iterable[str], start: int, end: int) -> dict[str, object]:
        """The answer of ListSyncTaskStatistic: each step from the one of `start` to the one of `end`, the empty ones
        too."""
        step = _STEPS[self.step]
        sums: dict[str, Counter[int]] = defaultdict(Counter)
        for kind, stamp, number in self._told():
            sums[kind][stamp - stamp % step] += number
        stamps = range(start - start % step, end + 1, step)
        datas = []
        for data_type in data_types:
            told = {**dict.fromkeys(stamps, 0), **sums[data_type]}
            data = [{"time_stamp": stamp, "statistic_num": told[stamp]} for stamp in stamps]
            datas.append({"data_type": data_type, "data": data})
        return {"statistic_time_type": self.step, "statistic_datas": datas}

    def _overwrites(self, source: SourceObject, there: _Stored | None) -> bool:
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

    def _count(self, kind: str, number: int) -> None:
        self.counted(kind, number, self.service.now())

    def _told(self) -> list[tuple[str, int, int]]:
        """What was counted and is old enough to be shown: what, when in milliseconds, and how many."""
        latest = (self.service.now() - self.lag) * 1000
        return [(kind, stamp, number) for (kind, stamp), number in self._counts.items() if stamp <= latest]

    def _total(self, kind: str) -> int:
        return sum(number for (one, _), number in list(self._counts.items()) if one == kind)


def _month(seconds: float) -> tuple[int, int]:
    """Year and month in China, where the service is."""
    time = datetime.fromtimestamp(seconds, timezone(timedelta(hours=8)))
    return time.year, time.month
