"""Entries: the rows of a key in the listings of both buckets and of the records."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.ledger.records import repeated_etag, success_etag, write_time

# Age of an object by which its event should have arrived.
MIN_EVENT_AGE = timedelta(minutes=15)


class Entry(NamedTuple):
    """The rows of the merged listings for one key; a row is None if that listing lacks the key.

    - `success_record`, `failed_record`: the records of the key.
    - `proof`: the record of the result of reading both objects, possibly of older versions.

    The name in a record's row is either the key or the record's name.
    """

    key: str
    source: ObjectSummary | None
    success_record: ObjectSummary | None = None
    failed_record: ObjectSummary | None = None
    destination: ObjectSummary | None = None
    proof: ObjectSummary | None = None

    def without_records(self) -> Entry:
        return self._replace(success_record=None, failed_record=None)


def is_covered(source: ObjectSummary, success_record: ObjectSummary | None) -> bool:
    """Return True if a success record confirms that OMS accepted this version of a source object.

    The record's time counts as well, because contents may change from A to B and back to A.
    """
    if success_record is None or success_record.modified < source.modified:
        return False
    return success_record.etag == etag_of(source.etag) or success_record.etag == etag_of(repeated_etag(source.etag))


def listed_record(record: StoredObject, key: str) -> ObjectSummary:
    """Return the row that a listing of records by key would have for a record."""
    return ObjectSummary(key, etag_of(success_etag(record)), len(record.body), write_time(record))
