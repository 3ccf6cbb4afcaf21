"""Whether OMS copies what was there before the project. `ops.py migrate` writes that down before it begins, and moves
it once it is over:

oms_source_record/{task}/state/migrate-{project}.json           {"begun", "group", "keys", ...}
oms_source_record/{task}/state/migrated-{project}-{run}.json    also {"ended", "how", "copied", ...}
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json
from oss_oms_sync.answers.job_answers import Migrated, Migration
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.reasons import Failure

_RUN = re.compile(r"[0-9a-f]+\.json")


def under_way(invocation: Invocation) -> Migration | None:
    """The migration that has begun and is not over; None if there is none. What cannot be read is one, too.

    Raises StorageError.
    """
    found = invocation.log_bucket.get(f"{_states(invocation)}migrate-{invocation.settings.project}.json")
    if found is None:
        return None
    match jsontext.load(found):
        case {"begun": str(begun), "group": str(group), **rest}:
            keys = rest.get("keys")
            return Migration(begun, group, keys if isinstance(keys, list) else [])
    return Migration("", "")


def over(invocation: Invocation) -> list[Migrated]:
    """Those that are over and can be read, in the order in which they began.

    Raises StorageError.
    """
    begin = f"{_states(invocation)}migrated-{invocation.settings.project}-"
    # Another project's name may begin with this one's.
    names = [one.name for one in invocation.log_bucket.iter_objects(begin) if _RUN.fullmatch(one.name[len(begin) :])]
    found = []
    for one in filter(None, invocation.log_bucket.get_all(names)):
        with suppress(UnreadableError):
            found.append(from_json(Migrated, jsontext.load(one.body)))
    return sorted(found, key=lambda one: one.begun)


def _states(invocation: Invocation) -> str:
    return f"{record_root(invocation.task_id)}state/"


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
