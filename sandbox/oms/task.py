"""An OMS synchronization task: what it accepted, what it copied, and what it says about that."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal, Protocol

from sandbox.oms.lists import LISTS_ROOT, ResultLists
from sandbox.server.faults import Schedule

KeyEncoding = Literal["url", "raw"]
OverwriteMode = Literal[
    "NO_OVERWRITE",
    "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    "CRC64_COMPARISON_OVERWRITE",
    "FULL_OVERWRITE",
]
_BUCKET_MS = 5 * 60 * 1000
STATISTICS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP", "SIZE")


@dataclass(frozen=True)
class SourceObject:
    """An object as OMS reads it from the source bucket."""

    data: bytes
    etag: str
    last_modified: float

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

    def put(self, key: str, data: bytes, now: float, part_size: int | None = None) -> object:
        """Store an object, in parts if it is larger than `part_size`."""

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


_GONE = CopyFailure("GET_SRC_OBJ_META_FAILURE", "com.aliyun.oss.OSSException: The specified key does not exist.")
ReadSource = Callable[[str], SourceObject | None]


@dataclass(eq=False)
class Task:
    """One task. It is created running, as OMS does it; `status` may be set to STOPPED.

    `failures`: which keys OMS is to fail to copy, and with what code. `part_size`: larger objects are written in parts
    of so many bytes.
    """

    project_id: str
    task_id: str
    sync_url: str
    read_source: ReadSource
    bucket: Destination
    key_encoding: KeyEncoding
    overwrite_mode: OverwriteMode
    src_bucket: str
    src_region: str
    src_cloud_type: str = "Aliyun"
    part_size: int = 50 * 1024 * 1024
    failures: Schedule[str, CopyFailure] = field(default_factory=Schedule)
    status: Literal["SYNCHRONIZING", "STOPPED"] = "SYNCHRONIZING"
    pending: int = 0
    _created: int = 0
    _started: int = 0
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.lists = ResultLists(self.task_id, self.bucket.put)

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

    def accept(self, keys: Collection[str], now: float) -> None:
        """Take the keys of one call. REQUEST counts objects, not calls ("number of objects requested")."""
        self.pending += len(keys)
        self._count("REQUEST", len(keys), now)

    def start(self, now: float) -> None:
        self.status = "SYNCHRONIZING"
        self._started = int(now * 1000)
        self._created = self._created or self._started

    def copy(self, keys: Sequence[str], now: float) -> None:
        """Bring accepted keys over, skip them as the overwrite mode says, or fail; then write the lists of that."""
        for key in keys:
            self.pending -= 1
            self._copy(key, now)
        self.lists.write(now)

    def _copy(self, key: str, now: float) -> None:
        source = self.read_source(key)
        failure = self.failures.next(key) or (_GONE if source is None else self._refusal(key, source.data))
        if failure or source is None:
            self._count("FAILURE", 1, now)
            self.lists.add_failed(key, (failure or _GONE).code, (failure or _GONE).message, now)
        elif not self._overwrites(source, self.bucket.objects.get(key)):
            self._count("SKIP", 1, now)
            self.lists.add("skip", key, source.size, now)
        else:
            self.bucket.put(key, source.data, now, self.part_size)
            self._count("SUCCESS", 1, now)
            self._count("SIZE", source.size, now)
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
            "consistency_check": "size_last_modified",
            "enable_restore": False,
            "enable_metadata_migration": False,
        }

    def description(self, query_time: float) -> dict[str, object]:
        """The answer of ShowSyncTask, with the counters of the month of `query_time` (seconds since 1970):
        support.huaweicloud.com/api-oms, "Querying details of a sync task"."""
        month = _month(query_time)
        counted: Counter[str] = Counter()
        for (kind, stamp), number in list(self._counts.items()):
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
        """The answer of ListSyncTaskStatistic: each five-minute bucket from the one of `start` to the one of `end`, the
        empty ones too."""
        stamps = range(start - start % _BUCKET_MS, end + 1, _BUCKET_MS)
        datas = [
            {
                "data_type": data_type,
                "data": [{"time_stamp": stamp, "statistic_num": self._counts[data_type, stamp]} for stamp in stamps],
            }
            for data_type in data_types
        ]
        return {"statistic_time_type": "FIVE_MINUTES", "statistic_datas": datas}

    def _overwrites(self, source: SourceObject, there: _Stored | None) -> bool:
        if there is None or self.overwrite_mode == "FULL_OVERWRITE":
            return True
        if self.overwrite_mode == "NO_OVERWRITE":
            return False
        if self.overwrite_mode == "CRC64_COMPARISON_OVERWRITE":
            return hashlib.sha256(source.data).digest() != hashlib.sha256(there.data).digest()
        return source.size != there.size or source.last_modified > there.last_modified

    def _refusal(self, key: str, data: bytes) -> CopyFailure | None:
        message = self.bucket.refusal(key, data)
        return CopyFailure("UPLOAD_DST_OBJ_FAILURE", message) if message else None

    def _count(self, kind: str, number: int, now: float) -> None:
        stamp = int(now * 1000)
        self._counts[kind, stamp - stamp % _BUCKET_MS] += number

    def _total(self, kind: str) -> int:
        return sum(number for (one, _), number in list(self._counts.items()) if one == kind)


def _month(seconds: float) -> tuple[int, int]:
    """Year and month in China, where the service is."""
    time = datetime.fromtimestamp(seconds, timezone(timedelta(hours=8)))
    return time.year, time.month
