"""What waits in the log bucket to be resent: failed records, and the keys in replay's run files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, islice

from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.ledger.records import FailedKey, failed_key, record_prefix
from oss_oms_sync.ledger.runs import RunFiles

# Counting is limited: beyond these, the backlog is "at least".
_MAX_RECORDS_COUNTED = 10_000
_MAX_RECORDS_READ = 200
_MAX_RUN_FILES_READ = 50
_MAX_KEYS_SHOWN = 20


@dataclass(frozen=True)
class Backlog:
    """What waits to be resent. `by_reason` and `keys` cover the `read` records. `at_least`: there are more than
    `failed`. `outside`: records outside the trigger's filter, which no run of this project takes. `copies`: those keys
    of records and run files that were read and that OMS had failed to copy."""

    failed: int
    at_least: bool
    outside: int
    oldest: str | None
    read: int
    by_reason: Mapping[str, int]
    keys: Sequence[Mapping[str, str]]
    run_files: int
    in_run_files: int
    unreadable_run_files: int
    copies: Sequence[FailedKey] = ()

    @property
    def waiting(self) -> int:
        """How many keys wait, at least."""
        return self.failed + self.in_run_files

    @property
    def unread(self) -> float:
        """How many more keys there may be whose records were not read."""
        return math.inf if self.at_least or self.unreadable_run_files else self.failed - self.read

    def to_json(self) -> dict[str, object]:
        """As the report shows it."""
        value = asdict(self)
        del value["copies"]
        return value


def read_backlog(invocation: Invocation) -> Backlog:
    """Read the current backlog from the log bucket.

    Raises StorageError.
    """
    settings = invocation.settings
    records = _list_failed(invocation)
    read = _read_failed(invocation, records.listed[:_MAX_RECORDS_READ])
    keys = [key for key in read if settings.key_filter.matches(key.key)]
    # Only its record says which project a long key belongs to.
    foreign = len(read) - len(keys)
    failed = len(records.listed) - foreign
    runs = _read_run_files(RunFiles(invocation))
    first_failures = [key.first_failure for key in (*runs.keys, *keys)]
    if failed:
        earliest = min(record.modified for record in records.listed)
        first_failures.append(timestamp(from_epoch(earliest)))
    return Backlog(
        failed=failed,
        at_least=records.are_more or runs.are_more,
        outside=records.outside + foreign,
        oldest=min(filter(None, first_failures), default=None),
        read=len(keys),
        by_reason=dict(Counter(key.reason or "UNKNOWN" for key in keys)),
        keys=[
            {"key": key.key, "reason": key.reason or "UNKNOWN", "since": key.first_failure}
            for key in keys[:_MAX_KEYS_SHOWN]
        ],
        run_files=runs.files,
        in_run_files=len(runs.keys),
        unreadable_run_files=runs.unreadable,
        copies=[key for key in (*runs.keys, *keys) if key.copy_attempts],
    )


@dataclass(frozen=True)
class _FailedRecords:
    """The failed records of keys that this project forwards, and of all long keys. `outside`: how many belong to other
    keys. `are_more`: not all could be counted."""

    listed: Sequence[ObjectSummary]
    outside: int
    are_more: bool


def _list_failed(invocation: Invocation) -> _FailedRecords:
    settings, bucket = invocation.settings, invocation.log_bucket
    by_key, by_hash = (record_prefix(invocation.task_id, "failed", long=long) for long in (False, True))
    mine = f"{by_key}{settings.key_filter.prefix}"
    parts = (bucket.iter_objects(part) for part in (mine, by_hash))
    # A folder marker is not the record of a key.
    records = (record for record in chain.from_iterable(parts) if record.name not in (by_key, by_hash))
    seen = list(islice(records, _MAX_RECORDS_COUNTED + 1))
    counted = seen[:_MAX_RECORDS_COUNTED]
    failed = [
        record
        for record in counted
        if record.name.startswith(by_hash) or settings.key_filter.matches(record.name.removeprefix(by_key))
    ]
    # The others belong to another project on the same task, or are from before the prefix or suffix was changed.
    outside = len(counted) - len(failed)
    if settings.key_filter.prefix:
        every = islice(bucket.iter_objects(by_key), _MAX_RECORDS_COUNTED)
        outside += sum(record.name != by_key and not record.name.startswith(mine) for record in every)
    return _FailedRecords(failed, outside, len(seen) > len(counted))


def _read_failed(invocation: Invocation, listed: Sequence[ObjectSummary]) -> Sequence[FailedKey]:
    """Read the keys of those records that can be read."""
    found = invocation.log_bucket.try_get_all([record.name for record in listed])
    keys = [failed_key(invocation.task_id, record) for record in found if isinstance(record, StoredObject)]
    return [key for key in keys if key]


@dataclass
class _RunFileCounts:
    """The run files that were read, and their keys. `are_more`: not all of them were read."""

    files: int = 0
    unreadable: int = 0
    keys: list[FailedKey] = field(default_factory=list)
    are_more: bool = False


def _read_run_files(run_files: RunFiles) -> _RunFileCounts:
    runs = _RunFileCounts()
    for run in run_files.leftovers():
        if runs.files == _MAX_RUN_FILES_READ:
            runs.are_more = True
            break
        runs.files += 1
        runs.unreadable += run is None
        runs.keys += run.keys if run else []
    return runs
