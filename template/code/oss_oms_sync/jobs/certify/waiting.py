"""What still waits to be sent when a cutover is judged: of objects that the source has, and OBS is to get.

A record of an object that is equal in OBS waits for nothing, nor does one of what cannot be copied: replay keeps them
for longer than a freeze lasts. The comparison looks at these objects like at all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.again import entries
from oss_oms_sync.comparison.classes import Moments, classify
from oss_oms_sync.comparison.file_system import FileSystem
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.failed_records import list_failed
from oss_oms_sync.ledger.records import FailedKey, failed_key, record_prefix
from oss_oms_sync.ledger.runs import RunFiles

# With more than this, nobody has to look at each: the answer is no.
_MOST = 1000
_MOST_RUN_FILES = 50


@dataclass(frozen=True)
class Waiting:
    """`keys`: those of failed records and of replay's run files that are to be sent, and `needless` how many others
    there are. `unread`: records and run files of which nobody knows the keys. `are_more`: there is more than was looked
    at."""

    keys: Sequence[FailedKey]
    needless: int
    unread: int
    are_more: bool


def what_waits(invocation: Invocation, destination: ObsBucket | None) -> Waiting:
    """Look at the failed records and run files; `destination` is None if it is not known.

    Raises StorageError if the log bucket or the listing of the source bucket cannot be read.
    """
    records = list_failed(invocation, _MOST)
    read = _read(invocation, [one.name for one in records.listed])
    runs, are_more_runs = _first_run_files(invocation)
    # Others are of other projects on the same task.
    matches = invocation.settings.key_filter.matches
    keys = {one.key: one for one in (*(key for run in runs for key in run or ()), *read) if matches(one.key)}
    due = [keys[key] for key in _due(invocation, destination, list(keys))]
    unread = len(records.listed) - len(read) + sum(run is None for run in runs)
    return Waiting(due, len(keys) - len(due), unread, records.are_more or are_more_runs)


def _due(invocation: Invocation, destination: ObsBucket | None, keys: Sequence[str]) -> list[str]:
    """Those of objects that are neither equal in OBS nor impossible to copy; all that the source has, where OBS does
    not tell."""
    if destination:
        try:
            return list(_still_due(invocation, destination, keys))
        except StorageError:
            pass
    return [one.name for one in invocation.source_bucket.find_all(keys) if one]


def _still_due(invocation: Invocation, destination: ObsBucket, keys: Sequence[str]) -> Iterator[str]:
    file_system = FileSystem.of(destination) if keys else None
    # Whatever its age: contents that are equal stay so.
    moments = Moments(invocation.clock.now().timestamp(), settling=0)
    for entry in entries(invocation, destination, keys):
        if entry.source is None:
            continue
        if file_system and not entry.destination:
            file_system.begin_after(entry.key)
        is_refused = file_system is not None and file_system.refuses(entry)
        found = classify(entry, moments)
        if not is_refused and found not in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
            yield entry.key


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
