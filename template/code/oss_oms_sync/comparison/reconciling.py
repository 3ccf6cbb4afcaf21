"""The classes of objects in a pass of reconcile, which compares the source with the records."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from operator import lt

from oss_oms_sync.clouds.objects import Columns, ObjectSummary, etags_of, first, first_difference
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.passes.entries import MIN_EVENT_AGE, Entry, is_covered
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.settings import Settings

_LINK_TYPE = "Symlink"


class ReconcileClass(Enum):
    """The class of an object in a pass of reconcile. Its value is the name of the class's count."""

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

    `before` is the start of the last pass of the same scope, or None. `opened` is the time when a closed project was
    last opened. Objects written before it, or before the trigger was restored, have no event.
    """

    def __init__(
        self,
        settings: Settings,
        scope: Scope,
        installed: datetime,
        now: datetime,
        previous_start: datetime | None = None,
        migrations: Migrations = NONE,
        opened: datetime | None = None,
    ) -> None:
        self._migrations = migrations
        self._key_filter = settings.key_filter
        self._everything = scope.everything
        self._since = scope.min_time(installed).timestamp()
        without_event = (opened + MIN_EVENT_AGE).timestamp() if opened else 0.0
        self._recorded = (now - MIN_EVENT_AGE).timestamp()
        self._settled = max(self._recorded, without_event)
        self._new = max(
            (previous_start - MIN_EVENT_AGE if previous_start else installed).timestamp(),
            installed.timestamp(),
            without_event,
        )

    def needs_records(self, source: ObjectSummary) -> bool:
        """Return True if the class of a source object depends on its records."""
        return not self._everything and self._matches(source) and source.modified <= self._settled

    def classify(self, entry: Entry) -> ReconcileClass | None:
        """Return the class of an entry, or None if the pass does not cover it.

        The key of a canary has no class, so that canaries report their own losses.
        """
        key, source, success, failed, *_ = entry
        if source is None:
            # A younger record may be of an object that was written after its page of the source was listed.
            is_orphan = success and success.modified <= self._recorded and self._key_filter.is_reported(key)
            return ReconcileClass.ORPHAN if is_orphan else None
        if not self._matches(source):
            return None
        if source.modified > self._settled:
            return ReconcileClass.PENDING
        if not self._everything and is_covered(source, success):
            return ReconcileClass.COVERED
        if not self._everything and failed and failed.modified >= source.modified:
            return ReconcileClass.FAILED_BEFORE
        is_copied = not self._everything and (
            self._migrations.will_copy(source) or self._migrations.has_processed(source)
        )
        return ReconcileClass.MIGRATING if is_copied else ReconcileClass.UNRECORDED

    def count_covered(self, source: Columns, success: Columns) -> int:
        """Return the number of leading objects that these records cover, and whose events need not be checked.

        Their keys must pass the project's filter. The events of objects written since the last pass are checked.
        """
        if self._everything:
            return 0
        latest = min(self._settled, self._new - 1)
        number = first(map(lt, success.modified, source.modified), len(source.names))
        number = first((not self._since <= time <= latest for time in source.modified[:number]), number)
        number = first(map(_LINK_TYPE.__eq__, source.types[:number]), number)
        return first_difference(etags_of(source.etags[:number]), success.etags[:number])

    def has_event_arrived(self, object_class: ReconcileClass | None, entry: Entry) -> bool | None:
        """Return True if the event of an object of this class has arrived, False if it is missing, and None if unknown.

        It is unknown for an object written before the trigger existed or before the last pass. It is also unknown for a
        record written so late that reconcile may have written it.
        """
        _, source, success, failed, *_ = entry
        # A pass over all objects does not read their records.
        if self._everything or source is None or source.modified < self._new or object_class not in _EVENT_CLASSES:
            return None
        if object_class in _UNRECORDED_CLASSES:
            return False
        modified = source.modified
        if success and not failed:
            recorded_at = success.modified  # nearly all objects, and faster
        else:
            recorded_at = min(row.modified for row in (success, failed) if row and row.modified >= modified)
        return True if recorded_at < modified + MIN_EVENT_AGE.total_seconds() else None

    def _matches(self, source: ObjectSummary) -> bool:
        # OMS cannot copy a symbolic link.
        is_object = source.type != _LINK_TYPE
        return is_object and source.modified >= self._since and self._key_filter.is_reported(source.name)
