"""The class of an object in a pass, by its records."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from operator import lt
from typing import NamedTuple

from oss_oms_sync.clouds.objects import Columns, ObjectSummary, StoredObject, etag_of, etags_of, first, first_difference
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.ledger.records import modified_at, repeated_etag, success_etag
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.settings import Settings

# The event of an object younger than this may still be on its way.
SETTLED = timedelta(minutes=15)
_LINK = "Symlink"


class ReconcileClass(Enum):
    """What an object is to a pass of reconcile; the value is the name of its count."""

    PENDING = "pending"
    COVERED = "covered"
    FAILED_BEFORE = "failed_before"
    # No record of this version: a migration of the old objects copies it, or has done so.
    MIGRATING = "migrating"
    # The same, so it is submitted; or left, because they are too many.
    UNRECORDED = "submitted"
    UNSENT = "unsent"
    # A record without an object.
    ORPHAN = "orphans"

    def __init__(self, count: str) -> None:
        # The same as `value`, which takes ten times as long to get: a pass does so for millions of objects.
        self.count = count


# Whether the event of such an object arrived may be known.
_NO_RECORD = (ReconcileClass.MIGRATING, ReconcileClass.UNRECORDED, ReconcileClass.UNSENT)
_TELLING = (ReconcileClass.COVERED, ReconcileClass.FAILED_BEFORE, *_NO_RECORD)


class Entry(NamedTuple):
    """What the listings have of one key. A record's summary may be named by the key or by the record; so may that of
    the kept `proof`, which may be of other versions than these."""

    key: str
    source: ObjectSummary | None
    success: ObjectSummary | None = None
    failed: ObjectSummary | None = None
    destination: ObjectSummary | None = None
    proof: ObjectSummary | None = None

    def without_records(self) -> Entry:
        """The same as if nothing were known of what OMS said of it."""
        return self._replace(success=None, failed=None)


class Classifier:
    """Classifies objects for one pass. `before`: when the last pass of its scope began, if there was one. `opened`:
    when the project was, if it was closed: of what was written until then, and until its trigger was there again, no
    event is on its way that one could wait for."""

    def __init__(
        self,
        settings: Settings,
        scope: Scope,
        installed: datetime,
        now: datetime,
        before: datetime | None = None,
        migrations: Migrations = NONE,
        opened: datetime | None = None,
    ) -> None:
        self._migrations = migrations
        self._key_filter = settings.key_filter
        self._everything = scope.everything
        self._since = scope.begin(installed).timestamp()
        without_event = (opened + SETTLED).timestamp() if opened else 0.0
        self._recorded = (now - SETTLED).timestamp()
        self._settled = max(self._recorded, without_event)
        self._new = max((before - SETTLED if before else installed).timestamp(), installed.timestamp(), without_event)

    def needs_records(self, source: ObjectSummary) -> bool:
        """Whether the class of `source` depends on its records."""
        return not self._everything and self._matches(source) and source.modified <= self._settled

    def classify(self, entry: Entry) -> ReconcileClass | None:
        """Classify `entry`; None if the pass does not cover it. None covers a canary, whose losses are to be seen."""
        key, source, success, failed, *_ = entry
        if source is None:
            # The object of a younger record may have been written after its page was listed.
            gone = success and success.modified <= self._recorded and self._key_filter.is_reported(key)
            return ReconcileClass.ORPHAN if gone else None
        if not self._matches(source):
            return None
        if source.modified > self._settled:
            return ReconcileClass.PENDING
        if not self._everything and is_covered(source, success):
            return ReconcileClass.COVERED
        if not self._everything and failed and failed.modified >= source.modified:
            return ReconcileClass.FAILED_BEFORE
        is_copied = not self._everything and (self._migrations.will_copy(source) or self._migrations.copied(source))
        return ReconcileClass.MIGRATING if is_copied else ReconcileClass.UNRECORDED

    def covered(self, source: Columns, success: Columns) -> int:
        """How many of the first objects, whose keys the filter tells of, are covered by these records of theirs, and
        were written before anybody asks whether their events came."""
        if self._everything:
            return 0
        latest = min(self._settled, self._new - 1)
        number = first(map(lt, success.modified, source.modified), len(source.names))
        number = first((not self._since <= time <= latest for time in source.modified[:number]), number)
        number = first(map(_LINK.__eq__, source.types[:number]), number)
        return first_difference(etags_of(source.etags[:number]), success.etags[:number])

    def event_came(self, object_class: ReconcileClass | None, entry: Entry) -> bool | None:
        """Whether the event of an object of this class arrived. None if that is unknown: the object was written before
        there was a trigger, or before the last pass began, or its record is so late that reconcile may have made it."""
        _, source, success, failed, *_ = entry
        # A pass over everything looks at no records.
        if self._everything or source is None or source.modified < self._new or object_class not in _TELLING:
            return None
        if object_class in _NO_RECORD:
            return False
        written = source.modified
        if success and not failed:
            recorded = success.modified  # as nearly always, and faster
        else:
            recorded = min(listed.modified for listed in (success, failed) if listed and listed.modified >= written)
        return True if recorded < written + SETTLED.total_seconds() else None

    def _matches(self, source: ObjectSummary) -> bool:
        # OMS cannot copy a symbolic link.
        is_object = source.type != _LINK
        return is_object and source.modified >= self._since and self._key_filter.is_reported(source.name)


def is_covered(source: ObjectSummary, success: ObjectSummary | None) -> bool:
    """Whether a success record is for this very version. Contents may go A, B, A, so the time counts as well."""
    if success is None or success.modified < source.modified:
        return False
    return success.etag == etag_of(source.etag) or success.etag == etag_of(repeated_etag(source.etag))


def listed_record(record: StoredObject, key: str) -> ObjectSummary:
    """A record (as read) as a listing of records by key would show it."""
    return ObjectSummary(key, etag_of(success_etag(record)), len(record.body), modified_at(record))
