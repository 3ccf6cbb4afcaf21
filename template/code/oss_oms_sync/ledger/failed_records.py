"""Which failed records there are of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.ledger.records import FailedKey, failed_key, record_prefix

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
