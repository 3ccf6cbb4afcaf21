"""Finds objects whose events were lost: compares the source bucket with the records, and submits what has none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from oss_oms_sync import options
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import PayloadError, SettingsError, StorageError
from oss_oms_sync.events import ObjectChange, is_timer_event
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier, Entry, ObjectClass
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Pass, Passes
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.settings import Settings

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "all": bool,
    "limit": int,
    "dry_run": bool,
    "restart": bool,
}

_MAX_SHOWN = 100
# How often the position is saved; a batch that is not full is then submitted as it is.
_SAVE_INTERVAL_SECONDS = 30.0
# With less time left than this, the work on a pass ends: a page, a batch and the position still have to go through.
_RESERVED_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReconcileResult:
    """How far a pass is. `counts` are COUNTS of the whole pass so far, `next` is the key after which it resumes,
    `stopped` says why it ended early (both may be None). `missing`: the first hundred keys that a dry run found."""

    counts: Mapping[str, int]
    finished: bool
    next: str | None
    stopped: str | None
    missing: Sequence[str] | None = None

    def to_json(self) -> dict[str, object]:
        """The result as the caller gets it: the counts next to the rest."""
        rest = {name: value for name, value in asdict(self).items() if name != "counts"}
        if self.missing is None:
            del rest["missing"]
        return {**self.counts, **rest}


def run(event: bytes | str, invocation: Invocation) -> ReconcileResult:
    """Work on a pass, as `event` asks: a timer event, or OPTIONS in a manual call.

    A manual call resumes the open pass of its scope, or starts one. A timer event resumes its own open pass; or starts
    one if the last began at least RECONCILE_PERIOD ago; or resumes an open pass of another scope, unless that was
    limited. A dry run submits and stores nothing.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError: what was done until then is kept.
    """
    settings = invocation.settings
    if not settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that reconcile is to compare with the records"])
    asked = _Options.parse(event, settings)
    store = Passes(invocation)
    installed = JobState(invocation).installed(note=not asked.dry_run)
    passes, now = store.all(), invocation.clock.now()
    one = _pass_of(asked, is_timer_event(event), settings, store, passes, now)
    if one is None or one.ended:
        return _result(one, one is not None, "" if one else "RECONCILE_PERIOD is off, and no pass was begun by hand")
    mine = (other for other in passes if other.ended and other.scope == one.scope)
    before = max(mine, key=lambda other: other.started, default=None)
    classifier = Classifier(settings, one.scope, installed, now, parse_time(before.started) if before else None)
    listing = MergedListing(invocation, classifier, one.scope.key_filter.prefix, one.after)
    return _Piece(invocation, one, before, classifier, asked.limit, None if asked.dry_run else store).run(listing)


@dataclass(frozen=True)
class _Options:
    """The options in a payload."""

    scope: Scope
    limit: int | None
    dry_run: bool
    restart: bool

    @classmethod
    def parse(cls, event: bytes | str, settings: Settings) -> _Options:
        asked = options.parse(event, OPTIONS)
        prefix, since, limit = str(asked.get("prefix", "")), asked.get("since"), asked.get("limit")
        shorter, longer = sorted((prefix, settings.key_filter.prefix), key=len)
        if not longer.startswith(shorter):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {settings.key_filter.prefix!r}: nothing"
                " there is ever sent"
            )
        time = parse_time(str(since)) if since is not None else None
        if since is not None and time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        return cls(
            Scope(KeyFilter(longer, settings.key_filter.suffix), time, asked.get("all") is True),
            limit if isinstance(limit, int) else None,
            asked.get("dry_run") is True,
            asked.get("restart") is True,
        )


def _pass_of(
    asked: _Options,
    by_timer: bool,
    settings: Settings,
    store: Passes,
    passes: Sequence[Pass],
    now: datetime,
) -> Pass | None:
    """The pass to work on; one that has ended, or None, if nothing is due."""
    limited = asked.limit is not None
    if asked.dry_run:
        return Pass("", settings.source_bucket, asked.scope, timestamp(now), limited)
    newest = {
        one.scope: one
        for one in ([] if asked.restart else passes)
        # A trial, which is a manual call with a limit, is only resumed manually.
        if not (by_timer and not limited and one.limited and not one.ended)
    }
    mine = newest.get(asked.scope)
    if mine and not mine.ended:
        return replace(mine, limited=limited)
    if not by_timer or _is_due(mine, settings.reconcile_period, now):
        return store.new(asked.scope, limited)
    others = [one for one in newest.values() if not one.ended]
    return min(others, key=lambda one: one.started, default=mine)


def _is_due(last: Pass | None, period: timedelta | None, now: datetime) -> bool:
    return period is not None and (last is None or last.started <= timestamp(now - period))


class _Piece:
    """The part of a pass that one call works on; `before` is the last pass of its scope that ended. Without a `store`
    it is a dry run: nothing is submitted or stored."""

    def __init__(
        self,
        invocation: Invocation,
        one: Pass,
        before: Pass | None,
        classifier: Classifier,
        limit: int | None,
        store: Passes | None,
    ) -> None:
        self._pass = one
        self._before = before
        self._classifier = classifier
        self._limit = limit
        self._sender = Sender(invocation)
        self._store = store
        self._deadline = invocation.deadline
        self._last_seconds = min(_RESERVED_SECONDS, self._deadline.remaining() / 4)
        self._after = one.after
        self._counts = Counter(one.counts)
        self._taken = 0
        # The open batch, and the pass as it was before: that is stored until the whole batch is accepted or recorded.
        self._batch: list[FailedKey] = []
        self._before_batch = one
        self._missing: list[str] = []
        self._stopped = ""

    def run(self, listing: MergedListing) -> ReconcileResult:
        """Work until the pass ends, time runs out or OMS stops it; then save the position.

        Raises StorageError, also after saving the position.
        """
        problem = None
        try:
            at_end = self._go(listing)
        except StorageError as error:
            at_end, problem = False, error
        self._send()
        finished = at_end and not self._batch
        if finished and self._before and not self._counts[NEW]:
            self._counts.update({name: self._before.counts.get(name, 0) for name in (NEW, NEW_MISSING)})
        if self._store and finished:
            self._store.finish(self._done())
        elif self._store:
            self._store.save(self._done())
        if problem:
            raise problem
        missing = None if self._store else self._missing
        return _result(self._done(), finished, self._stopped or self._sender.stopped, missing)

    def _go(self, listing: MergedListing) -> bool:
        """Classify key after key; return whether that came to the end of the pass."""
        save_at = self._deadline.remaining() - _SAVE_INTERVAL_SECONDS
        for entry in listing:
            remaining = self._deadline.remaining()
            if remaining < save_at:
                save_at = remaining - _SAVE_INTERVAL_SECONDS
                self._send()
                if self._store:
                    self._store.save(self._done())
                remaining = self._deadline.remaining()
            if self._is_over(remaining):
                return False
            self._count(entry)
            self._after = entry.key
            if len(self._batch) == KEYS_PER_CALL:
                self._send()
        return True

    def _is_over(self, remaining: float) -> bool:
        if self._stopped or self._sender.stopped:
            return True
        if remaining < self._last_seconds:
            self._stopped = "the time is up"
        elif self._limit is not None and self._taken >= self._limit:
            self._stopped = "the limit is reached"
        return bool(self._stopped)

    def _count(self, entry: Entry) -> None:
        object_class = self._classifier.classify(entry)
        came = self._classifier.event_came(object_class, entry)
        if entry.source and object_class is ObjectClass.UNRECORDED:
            self._take(FailedKey(ObjectChange(entry.key, etag=entry.source.etag)))
        if object_class:
            self._counts["scanned"] += object_class is not ObjectClass.ORPHAN
            self._counts[object_class.value] += 1
        self._counts[NEW] += came is not None
        self._counts[NEW_MISSING] += came is False

    def _take(self, key: FailedKey) -> None:
        self._taken += 1
        if self._store:
            self._before_batch = self._done()
            self._batch.append(key)
        elif len(self._missing) < _MAX_SHOWN:
            self._missing.append(key.key)

    def _send(self) -> None:
        """Submit the open batch. It stays open, and no other is begun, until all of it is accepted or recorded."""
        accepted, failed = self._sender.accepted, self._sender.failed.total()
        if self._sender.send(self._batch):
            self._stopped = self._sender.stopped or "the log bucket takes no record of some keys"
            return
        self._counts["accepted"] += self._sender.accepted - accepted
        self._counts["failed"] += self._sender.failed.total() - failed
        self._batch = []

    def _done(self) -> Pass:
        """The pass up to the last key that is settled."""
        return self._before_batch if self._batch else replace(self._pass, after=self._after, counts=dict(self._counts))


def _result(one: Pass | None, finished: bool, stopped: str, missing: Sequence[str] | None = None) -> ReconcileResult:
    counts = {name: one.counts.get(name, 0) if one else 0 for name in COUNTS}
    following = None if finished or one is None else one.after
    result = ReconcileResult(counts, finished, following, stopped or None, missing)
    log.info(replace(result, missing=None).to_json())
    return result
