"""The rows of the listings for one key, and the version of a record."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.ledger.records import modified_at, repeated_etag, success_etag

# Minimum age of an object whose event should have arrived.
MIN_EVENT_AGE = timedelta(minutes=15)


class Entry(NamedTuple):
    """The rows of the listings for a key.

    A record's row may have the name of the key or of the record; so may the row of the stored `proof`, which may be of
    other versions.
    """

    key: str
    source: ObjectSummary | None
    success: ObjectSummary | None = None
    failed: ObjectSummary | None = None
    destination: ObjectSummary | None = None
    proof: ObjectSummary | None = None

    def without_records(self) -> Entry:
        """Return the entry without OMS's outcomes for the key."""
        return self._replace(success=None, failed=None)


def is_covered(source: ObjectSummary, success: ObjectSummary | None) -> bool:
    """Return True if a success record is of this version.

    Contents may change from A to B and back to A, so the time counts as well.
    """
    if success is None or success.modified < source.modified:
        return False
    return success.etag == etag_of(source.etag) or success.etag == etag_of(repeated_etag(source.etag))


def listed_record(record: StoredObject, key: str) -> ObjectSummary:
    """Return a record as read in the form of a row in a listing of records by key."""
    return ObjectSummary(key, etag_of(success_etag(record)), len(record.body), modified_at(record))
