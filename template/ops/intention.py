"""What a migration of the old objects is about, written down before it begins, so that nobody has to remember it.

oms_source_record/{task}/state/migrate-{project}.json        while it is on its way, or can be retried: until then the
                                                             project is not closed (certify looks for this object)
oms_source_record/{task}/state/migrated-{project}-{run}.json afterwards
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Protocol

from ops.certificate.form import RECORDS
from ops.clock import timestamp
from ops.clouds.buckets import OssBucketClient
from ops.clouds.oms import TaskGroups
from ops.clouds.wire import UnreadableResponseError, refused
from ops.errors import OpsError
from ops.session import Session
from ops.shell import Typed
from oss_oms_sync.answers.task_group import GroupState, TaskGroup
from oss_oms_sync.answers.text import t

_TASK = re.compile(r"/sync-tasks/([^/]+)/events$")


def state_folder(address: str) -> str:
    """Return the folder of a task's state in the log bucket, by its SYNC_URL; empty if that is none."""
    match = _TASK.search(address)
    return f"{RECORDS}{match[1]}/state/" if match else ""


class Holder(Protocol):
    """One of the users with whose access keys OMS works. Both raise RefusedError and UnreachableError."""

    def key_ids(self) -> list[str]:
        """The access keys that it has."""

    def delete_key(self, key: str) -> None:
        """Delete one of them."""


# What it takes to see how a migration stands, and to delete its keys. It is asked for once there is one.
AtHand = Callable[[], tuple[TaskGroups, Sequence[Holder]]]


@dataclass
class Intention:
    """`run` tells one from another; `begun`: when, in UTC. `keys`: its own access keys, of both of OMS's users. It is
    empty while they are made: until then whatever those have that is not in `kept` is of this. `maker`: the number of
    the command that makes them, and lets OMS begin with them; empty where none is at work on that. `group`: OMS's id of
    it, empty until OMS has told that. `found_without`: the digest of the destination, if the comparison before it found
    nothing that was there alone; else it is empty. `overwrite`: whether it copies what is there already, whatever it
    is. `restore`: whether it restores archived objects, which costs."""

    run: str
    begun: str
    source: str
    destination: str
    prefixes: Sequence[str]
    kept: Sequence[str]
    keys: Sequence[str] = field(default_factory=list)
    group: str = ""
    found_without: str = ""
    overwrite: bool = False
    restore: bool = False
    maker: str = ""


class Intentions:
    """That of one project: `address` is its SYNC_URL, `log` the log bucket. All methods raise RefusedError,
    UnreachableError and UnreadableResponseError."""

    def __init__(self, log: OssBucketClient, address: str, project: str) -> None:
        self._log, self._project, self._root = log, project, state_folder(address)
        self._name = f"{self._root}migrate-{project}.json" if self._root else ""

    def read(self) -> Intention | None:
        """None if nothing is on its way."""
        response = None
        with refused(lambda error: error.code == "NoSuchBucket"):
            response = self._log.get(self._name) if self._name else None
        if response is None:
            return None
        try:
            return Intention(**json.loads(response.body))
        except (TypeError, ValueError):
            raise UnreadableResponseError from None

    def see_to_keys(self, session: Session, at_hand: AtHand | None = None, *, yes: bool = False) -> None:
        """Say which access keys a migration has, and what deletes them; where OMS has no more to do for it, ask whether
        to end it now. `yes`: somebody has said so already."""
        try:
            intention = self.read()
        except OpsError:
            # Whoever may not read it is told by status.
            return
        if intention is None or not intention.keys:
            return
        session.say(
            t(
                "A migration of the old objects is not over, and has the access keys {keys}. What follows it to its"
                " end, and deletes them: {command}",
                command=Typed("migrate"),
                keys=intention.keys,
            )
        )
        try:
            if at_hand and intention.group:
                self._end_if_over(session, intention, at_hand, yes)
        except OpsError as error:
            session.say(t("They are not deleted: {happened}", happened=error.happened))

    def _end_if_over(self, session: Session, intention: Intention, at_hand: AtHand, yes: bool) -> None:
        groups, holders = at_hand()
        group = groups.show(intention.group)
        # One that is paused, or has failed, can go on, for which its keys are kept.
        if group and group.state is not GroupState.DONE:
            return
        if yes or session.agrees(t("OMS has no more to do for it. End it, and delete them now? [y/N]")):
            self.end(intention, holders, session.clock.now(), "done" if group else "removed", group)
            session.say(t("It is ended, and its access keys are deleted"))

    def begin(self, intention: Intention) -> bool:
        """Write it, if there is none; whether it is the one that is there now."""
        self._put_first(self._name, asdict(intention))
        return self.latest(intention) is not None

    def latest(self, intention: Intention) -> Intention | None:
        """The same as it is written down now; None if it is not the one that is on its way any more: whoever has slept,
        or waited, may have one that somebody else has ended, and perhaps begun another."""
        there = self.read()
        return there if there and there.run == intention.run else None

    def claim(self, intention: Intention, maker: str) -> Intention | None:
        """Let this command be the one that makes its keys; return the intention as it was before, None if it is not on
        its way any more."""
        before = self.latest(intention)
        if before:
            self.write(replace(before, maker=maker))
        return before

    def note_group(self, intention: Intention, group: str) -> None:
        """Write OMS's id of its group beside what is known of it now."""
        if there := self.latest(intention):
            self.write(replace(there, group=group))

    def write(self, intention: Intention) -> None:
        """Write it as it is. Whoever changes it has just looked whether it is still on its way."""
        self._log.put(self._name, json.dumps(asdict(intention)).encode())

    def note_end(self, intention: Intention, ended: datetime, how: str, group: TaskGroup | None = None) -> None:
        """Write what is known of one that is over under another name, which certificates tell. Where OMS tells nothing
        of it any more (`group` is None), what was written before holds."""
        numbers = {name: getattr(group, name, 0) for name in ("total", "copied", "skipped", "failed")}
        told = {**asdict(intention), "ended": timestamp(ended), "how": how, **numbers}
        name = f"{self._root}migrated-{self._project}-{intention.run}.json"
        if group:
            self._log.put(name, json.dumps(told).encode())
        else:
            self._put_first(name, told)

    def end(
        self, intention: Intention, holders: Sequence[Holder], ended: datetime, how: str, group: TaskGroup | None = None
    ) -> None:
        """It is over, unless somebody else has ended it already: the keys that it has by now go first, because while it
        is written down, somebody knows of them."""
        there = self.latest(intention)
        if there is None:
            return
        delete_keys(keys_of(there, holders))
        self.note_end(there, ended, how, group)
        # Somebody else may have ended it meanwhile, and begun another.
        if self.latest(there):
            self._log.delete(self._name)

    def _put_first(self, name: str, value: Mapping[str, object]) -> None:
        """Write it, unless there is something of that name."""
        with refused(lambda error: error.code == "FileAlreadyExists"):
            self._log.put(name, json.dumps(value).encode(), {"x-oss-forbid-overwrite": "true"})


def task_of_any(log: OssBucketClient, project: str) -> str:
    """The sync task of one of the project that is on its way, whatever SYNC_URL is; empty if there is none. Raises what
    reading one raises."""
    with refused(lambda error: error.code == "NoSuchBucket"):
        folders = (folder for folder in log.folders(RECORDS) if log.get(f"{folder}state/migrate-{project}.json"))
        return next(folders, "").removeprefix(RECORDS).rstrip("/")
    return ""


def all_keys(holders: Sequence[Holder]) -> list[tuple[Holder, str]]:
    """The access keys that these have, of whatever use. Raises what holders raise."""
    return [(holder, key) for holder in holders for key in holder.key_ids()]


def keys_of(intention: Intention, holders: Sequence[Holder]) -> list[tuple[Holder, str]]:
    """The access keys that a migration has. Raises what holders raise."""
    return [
        (holder, key)
        for holder, key in all_keys(holders)
        if (key in intention.keys if intention.keys else key not in intention.kept)
    ]


def delete_keys(keys: Iterable[tuple[Holder, str]]) -> None:
    """Delete these. It is no error if somebody else has just done it. Raises what holders raise."""
    for holder, key in keys:
        with refused(lambda error: error.status == 404):
            holder.delete_key(key)
