"""Whether OMS copies what was there before the project. `ops.py migrate` writes that down before it begins, and takes
it away once it is over:

oms_source_record/{task}/state/migrate-{project}.json    {"begun", "group", ...}
"""

from __future__ import annotations

from dataclasses import replace

from oss_oms_sync import jsontext
from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import Failure


def under_way(invocation: Invocation) -> Migration | None:
    """The migration that has begun and is not over; None if there is none. What cannot be read is one, too.

    Raises StorageError.
    """
    name = f"{record_root(invocation.task_id)}state/migrate-{invocation.settings.project}.json"
    found = invocation.log_bucket.get(name)
    if found is None:
        return None
    match jsontext.load(found):
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
