"""Whether OMS copies what was there before the project, or has done so. `ops.py migrate` writes that down before it
begins, and elsewhere once it is over:

oms_source_record/{task}/state/migrate-{project}.json          {"begun", "group", "prefixes", "found_without", ...}
oms_source_record/{task}/state/migrated-{project}-{run}.json   the same, with "ended" and "how"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import GroupState, TaskGroup
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import Failure

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
        return any(one.will_copy and one.has(source) for one in self.reaches)

    def copied(self, source: ObjectSummary) -> bool:
        """Whether one that is done, and failed to copy nothing, came to this version."""
        return any(one.has_copied and one.has(source) for one in self.reaches)

    def wrote(self, destination: ObjectSummary) -> bool:
        """Whether one copied an object that is in the destination alone, so that the source has deleted it since."""
        return any(one.wrote(destination) for one in self.reaches)


NONE = Migrations()


def under_way(invocation: Invocation) -> Migration | None:
    """The migration that has begun and is not over; None if there is none. What cannot be read is one, too.

    Raises StorageError.
    """
    found = invocation.log_bucket.get(_name(invocation))
    return None if found is None else _migration(found)


def known(invocation: Invocation) -> Migrations:
    """All that are known now.

    Raises StorageError.
    """
    bucket, now, name = invocation.log_bucket, invocation.clock.now(), _name(invocation)
    over = name.replace("/state/migrate-", "/state/migrated-").removesuffix(".json")
    names = [one.name for one in bucket.iter_objects(f"{over}-")]
    # Another project's name may begin with this one's.
    mine = [one for one in names if re.fullmatch(r"-[0-9a-f]+\.json", one.removeprefix(over))]
    begun, *ended = bucket.get_all([name, *mine])
    reaches = [_reach(one.body, now) for one in ended if one]
    if begun is None:
        return Migrations(tuple(filter(None, reaches)))
    found = how_far(invocation, _migration(begun.body))
    group = found if isinstance(found, TaskGroup) else None
    reaches.append(_reach(begun.body, now, group))
    is_unknown = group is None or reaches[-1] is None
    step = group.step if group else Step("migrate", {"look": True})
    return Migrations(tuple(filter(None, reaches)), step, is_unknown)


def _reach(body: bytes, now: datetime, group: TaskGroup | None = None) -> Reach | None:
    """What one copies, of which OMS tells where it is not over; None if that cannot be read."""
    match jsontext.load(body):
        case {"begun": str(begun), "prefixes": list(prefixes), "found_without": str(found), **rest} if (
            time := parse_time(begun)
        ):
            will_copy = group is not None and group.will_copy
            is_done = rest.get("how") == "done" if group is None else group.state is GroupState.DONE
            until = parse_time(str(rest.get("ended"))) or (now if will_copy else time)
            seconds = int(time.timestamp()), int(until.timestamp())
            return Reach(tuple(map(str, prefixes)), *seconds, will_copy, is_done, bool(found))
    return None


def _migration(body: bytes) -> Migration:
    match jsontext.load(body):
        case {"begun": str(begun), "group": str(group)}:
            return Migration(begun, group)
    return Migration("", "")


def how_far(invocation: Invocation, migration: Migration | None) -> TaskGroup | Failure | None:
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


def _name(invocation: Invocation) -> str:
    return f"{record_root(invocation.task_id)}state/migrate-{invocation.settings.project}.json"
