"""The classes of objects in a pass of reconcile, which compares the source with the records."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from operator import lt

from oss_oms_sync.clouds.objects import Columns, ObjectSummary, count_equal_prefix, etags_of, find_first_index
from oss_oms_sync.ledger.migration import NO_MIGRATIONS, Migrations
from oss_oms_sync.passes.entries import MIN_EVENT_AGE, Entry, is_covered
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.settings import Settings

_LINK_TYPE = "Symlink"


class ReconcileClass(Enum):
    """The class of an object in a pass of reconcile; the value is the name of the class's count."""

    PENDING = "pending"
    COVERED = "covered"
    FAILED_BEFORE = "failed_before"
    # No record has this version. A migration of existing objects will copy the object, or has copied it.
    MIGRATING = "migrating"
    # No record has this version, so the object is submitted. It is left out if there are too many.
    UNRECORDED = "submitted"
    UNSENT = "unsent"
    # A record without an object.
    ORPHAN = "orphans"

    def __init__(self, count: str) -> None:
        # A copy of `value` that is read ten times faster: a pass reads it for millions of objects.
        self.count = count


# Classes whose records may show if an object's event has arrived.
_UNRECORDED_CLASSES = (ReconcileClass.MIGRATING, ReconcileClass.UNRECORDED, ReconcileClass.UNSENT)
_EVENT_CLASSES = (ReconcileClass.COVERED, ReconcileClass.FAILED_BEFORE, *_UNRECORDED_CLASSES)


class Classifier:
    """The rules that classify objects in a pass of reconcile.

    - `previous_start`: the start of the last pass of the same scope, or None.
    - `opened_at`: the time when a closed project was last opened.

    Objects written before `opened_at`, or before the trigger was restored, have no event.
    """

    def __init__(
        self,
        settings: Settings,
        scope: Scope,
        installed_at: datetime,
        now: datetime,
        previous_start: datetime | None = None,
        migrations: Migrations = NO_MIGRATIONS,
        opened_at: datetime | None = None,
    ) -> None:
        self._migrations = migrations
        self._key_filter = settings.key_filter
        self._covers_everything = scope.everything
        self._min_time = scope.min_time(installed_at).timestamp()
        min_event_time = (opened_at + MIN_EVENT_AGE).timestamp() if opened_at else 0.0
        self._max_record_time = (now - MIN_EVENT_AGE).timestamp()
        self._max_settled_time = max(self._max_record_time, min_event_time)
        self._min_new_time = max(
            (previous_start - MIN_EVENT_AGE if previous_start else installed_at).timestamp(),
            installed_at.timestamp(),
            min_event_time,
        )

    def needs_records(self, source: ObjectSummary) -> bool:
        return not self._covers_everything and self._matches(source) and source.modified <= self._max_settled_time

    def classify(self, entry: Entry) -> ReconcileClass | None:
        """Return the class of a key's source object, or None if the pass does not cover it.

        The test objects of canaries have no class, because canaries report their own losses.
        """
        key, source, success_record, failed_record, *_ = entry
        if source is None:
            # A younger record may be of an object that was written after its page of the source was listed.
            is_orphan = (
                success_record
                and success_record.modified <= self._max_record_time
                and self._key_filter.is_reported(key)
            )
            return ReconcileClass.ORPHAN if is_orphan else None
        if not self._matches(source):
            return None
        if source.modified > self._max_settled_time:
            return ReconcileClass.PENDING
        if not self._covers_everything and is_covered(source, success_record):
            return ReconcileClass.COVERED
        if not self._covers_everything and failed_record and failed_record.modified >= source.modified:
            return ReconcileClass.FAILED_BEFORE
        is_copied = not self._covers_everything and (
            self._migrations.will_copy(source) or self._migrations.has_processed(source)
        )
        return ReconcileClass.MIGRATING if is_copied else ReconcileClass.UNRECORDED

    def count_covered(self, source: Columns, success_records: Columns) -> int:
        """Return the number of leading objects that the success records cover, and whose events need no check.

        The keys must pass the project's filter. An event needs a check if its object was written since the last pass.
        """
        if self._covers_everything:
            return 0
        max_time = min(self._max_settled_time, self._min_new_time - 1)
        number = find_first_index(map(lt, success_records.modified, source.modified), len(source.names))
        number = find_first_index((not self._min_time <= time <= max_time for time in source.modified[:number]), number)
        number = find_first_index(map(_LINK_TYPE.__eq__, source.types[:number]), number)
        return count_equal_prefix(etags_of(source.etags[:number]), success_records.etags[:number])

    def has_event_arrived(self, object_class: ReconcileClass | None, entry: Entry) -> bool | None:
        """Return True if the event of an object of this class has arrived, False if it is missing, None if unknown.

        The answer is unknown for an object written before the trigger existed or before the last pass. It is also
        unknown if the record was written so late that reconcile may have written it.
        """
        _, source, success_record, failed_record, *_ = entry
        # A pass over all objects does not read their records.
        if (
            self._covers_everything
            or source is None
            or source.modified < self._min_new_time
            or object_class not in _EVENT_CLASSES
        ):
            return None
        if object_class in _UNRECORDED_CLASSES:
            return False
        modified_time = source.modified
        if success_record and not failed_record:
            recorded_at = success_record.modified  # nearly all objects, and faster
        else:
            recorded_at = min(
                row.modified for row in (success_record, failed_record) if row and row.modified >= modified_time
            )
        return True if recorded_at < modified_time + MIN_EVENT_AGE.total_seconds() else None

    def _matches(self, source: ObjectSummary) -> bool:
        # OMS cannot copy a symbolic link.
        is_object = source.type != _LINK_TYPE
        return is_object and source.modified >= self._min_time and self._key_filter.is_reported(source.name)
