"""What reconcile counts of each key, and which it sends: those without a record of this version."""

from __future__ import annotations

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass
from oss_oms_sync.passes.range_walk import Count
from oss_oms_sync.passes.tally import NEW, NEW_MISSING, Tally


class ReconcileCount(Count):
    """By the classes of `classifier`, which OBS has no part in."""

    def __init__(self, classifier: Classifier, key_filter: KeyFilter, start: Tally) -> None:
        super().__init__(key_filter, start)
        self._classifier = classifier
        self._class: ObjectClass | None = None

    def judge(self, entry: Entry) -> FailedKey | None:
        """See Count."""
        self._entry = entry
        self._class = object_class = self._classifier.classify(entry)
        if entry.source and object_class is ObjectClass.UNRECORDED:
            return FailedKey(ObjectChange(entry.key, etag=entry.source.etag))
        return None

    def add(self) -> None:
        """See Count."""
        entry, object_class, counts = self._entry, self._class, self._tally.counts
        if entry.source:
            self._marks.add(entry.key)
            # What has a class is the project's, and nearly all has.
            if object_class or self._key_filter.matches(entry.key):
                self._add_version(entry.source, None)
        if object_class is None:
            return
        counts[object_class.count] += 1
        if object_class is ObjectClass.ORPHAN:
            return
        counts["scanned"] += 1
        came = self._classifier.event_came(object_class, entry)
        if came is not None:
            counts[NEW] += 1
            counts[NEW_MISSING] += not came
