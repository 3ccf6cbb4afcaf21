"""Huawei OMS's migration task groups, which copy what is there once.

Source: support.huaweicloud.com/api-oms (CreateTaskGroup, ListTaskGroup, ShowTaskGroup, StopTaskGroup, StartTaskGroup,
RetryTaskGroup, DeleteTaskGroup).

All methods raise RefusedError, UnreachableError and UnreadableError. What changes something is asked once: whether it
was done, whose answer is lost, who needs to know looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from ops.clouds.keys import Keys
from ops.clouds.services import Service
from ops.clouds.wire import RefusedError, UnreadableError

_PAGE = 100


class State(IntEnum):
    """How a group stands."""

    WAITING = 0
    CREATING = 1
    COPYING = 2
    PAUSED = 3
    NOT_CREATED = 4
    FAILED = 5
    DONE = 6
    PAUSING = 7
    DELETING_SOON = 8
    DELETING = 9


class Wanted(NamedTuple):
    """What a group is to copy, and between which buckets. `note` is its description."""

    source: str
    source_region: str
    destination: str
    destination_region: str
    prefixes: Sequence[str]
    note: str


class Group(NamedTuple):
    """What OMS tells of a group. `total` is 0 until it has listed the source. `size`: bytes in all; `copied_size`: of
    what it `copied`; `speed`: bytes a second. `started`: when, in seconds since 1970. `can_retry_failed`: whether it
    can try again what failed, and nothing else. `lists`: where it lists that in the destination. `why` it failed."""

    id: str
    state: State
    note: str
    total: int
    copied: int
    skipped: int
    failed: int
    size: int
    copied_size: int
    speed: int
    started: float
    can_retry_failed: bool
    lists: str
    why: str

    def is_marked(self, mark: str) -> bool:
        """Whether a migration of the project with this mark made it."""
        return self.note.startswith(note_of(mark, ""))

    @property
    def told_of(self) -> int:
        """How many objects have come to an end."""
        return self.copied + self.skipped + self.failed

    @classmethod
    def of(cls, told: dict[str, Any]) -> Group:
        """Raises UnreadableError for what is no group."""
        # Where there is nothing to tell, OMS leaves these out, or says an empty text.
        failed, why = told.get("failed_object_record") or {}, told.get("error_reason") or {}

        def number(name: str) -> int:
            return int(told.get(name) or 0)

        try:
            return cls(
                id=str(told["group_id"]),
                state=State(told["status"]),
                note=str(told.get("description") or ""),
                total=number("total_num"),
                copied=number("success_num"),
                skipped=number("skip_num"),
                failed=number("fail_num"),
                size=number("total_size"),
                copied_size=number("complete_size"),
                speed=number("migrate_speed"),
                started=number("start_time") / 1000,
                can_retry_failed=failed.get("result") is True,
                lists=str(failed.get("list_file_key") or ""),
                why=" ".join(str(why[name]) for name in ("error_code", "error_msg") if why.get(name)),
            )
        except (LookupError, TypeError, ValueError, AttributeError):
            raise UnreadableError from None


def note_of(mark: str, run: str) -> str:
    """The description of the group that a run of a migration makes. `mark`: that of all that the project has there."""
    return f"{mark}:{run}"


class TaskGroups:
    """Those of a project of Huawei Cloud (`project`: its id)."""

    def __init__(self, oms: Service, project: str) -> None:
        self._oms, self._path = oms, f"/v2/{project}/taskgroups"

    def create(self, wanted: Wanted, source: Keys, destination: Keys) -> str:
        """Create a group, which begins by itself; return its id.

        What is in the destination is overwritten where its CRC64 differs, or where there is none, by size and time.
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
            "object_overwrite_mode": "CRC64_COMPARISON_OVERWRITE",
            "consistency_check": "crc64",
        }
        return str(self._oms.call("POST", self._path, body=given, attempts=1)["group_id"])

    def all(self) -> Iterator[Group]:
        """All of the project, whoever made them."""
        offset = 0
        while True:
            page = self._oms.call("GET", self._path, {"limit": str(_PAGE), "offset": str(offset)})
            found = page.get("taskgroups") or []
            yield from (Group.of(one) for one in found)
            offset += len(found)
            if not found or offset >= int(page.get("count") or 0):
                return

    def show(self, group: str) -> Group | None:
        """One of them; None if there is none of this id."""
        try:
            return Group.of(self._oms.call("GET", f"{self._path}/{group}"))
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def pause(self, group: str) -> None:
        """Let one that is creating or copying begin nothing more."""
        self._oms.call("PUT", f"{self._path}/{group}/stop", attempts=1)

    def go_on(self, group: str, source: Keys, destination: Keys) -> None:
        """Let one that is paused go on, with these keys."""
        self._oms.call("PUT", f"{self._path}/{group}/start", body=_four(source, destination), attempts=1)

    def retry(self, group: str, source: Keys, destination: Keys, *, only_failed: bool) -> None:
        """Let one that has failed try what failed again, or all of it, with these keys."""
        given = {**_four(source, destination), "migrate_failed_object": only_failed}
        self._oms.call("PUT", f"{self._path}/{group}/retry", body=given, attempts=1)

    def delete(self, group: str) -> None:
        """Delete one that neither lists nor copies."""
        self._oms.call("DELETE", f"{self._path}/{group}", attempts=1)


def _four(source: Keys, destination: Keys) -> dict[str, Any]:
    return {
        "src_ak": source.access.reveal(),
        "src_sk": source.secret.reveal(),
        "dst_ak": destination.access.reveal(),
        "dst_sk": destination.secret.reveal(),
    }
