"""The records of a project, and the keys waiting to be resent.

Waiting keys are those of failed records, and those of replay's run files: while a run works on a key, the key is in no
failed record.

oms_source_record/{task}/replay/{project}/{run}.json

Each project has its own run files, because another project on the same task may be closed, and not submit keys that
this project may submit. Waiting keys include those of every project of the sync task, because a renamed or removed
project no longer takes over its run files.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import Kind, record_prefix, run_files_folder
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.errors import log
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey, failed_key

# Time after a run's deadline during which its last call may arrive.
_GRACE_TIME = timedelta(minutes=1)
# Maximum records to list for a project's own among those of others: fifty pages, in a few seconds.
_MAX_LISTED = 50_000


@dataclass(frozen=True)
class RunFile:
    """The keys of a run. `in_doubt`: keys whose failed record may still be deleted by a late call.

    `lease_expired`: the run of the file has ended. Another run may then take it over, but only by a copy under its own
    name, never by a rewrite: a late delete of the file then loses no key.
    """

    name: str
    keys: Sequence[FailedKey]
    in_doubt: Collection[str]
    lease_expired: bool


@dataclass(frozen=True)
class RunKeys:
    """The distinct keys of `files` run files, except the files in `unreadable`, by name.

    `are_more`: not all files were read.
    """

    files: int
    unreadable: Sequence[str]
    keys: Sequence[FailedKey]
    are_more: bool


class RunFiles:
    """The run files of a project, by default this project."""

    def __init__(self, invocation: Invocation, project: str = "") -> None:
        # The prefix of their names.
        self.folder = run_files_folder(invocation.task_id, project or invocation.settings.project)
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def new(self, keys: Sequence[FailedKey], in_doubt: Collection[str], seconds: float) -> RunFile:
        """Write the run file of a run that lasts at most `seconds`.

        Raises StorageError.
        """
        now = self._clock.now()
        name = f"{self.folder}{now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}.json"
        run = RunFile(name, keys, in_doubt, lease_expired=False)
        self._bucket.put(self._object(run, timestamp(now + timedelta(seconds=seconds) + _GRACE_TIME)))
        return run

    def leftovers(self, listed_names: set[str] | None = None) -> Iterator[RunFile | str]:
        """Iterate over the run files left by other runs, oldest first.

        They are read one at a time because they are large. For an unreadable file, its name is yielded, and the failure
        is logged. `listed_names`: names to leave out; each name read is added.

        Raises StorageError.
        """
        listed_names = set() if listed_names is None else listed_names
        for listed in [listed for listed in self._bucket.iter_folder(self.folder) if listed.name not in listed_names]:
            listed_names.add(listed.name)
            (result,) = self._bucket.try_get_all([listed.name])
            if isinstance(result, StoredObject):
                run = self._read(result)
                if run is None:
                    log.error({"run_file": result.name, "problem": "unreadable: check the file, then delete it"})
                yield run or result.name
            elif result.code != "NoSuchKey":  # its run has finished
                log.error({"run_file": listed.name, "problem": str(result)})
                yield listed.name

    def finish(self, run: RunFile, left: Sequence[FailedKey], in_doubt: Collection[str]) -> None:
        """Shrink the caller's own run file to the keys `left`, for any run to take; delete the file if none is left.

        Keys `in_doubt` extend the caller's lease by a minute, because a delete may arrive until then. If the write
        fails, the file stays unchanged, and its keys are submitted once more.
        """
        if not left:
            self.remove(run)
            return
        busy_until = timestamp(self._clock.now() + _GRACE_TIME) if in_doubt else ""
        (problem,) = self._bucket.try_put_all([self._object(replace(run, keys=left, in_doubt=in_doubt), busy_until)])
        if problem:
            log.error({"run_file": run.name, "problem": str(problem)})

    def remove(self, run: RunFile) -> None:
        """Delete a run file whose keys are all recorded elsewhere. If this fails, they are submitted once more."""
        (problem,) = self._bucket.try_delete_all([run.name]).values()
        if problem:
            log.error({"run_file": run.name, "problem": str(problem)})

    def _object(self, run: RunFile, busy_until: str) -> StoredObject:
        entries = [{**key.to_json(), "held": key.key in run.in_doubt} for key in run.keys]
        return StoredObject.of_json(run.name, {"busy_until": busy_until, "keys": entries})

    def _read(self, stored: StoredObject) -> RunFile | None:
        match jsontext.load(stored.body):
            case {"busy_until": str(busy_until), "keys": list(entries)}:
                keys = [FailedKey.from_json(entry) for entry in entries]
                if None in keys:
                    return None
                in_doubt = {entry["key"] for entry in entries if entry.get("held")}
                lease_expired = busy_until < timestamp(self._clock.now())
                return RunFile(stored.name, [key for key in keys if key], in_doubt, lease_expired)
        return None


def run_files_by_project(invocation: Invocation) -> dict[str, list[ObjectSummary]]:
    """Return the run files of all projects of the sync task.

    Raises StorageError.
    """
    root = run_files_folder(invocation.task_id)
    run_files = defaultdict[str, list[ObjectSummary]](list)
    for stored in invocation.log_bucket.iter_objects(root):
        project, _, file = stored.name.removeprefix(root).partition("/")
        if file:
            run_files[project].append(stored)
    return run_files


@dataclass(frozen=True)
class FailedRecords:
    """The failed records of keys that this project forwards, and of all long keys.

    `outside`: number of other records listed with them. `are_more`: not all records were counted.
    """

    listed: Sequence[ObjectSummary]
    outside: int
    are_more: bool


def list_failed(invocation: Invocation, max_records: int) -> FailedRecords:
    """List `max_records` records, skipping records of other projects between them, up to a limit.

    Raises StorageError.
    """
    settings, bucket = invocation.settings, invocation.log_bucket
    by_key, by_hash = (record_prefix(invocation.task_id, "failed", long=long) for long in (False, True))
    own_prefix = f"{by_key}{settings.key_filter.prefix}"
    parts = (bucket.iter_objects(part) for part in (own_prefix, by_hash))
    # A folder marker is not the record of a key.
    records = (record for record in chain.from_iterable(parts) if record.name not in (by_key, by_hash))
    failed: list[ObjectSummary] = []
    # Records of another project on the same task, or from before the prefix or suffix was changed.
    outside = 0
    if settings.key_filter.prefix:
        every = islice(bucket.iter_objects(by_key), max_records)
        outside = sum(record.name != by_key and not record.name.startswith(own_prefix) for record in every)
    for record in islice(records, _MAX_LISTED):
        if record.name.startswith(by_hash) or settings.key_filter.matches(record.name.removeprefix(by_key)):
            failed.append(record)
        else:
            outside += 1
        if len(failed) > max_records:
            break
    are_more = len(failed) > max_records or next(records, None) is not None
    return FailedRecords(failed[:max_records], outside, are_more)


def records_and_runs(
    invocation: Invocation, max_records: int, max_run_files: int, *, of_all: bool = False
) -> tuple[FailedRecords, RunKeys]:
    """Return up to `max_records` failed records, and up to `max_run_files` run files, of this project or `of_all`.

    A run moves keys from their records into a file, and back if they fail again. So files are read before the records
    are listed, and new files after it: each waiting key is listed, unless a complete run moved it back and forth in
    between.

    Raises StorageError.
    """
    listed_names = set[str]()

    def run_files() -> Iterator[RunFile | str]:
        for project in run_files_by_project(invocation) if of_all else [""]:
            yield from RunFiles(invocation, project).leftovers(listed_names)

    files = list(islice(run_files(), max_run_files + 1))
    records = list_failed(invocation, max_records)
    files += islice(run_files(), max_run_files + 1 - len(files))
    first = files[:max_run_files]
    keys = {key.key: key for run in first if isinstance(run, RunFile) for key in run.keys}
    unreadable = [name for name in first if isinstance(name, str)]
    return records, RunKeys(len(first), unreadable, [*keys.values()], are_more=len(files) > max_run_files)


def read_failed(invocation: Invocation, listed: Sequence[ObjectSummary]) -> list[FailedKey | None]:
    """Return the key of each of these records; None for a record that is unreadable or lacks its key."""
    results = invocation.log_bucket.try_get_all([record.name for record in listed])
    return [failed_key(invocation.task_id, stored) if isinstance(stored, StoredObject) else None for stored in results]


def iter_records(invocation: Invocation, kind: Kind) -> Iterator[ObjectSummary]:
    """Iterate over the records of this project's keys, then those of all long keys.

    Only the bodies of the latter name their keys.

    Raises StorageError.
    """
    key_filter, bucket = invocation.settings.key_filter, invocation.log_bucket
    by_key, by_hash = (record_prefix(invocation.task_id, kind, long=long) for long in (False, True))
    for record in bucket.iter_objects(f"{by_key}{key_filter.prefix}"):
        # The folder marker is not the record of a key.
        if record.name != by_key and key_filter.matches(record.name.removeprefix(by_key)):
            yield record
    yield from bucket.iter_folder(by_hash)


@dataclass(frozen=True)
class WaitingKeys:
    """The waiting `keys` within the project's filter, each once, without canaries' keys.

    `unread`: number of records and run files with unknown keys. `are_more`: not all of them were read.
    `has_more_records`: this project has more failed records.
    """

    keys: Sequence[FailedKey]
    unread: int
    are_more: bool
    has_more_records: bool


def list_waiting_keys(invocation: Invocation, max_records: int, max_run_files: int, *, reasons: bool) -> WaitingKeys:
    """List the waiting keys of up to `max_records` records and `max_run_files` run files.

    With `reasons`, each record is read for the reason of its failure.

    Raises StorageError.
    """
    records, runs = records_and_runs(invocation, max_records, max_run_files, of_all=True)
    by_key = record_prefix(invocation.task_id, "failed")
    # Only the record's body has the name of a long key.
    names = {
        listed.name: listed.name.removeprefix(by_key) for listed in records.listed if listed.name.startswith(by_key)
    }
    asked = [listed for listed in records.listed if reasons or listed.name not in names]
    read = dict(zip((listed.name for listed in asked), read_failed(invocation, asked), strict=True))
    named = {name: FailedKey(ObjectChange(key)) for name, key in names.items()}
    failed_keys = [read.get(listed.name) or named.get(listed.name) for listed in records.listed]
    is_reported = invocation.settings.key_filter.is_reported
    keys = {waiting.key: waiting for waiting in (*runs.keys, *filter(None, failed_keys)) if is_reported(waiting.key)}
    unread, are_more = failed_keys.count(None) + len(runs.unreadable), records.are_more or runs.are_more
    has_more_records = records.are_more and len(records.listed) == max_records
    return WaitingKeys([*keys.values()], unread, are_more, has_more_records)
