"""Huawei's OMS: what it tells of a sync task, and its migration task groups, which copy what is there once.

Source: support.huaweicloud.com/api-oms (ShowSyncTask, ListSyncTaskStatistic; CreateTaskGroup, ListTaskGroup,
ShowTaskGroup, StopTaskGroup, StartTaskGroup, RetryTaskGroup, DeleteTaskGroup).

All methods raise RefusedError, UnreachableError and UnreadableResponseError. A request that changes something is sent
once: if its response is lost, the caller looks whether it was done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ops.clock import WallClock
from ops.clouds.keys import Keys
from ops.clouds.services import Service, listed
from ops.clouds.wire import UnreadableResponseError, refused
from ops.errors import UsageError
from oss_oms_sync.answers.task_group import OverwriteMode, TaskGroup
from oss_oms_sync.answers.text import t

_PAGE = 100


class Wanted(NamedTuple):
    """What a group is to copy, and between which buckets. `note` is its description. `overwrite`: also what is there
    already, with its headers, whatever its contents are. `restore`: also what is archived, once OMS has restored it in
    the source."""

    source: str
    source_region: str
    destination: str
    destination_region: str
    prefixes: Sequence[str]
    note: str
    overwrite: bool
    restore: bool


def note_of(mark: str, run: str) -> str:
    """The description of the group that a run of a migration makes. `mark`: that of all that the project has there."""
    return f"{mark}:{run}"


class TaskGroups:
    """Those of a project of Huawei Cloud (`project`: its id)."""

    def __init__(self, oms: Service, project: str) -> None:
        self._oms, self._path = oms, f"/v2/{project}/taskgroups"

    def create(self, wanted: Wanted, source: Keys, destination: Keys) -> str:
        """Create a group, which begins by itself; return its id.

        Unless it is to overwrite everything, what is in the destination is overwritten where its CRC64 differs, or
        where there is none, by size and time.
        """
        given = {
            "src_node": {
                "cloud_type": "Aliyun",
                "region": wanted.source_region,
                "bucket": wanted.source,
                "ak": source.access.reveal(),
                "sk": source.secret.reveal(),
                "object_key": list(wanted.prefixes),
            },
            "dst_node": {
                "region": wanted.destination_region,
                "bucket": wanted.destination,
                "ak": destination.access.reveal(),
                "sk": destination.secret.reveal(),
            },
            "task_type": "PREFIX",
            "description": wanted.note,
            # Without it OMS keeps Content-Type alone.
            "enable_metadata_migration": True,
            "enable_failed_object_recording": True,
            "enable_restore": wanted.restore,
            "object_overwrite_mode": (OverwriteMode.ALWAYS if wanted.overwrite else OverwriteMode.CRC64).value,
            "consistency_check": "crc64",
        }
        return str(self._oms.call("POST", self._path, body=given, attempts=1)["group_id"])

    def all(self) -> Iterator[TaskGroup]:
        """All of the project, whoever made them."""
        offset = 0
        while True:
            page = self._oms.call("GET", self._path, {"limit": str(_PAGE), "offset": str(offset)})
            found = listed(page, "taskgroups")
            yield from map(_group, found)
            offset += len(found)
            if not found or offset >= int(page.get("count") or 0):
                return

    def show(self, group: str) -> TaskGroup | None:
        """One of them; None if there is none of this id."""
        with refused(lambda error: error.status == 404):
            return _group(self._oms.call("GET", f"{self._path}/{group}"))
        return None

    def pause(self, group: str) -> None:
        """Let one that is creating or copying begin nothing more."""
        self._oms.call("PUT", f"{self._path}/{group}/stop", attempts=1)

    def go_on(self, group: str, source: Keys, destination: Keys) -> None:
        """Let one that is paused go on, with these keys."""
        self._oms.call("PUT", f"{self._path}/{group}/start", body=of_both(source, destination), attempts=1)

    def retry(self, group: str, source: Keys, destination: Keys, *, only_failed: bool) -> None:
        """Let one that has failed try what failed again, or all of it, with these keys."""
        given = {**of_both(source, destination), "migrate_failed_object": only_failed}
        self._oms.call("PUT", f"{self._path}/{group}/retry", body=given, attempts=1)

    def delete(self, group: str) -> None:
        """Delete one that neither lists nor copies."""
        self._oms.call("DELETE", f"{self._path}/{group}", attempts=1)


def _group(told: dict[str, Any]) -> TaskGroup:
    try:
        return TaskGroup.of(told)
    except ValueError:
        raise UnreadableResponseError from None


def of_both(source: Keys, destination: Keys) -> dict[str, Any]:
    """The keys of both sides, as OMS takes them of a task."""
    return {
        "src_ak": source.access.reveal(),
        "src_sk": source.secret.reveal(),
        "dst_ak": destination.access.reveal(),
        "dst_sk": destination.secret.reveal(),
    }


# As the functions take it (oss_oms_sync/settings.py).
_ADDRESS = re.compile(r"\s*((?i:https?)://[\w.-]+(?::\d+)?)(/v2/([\w.~-]+)/sync-tasks/([\w.~-]+))/events\s*", re.ASCII)
KINDS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")


class SyncTaskClient:
    """The task that `url` is for: the address to which its events go. Raises UsageError for one that is none; all
    methods raise RefusedError, UnreachableError and UnreadableResponseError."""

    def __init__(self, url: str, keys: Keys, clock: WallClock) -> None:
        match = _ADDRESS.fullmatch(url)
        if match is None:
            raise UsageError(
                t("SYNC_URL is not the address of a sync task"),
                t(
                    "Copy it from the task's details in the OMS console into s.yaml; it looks like"
                    " https://oms.<region>.myhuaweicloud.com/v2/<project id>/sync-tasks/<task id>/events"
                ),
            )
        origin, self._path, project, self.id = match.groups()
        self._service = Service(origin, keys, clock, {"X-Project-Id": project})
        self._clock = clock

    def show(self) -> dict[str, Any]:
        """The task itself, which has a destination."""
        found = self._service.call("GET", self._path, {"query_time": _stamp(self._clock.now())})
        if not (found.get("dst_bucket") and found.get("dst_region")):
            raise UnreadableResponseError
        return found

    def statistics(self, since: datetime) -> tuple[str, dict[str, int]]:
        """The step in which OMS counts, and how many objects it counted since then, by KINDS."""
        until = self._clock.now() + timedelta(minutes=5)
        answer = self._service.call(
            "GET",
            f"{self._path}/statistics",
            {"data_type": ",".join(KINDS), "end_time": _stamp(until), "start_time": _stamp(since)},
        )
        try:
            told = {one["data_type"]: one["data"] or [] for one in answer["statistic_datas"]}
            sums = {kind: sum(int(step["statistic_num"]) for step in told.get(kind, [])) for kind in KINDS}
            return str(answer["statistic_time_type"]), sums
        except (LookupError, TypeError, ValueError):
            raise UnreadableResponseError from None


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
