"""Clients of Huawei's OMS: the sync task, and migration task groups, which copy existing objects once.

Source: support.huaweicloud.com/api-oms (ShowSyncTask, ListSyncTaskStatistic; CreateTaskGroup, ListTaskGroup,
ShowTaskGroup, StopTaskGroup, StartTaskGroup, RetryTaskGroup, UpdateTaskGroup, DeleteTaskGroup).

All methods raise RefusedError, UnreachableError and UnreadableResponseError. A request that changes something is sent
once: if its response is lost, the caller checks the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ops.clock import WallClock
from ops.clouds.keys import Keys
from ops.clouds.services import Service, read_list
from ops.clouds.wire import UnreadableResponseError, suppress_refusal
from ops.errors import UsageError
from oss_oms_sync.answers.bandwidth import Window
from oss_oms_sync.answers.layout import SYNC_URL_EXAMPLE, TASK_PATH
from oss_oms_sync.answers.task_group import SOURCE_CLASS_POLICY, OverwriteMode, TaskGroup
from oss_oms_sync.answers.text import t

_PAGE_SIZE = 100


class NewGroup(NamedTuple):
    """The parameters of a new task group.

    - `note` is the group's description.
    - `overwrite`: OMS also copies objects that the destination already has, whatever their contents.
    - `restore`: OMS also copies archived objects, after it has restored them in the source.
    - `bandwidth` contains limits by the time of day; empty means no limits.
    - `keep_storage_class`: OMS writes each object in its storage class at the source, not in Standard.
    """

    source: str
    source_region: str
    destination: str
    destination_region: str
    prefixes: Sequence[str]
    note: str
    overwrite: bool
    restore: bool
    bandwidth: Sequence[Window] = ()
    keep_storage_class: bool = False


def group_note(label: str, run: str) -> str:
    """Return the description of a migration's task group.

    `label` is the description of all resources that setup creates for the project, and `run` the id of the migration.
    """
    return f"{label}:{run}"


class TaskGroups:
    """The client of OMS's task groups in a Huawei Cloud project, whose id is `project`."""

    def __init__(self, oms: Service, project: str) -> None:
        self._oms, self._path = oms, f"/v2/{project}/taskgroups"

    def create(self, group: NewGroup, source: Keys, destination: Keys) -> str:
        """Create a task group, which OMS starts at once; return its id.

        Without `overwrite`, OMS overwrites an object in the destination only if its CRC64 differs from the source's. If
        an object has no CRC64, OMS overwrites it only if the sizes differ or the source is newer.
        """
        request = {
            "src_node": {
                "cloud_type": "Aliyun",
                "region": group.source_region,
                "bucket": group.source,
                "ak": source.access.reveal(),
                "sk": source.secret.reveal(),
                "object_key": list(group.prefixes),
            },
            "dst_node": {
                "region": group.destination_region,
                "bucket": group.destination,
                "ak": destination.access.reveal(),
                "sk": destination.secret.reveal(),
            },
            "task_type": "PREFIX",
            "description": group.note,
            # Without this option OMS copies only Content-Type.
            "enable_metadata_migration": True,
            "enable_failed_object_recording": True,
            "enable_restore": group.restore,
            "object_overwrite_mode": (OverwriteMode.ALWAYS if group.overwrite else OverwriteMode.CRC64).value,
            "consistency_check": "crc64",
            **({"dst_storage_policy": SOURCE_CLASS_POLICY} if group.keep_storage_class else {}),
            **(_bandwidth_field(group.bandwidth) if group.bandwidth else {}),
        }
        return str(self._oms.call("POST", self._path, body=request, attempts=1)["group_id"])

    def list_all(self) -> Iterator[TaskGroup]:
        """Yield all task groups of the project, also those that other users created."""
        offset = 0
        while True:
            page = self._oms.call("GET", self._path, {"limit": str(_PAGE_SIZE), "offset": str(offset)})
            groups = read_list(page, "taskgroups")
            yield from map(_parse_group, groups)
            offset += len(groups)
            if not groups or offset >= int(page.get("count") or 0):
                return

    def show(self, group: str) -> TaskGroup | None:
        with suppress_refusal(lambda error: error.status == 404):
            return _parse_group(self._oms.call("GET", f"{self._path}/{group}"))
        return None

    def pause(self, group: str) -> None:
        """Stop a task group that OMS is creating or running; OMS still finishes the copies in progress."""
        self._oms.call("PUT", f"{self._path}/{group}/stop", attempts=1)

    def resume(self, group: str, source: Keys, destination: Keys) -> None:
        self._oms.call("PUT", f"{self._path}/{group}/start", body=key_fields(source, destination), attempts=1)

    def retry(self, group: str, source: Keys, destination: Keys, *, only_failed: bool) -> None:
        """Retry the failed objects of a failed group, or all objects without `only_failed`."""
        request = {**key_fields(source, destination), "migrate_failed_object": only_failed}
        self._oms.call("PUT", f"{self._path}/{group}/retry", body=request, attempts=1)

    def limit_bandwidth(self, group: str, windows: Sequence[Window]) -> None:
        """Replace the bandwidth limits of a group.

        `windows` are limits for times of the day; without windows, OMS copies at full speed.
        """
        self._oms.call("PUT", f"{self._path}/{group}/update", body=_bandwidth_field(windows), attempts=1)

    def delete(self, group: str) -> None:
        """Delete a group that OMS is neither listing nor copying."""
        self._oms.call("DELETE", f"{self._path}/{group}", attempts=1)


def _parse_group(fields: dict[str, Any]) -> TaskGroup:
    try:
        return TaskGroup.from_response(fields)
    except ValueError:
        raise UnreadableResponseError from None


def _bandwidth_field(windows: Sequence[Window]) -> dict[str, Any]:
    return {"bandwidth_policy": [asdict(window) for window in windows]}


def key_fields(source: Keys, destination: Keys) -> dict[str, Any]:
    return {
        "src_ak": source.access.reveal(),
        "src_sk": source.secret.reveal(),
        "dst_ak": destination.access.reveal(),
        "dst_sk": destination.secret.reveal(),
    }


_ADDRESS_PATTERN = re.compile(rf"\s*((?i:https?)://[\w.-]+(?::\d+)?)({TASK_PATH})/events\s*", re.ASCII)
COUNT_KINDS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")


class SyncTaskClient:
    """The client of the sync task whose address for events is `url`.

    Raises UsageError if `url` has another form. All methods raise RefusedError, UnreachableError and
    UnreadableResponseError.
    """

    def __init__(self, url: str, keys: Keys, clock: WallClock) -> None:
        match = _ADDRESS_PATTERN.fullmatch(url)
        if match is None:
            raise UsageError(
                t("SYNC_URL is not the address of a sync task"),
                t(
                    "Copy the task's Synchronization Request Receiving Address from its details in the OMS"
                    " console to SYNC_URL in s.yaml. The address has the form {address}",
                    address=SYNC_URL_EXAMPLE,
                ),
            )
        origin, self._path, project, self.id = match.groups()
        self._service = Service(origin, keys, clock, {"X-Project-Id": project})
        self._clock = clock

    def show(self) -> dict[str, Any]:
        """Return OMS's description of the task. Raises UnreadableResponseError if it has no destination."""
        task = self._service.call("GET", self._path, {"query_time": _to_milliseconds(self._clock.now())})
        if not (task.get("dst_bucket") and task.get("dst_region")):
            raise UnreadableResponseError
        return task

    def statistics(self, start_time: datetime) -> tuple[str, dict[str, int]]:
        """Return the interval of OMS's counts, and the sum of the counts of each kind since `start_time`.

        The interval has OMS's name, such as FIVE_MINUTES.
        """
        end_time = self._clock.now() + timedelta(minutes=5)
        response = self._service.call(
            "GET",
            f"{self._path}/statistics",
            {
                "data_type": ",".join(COUNT_KINDS),
                "end_time": _to_milliseconds(end_time),
                "start_time": _to_milliseconds(start_time),
            },
        )
        try:
            intervals_by_kind = {entry["data_type"]: entry["data"] or [] for entry in response["statistic_datas"]}
            sums = {
                kind: sum(int(interval["statistic_num"]) for interval in intervals_by_kind.get(kind, []))
                for kind in COUNT_KINDS
            }
            return str(response["statistic_time_type"]), sums
        except (LookupError, TypeError, ValueError):
            raise UnreadableResponseError from None


def _to_milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
