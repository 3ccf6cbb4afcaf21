"""An OMS synchronization task: its accepted keys, its copies, and its counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal

from sandbox.oms.copier import Copier, Copy, CopyFailure, CopyFault, Outcome, StoredObject
from sandbox.oms.lists import LISTS_ROOT, ResultLists

KeyEncoding = Literal["url", "raw"]
_STEP_MILLISECONDS = {"FIVE_MINUTES": 5 * 60 * 1000, "ONE_HOUR": 60 * 60 * 1000}
STATISTICS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP", "SIZE")
# The seconds before a copy begins: the response to the client is sent first, as in the cloud.
_SHORT_DELAY = CopyFault.late(0.005)


@dataclass(eq=False)
class Task(Copier):
    """A synchronization task, which runs from its creation until its `status` is set to STOPPED.

    - `merges_copies` is True if OMS makes a single copy for a key that it accepts twice before the copy begins.
    - `lag` is the number of seconds after which a count is reported.
    - `step` is the interval of the statistics.
    - `has_early_steps` is True if the statistics include the intervals before the first count.
    """

    project_id: str
    task_id: str
    key_encoding: KeyEncoding
    src_bucket: str
    src_region: str
    src_cloud_type: str = "Aliyun"
    merges_copies: bool = False
    lag: float = 0.0
    step: Literal["FIVE_MINUTES", "ONE_HOUR"] = "FIVE_MINUTES"
    has_early_steps: bool = True
    consistency_check: str = "size_last_modified"
    description: str = ""
    status: Literal["SYNCHRONIZING", "STOPPED"] = "SYNCHRONIZING"
    _created_at: int = 0
    _started_at: int = 0
    # The numbers of objects, by kind of count and Unix time in milliseconds.
    _counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        root = f"{LISTS_ROOT}{self.task_id}"
        self.lists = ResultLists(root, lambda key, points, _: self.bucket.put(key, points))

    @property
    def sync_url(self) -> str:
        return f"{self.service.endpoint}/v2/{self.project_id}/sync-tasks/{self.task_id}/events"

    @property
    def destination(self) -> dict[str, StoredObject]:
        """The objects in the destination bucket, by key, without OMS's own lists."""
        stored_objects = list(self.bucket.objects.items())
        return {key: stored_object for key, stored_object in stored_objects if not key.startswith(LISTS_ROOT)}

    @property
    def acceptance_request(self) -> int:
        return self._sum_counts("REQUEST")

    @property
    def success_object(self) -> int:
        return self._sum_counts("SUCCESS")

    @property
    def failure_object(self) -> int:
        return self._sum_counts("FAILURE")

    @property
    def skip_object(self) -> int:
        return self._sum_counts("SKIP")

    @property
    def size(self) -> int:
        return self._sum_counts("SIZE")

    def start(self) -> None:
        self.status = "SYNCHRONIZING"
        self._started_at = int(self.service.now() * 1000)
        self._created_at = self._created_at or self._started_at

    def age(self) -> float:
        return self.service.now() - self._created_at / 1000

    def accept(self, keys: Iterable[str]) -> None:
        """Accept the keys of a call, and schedule their copies.

        The counter REQUEST grows by the number of keys, repeated keys included.
        """
        accepted_keys = list(keys)
        self._add_count_now("REQUEST", len(accepted_keys))
        if self.merges_copies:
            accepted_keys = [key for key in dict.fromkeys(accepted_keys) if not self._waiting_copies[key]]
        self.copy(accepted_keys, _SHORT_DELAY)

    def add_count(self, kind: str, number: int, time: float) -> None:
        """Add `number` to a count at a Unix time in seconds, which can be before the start of the sandbox."""
        self._counts[kind, int(time * 1000)] += number

    def report(self, copy: Copy, outcome: Outcome) -> None:
        now = self.service.now()
        if isinstance(outcome, CopyFailure):
            self._add_count_now("FAILURE", 1)
            self.lists.add_failed(copy.key, outcome.code, outcome.message, now)
            return
        self._add_count_now(outcome.upper(), 1)
        if outcome == "success":
            self._add_count_now("SIZE", copy.size)
        self.lists.add(outcome, copy.key, copy.size, now)

    def finish_batch(self) -> None:
        self.lists.write(self.service.now())

    def summarize(self) -> dict[str, object]:
        """Return the task as an element of ListSyncTasks' answer (model SyncTaskInfo of huaweicloudsdkoms)."""
        return {
            "sync_task_id": self.task_id,
            "src_cloud_type": self.src_cloud_type,
            "src_region": self.src_region,
            "src_bucket": self.src_bucket,
            "dst_region": self.bucket.region,
            "dst_bucket": self.bucket.name,
            "create_time": self._created_at,
            "last_start_time": self._started_at,
            "status": self.status,
            "object_overwrite_mode": self.overwrite_mode,
            "consistency_check": self.consistency_check,
            "description": self.description,
            "dst_storage_policy": self.storage_policy,
            "enable_restore": False,
            "enable_metadata_migration": self.copies_metadata,
        }

    def describe(self, query_time: float) -> dict[str, object]:
        """Return the answer of ShowSyncTask: support.huaweicloud.com/api-oms, "Querying details of a sync task".

        The counters cover the month of `query_time`, a Unix time in seconds.
        """
        month = _get_month(query_time)
        totals: Counter[str] = Counter()
        for kind, timestamp, number in self._list_visible_counts():
            totals[kind] += number if _get_month(timestamp / 1000) == month else 0
        return {
            **self.summarize(),
            "monthly_acceptance_request": totals["REQUEST"],
            "monthly_success_object": totals["SUCCESS"],
            "monthly_failure_object": totals["FAILURE"],
            "monthly_skip_object": totals["SKIP"],
            "monthly_size": totals["SIZE"],
        }

    def statistics(self, data_types: Iterable[str], start: int, end: int) -> str:
        """Return the answer of ListSyncTaskStatistic as JSON; `start` and `end` are Unix times in milliseconds.

        The answer is built as text to save time: a week has ten thousand counts, nearly all of them zero.
        """
        step = _STEP_MILLISECONDS[self.step]
        if not self.has_early_steps:
            start = max(start, min((timestamp for _, timestamp in self._counts), default=end))
        sums: dict[str, Counter[int]] = defaultdict(Counter)
        for kind, timestamp, number in self._list_visible_counts():
            sums[kind][timestamp - timestamp % step] += number
        timestamps = range(start - start % step, end + 1, step)
        series = []
        for data_type in data_types:
            counts = sums[data_type]
            points = ", ".join([_format_point(timestamp, counts.get(timestamp, 0)) for timestamp in timestamps])
            series.append(f'{{"data_type": "{data_type}", "data": [{points}]}}')
        return f'{{"statistic_time_type": "{self.step}", "statistic_datas": [{", ".join(series)}]}}'

    def _add_count_now(self, kind: str, number: int) -> None:
        self.add_count(kind, number, self.service.now())

    def _list_visible_counts(self) -> list[tuple[str, int, int]]:
        """Return the counts older than `lag`, each as its kind, its time in milliseconds, and its number."""
        latest_time = (self.service.now() - self.lag) * 1000
        return [
            (kind, timestamp, number) for (kind, timestamp), number in self._counts.items() if timestamp <= latest_time
        ]

    def _sum_counts(self, kind: str) -> int:
        return sum(number for (counted_kind, _), number in list(self._counts.items()) if counted_kind == kind)


@lru_cache(50_000)
def _format_point(timestamp: int, number: int) -> str:
    return f'{{"time_stamp": {timestamp}, "statistic_num": {number}}}'


def _get_month(seconds: float) -> tuple[int, int]:
    """Return the year and the month in China's time zone, which the service uses."""
    time = datetime.fromtimestamp(seconds, timezone(timedelta(hours=8)))
    return time.year, time.month
