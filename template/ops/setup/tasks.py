"""The sync task of OMS between both buckets.

Source: support.huaweicloud.com/api-oms, CreateSyncTask, ListSyncTasks and ShowBucketRegion ("buckets/regions").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ops.clouds.keys import Keys
from ops.clouds.oms import TaskGroups, note_of, of_both
from ops.clouds.services import Service, listed
from ops.commands import Typed
from ops.setup.needs import NOTHING_OURS, Line, Need, Standing
from oss_oms_sync.answers.task_group import GroupState
from oss_oms_sync.answers.text import Text, same, t

_MOST = 5


class Pair(NamedTuple):
    """What the task is between."""

    source: str
    source_region: str
    destination: str
    destination_region: str


class Tasks:
    """The tasks of a project of Huawei Cloud (`project`: its id). `given`: the variables of s.yaml."""

    def __init__(self, oms: Service, project: str, pair: Pair, mark: str, given: Mapping[str, str]) -> None:
        self._oms, self._pair, self._mark, self._variables = oms, pair, mark, given
        self._given = given.get("SYNC_URL", "")
        self._project, self._path = project, f"/v2/{project}/sync-tasks"
        self._account = f"/v2/{project}"

    def need(self, create: Callable[[], None]) -> Need:
        """Its part of the plan; `create` makes the keys, and calls `create` here."""
        return Need(
            t("sync task"), ("oms:synctask:list", "oms:synctask:create", "oms:taskgroup:list"), self._look, create
        )

    def removal(self) -> Need:
        """The same for the plan that takes all away. Nothing that OMS accepted is waited for: it may not copy it any
        more."""
        rights = ("oms:synctask:list", "oms:synctask:update", "oms:synctask:delete")
        return Need(t("sync task"), rights, self._look_to_remove, self._remove)

    def address(self) -> str:
        """SYNC_URL: that of s.yaml, or of the task that setup made; empty where there is none."""
        if self._given:
            return self._given
        return next((self.url(one["sync_task_id"]) for one in self._mine(self._all())), "")

    def url(self, task: str) -> str:
        """The address of one, by its id."""
        return f"{self._oms.origin}{self._path}/{task}/events"

    def groups(self) -> TaskGroups:
        """The task groups of the same project."""
        return TaskGroups(self._oms, self._project)

    def is_migrating(self) -> bool:
        """Whether there is one of a migration which may still need its keys."""
        mine = (one for one in self.groups().all() if one.note.startswith(note_of(self._mark, "")))
        return any(one.state is not GroupState.DONE for one in mine)

    def agree(self) -> None:
        """Record that the user agreed to OMS's privacy statement."""
        self._oms.call("POST", f"{self._account}/privacy-agreements")

    def region_of(self, cloud: str, keys: Keys, bucket: str) -> str:
        """The region of a bucket as OMS names it, seen with these keys. Raises RefusedError where they may not."""
        given = {"cloud_type": cloud, "ak": keys.access.reveal(), "sk": keys.secret.reveal(), "bucket_name": bucket}
        return str(self._oms.call("POST", f"{self._account}/objectstorage/buckets/regions", body=given)["id"])

    def create(self, source: Keys, destination: Keys) -> None:
        """Create the task; it begins by itself. It is asked once, because a second one would be another task."""
        pair = self._pair
        given = {
            "src_cloud_type": "Aliyun",
            "src_region": self.region_of("Aliyun", source, pair.source),
            "src_bucket": pair.source,
            "dst_region": pair.destination_region,
            "dst_bucket": pair.destination,
            **of_both(source, destination),
            "description": self._mark,
            # Without it OMS keeps Content-Type alone.
            "enable_metadata_migration": True,
            "consistency_check": "crc64",
        }
        self._oms.call("POST", self._path, body=given, attempts=1)

    def _look(self) -> Line:
        found, pair = self._all(), self._pair
        if ours := self._ours(found):
            return self._there(ours)
        if self._given:
            return Line(
                Standing.STOP,
                t("SYNC_URL is of no task of this account and region"),
                t("Correct it in s.yaml, or empty it: then a task is made"),
            )
        if others := self._of_pair(found):
            return Line(
                Standing.STOP,
                t("there is one for these buckets, which setup did not make"),
                t(
                    "Use it: write its address into s.yaml, SYNC_URL: {url}. Or delete it in the OMS console: then one"
                    " that migrates metadata is made",
                    url=self.url(others[0]["sync_task_id"]),
                ),
            )
        if len(found) >= _MOST:
            return Line(
                Standing.STOP,
                t("the account has {n} of them, and no more are possible", n=len(found)),
                t("Delete one"),
            )
        if self.is_migrating():
            return Line(
                Standing.STOP,
                t("a migration of the old objects is not over, which began beside another one"),
                t(
                    "Write SYNC_URL back into s.yaml as it was, and end it: {command}",
                    command=Typed("migrate", remove=True),
                ),
            )
        return Line(
            Standing.CREATE,
            t("with metadata, checked by CRC64; two permanent access keys go to OMS for it"),
            None,
            [same(f"{pair.source} ({pair.source_region}) -> {pair.destination} ({pair.destination_region})")],
        )

    def _there(self, ours: list[dict[str, Any]]) -> Line:
        """With what it really has, which nothing but the console can change."""
        for task in ours:
            if not self._of_pair([task]):
                told = t(
                    "Write these buckets into s.yaml. To copy elsewhere, take all away with them in it ({command});"
                    " then write the new ones, and empty SYNC_URL",
                    command=Typed("setup", remove=True),
                )
                return _elsewhere(task, told)
        task = ours[0]
        if task["status"] == "STOPPED":
            told = t("Start it in the OMS console, unless the migration is over")
            return Line(Standing.WAIT, t("it is stopped, and copies nothing"), told)
        mode, check = task.get("object_overwrite_mode", "-"), task.get("consistency_check", "-")
        return Line(Standing.THERE, same(f"{mode}, {check}"))

    def _ours(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """That of s.yaml; where it names none, those that setup made."""
        if self._given:
            return [one for one in found if self.url(one["sync_task_id"]) == self._given]
        return self._mine(found)

    def _mine(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in found if one.get("description") == self._mark]

    def _look_to_remove(self) -> Line:
        found = self._all()
        for task in self._ours(found):
            # What was made for that source has another mark: all of it would stay, and go on with its keys.
            if task["src_bucket"] != self._pair.source:
                return _elsewhere(
                    task, t("Write the source bucket back into s.yaml first: {source}", source=task["src_bucket"])
                )
        mine = self._mine(found)
        if not mine:
            return NOTHING_OURS
        return Line(Standing.REMOVE, t("it is stopped first"), None, [same(str(one["sync_task_id"])) for one in mine])

    def _remove(self) -> None:
        for one in self._mine(self._all()):
            path = f"{self._path}/{one['sync_task_id']}"
            if one["status"] != "STOPPED":
                self._oms.call("POST", f"{path}/stop")
            self._oms.call("DELETE", path)

    def _of_pair(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wanted = (self._pair.source, self._pair.destination)
        return [one for one in found if (one["src_bucket"], one["dst_bucket"]) == wanted]

    def _all(self) -> list[dict[str, Any]]:
        return listed(self._oms.call("GET", self._path, {"limit": "100", "offset": "0"}), "tasks")


def _elsewhere(task: dict[str, Any], told: Text) -> Line:
    """Of one that is between other buckets than s.yaml says."""
    source, destination = task["src_bucket"], task["dst_bucket"]
    return Line(
        Standing.STOP,
        t("it copies {source} to {destination}, and s.yaml says otherwise", source=source, destination=destination),
        told,
    )
