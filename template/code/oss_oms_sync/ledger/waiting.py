"""Which records there are of a project, and which keys wait to be sent again: those of failed records, and of the run
files of any project of the sync task, because one that was renamed or removed takes its own over no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey, Kind, failed_key, record_prefix
from oss_oms_sync.ledger.runs import RunFiles, by_project, keys_of

# So many records are listed to find a project's among those of others: fifty pages, which take some seconds.
_MOST_LISTED = 50_000


@dataclass(frozen=True)
class FailedRecords:
    """The failed records of keys that this project forwards, and of all long keys. `outside`: how many belong to other
    keys that were listed with them. `are_more`: not all could be counted."""

    listed: Sequence[ObjectSummary]
    outside: int
    are_more: bool


def list_failed(invocation: Invocation, most: int) -> FailedRecords:
    """List `most` records, however many of others there are between them, within reason.

    Raises StorageError.
    """
    settings, bucket = invocation.settings, invocation.log_bucket
    by_key, by_hash = (record_prefix(invocation.task_id, "failed", long=long) for long in (False, True))
    mine = f"{by_key}{settings.key_filter.prefix}"
    parts = (bucket.iter_objects(part) for part in (mine, by_hash))
    # A folder marker is not the record of a key.
    records = (record for record in chain.from_iterable(parts) if record.name not in (by_key, by_hash))
    failed: list[ObjectSummary] = []
    # Of another project on the same task, or from before the prefix or suffix was changed.
    outside = 0
    for record in islice(records, _MOST_LISTED):
        if record.name.startswith(by_hash) or settings.key_filter.matches(record.name.removeprefix(by_key)):
            failed.append(record)
        else:
            outside += 1
        if len(failed) > most:
            break
    are_more = len(failed) > most or next(records, None) is not None
    if settings.key_filter.prefix:
        every = islice(bucket.iter_objects(by_key), most)
        outside += sum(record.name != by_key and not record.name.startswith(mine) for record in every)
    return FailedRecords(failed[:most], outside, are_more)


def read_failed(invocation: Invocation, listed: Sequence[ObjectSummary]) -> list[FailedKey | None]:
    """The key of each of these records; None for one that cannot be read, or does not tell it."""
    found = invocation.log_bucket.try_get_all([one.name for one in listed])
    return [failed_key(invocation.task_id, one) if isinstance(one, StoredObject) else None for one in found]


def iter_records(invocation: Invocation, kind: Kind) -> Iterator[ObjectSummary]:
    """The records of this project's keys, then those of all long keys, because only their bodies say whose they are.

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
    """`keys` within the project's filter, but no canary's, each once. `unread`: records and run files of which nobody
    knows the keys. `are_more`: there is more than was looked at."""

    keys: Sequence[FailedKey]
    unread: int
    are_more: bool


def what_waits(invocation: Invocation, most: int, most_run_files: int, *, reasons: bool) -> WaitingKeys:
    """Look at so many records and run files at most. Why a key failed is only known where `reasons` are asked for: each
    record is read for that.

    Raises StorageError.
    """
    records, by_key = list_failed(invocation, most), record_prefix(invocation.task_id, "failed")
    # Only its record says which key a long one is.
    names = {one.name: one.name.removeprefix(by_key) for one in records.listed if one.name.startswith(by_key)}
    asked = [one for one in records.listed if reasons or one.name not in names]
    read = dict(zip((one.name for one in asked), read_failed(invocation, asked), strict=True))
    named = {name: FailedKey(ObjectChange(key)) for name, key in names.items()}
    found = [read.get(one.name) or named.get(one.name) for one in records.listed]
    files = (RunFiles(invocation, project).leftovers() for project in by_project(invocation))
    runs = keys_of(chain.from_iterable(files), most_run_files)
    is_told = invocation.settings.key_filter.is_told
    keys = {one.key: one for one in (*runs.keys, *filter(None, found)) if is_told(one.key)}
    return WaitingKeys([*keys.values()], found.count(None) + runs.unreadable, records.are_more or runs.are_more)
