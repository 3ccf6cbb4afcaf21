"""What still waits to be sent when a cutover is judged: of objects that the source has, and OBS is to get.

A record of an object that is equal in OBS waits for nothing, nor does one of what cannot be copied: replay keeps them
for longer than a freeze lasts. The comparison looks at these objects like at all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.classes import Moments, ObjectClass, classify
from oss_oms_sync.comparison.file_system import FileSystem
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.failed_records import list_failed
from oss_oms_sync.ledger.records import FailedKey, failed_key, record_prefix
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.passes.classify import Entry

# With more than this, nobody has to look at each: the answer is no.
_MOST = 1000
_MOST_RUN_FILES = 50


@dataclass(frozen=True)
class Waiting:
    """`failed`: the failed records of objects that are to be sent; `needless`: how many others there are; `unread`:
    records of which nobody knows the key. `in_run_files`: this project's keys in the `run_files` of replay that have
    any, `unreadable` of which are. `are_more`: there is more than was looked at."""

    failed: Sequence[FailedKey]
    needless: int
    unread: int
    in_run_files: Sequence[str]
    run_files: int
    unreadable: int
    are_more: bool


def what_waits(invocation: Invocation, destination: ObsBucket | None) -> Waiting:
    """Look at the failed records and run files; `destination` is None if it is not known.

    Raises StorageError if the log bucket or the listing of the source bucket cannot be read.
    """
    records = list_failed(invocation, _MOST)
    keys = _read(invocation, [one.name for one in records.listed])
    matches = invocation.settings.key_filter.matches
    mine = [key for key in keys if matches(key.key)]
    sources = [one for one in invocation.source_bucket.find_all([key.key for key in mine]) if one]
    settled = _settled(destination, sources, invocation.clock.now().timestamp()) if destination else set()
    due = {one.name for one in sources} - settled
    failed = [key for key in mine if key.key in due]
    runs, are_more_runs = _first_run_files(invocation)
    # Others are of other projects on the same task.
    in_run_files = [[key.key for key in run if matches(key.key)] if run else None for run in runs]
    mine_in_runs = [keys for keys in in_run_files if keys != []]
    return Waiting(
        failed,
        len(mine) - len(failed),
        len(records.listed) - len(keys),
        [key for keys in mine_in_runs for key in keys or ()],
        len(mine_in_runs),
        sum(keys is None for keys in mine_in_runs),
        records.are_more or are_more_runs,
    )


def _settled(destination: ObsBucket, sources: Sequence[ObjectSummary], now: float) -> set[str]:
    """The keys of these objects that are equal in OBS, or cannot be copied; none where OBS does not tell."""
    settled = set()
    try:
        file_system = FileSystem.of(destination) if sources else None
        there = destination.find_all([one.name for one in sources])
        for source, copy in zip(sources, there, strict=True):
            entry = Entry(source.name, source, destination=copy)
            if file_system and not copy:
                file_system.begin_after(source.name)
            is_refused = file_system is not None and file_system.refuses(entry)
            found = classify(entry, Moments(now))
            if is_refused or found in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
                settled.add(source.name)
    except StorageError:
        return set()
    return settled


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


def _first_run_files(invocation: Invocation) -> tuple[list[Sequence[FailedKey] | None], bool]:
    """The keys of each run file, None for one that is unreadable; and whether there are more than were read."""
    found: list[Sequence[FailedKey] | None] = []
    for run in RunFiles(invocation).leftovers():
        if len(found) == _MOST_RUN_FILES:
            return found, True
        found.append(run.keys if run else None)
    return found, False
