"""The rows of the listings for one key, and the version that a record is for."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.ledger.records import modified_at, repeated_etag, success_etag

# The event of an object younger than this may still be under way.
SETTLED = timedelta(minutes=15)


class Entry(NamedTuple):
    """The rows of the listings for a key.

    A record's row may be named by the key or by the record; so may the row of the kept `proof`, which may be of other
    versions than these.
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
    """Return True if a success record is for this very version.

    Contents may change from A to B and back to A, so the time counts as well.
    """
    if success is None or success.modified < source.modified:
        return False
    return success.etag == etag_of(source.etag) or success.etag == etag_of(repeated_etag(source.etag))


def listed_record(record: StoredObject, key: str) -> ObjectSummary:
    """Return a record that was read as a row of a listing of records by key."""
    return ObjectSummary(key, etag_of(success_etag(record)), len(record.body), modified_at(record))
