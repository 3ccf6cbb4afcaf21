"""An OMS migration task group, which lists the existing objects of a bucket and copies each of them once.

Written from the pages that `groups` names. They describe neither a group's counts after a retry, nor the lines of its
lists. Here a retried object no longer counts as failed, and the lines are those of sync tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

from sandbox.oms.copier import Copier, Copy, CopyFailure, CopyFault, Outcome
from sandbox.oms.lists import ResultLists

GROUP_LISTS_ROOT = "oms/task_group/"
# The maximum number of lines in a list of failed objects.
_MAX_LINES = 100_000
# The default bandwidth, 500 Mbit/s, in bytes; and the rate of listing in OMS's own assessment, 27 million objects an
# hour.
_DEFAULT_SPEED = 62_500_000.0
_LISTING_RATE = 27_000_000 / 3600
_DELAY_SECONDS = 0.005
_CHINA = timezone(timedelta(hours=8))


class Status(IntEnum):
    """The status of a group, with its number in ShowTaskGroup."""

    WAITING = 0
    CREATING = 1
    MONITORING = 2
    PAUSED = 3
    NOT_CREATED = 4
    FAILED = 5
    DONE = 6
    PAUSING = 7


class GroupSettings(NamedTuple):
    """The settings of a new group, which copies the objects whose keys begin with one of `prefixes`."""

    src_bucket: str
    src_region: str
    prefixes: Sequence[str]
    records_failures: bool
    consistency_check: str
    description: str


@dataclass(eq=False)
class Group(Copier):
    """A task group, which starts when it is created.

    - `list_source` yields the keys and sizes in bytes of the objects to copy; it raises PermissionError if the access
      key has no permission to list the source.
    - `parallel_copies` is the number of objects that are copied at a time, in the order of the listing.
    - `speed` is the maximum speed in bytes a second; `bandwidth` has time windows with lower limits.
    """

    group_id: str
    settings: GroupSettings
    list_source: Callable[[], Iterable[tuple[str, int]]]
    bandwidth: Sequence[Mapping[str, Any]] = ()
    # The time zone of the bandwidth windows, and True if a restarted group loses its windows. No document describes
    # either.
    zone: timezone = _CHINA
    forgets_bandwidth: bool = False
    speed: float = _DEFAULT_SPEED
    parallel_copies: int = 100
    status: Status = Status.WAITING
    reason: Mapping[str, str] | None = None
    success_count: int = 0
    skip_count: int = 0
    size: int = 0
    failed_sizes: dict[str, int] = field(default_factory=dict)
    _source_sizes: dict[str, int] | None = None
    _remaining_objects: list[tuple[str, int]] = field(default_factory=list)
    _unfinished_copies: int = 0
    # The number of the current run. Steps that were scheduled by an earlier run do nothing.
    _run_number: int = 0
    _start_time: float = 0.0
    _end_time: float = 0.0

    def __post_init__(self) -> None:
        root = f"{GROUP_LISTS_ROOT}{self.group_id}"
        self.lists = ResultLists(root, lambda key, data, _: self.bucket.put(key, data))

    @property
    def is_deletable(self) -> bool:
        return self.status not in (Status.CREATING, Status.MONITORING, Status.PAUSING)

    def start(self) -> None:
        """List the objects, then copy all of them, also if the group ran before."""
        self._start_time, self._end_time, self._source_sizes, self.reason = self.service.now(), 0.0, None, None
        self.success_count = self.skip_count = self.size = 0
        self.failed_sizes.clear()
        self._enter_status(Status.WAITING, _DELAY_SECONDS, self._list_objects)

    def drop_bandwidth(self) -> None:
        if self.forgets_bandwidth:
            self.bandwidth = ()

    def pause(self) -> None:
        self._enter_status(Status.PAUSING, _DELAY_SECONDS, self._update_status)

    def resume(self) -> None:
        """Continue after a pause; start over if the pause interrupted the listing of the source."""
        if self._source_sizes is None:
            self.start()
        else:
            self._enter_status(Status.MONITORING, _DELAY_SECONDS, self._copy_next_batch)

    def retry(self) -> None:
        """Copy the failed objects again, as many as a list of failed objects can have."""
        self._remaining_objects, self.reason = list(self.failed_sizes.items())[:_MAX_LINES], None
        for key, _ in self._remaining_objects:
            del self.failed_sizes[key]
        self._enter_status(Status.MONITORING, _DELAY_SECONDS, self._copy_next_batch)

    def report(self, copy: Copy, outcome: Outcome) -> None:
        self._unfinished_copies -= 1
        if isinstance(outcome, CopyFailure):
            self.failed_sizes[copy.key] = (self._source_sizes or {})[copy.key]
            if self.settings.records_failures and len(self.failed_sizes) <= _MAX_LINES:
                self.lists.add_failed(copy.key, outcome.code, outcome.message, self.service.now())
        elif outcome == "skip":
            self.skip_count += 1
        else:
            self.success_count += 1
            self.size += copy.size

    def finish_batch(self) -> None:
        self._update_status()

    def describe(self) -> dict[str, Any]:
        """Return the answer of ShowTaskGroup, which is also an element of ListTaskGroup's answer."""
        sizes = self._source_sizes or {}
        now = self._end_time or self.service.now()
        seconds = now - self._start_time
        is_created = self._source_sizes is not None
        answer: dict[str, Any] = {
            "group_id": self.group_id,
            "status": int(self.status),
            "src_node": {
                "bucket": self.settings.src_bucket,
                "cloud_type": "ALIYUN",
                "region": self.settings.src_region,
                "object_key": list(self.settings.prefixes),
            },
            "description": self.settings.description,
            "dst_node": {"bucket": self.bucket.name, "region": self.bucket.region, "save_prefix": ""},
            "enable_metadata_migration": self.copies_metadata,
            "enable_failed_object_recording": self.settings.records_failures,
            "enable_restore": self.restores_archived,
            "task_type": "PREFIX",
            "bandwidth_policy": list(self.bandwidth),
            "migrate_since": 0,
            "migrate_speed": int(self.size / seconds) if self.status is Status.MONITORING and seconds > 0 else 0,
            "total_time": int(seconds * 1000),
            "start_time": int(self._start_time * 1000),
            "total_task_num": int(is_created),
            "create_task_num": int(is_created),
            "failed_task_num": int(self.status is Status.FAILED),
            "complete_task_num": int(self.status is Status.DONE),
            "paused_task_num": int(is_created and self.status is Status.PAUSED),
            "executing_task_num": int(self.status is Status.MONITORING),
            "waiting_task_num": 0,
            "total_num": len(sizes),
            "create_complete_num": len(sizes),
            "success_num": self.success_count,
            "fail_num": len(self.failed_sizes),
            "skip_num": self.skip_count,
            "total_size": sum(sizes.values()),
            "create_complete_size": sum(sizes.values()),
            "complete_size": self.size,
            "object_overwrite_mode": self.overwrite_mode,
            "dst_storage_policy": self.storage_policy,
            "consistency_check": self.settings.consistency_check,
            "obs_system": "BUCKET",
            "enable_requester_pays": False,
            # The page defines an empty text if there is no error.
            "error_reason": dict(self.reason) if self.reason else "",
        }
        if self.status is Status.FAILED and self.failed_sizes:
            answer["failed_object_record"] = {
                "result": self.settings.records_failures,
                "list_file_key": f"{GROUP_LISTS_ROOT}{self.group_id}/failed_object_lists/",
            }
        return answer

    def _enter_status(self, status: Status, seconds: float, step: Callable[[], None]) -> None:
        self.status = status
        self._run_number += 1
        self._schedule_step(seconds, step)

    def _schedule_step(self, seconds: float, step: Callable[[], None]) -> None:
        self.service.schedule(seconds, partial(self._run_if_current, self._run_number, step))

    def _run_if_current(self, run_number: int, step: Callable[[], None]) -> None:
        with self.service.lock:
            if run_number == self._run_number:
                step()

    def _list_objects(self) -> None:
        try:
            sizes = dict(self.list_source())
        except PermissionError as error:
            self._end_group(Status.NOT_CREATED, str(error))
            return
        if not sizes:
            self._end_group(Status.FAILED, "TRF.0012: no object exists in the way of migrating that was chosen")
            return
        self.status = Status.CREATING
        self._schedule_step(len(sizes) / _LISTING_RATE, partial(self._start_copying, sizes))

    def _start_copying(self, sizes: dict[str, int]) -> None:
        self._source_sizes, self._remaining_objects = sizes, list(sizes.items())
        self._enter_status(Status.MONITORING, 0, self._copy_next_batch)

    def _copy_next_batch(self) -> None:
        batch, self._remaining_objects = (
            self._remaining_objects[: self.parallel_copies],
            self._remaining_objects[self.parallel_copies :],
        )
        if not batch:
            self._update_status()
            return
        seconds = self._estimate_seconds(sum(size for _, size in batch)) + _DELAY_SECONDS
        self._unfinished_copies += self.copy([key for key, _ in batch], CopyFault.late(0, seconds))
        self._schedule_step(seconds, self._copy_next_batch)

    def _update_status(self) -> None:
        """Set the final status if all copies have ended; a group with a lost copy never ends."""
        if self.status is Status.PAUSING and not self._unfinished_copies:
            self.status = Status.PAUSED
            self.lists.write(self.service.now())
        elif self.status is Status.MONITORING and self._count_ended_copies() == len(self._source_sizes or {}):
            failed_count = len(self.failed_sizes)
            self._end_group(
                Status.FAILED if failed_count else Status.DONE, f"{failed_count} objects failed" if failed_count else ""
            )

    def _count_ended_copies(self) -> int:
        return self.success_count + self.skip_count + len(self.failed_sizes)

    def _end_group(self, status: Status, message: str) -> None:
        self.status, self._end_time = status, self.service.now()
        code, colon, _ = message.partition(": ")
        self.reason = {"error_code": code if colon else "", "error_msg": message} if message else None
        self.lists.write(self.service.now())

    def _estimate_seconds(self, size: int) -> float:
        """Return the seconds to transfer `size` bytes from now on, within the limits of the bandwidth windows."""
        start_time = now = self.service.now()
        remaining_bytes = float(size)
        while True:
            speed, seconds_to_change = self._find_speed(now)
            if remaining_bytes <= speed * seconds_to_change:
                return now + remaining_bytes / speed - start_time
            remaining_bytes -= speed * seconds_to_change
            now += seconds_to_change

    def _find_speed(self, now: float) -> tuple[float, float]:
        """Return the speed at the Unix time `now` in bytes a second, and the seconds until a window can change it."""
        clock_time = datetime.fromtimestamp(now, self.zone).strftime("%H:%M")
        limits = [
            float(window["max_bandwidth"]) for window in self.bandwidth if window["start"] <= clock_time < window["end"]
        ]
        return min([self.speed, *limits]), 60 - now % 60
