"""What reconcile counts of each key, and which it sends: those without a record of this version."""

from __future__ import annotations

from collections import Counter

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass
from oss_oms_sync.passes.digests import MODULUS, state_digest, version_digest
from oss_oms_sync.passes.marks import Marks
from oss_oms_sync.passes.tally import NEW, NEW_MISSING, Tally


class ReconcileCount:
    """The count of a range so far, `start`, and what follows. The state is that of the objects that `key_filter`, the
    project's, lets through."""

    def __init__(self, classifier: Classifier, key_filter: KeyFilter, start: Tally) -> None:
        self._classifier = classifier
        self._key_filter = key_filter
        self._state = start.state
        self._counts = Counter(start.counts)
        self._marks = Marks(start.marks)
        self._judged: tuple[Entry, ObjectClass | None] = Entry("", None), None
        # A tally is as large for many keys as for few.
        self.is_full = False

    def judge(self, entry: Entry) -> FailedKey | None:
        """Judge a key; return it if its object is to be sent. It does not count yet."""
        object_class = self._classifier.classify(entry)
        self._judged = entry, object_class
        if entry.source and object_class is ObjectClass.UNRECORDED:
            return FailedKey(ObjectChange(entry.key, etag=entry.source.etag))
        return None

    def add(self) -> None:
        """Count the key that was judged."""
        entry, object_class = self._judged
        counts = self._counts
        if entry.source:
            self._marks.add(entry.key)
            # What has a class is the project's, and nearly all has.
            if object_class or self._key_filter.matches(entry.key):
                self._state += state_digest(version_digest(entry.source), entry.source.modified)
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

    def sent(self, accepted: int, failed: int) -> None:
        """Count what became of keys that were sent."""
        self._counts["accepted"] += accepted
        self._counts["failed"] += failed

    def tally(self) -> Tally:
        """All that is counted so far."""
        return Tally(dict(self._counts), tuple(self._marks), self._state % MODULUS)
