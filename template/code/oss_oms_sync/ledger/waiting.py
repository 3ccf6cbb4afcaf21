"""The waiting keys, which are to be resent: the keys of failed records, and the keys in replay's run files.

    oms_source_record/{task}/replay/{project}/{run}.json

While a run of replay works on keys, they are in its run file and in no failed record.

Each project has its own run files, because another project of the same sync task may be closed, and must not submit the
keys. Waiting keys include those of every project of the task, because nothing takes over the run files of a project
that was renamed or removed.
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
from oss_oms_sync.ledger.records import FailedKey, parse_failed_record

# Time after a run's deadline during which its last call may still arrive.
_GRACE_TIME = timedelta(minutes=1)
# Maximum number of records to list to select a project's own: fifty pages, in a few seconds.
_MAX_LISTED = 50_000


@dataclass(frozen=True)
class RunFile:
    """A run file: the keys that a run of replay works on.

    - `doubtful_keys`: the keys whose failed record a late delete request may still delete.
    - `lease_expired`: True if the run has ended, so that another run may take over the keys.

    Another run copies the keys to a file of its own, and never rewrites this file. So a late delete of the file loses
    no key.
    """

    name: str
    keys: Sequence[FailedKey]
    doubtful_keys: Collection[str]
    lease_expired: bool


@dataclass(frozen=True)
class RunKeys:
    """The distinct keys of run files.

    - `file_count`: the number of files that were read, including those with the `unreadable_names`.
    - `is_incomplete`: True if further files were not read.
    """

    file_count: int
    unreadable_names: Sequence[str]
    keys: Sequence[FailedKey]
    is_incomplete: bool


class RunFiles:
    """The run files of a project; an empty `project` stands for this project."""

    def __init__(self, invocation: Invocation, project: str = "") -> None:
        # Prefix of their names.
        self.folder = run_files_folder(invocation.task_id, project or invocation.settings.project)
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def create(self, keys: Sequence[FailedKey], doubtful_keys: Collection[str], seconds: float) -> RunFile:
        """Write the run file of a new run, which lasts at most `seconds`, and return the run file.

        `doubtful_keys` are those of `keys` whose failed record a late delete request may still delete. Raises
        StorageError.
        """
        now = self._clock.now()
        name = f"{self.folder}{now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}.json"
        run = RunFile(name, keys, doubtful_keys, lease_expired=False)
        self._bucket.put(self._make_object(run, timestamp(now + timedelta(seconds=seconds) + _GRACE_TIME)))
        return run

    def read_other_runs(self, skipped_names: set[str] | None = None) -> Iterator[RunFile | str]:
        """Yield the run files of other runs, the oldest first.

        If a file is unreadable, the error is logged, and the name is yielded instead. Files in `skipped_names` are
        skipped, and the name of each file that is read is added to this set.

        Raises StorageError.
        """
        skipped_names = set() if skipped_names is None else skipped_names
        for row in [row for row in self._bucket.iter_folder(self.folder) if row.name not in skipped_names]:
            skipped_names.add(row.name)
            (result,) = self._bucket.try_get_all([row.name])
            if isinstance(result, StoredObject):
                run = self._parse(result)
                if run is None:
                    log.error({"run_file": result.name, "problem": "unreadable: check the file, then delete it"})
                yield run or result.name
            elif result.code != "NoSuchKey":  # its run has finished
                log.error({"run_file": row.name, "problem": str(result)})
                yield row.name

    def finish(self, run: RunFile, remaining_keys: Sequence[FailedKey], doubtful_keys: Collection[str]) -> None:
        """Reduce the caller's own run file to `remaining_keys`, which any run may take over; delete an empty file.

        If there are `doubtful_keys`, the caller's lease lasts a minute longer, because a delete request may arrive
        until then. If the write fails, the file stays unchanged, and its keys are submitted once more.
        """
        if not remaining_keys:
            self.remove(run)
            return
        busy_until = timestamp(self._clock.now() + _GRACE_TIME) if doubtful_keys else ""
        (problem,) = self._bucket.try_put_all(
            [self._make_object(replace(run, keys=remaining_keys, doubtful_keys=doubtful_keys), busy_until)]
        )
        if problem:
            log.error({"run_file": run.name, "problem": str(problem)})

    def remove(self, run: RunFile) -> None:
        """Delete a run file whose keys are all recorded elsewhere. If this fails, the keys are submitted once more."""
        (problem,) = self._bucket.try_delete_all([run.name]).values()
        if problem:
            log.error({"run_file": run.name, "problem": str(problem)})

    def _make_object(self, run: RunFile, busy_until: str) -> StoredObject:
        entries = [{**key.to_json(), "held": key.key in run.doubtful_keys} for key in run.keys]
        return StoredObject.of_json(run.name, {"busy_until": busy_until, "keys": entries})

    def _parse(self, stored_object: StoredObject) -> RunFile | None:
        match jsontext.load(stored_object.body):
            case {"busy_until": str(busy_until), "keys": list(entries)}:
                keys = [FailedKey.from_json(entry) for entry in entries]
                if None in keys:
                    return None
                doubtful_keys = {entry["key"] for entry in entries if entry.get("held")}
                lease_expired = busy_until < timestamp(self._clock.now())
                return RunFile(stored_object.name, [key for key in keys if key], doubtful_keys, lease_expired)
        return None


def list_run_files_by_project(invocation: Invocation) -> dict[str, list[ObjectSummary]]:
    root = run_files_folder(invocation.task_id)
    run_files = defaultdict[str, list[ObjectSummary]](list)
    for row in invocation.log_bucket.iter_objects(root):
        project, _, file = row.name.removeprefix(root).partition("/")
        if file:
            run_files[project].append(row)
    return run_files


@dataclass(frozen=True)
class FailedRecords:
    """The failed records of keys that pass the project's filter, and of all keys that are too long for a record's name.

    - `outside_count`: the number of other records in the same listing.
    - `is_incomplete`: True if further records were not counted.
    """

    summaries: Sequence[ObjectSummary]
    outside_count: int
    is_incomplete: bool


def list_failed_records(invocation: Invocation, max_records: int) -> FailedRecords:
    """List up to `max_records` failed records of this project; records of other projects are skipped.

    Raises StorageError.
    """
    settings, bucket = invocation.settings, invocation.log_bucket
    key_prefix, hash_prefix = (record_prefix(invocation.task_id, "failed", long=is_long) for is_long in (False, True))
    own_prefix = f"{key_prefix}{settings.key_filter.prefix}"
    listings = (bucket.iter_objects(prefix) for prefix in (own_prefix, hash_prefix))
    # A folder marker is not the record of a key.
    records = (record for record in chain.from_iterable(listings) if record.name not in (key_prefix, hash_prefix))
    matching_records: list[ObjectSummary] = []
    # Records of another project on the same task, or from before the prefix or suffix was changed.
    other_records = 0
    if settings.key_filter.prefix:
        all_records = islice(bucket.iter_objects(key_prefix), max_records)
        other_records = sum(
            record.name != key_prefix and not record.name.startswith(own_prefix) for record in all_records
        )
    for record in islice(records, _MAX_LISTED):
        if record.name.startswith(hash_prefix) or settings.key_filter.matches(record.name.removeprefix(key_prefix)):
            matching_records.append(record)
        else:
            other_records += 1
        if len(matching_records) > max_records:
            break
    is_incomplete = len(matching_records) > max_records or next(records, None) is not None
    return FailedRecords(matching_records[:max_records], other_records, is_incomplete)


def read_records_and_runs(
    invocation: Invocation, max_records: int, max_run_files: int, *, all_projects: bool = False
) -> tuple[FailedRecords, RunKeys]:
    """Return up to `max_records` failed records and the keys of up to `max_run_files` run files.

    With `all_projects`, the run files are those of all projects of the sync task, otherwise those of this project.

    A run of replay moves keys from their records into a file, and back if they fail again. So run files are read before
    the records are listed, and new files afterwards.

    Raises StorageError.
    """
    skipped_names = set[str]()

    def run_files() -> Iterator[RunFile | str]:
        for project in list_run_files_by_project(invocation) if all_projects else [""]:
            yield from RunFiles(invocation, project).read_other_runs(skipped_names)

    files = list(islice(run_files(), max_run_files + 1))
    records = list_failed_records(invocation, max_records)
    files += islice(run_files(), max_run_files + 1 - len(files))
    read_files = files[:max_run_files]
    keys = {key.key: key for run in read_files if isinstance(run, RunFile) for key in run.keys}
    unreadable = [name for name in read_files if isinstance(name, str)]
    return records, RunKeys(len(read_files), unreadable, [*keys.values()], is_incomplete=len(files) > max_run_files)


def read_failed_keys(invocation: Invocation, records: Sequence[ObjectSummary]) -> list[FailedKey | None]:
    """Return the key of each of these failed records, or None if a record is unreadable or does not contain its key."""
    results = invocation.log_bucket.try_get_all([record.name for record in records])
    return [
        parse_failed_record(invocation.task_id, result) if isinstance(result, StoredObject) else None
        for result in results
    ]


def iter_records(invocation: Invocation, kind: Kind) -> Iterator[ObjectSummary]:
    """Yield the records of a kind for this project's keys, and then those of all long keys.

    A long key does not fit into the name of its record, so the records of long keys are not selected by project.

    Raises StorageError.
    """
    key_filter, bucket = invocation.settings.key_filter, invocation.log_bucket
    key_prefix, hash_prefix = (record_prefix(invocation.task_id, kind, long=is_long) for is_long in (False, True))
    for record in bucket.iter_objects(f"{key_prefix}{key_filter.prefix}"):
        # The folder marker is not the record of a key.
        if record.name != key_prefix and key_filter.matches(record.name.removeprefix(key_prefix)):
            yield record
    yield from bucket.iter_folder(hash_prefix)


@dataclass(frozen=True)
class WaitingKeys:
    """The waiting keys that pass the project's filter, each once, without the keys of canaries.

    - `unread`: the number of records and run files whose keys are unknown.
    - `is_incomplete`: True if further records or files were not read.
    - `has_more_records`: True if this project has more failed records than were read.
    """

    keys: Sequence[FailedKey]
    unread: int
    is_incomplete: bool
    has_more_records: bool


def list_waiting_keys(
    invocation: Invocation, max_records: int, max_run_files: int, *, with_reasons: bool
) -> WaitingKeys:
    """List the keys of up to `max_records` failed records and `max_run_files` run files.

    With `with_reasons`, each record is read for the reason of its failure.

    Raises StorageError.
    """
    records, runs = read_records_and_runs(invocation, max_records, max_run_files, all_projects=True)
    key_prefix = record_prefix(invocation.task_id, "failed")
    # Only the record's body has the name of a long key.
    names = {
        record.name: record.name.removeprefix(key_prefix)
        for record in records.summaries
        if record.name.startswith(key_prefix)
    }
    records_to_read = [record for record in records.summaries if with_reasons or record.name not in names]
    keys_by_record = dict(
        zip((record.name for record in records_to_read), read_failed_keys(invocation, records_to_read), strict=True)
    )
    keys_by_name = {name: FailedKey(ObjectChange(key)) for name, key in names.items()}
    failed_keys = [keys_by_record.get(record.name) or keys_by_name.get(record.name) for record in records.summaries]
    is_reported = invocation.settings.key_filter.is_reported
    keys = {
        failed_key.key: failed_key
        for failed_key in (*runs.keys, *filter(None, failed_keys))
        if is_reported(failed_key.key)
    }
    unread, is_incomplete = (
        failed_keys.count(None) + len(runs.unreadable_names),
        records.is_incomplete or runs.is_incomplete,
    )
    has_more_records = records.is_incomplete and len(records.summaries) == max_records
    return WaitingKeys([*keys.values()], unread, is_incomplete, has_more_records)
