"""What still waits to be sent when a cutover is judged: of objects that the source still has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.failed_records import list_failed
from oss_oms_sync.ledger.records import FailedKey, failed_key, record_prefix
from oss_oms_sync.ledger.runs import RunFiles

# With more than this, nobody has to look at each: the answer is no.
_MOST = 1000
_MOST_RUN_FILES = 50


@dataclass(frozen=True)
class Waiting:
    """`failed`: the failed records of objects that the source has; `gone`: how many others there are; `unread`: records
    of which nobody knows the key. `in_run_files`: keys in `run_files` of replay, `unreadable` of which are. `are_more`:
    there is more than was looked at."""

    failed: Sequence[FailedKey]
    gone: int
    unread: int
    in_run_files: Sequence[str]
    run_files: int
    unreadable: int
    are_more: bool


def what_waits(invocation: Invocation) -> Waiting:
    """Look at the failed records and run files.

    Raises StorageError.
    """
    records = list_failed(invocation, _MOST)
    keys = _read(invocation, [one.name for one in records.listed])
    mine = [key for key in keys if invocation.settings.key_filter.matches(key.key)]
    there = invocation.source_bucket.find_all([key.key for key in mine])
    failed = [key for key, one in zip(mine, there, strict=True) if one]
    runs = list(_first_run_files(invocation))
    in_run_files = [key.key for run in runs if run for key in run]
    return Waiting(
        failed,
        len(mine) - len(failed),
        len(records.listed) - len(keys),
        in_run_files,
        len(runs),
        sum(run is None for run in runs),
        records.are_more or len(runs) == _MOST_RUN_FILES,
    )


def _read(invocation: Invocation, names: Sequence[str]) -> list[FailedKey]:
    """The keys of these records; of one that cannot be read, what its name says."""
    by_key = record_prefix(invocation.task_id, "failed")
    keys = []
    for name, found in zip(names, invocation.log_bucket.try_get_all(names), strict=True):
        key = failed_key(invocation.task_id, found) if isinstance(found, StoredObject) else None
        if key is None and name.startswith(by_key):
            key = FailedKey(ObjectChange(name.removeprefix(by_key)))
        if key:
            keys.append(key)
    return keys


def _first_run_files(invocation: Invocation) -> list[Sequence[FailedKey] | None]:
    """The keys of each run file; None for one that is unreadable."""
    found: list[Sequence[FailedKey] | None] = []
    for run in RunFiles(invocation).leftovers():
        found.append(run.keys if run else None)
        if len(found) == _MOST_RUN_FILES:
            break
    return found
