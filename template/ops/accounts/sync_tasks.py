"""OMS's sync task, which copies new objects to the destination bucket, and its need (its entry in setup's plan).

Source: support.huaweicloud.com/api-oms, CreateSyncTask, ListSyncTasks and ShowBucketRegion ("buckets/regions").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ops.accounts.needs import NOTHING_CREATED, Line, Need, ResourceState
from ops.accounts.task_keys import TaskKeys, requested_text
from ops.clouds.keys import Keys
from ops.clouds.oms import TaskGroups, group_note, key_fields
from ops.clouds.services import Service, read_list
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import SOURCE_CLASS_POLICY, GroupState, storage_class_plan, storage_policy
from oss_oms_sync.answers.text import Text, t, untranslated

_MAX_TASKS = 5
_KEEP_CLASS_STEP = Step("setup", {"keep_storage_class": True})


class BucketPair(NamedTuple):
    """The two buckets of a sync task, and their regions."""

    source: str
    source_region: str
    destination: str
    destination_region: str


class SyncTasks:
    """The sync tasks in a Huawei Cloud project, whose id is `project`.

    - `label` is the description of the tasks that setup creates.
    - `keys` are the access keys that OMS gets.
    - `address` is SYNC_URL in s.yaml, or empty.
    - `keep_storage_class` is True if a new task writes each object in its storage class at the source, not in Standard.
    """

    def __init__(
        self,
        oms: Service,
        project: str,
        pair: BucketPair,
        label: str,
        keys: TaskKeys,
        address: str,
        *,
        keep_storage_class: bool = False,
    ) -> None:
        self._oms, self._pair, self._label, self._keys, self._address = oms, pair, label, keys, address
        self._keep_storage_class = keep_storage_class
        self._project, self._path = project, f"/v2/{project}/sync-tasks"
        self._account_path = f"/v2/{project}"

    def need(self, create: Callable[[], None]) -> Need:
        """Return the need for the sync task; the caller's `create` makes access keys, then calls `SyncTasks.create`."""
        return Need(
            t("sync task"), ("oms:synctask:list", "oms:synctask:create", "oms:taskgroup:list"), self._read_state, create
        )

    def removal(self) -> Need:
        """Return the need that removes the sync task.

        Objects that OMS has accepted, but not copied before the removal, may never be copied.
        """
        permissions = ("oms:synctask:list", "oms:synctask:update", "oms:synctask:delete")
        return Need(t("sync task"), permissions, self._plan_removal, self._remove)

    def address(self) -> str:
        """Return the URL to which forward submits events: SYNC_URL of s.yaml, or the URL of setup's task.

        Return "" if there is no task.
        """
        if self._address:
            return self._address
        task = self.find_own_task()
        return self.url(task) if task else ""

    def find_own_task(self) -> str:
        """Return the id of the task that setup created, or "" if there is none.

        Until OMS lists a new task, the id comes from a note that setup has stored in the log bucket.
        """
        own_tasks = self._select_own_tasks(self._list_tasks())
        note = None if own_tasks else self._keys.find_recent_note()
        return str(own_tasks[0]["sync_task_id"]) if own_tasks else note.task if note else ""

    def owns_address(self) -> bool:
        """Return True if SYNC_URL of s.yaml belongs to a task of setup, or to a deleted task."""
        tasks = self._list_tasks()
        other_addresses = [
            self.url(task["sync_task_id"]) for task in tasks if task not in self._select_own_tasks(tasks)
        ]
        return self._address.startswith(f"{self._oms.origin}{self._path}/") and self._address not in other_addresses

    def url(self, task: str) -> str:
        return f"{self._oms.origin}{self._path}/{task}/events"

    def task_groups(self) -> TaskGroups:
        return TaskGroups(self._oms, self._project)

    def is_migrating(self) -> bool:
        """Return True if the task group of a migration may need the sync task's access keys."""
        own_groups = (
            task_group
            for task_group in self.task_groups().list_all()
            if task_group.note.startswith(group_note(self._label, ""))
        )
        return any(task_group.state is not GroupState.DONE for task_group in own_groups)

    def accept_privacy_statement(self) -> None:
        self._oms.call("POST", f"{self._account_path}/privacy-agreements")

    def read_region(self, cloud: str, keys: Keys, bucket: str) -> str:
        """Return OMS's name for the region of a bucket. Raises RefusedError if these keys cannot read it."""
        request = {"cloud_type": cloud, "ak": keys.access.reveal(), "sk": keys.secret.reveal(), "bucket_name": bucket}
        return str(self._oms.call("POST", f"{self._account_path}/objectstorage/buckets/regions", body=request)["id"])

    def create(self, region: str, source: Keys, destination: Keys) -> str:
        """Create the task, which OMS starts at once; return its id. `region` is OMS's name for the source's region.

        The request is sent once, because a repeated request would create another task.
        """
        pair = self._pair
        request = {
            "src_cloud_type": "Aliyun",
            "src_region": region,
            "src_bucket": pair.source,
            "dst_region": pair.destination_region,
            "dst_bucket": pair.destination,
            **key_fields(source, destination),
            "description": self._label,
            # Without this option OMS copies only Content-Type.
            "enable_metadata_migration": True,
            "consistency_check": "crc64",
            **({"dst_storage_policy": SOURCE_CLASS_POLICY} if self._keep_storage_class else {}),
        }
        return str(self._oms.call("POST", self._path, body=request, attempts=1)["sync_task_id"])

    def _read_state(self) -> Line:
        tasks, pair = self._list_tasks(), self._pair
        if current_tasks := self._select_current_tasks(tasks):
            return self._existing_line(current_tasks)
        note = self._keys.find_recent_note()
        if note and note.task and self._address in ("", self.url(note.task)):
            return Line(
                ResourceState.EXISTS,
                t(
                    "OMS has created the sync task requested at {since}, but does not list the task yet",
                    since=note.since,
                ),
            )
        if self._address:
            return Line(
                ResourceState.STOP,
                t("SYNC_URL belongs to no task in this account and region"),
                t("Correct SYNC_URL in s.yaml, or empty it: setup then creates a task"),
            )
        if note and not note.task:
            text = t("Setup waits up to five minutes for OMS to list the task, and deletes no access key until then")
            return Line(ResourceState.CREATE, requested_text(note), text)
        if other_tasks := self._find_bucket_tasks(tasks):
            return Line(
                ResourceState.STOP,
                t("the two buckets already have a sync task, which setup did not create"),
                t(
                    "To use this task, set SYNC_URL in s.yaml to {url}. Otherwise delete the task in the OMS"
                    " console: setup then creates a task that migrates metadata",
                    url=self.url(other_tasks[0]["sync_task_id"]),
                ),
            )
        if len(tasks) >= _MAX_TASKS:
            return Line(
                ResourceState.STOP,
                t("the account has {n} sync tasks, which is the maximum", n=len(tasks)),
                t("In the OMS console, delete a sync task that is no longer needed"),
            )
        if self.is_migrating():
            return Line(
                ResourceState.STOP,
                t("the migration of the existing objects began with the previous sync task, and is not finished"),
                t(
                    "Restore the previous SYNC_URL in s.yaml, and end the migration: {command}",
                    command=Step("migrate", {"remove": True}),
                ),
            )
        return Line(
            ResourceState.CREATE,
            t(
                "the task copies metadata, and compares objects by CRC64; OMS receives two permanent access"
                " keys for the task"
            ),
            None,
            [
                untranslated(f"{pair.source} ({pair.source_region}) -> {pair.destination} ({pair.destination_region})"),
                storage_class_plan(_KEEP_CLASS_STEP, keeps_class=self._keep_storage_class),
            ],
        )

    def _existing_line(self, current_tasks: list[dict[str, Any]]) -> Line:
        """Return the plan's line for an existing task, with its options, which only the OMS console can change."""
        for task in current_tasks:
            if not self._find_bucket_tasks([task]):
                text = t(
                    "Write these buckets into s.yaml. To use other buckets, first run {command} while s.yaml"
                    " contains these buckets: the command removes setup's resources, but no bucket. Then"
                    " write the new buckets into s.yaml",
                    command=Step("setup", {"remove": True}),
                )
                return _other_buckets_line(task, text)
        task = current_tasks[0]
        if lost_keys := self._keys.list_lost_keys(task["sync_task_id"]):
            return Line(
                ResourceState.STOP,
                t("the task copies nothing, because its access keys no longer exist: {keys}", keys=lost_keys),
                t("Delete the task in the OMS console, and empty SYNC_URL in s.yaml: setup then creates another task"),
            )
        if other_tasks := [
            other_task
            for other_task in self._select_own_tasks(self._list_tasks())
            if other_task["sync_task_id"] != task["sync_task_id"]
        ]:
            return Line(
                ResourceState.BY_HAND,
                t("OMS has other sync tasks that setup created and that the functions do not use"),
                t("Delete these sync tasks in the OMS console"),
                [untranslated(self.url(other_task["sync_task_id"])) for other_task in other_tasks],
            )
        if task["status"] == "STOPPED":
            text = t("Start the sync task in the OMS console, unless the migration is finished")
            return Line(ResourceState.WAIT, t("stopped: the task copies nothing"), text)
        mode, check = task.get("object_overwrite_mode", "-"), task.get("consistency_check", "-")
        policy = task.get("dst_storage_policy")
        if self._keep_storage_class and policy != SOURCE_CLASS_POLICY:
            return Line(
                ResourceState.STOP,
                t("{storage}, and OMS cannot change a sync task", storage=storage_policy(policy)),
                t(
                    "Omit --keep-storage-class. Alternatively, let setup create another task: resend all"
                    " failed objects, delete the task in the OMS console, empty SYNC_URL in s.yaml, run"
                    " {command}, then deploy. A new task begins without records, counts and proofs: its first"
                    " comparison checks every object again. Objects that are already in OBS keep their"
                    " storage class",
                    command=_KEEP_CLASS_STEP,
                ),
            )
        return Line(ResourceState.EXISTS, untranslated(f"{mode}, {check}"), None, [storage_policy(policy)])

    def _select_current_tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the task that SYNC_URL in s.yaml names, or setup's own tasks if SYNC_URL is empty."""
        if self._address:
            return [task for task in tasks if self.url(task["sync_task_id"]) == self._address]
        return self._select_own_tasks(tasks)

    def _select_own_tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the tasks that setup created for this source bucket, the task that OMS confirmed to setup first.

        There may be several: OMS may create a task after setup has stopped waiting for it.
        """
        own_values = (self._label, self._pair.source)
        own_tasks = [task for task in tasks if (task.get("description"), task["src_bucket"]) == own_values]
        note = self._keys.read() if len(own_tasks) > 1 else None
        return sorted(own_tasks, key=lambda task: note is None or task["sync_task_id"] != note.task)

    def _plan_removal(self) -> Line:
        tasks = self._list_tasks()
        for task in self._select_current_tasks(tasks):
            # Resources for that source have another label: they would remain, and the task would keep using their keys.
            if task["src_bucket"] != self._pair.source:
                return _other_buckets_line(
                    task, t("First restore the source bucket in s.yaml: {source}", source=task["src_bucket"])
                )
        own_tasks = self._select_own_tasks(tasks)
        if not own_tasks and (note := self._keys.find_recent_note()):
            return Line(
                ResourceState.STOP, requested_text(note), t("Run the command again five minutes after the request")
            )
        if not own_tasks:
            return NOTHING_CREATED
        return Line(
            ResourceState.REMOVE,
            t("setup stops the task before deleting it"),
            None,
            [untranslated(str(task["sync_task_id"])) for task in own_tasks],
        )

    def _remove(self) -> None:
        for task in self._select_own_tasks(self._list_tasks()):
            path = f"{self._path}/{task['sync_task_id']}"
            if task["status"] != "STOPPED":
                self._oms.call("POST", f"{path}/stop")
            self._oms.call("DELETE", path)
        self._keys.forget()

    def _find_bucket_tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        bucket_names = (self._pair.source, self._pair.destination)
        return [task for task in tasks if (task["src_bucket"], task["dst_bucket"]) == bucket_names]

    def _list_tasks(self) -> list[dict[str, Any]]:
        return read_list(self._oms.call("GET", self._path, {"limit": "100", "offset": "0"}), "tasks")


def _other_buckets_line(task: dict[str, Any], text: Text) -> Line:
    """Return the plan's line for a task whose buckets are not those in s.yaml; `text` is the next step."""
    source, destination = task["src_bucket"], task["dst_bucket"]
    return Line(
        ResourceState.STOP,
        t(
            "the task copies {source} to {destination}, but s.yaml has other buckets",
            source=source,
            destination=destination,
        ),
        text,
    )
