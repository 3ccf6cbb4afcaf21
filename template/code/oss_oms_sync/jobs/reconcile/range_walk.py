"""What one invocation does of a range of keys: classify each, and send what has no record."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.reconcile.options import Options
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.marks import Marks
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.store import Pass
from oss_oms_sync.passes.tally import NEW, NEW_MISSING, Tally
from oss_oms_sync.passes.work import Walked

_MAX_SHOWN = 100
# With less than this left it ends: a page, a batch and the piece itself still have to go through.
_RESERVED_SECONDS = 30.0
# As the sender says it.
_TIME_IS_UP = "the time is up"


class RangeWalk:
    """What one worker does of a range: it classifies key after key, and sends what has no record. A `trial` is a dry
    run, or ends after a limit of objects."""

    def __init__(
        self,
        invocation: Invocation,
        one: Pass,
        start: Piece,
        share: int = 1,
        seconds: float = math.inf,
        trial: Options | None = None,
    ) -> None:
        settings, deadline = invocation.settings, invocation.deadline
        installed, before = parse_time(one.installed), parse_time(one.before_started)
        now = invocation.clock.now()
        self._classifier = Classifier(settings, one.scope, installed or now, now, before)
        self._listing = MergedListing(invocation, self._classifier, one.scope.key_filter.prefix, start.after)
        self._deadline = deadline
        left = deadline.remaining()
        # How much time is left of the invocation when it ends.
        self._end = max(min(_RESERVED_SECONDS, left / 4), left - seconds)
        self._sender = Sender(invocation, share, left - self._end)
        self._start = start
        self._trial = trial
        self._counts = Counter(start.tally.counts)
        self._marks = Marks(start.tally.marks)
        self._after = start.after
        # The open batch, and the range as it was before: that is what counts until all of it is accepted or recorded.
        self._batch: list[FailedKey] = []
        self._before_batch = start
        self._taken = 0
        self.missing: list[str] = []
        self.stopped = ""

    def run(self) -> Walked:
        """Walk until the range ends, time is up, or a cloud refuses."""
        error = None
        try:
            at_end = self._go()
        except StorageError as raised:
            at_end, error = False, raised
        self._send()
        done = self._settled()
        if at_end and not self._batch:
            return Walked(replace(done, kind=Kind.DONE))
        why = str(error) if error else self.stopped or self._sender.stopped
        if why == _TIME_IS_UP and self._sender.failed and not self._sender.accepted:
            # Else those who go on at once would be busy for as long as OMS is.
            why = f"OMS took nothing until the time was up: {', '.join(self._sender.failed)}"
        self.stopped = why
        if why in ("", _TIME_IS_UP):
            return Walked(done, error)
        return Walked(replace(done, kind=Kind.REST, why=why), error)

    def _go(self) -> bool:
        """Classify key after key; return whether that came to the end of the range."""
        until = self._start.until
        for entry in self._listing:
            if until and entry.key > until:
                return True
            if self._is_over():
                return False
            self._count(entry)
            self._after = entry.key
            if len(self._batch) == KEYS_PER_CALL:
                self._send()
        return True

    def _is_over(self) -> bool:
        if self.stopped or self._sender.stopped:
            return True
        if self._deadline.remaining() < self._end:
            self.stopped = _TIME_IS_UP
        elif self._trial and self._trial.limit is not None and self._taken >= self._trial.limit:
            self.stopped = "the limit is reached"
        return bool(self.stopped)

    def _count(self, entry: Entry) -> None:
        object_class = self._classifier.classify(entry)
        came = self._classifier.event_came(object_class, entry)
        if entry.source:
            self._marks.add(entry.key)
        if entry.source and object_class is ObjectClass.UNRECORDED:
            self._take(FailedKey(ObjectChange(entry.key, etag=entry.source.etag)))
        if object_class:
            self._counts["scanned"] += object_class is not ObjectClass.ORPHAN
            self._counts[object_class.value] += 1
        self._counts[NEW] += came is not None
        self._counts[NEW_MISSING] += came is False

    def _take(self, key: FailedKey) -> None:
        self._taken += 1
        if not (self._trial and self._trial.dry_run):
            self._before_batch = self._settled()
            self._batch.append(key)
        elif len(self.missing) < _MAX_SHOWN:
            self.missing.append(key.key)

    def _send(self) -> None:
        """Submit the open batch. It stays open, and no other is begun, until all of it is accepted or recorded."""
        accepted, failed = self._sender.accepted, self._sender.failed.total()
        if self._sender.send(self._batch):
            self.stopped = self._sender.stopped or "the log bucket takes no record of some keys"
            return
        self._counts["accepted"] += self._sender.accepted - accepted
        self._counts["failed"] += self._sender.failed.total() - failed
        self._batch = []

    def _settled(self) -> Piece:
        """The range up to the last key that is settled."""
        if self._batch:
            return self._before_batch
        return replace(self._start, after=self._after, tally=Tally(dict(self._counts), tuple(self._marks)))
