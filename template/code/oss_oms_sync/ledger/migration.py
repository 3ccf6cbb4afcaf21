"""The migrations of a project's existing objects by OMS's task groups: the running migration, and finished migrations.

`ops.py migrate` writes a record before a migration starts, and moves the record when the migration has finished:

    oms_source_record/{task}/state/migrate-{project}.json           {"begun", "group", "keys", "prefixes", ...}
    oms_source_record/{task}/state/migrated-{project}-{run}.json    also {"ended", "how", "copied", ...}
    oms_source_record/{task}/state/migration-speed-{project}.json   bytes copied under bandwidth limits, by time
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from oss_oms_sync import jsontext
from oss_oms_sync.answers.bandwidth import CopySpeed
from oss_oms_sync.answers.codec import UnreadableError, from_json, to_json
from oss_oms_sync.answers.job_answers import FinishedMigration, Migration
from oss_oms_sync.answers.layout import current_migration_name, finished_migrations_prefix, migration_speed_name
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK_STEP, GroupState, TaskGroup
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.errors import Failure, log
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.state import JobState

_RUN_NAME_PATTERN = re.compile(r"[0-9a-f]+\.json")

# Age up to which samples are kept: a day, and an hour for the sample before it.
_PROGRESS_AGE = timedelta(hours=25)
# Maximum error of the clock by which the start of a migration was recorded. Both clouds refuse requests above it.
_MAX_CLOCK_ERROR_SECONDS = 15 * 60


@dataclass(frozen=True)
class MigrationReach:
    """The objects that a task group copies: those under one of the `prefixes`, if written before it started.

    - `begun`, `until`: the times of the group's start and end, in seconds since 1970. While the group runs, `until` is
      the time at which OMS was asked.
    - `will_copy`: True if the group runs and will copy its objects.
    - `has_copied`: True if the group has finished, and replay has recorded all its copy failures.
    - `had_no_extra`: True if the comparison before the migration found no object that was only in OBS.
    """

    prefixes: tuple[str, ...]
    begun: int
    until: int
    will_copy: bool
    has_copied: bool
    had_no_extra: bool

    def includes(self, source: ObjectSummary) -> bool:
        """Return True if the group copies this version of an object.

        If the object is overwritten after OMS has listed it, OMS may copy the later version instead.
        """
        return source.modified < self.begun - _MAX_CLOCK_ERROR_SECONDS and source.name.startswith(self.prefixes)

    def has_written(self, destination: ObjectSummary) -> bool:
        """Return True if only the group can have written this object to OBS, by its time and its prefix."""
        is_inside = self.begun <= destination.modified <= self.until and destination.name.startswith(self.prefixes)
        return self.had_no_extra and is_inside


@dataclass(frozen=True)
class Migrations:
    """The migrations of a project at a point in time.

    - `reaches`: the objects that each migration copies.
    - `step`: the command by which OMS copies missing objects.
    - `is_unknown`: True if a migration has started and its progress is unknown. In this case objects are submitted as
      if the migration copied none, because a second copy is harmless.
    """

    reaches: tuple[MigrationReach, ...] = ()
    step: Step = Step("migrate")  # noqa: RUF009  it does not change
    is_unknown: bool = False

    def will_copy(self, source: ObjectSummary) -> bool:
        """Return True if a running task group will copy this version, or will report that the copy failed.

        A group that is paused, failed, finished or deleted copies nothing more.
        """
        return any(reach.will_copy and reach.includes(source) for reach in self.reaches)

    def has_processed(self, source: ObjectSummary) -> bool:
        """Return True if a finished group has copied this version, or replay has recorded that the copy failed."""
        return any(reach.has_copied and reach.includes(source) for reach in self.reaches)

    def has_written(self, destination: ObjectSummary) -> bool:
        return any(reach.has_written(destination) for reach in self.reaches)


NO_MIGRATIONS = Migrations()


def read_current_migration(invocation: Invocation) -> Migration | None:
    """Return the unfinished migration, or None if there is none.

    The fields of a migration whose record is unreadable are empty.

    Raises StorageError.
    """
    body = _read_current_record(invocation)
    return None if body is None else _parse_migration(body)


def list_finished_migrations(invocation: Invocation) -> list[FinishedMigration]:
    """List the readable records of finished migrations, by the time of their start.

    Raises StorageError.
    """
    finished_migrations = []
    for body in _read_finished_records(invocation):
        with suppress(UnreadableError):
            finished_migrations.append(from_json(FinishedMigration, jsontext.load(body)))
    return sorted(finished_migrations, key=lambda migration: migration.begun)


def load_migrations(invocation: Invocation) -> Migrations:
    now, current_record = invocation.clock.now(), _read_current_record(invocation)
    reaches = [_parse_reach(body, now) for body in _read_finished_records(invocation)]
    if current_record is None:
        return Migrations(tuple(filter(None, reaches)))
    task_group = query_task_group(invocation, _parse_migration(current_record))
    group = task_group if isinstance(task_group, TaskGroup) else None
    reaches.append(_parse_reach(current_record, now, group))
    is_unknown = group is None or reaches[-1] is None
    step = group.step if group else LOOK_STEP
    return Migrations(tuple(filter(None, reaches)), step, is_unknown)


def query_task_group(invocation: Invocation, migration: Migration | None) -> TaskGroup | Failure | None:
    """Query OMS for a migration's task group, and return OMS's failure if the query fails.

    Return None without a migration, or if its task group is unknown.

    Raises StorageError.
    """
    if migration is None or not migration.group:
        return None
    group = invocation.oms.query_group(migration.group, invocation.deadline)
    if isinstance(group, Failure) or not group.can_be_resent:
        return group
    positions = JobState(invocation).load_as(ListPositions, "failed_copies") or ListPositions()
    return replace(group, resent=positions.has_all_failures(group))


def record_progress(invocation: Invocation, group: TaskGroup | Failure | None) -> None:
    """Store the number of bytes that a task group with bandwidth limits has copied until now.

    From the samples of a day, `ops.py migrate --look` derives the time zone in which OMS applies the limits. A failed
    write is only logged.

    Raises StorageError if the last samples cannot be read.
    """
    if not isinstance(group, TaskGroup) or group.state is not GroupState.COPYING or not group.bandwidth:
        return
    name, now = migration_speed_name(invocation.task_id, invocation.settings.project), invocation.clock.now()
    progress = CopySpeed(group.id, group.bandwidth, ())
    with suppress(UnreadableError):
        stored_progress = from_json(CopySpeed, jsontext.load(invocation.log_bucket.get(name) or b"{}"))
        if (stored_progress.group, stored_progress.windows) == (group.id, tuple(group.bandwidth)):
            progress = stored_progress
    min_time, sample = (now - _PROGRESS_AGE).timestamp(), (int(now.timestamp()), group.copied_size)
    samples = [
        *(earlier_sample for earlier_sample in progress.samples if min_time <= earlier_sample[0] < sample[0]),
        sample,
    ]
    (problem,) = invocation.log_bucket.try_put_all(
        [StoredObject.of_json(name, to_json(replace(progress, samples=samples)))]
    )
    if problem:
        log.warning({"progress": "not noted", "problem": str(problem)})


def _read_current_record(invocation: Invocation) -> bytes | None:
    return invocation.log_bucket.get(current_migration_name(invocation.task_id, invocation.settings.project))


def _read_finished_records(invocation: Invocation) -> list[bytes]:
    prefix = finished_migrations_prefix(invocation.task_id, invocation.settings.project)
    # Another project's name may begin with this project's name.
    names = [
        stored_object.name
        for stored_object in invocation.log_bucket.iter_objects(prefix)
        if _RUN_NAME_PATTERN.fullmatch(stored_object.name[len(prefix) :])
    ]
    return [stored_object.body for stored_object in invocation.log_bucket.get_all(names) if stored_object]


def _parse_migration(body: bytes) -> Migration:
    match jsontext.load(body):
        case {"begun": str(begun), "group": str(group), **fields}:
            keys = fields.get("keys")
            return Migration(begun, group, keys if isinstance(keys, list) else [])
    return Migration("", "")


def _parse_reach(body: bytes, now: datetime, group: TaskGroup | None = None) -> MigrationReach | None:
    """Return the objects that a migration copies, or None if its record is unreadable.

    `group` is OMS's answer for a migration that has not finished.
    """
    match jsontext.load(body):
        case {"begun": str(begun), "prefixes": list(prefixes), "digest_without_extra": str(digest), **fields} if (
            start_time := parse_time(begun)
        ):
            will_copy = group is not None and group.will_copy
            is_done = group.state is GroupState.DONE if group else fields.get("how") == "done"
            failed_objects = group.failed if group else fields.get("failed")
            end_time = parse_time(str(fields.get("ended"))) or (now if will_copy else start_time)
            start_and_end = int(start_time.timestamp()), int(end_time.timestamp())
            # Copy failures that replay has read have failed records, which are checked first.
            has_copied = (is_done and not failed_objects) or fields.get("how") == "resent"
            return MigrationReach(tuple(map(str, prefixes)), *start_and_end, will_copy, has_copied, bool(digest))
    return None
