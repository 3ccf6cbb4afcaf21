"""Whether OMS copies what was there before the project, or has done so. `ops.py migrate` writes that down before it
begins, and moves it once it is over:

oms_source_record/{task}/state/migrate-{project}.json           {"begun", "group", "keys", "prefixes", ...}
oms_source_record/{task}/state/migrated-{project}-{run}.json    also {"ended", "how", "copied", ...}
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.job_answers import Migrated, Migration
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK, GroupState, TaskGroup
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.errors import Failure
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState

_RUN = re.compile(r"[0-9a-f]+\.json")

# By so much the clock may be wrong of who begins one: beyond that both clouds refuse his requests.
_CLOCK_SECONDS = 15 * 60


@dataclass(frozen=True)
class Reach:
    """What a task group copies: what had been written when it was `begun`, and begins with one of the `prefixes`.

    Times are in seconds since 1970. `until`: when it was over; of one that copies now, when that was looked at.
    `found_without`: the comparison before it found nothing that was in the destination alone.
    """

    prefixes: tuple[str, ...]
    begun: int
    until: int
    will_copy: bool
    has_copied: bool
    found_without: bool

    def has(self, source: ObjectSummary) -> bool:
        """Whether this version of an object is among that. What was written later may have come after OMS listed it."""
        return source.modified < self.begun - _CLOCK_SECONDS and source.name.startswith(self.prefixes)

    def wrote(self, destination: ObjectSummary) -> bool:
        """Whether nothing but the project has written this object of the destination, as far as can be known."""
        is_inside = self.begun <= destination.modified <= self.until and destination.name.startswith(self.prefixes)
        return self.found_without and is_inside


@dataclass(frozen=True)
class Migrations:
    """Those of a project at a moment. `step`: what has OMS copy what is missing. `is_unknown`: one has begun, and
    whether it copies is not known. Then nothing is left to it, because to send twice is harmless."""

    reaches: tuple[Reach, ...] = ()
    step: Step = Step("migrate")  # noqa: RUF009  it does not change
    is_unknown: bool = False

    def will_copy(self, source: ObjectSummary) -> bool:
        """Whether a task group that copies now comes to this version, or tells why not. Of one that is paused, has
        failed, is over or was deleted nothing is expected."""
        return any(reach.will_copy and reach.has(source) for reach in self.reaches)

    def copied(self, source: ObjectSummary) -> bool:
        """Whether one that is done came to this version; what it failed to copy is known to nobody, or to replay."""
        return any(reach.has_copied and reach.has(source) for reach in self.reaches)

    def wrote(self, destination: ObjectSummary) -> bool:
        """Whether one copied an object that is in the destination alone, so that the source has deleted it since."""
        return any(reach.wrote(destination) for reach in self.reaches)


NONE = Migrations()


def current_migration(invocation: Invocation) -> Migration | None:
    """The migration that has begun and is not over; None if there is none. What cannot be read is one, too.

    Raises StorageError.
    """
    body = _begun(invocation)
    return None if body is None else _migration(body)


def finished_migrations(invocation: Invocation) -> list[Migrated]:
    """Those that are over and can be read, in the order in which they began.

    Raises StorageError.
    """
    migrateds = []
    for body in _over(invocation):
        with suppress(UnreadableError):
            migrateds.append(from_json(Migrated, jsontext.load(body)))
    return sorted(migrateds, key=lambda migrated: migrated.begun)


def load_migrations(invocation: Invocation) -> Migrations:
    """All that are known now.

    Raises StorageError.
    """
    now, begun = invocation.clock.now(), _begun(invocation)
    reaches = [_reach(body, now) for body in _over(invocation)]
    if begun is None:
        return Migrations(tuple(filter(None, reaches)))
    task_group = query_task_group(invocation, _migration(begun))
    group = task_group if isinstance(task_group, TaskGroup) else None
    reaches.append(_reach(begun, now, group))
    is_unknown = group is None or reaches[-1] is None
    step = group.step if group else LOOK
    return Migrations(tuple(filter(None, reaches)), step, is_unknown)


def query_task_group(invocation: Invocation, migration: Migration | None) -> TaskGroup | Failure | None:
    """Its task group as OMS tells of it now, or why that does not tell; None where there is none, or none is known.

    Raises StorageError.
    """
    if migration is None or not migration.group:
        return None
    group = invocation.oms.group(migration.group, invocation.deadline)
    if isinstance(group, Failure) or not group.can_be_resent:
        return group
    positions = JobState(invocation).recall(ListPositions, "failed_copies") or ListPositions()
    return replace(group, resent=positions.has_all_of(group))


def _begun(invocation: Invocation) -> bytes | None:
    return invocation.log_bucket.get(f"{_states(invocation)}migrate-{invocation.settings.project}.json")


def _over(invocation: Invocation) -> list[bytes]:
    begin = f"{_states(invocation)}migrated-{invocation.settings.project}-"
    # Another project's name may begin with this one's.
    names = [
        stored.name for stored in invocation.log_bucket.iter_objects(begin) if _RUN.fullmatch(stored.name[len(begin) :])
    ]
    return [stored.body for stored in invocation.log_bucket.get_all(names) if stored]


def _states(invocation: Invocation) -> str:
    return f"{record_root(invocation.task_id)}state/"


def _migration(body: bytes) -> Migration:
    match jsontext.load(body):
        case {"begun": str(begun), "group": str(group), **rest}:
            keys = rest.get("keys")
            return Migration(begun, group, keys if isinstance(keys, list) else [])
    return Migration("", "")


def _reach(body: bytes, now: datetime, group: TaskGroup | None = None) -> Reach | None:
    """What one copies, of which OMS tells where it is not over; None if that cannot be read."""
    match jsontext.load(body):
        case {"begun": str(begun), "prefixes": list(prefixes), "found_without": str(found), **rest} if (
            time := parse_time(begun)
        ):
            will_copy = group is not None and group.will_copy
            is_done = group.state is GroupState.DONE if group else rest.get("how") == "done"
            has_failed = group.failed if group else rest.get("failed")
            until = parse_time(str(rest.get("ended"))) or (now if will_copy else time)
            seconds = int(time.timestamp()), int(until.timestamp())
            # What it failed to copy, and replay has taken over, has failed records, which come first.
            has_copied = (is_done and not has_failed) or rest.get("how") == "resent"
            return Reach(tuple(map(str, prefixes)), *seconds, will_copy, has_copied, bool(found))
    return None
