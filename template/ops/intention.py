"""The record of a migration of the existing objects, from which any later command can continue the migration.

The record is an object in the log bucket, written before the migration begins:

    oms_source_record/{task}/state/migrate-{project}.json         until the migration ends; meanwhile the project cannot
                                                                  be closed, because certify looks for this object
    oms_source_record/{task}/state/migrated-{project}-{run}.json  afterwards
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Protocol

from ops.clock import timestamp
from ops.clouds.buckets import OssBucketClient
from ops.clouds.oms import TaskGroups
from ops.clouds.wire import UnreadableResponseError, suppress_refusal
from ops.errors import OpsError
from ops.session import Session
from oss_oms_sync.answers import codec
from oss_oms_sync.answers.bandwidth import CopySpeed, Window
from oss_oms_sync.answers.layout import (
    RECORDS,
    current_migration_name,
    finished_migrations_prefix,
    migration_speed_name,
    parse_task_id,
)
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import GroupState, TaskGroup
from oss_oms_sync.answers.text import t


class Holder(Protocol):
    """A user of a cloud whose access keys OMS uses during a migration.

    A method raises RefusedError if the cloud refuses the request, and UnreachableError if no answer arrives.
    """

    def key_ids(self) -> list[str]:
        """List the ids of the user's access keys."""

    def delete_key(self, key: str) -> None:
        """Delete an access key of the user."""


# A function that returns the access to OMS and to the users, called only if there is a migration.
AccessProvider = Callable[[], tuple[TaskGroups, Sequence[Holder]]]


@dataclass
class Intention:
    """The record of a migration, which is stored as JSON.

    - `run` is the id of the migration, and `begun` the time of its start in UTC.
    - `keys` are the ids of the access keys that OMS uses, empty until these keys exist.
    - `kept` are the ids of other access keys. While `keys` is empty, each key that is not in `kept` belongs to the
      migration.
    - `maker` is the id of the command that is making keys or starting OMS, or empty.
    - `group` is OMS's id of the task group, or empty until OMS has answered.
    - `digest_without_extra` is the digest of the destination before the migration, or empty if there were objects only
      in OBS.
    - `overwrite`: OMS also copies over equal objects.
    - `restore`: OMS restores archived objects, which costs money.
    - `bandwidth` has the limits by time of day. With None, OMS keeps the limits that were set in its console.
    """

    run: str
    begun: str
    source: str
    destination: str
    prefixes: Sequence[str]
    kept: Sequence[str]
    keys: Sequence[str] = field(default_factory=list)
    group: str = ""
    digest_without_extra: str = ""
    overwrite: bool = False
    restore: bool = False
    maker: str = ""
    bandwidth: Sequence[Window] | None = None
    keep_storage_class: bool = False


class Intentions:
    """The stored records of a project's migrations, in its log bucket `log`; `address` is the project's SYNC_URL."""

    def __init__(self, log: OssBucketClient, address: str, project: str) -> None:
        self._log, self._project, self._task = log, project, parse_task_id(address)
        self._name = current_migration_name(self._task, project) if self._task else ""

    def read(self) -> Intention | None:
        response = None
        with suppress_refusal(lambda error: error.code == "NoSuchBucket"):
            response = self._log.get(self._name) if self._name else None
        if response is None:
            return None
        try:
            fields = json.loads(response.body)
            windows = fields.get("bandwidth")
            fields["bandwidth"] = windows and [Window(**window) for window in windows]
            return Intention(**fields)
        except (AttributeError, TypeError, ValueError):
            raise UnreadableResponseError from None

    def read_speed(self) -> CopySpeed | None:
        """Return the copying speed that status measured under bandwidth limits, or None without a measurement."""
        response = self._log.get(migration_speed_name(self._task, self._project))
        try:
            return codec.from_json(CopySpeed, json.loads(response.body)) if response else None
        except ValueError:
            raise UnreadableResponseError from None

    def report_keys(
        self, session: Session, get_access: AccessProvider | None = None, *, is_confirmed: bool = False
    ) -> None:
        """Print the access keys of the current migration, and the command that deletes them.

        If OMS has finished the migration, ask the user to end it; with `is_confirmed`, end it without a question.
        Without `get_access`, only print.
        """
        try:
            intention = self.read()
        except OpsError:
            # Status reports an unreadable record.
            return
        if intention is None or not intention.keys:
            return
        session.print_text(
            t(
                "The migration of the existing objects has not ended, and OMS still has the access keys"
                " {keys}. To follow the migration to its end and delete the access keys: {command}",
                command=Step("migrate"),
                keys=intention.keys,
            )
        )
        try:
            if get_access and intention.group:
                self._offer_end(session, intention, get_access, is_confirmed)
        except OpsError as error:
            session.print_text(t("The migration's access keys were not deleted: {happened}", happened=error.problem))

    def _offer_end(
        self, session: Session, intention: Intention, get_access: AccessProvider, is_confirmed: bool
    ) -> None:
        groups, holders = get_access()
        group = groups.show(intention.group)
        # A paused or failed group can continue, and then needs its keys.
        if group and group.state is not GroupState.DONE:
            return
        if is_confirmed or session.agrees(
            t("OMS has finished this migration. End the migration and delete its access keys now? [y/N]")
        ):
            self.end(intention, holders, session.clock.now(), "done" if group else "removed", group)
            session.print_text(t("The migration has ended, and its access keys have been deleted"))

    def begin(self, intention: Intention) -> bool:
        """Store the record of a new migration. Return False if another migration has a record already."""
        self._put_if_absent(self._name, asdict(intention))
        return self.read_current(intention) is not None

    def read_current(self, intention: Intention) -> Intention | None:
        """Return the stored record of this migration, or None if the migration is no longer in progress.

        While a command waits, another command can end the migration, or begin a new one.
        """
        stored_record = self.read()
        return stored_record if stored_record and stored_record.run == intention.run else None

    def claim(self, intention: Intention, maker: str) -> Intention | None:
        """Record that the command with the id `maker` makes the access keys; return the record as it was before.

        Return None if the migration is no longer in progress.
        """
        earlier_record = self.read_current(intention)
        if earlier_record:
            self.write(replace(earlier_record, maker=maker))
        return earlier_record

    def note_group(self, intention: Intention, group: str) -> None:
        if stored_record := self.read_current(intention):
            self.write(replace(stored_record, group=group))

    def note_bandwidth(self, intention: Intention, windows: Sequence[Window]) -> None:
        intention.bandwidth = windows
        if stored_record := self.read_current(intention):
            self.write(replace(stored_record, bandwidth=windows))

    def write(self, intention: Intention) -> None:
        """Replace the stored record. The caller has just checked that the migration is still in progress."""
        self._log.put(self._name, json.dumps(asdict(intention)).encode())

    def note_end(
        self, intention: Intention, end_time: datetime, result_name: str, group: TaskGroup | None = None
    ) -> None:
        """Store the result of an ended migration as an object of its own, which certificates quote.

        `result_name` is "done", "removed", "resent" or "refused". Without `group`, an earlier result remains.
        """
        counts = {name: getattr(group, name, 0) for name in ("total", "copied", "skipped", "failed")}
        result = {**asdict(intention), "ended": timestamp(end_time), "how": result_name, **counts}
        name = f"{finished_migrations_prefix(self._task, self._project)}{intention.run}.json"
        if group:
            self._log.put(name, json.dumps(result).encode())
        else:
            self._put_if_absent(name, result)

    def end(
        self,
        intention: Intention,
        holders: Sequence[Holder],
        end_time: datetime,
        result_name: str,
        group: TaskGroup | None = None,
    ) -> None:
        """Delete the migration's access keys, store its result, and delete its record.

        The keys are deleted first, because commands find them by the record. If another command has ended the
        migration, do nothing.
        """
        stored_record = self.read_current(intention)
        if stored_record is None:
            return
        delete_keys(list_migration_keys(stored_record, holders))
        self.note_end(stored_record, end_time, result_name, group)
        # Another command may have ended it meanwhile, and begun a new migration.
        if self.read_current(stored_record):
            self._log.delete(self._name)

    def _put_if_absent(self, name: str, value: Mapping[str, object]) -> None:
        with suppress_refusal(lambda error: error.code == "FileAlreadyExists"):
            self._log.put(name, json.dumps(value).encode(), {"x-oss-forbid-overwrite": "true"})


def find_task(log: OssBucketClient, project: str) -> str:
    """Return the id of the sync task for which a migration is in progress, or "" without a migration.

    The id is part of the record's name. SYNC_URL may name another task by now, so it is not used.
    """
    with suppress_refusal(lambda error: error.code == "NoSuchBucket"):
        tasks = (folder.removeprefix(RECORDS).rstrip("/") for folder in log.folders(RECORDS))
        return next((task for task in tasks if log.get(current_migration_name(task, project))), "")
    return ""


def list_keys(holders: Sequence[Holder]) -> list[tuple[Holder, str]]:
    return [(holder, key) for holder in holders for key in holder.key_ids()]


def list_migration_keys(intention: Intention, holders: Sequence[Holder]) -> list[tuple[Holder, str]]:
    return [
        (holder, key)
        for holder, key in list_keys(holders)
        if (key in intention.keys if intention.keys else key not in intention.kept)
    ]


def delete_keys(keys: Iterable[tuple[Holder, str]]) -> None:
    """Delete access keys of users; a missing key is no error."""
    for holder, key in keys:
        with suppress_refusal(lambda error: error.status == 404):
            holder.delete_key(key)
