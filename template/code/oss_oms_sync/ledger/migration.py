"""Whether OMS copies what was there before the project. `ops.py migrate` writes that down before it begins, and takes
it away once it is over:

oms_source_record/{task}/state/migrate-{project}.json    {"begun", "group", ...}
"""

from __future__ import annotations

from oss_oms_sync import jsontext
from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.ledger.records import record_root


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
