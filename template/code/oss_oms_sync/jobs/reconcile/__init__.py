"""Find what no event reported: compare the source bucket with the records, and submit what has none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

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
from oss_oms_sync.passes.names import Wake, wakes
from oss_oms_sync.passes.pieces import Kind, Piece, Tree
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Pass, PassState, PassStore, sequence
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING, Tally
from oss_oms_sync.passes.work import Walked, Worker
from oss_oms_sync.settings import Settings

OPTIONS: dict[str, type] = {
    "prefix": str,
    "since": str,
    "all": bool,
    "limit": int,
    "dry_run": bool,
    "restart": bool,
    "look": bool,
}

_MAX_SHOWN = 100
# With less than this left the piece ends: a page, a batch and the piece itself still have to go through.
_RESERVED_SECONDS = 30.0
# How long an event may take to wake a worker, before whoever waits does the work.
_EVENT_SECONDS = 10.0
# A piece may take so much longer than PIECE_SECONDS, before its worker counts as lost.
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReconcileResult:
    """How far a pass is. `counts` are COUNTS of the whole pass so far, `next` says what comes next, `stopped` why this
    call went no further. `missing`: the first hundred keys that a dry run would send."""

    counts: Mapping[str, int]
    finished: bool
    next: str
    stopped: str | None = None
    pass_name: str | None = None
    ranges_open: int = 0
    ranges_done: int = 0
    started: str | None = None
    objects_per_minute: int | None = None
    missing: Sequence[str] | None = None

    def to_json(self) -> dict[str, object]:
        """As the caller gets it: the counts beside the rest."""
        missing = {} if self.missing is None else {"missing": list(self.missing)}
        return {
            **{name: self.counts.get(name, 0) for name in COUNTS},
            "finished": self.finished,
            "next": self.next,
            "stopped": self.stopped,
            "pass": self.pass_name,
            "ranges": {"open": self.ranges_open, "done": self.ranges_done},
            "started": self.started,
            "objects_per_minute": self.objects_per_minute,
            **missing,
        }


def run(event: bytes | str, invocation: Invocation) -> ReconcileResult:
    """Work on passes, as `event` asks: an event of the log bucket, a timer event, or OPTIONS in a manual call.

    An event names a piece: its range is gone on with. A timer event begins a pass if the last began at least
    RECONCILE_PERIOD ago, or else wakes what stands still. A manual call works on the pass of its scope, which it begins
    if none is open, and waits for its end; `look` only looks. `dry_run` and `limit` are one call without pieces.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError: what was done until then is kept.
    """
    settings = invocation.settings
    if not settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that reconcile is to compare with the records"])
    reconcile = _Reconcile(invocation)
    woken = wakes(event, reconcile.store.prefix)
    if woken is not None:
        result = reconcile.by_event(woken)
    else:
        asked = _Options.parse(event, settings)
        result = reconcile.by_timer(asked) if is_timer_event(event) else reconcile.by_hand(asked)
    log.info({name: value for name, value in result.to_json().items() if name != "missing"})
    return result


class _Reconcile:
    """One invocation."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._clock = invocation.clock
        self._deadline = invocation.deadline
        self.store = PassStore(invocation, "reconcile")
        self._worker = Worker(invocation, self.store, self._walk)

    def by_event(self, woken: Sequence[Wake]) -> ReconcileResult:
        """Do what follows from the pieces that an event names."""
        for wake in woken:
            self._worker.go_on(wake)
        return self._result(self.store.state(woken[-1].pass_name) if woken else None)

    def by_timer(self, asked: _Options) -> ReconcileResult:
        """Begin a pass if one is due, else wake what stands still: the first of it here, to see whether it goes."""
        states = self.store.states(self._settings)
        if asked.dry_run or asked.limit is not None:
            return self._trial(asked, states)
        mine = self._open(states, asked.scope)
        if mine is None and self._is_due(states, asked.scope):
            one, piece = self._begin(asked.scope, states, slot=True)
            return self._result(self.store.state(one.name), piece.why)
        still = [(each, name) for each in self._all_open(states) for name in self._still(each.of.name)]
        last = mine or sequence(states, asked.scope)
        if not still:
            return self._result(last, "" if last else "RECONCILE_PERIOD is off, and no pass was begun by hand")
        (open_pass, first), *others = still
        why = self._alone(open_pass.of.name, first)
        if not why:
            for other, name in others:
                self.store.wake(other.of.name, name)
        return self._result(self.store.state(open_pass.of.name), why)

    def by_hand(self, asked: _Options) -> ReconcileResult:
        """Work on the pass of this scope, and wait for its end as long as there is time."""
        states = self.store.states(self._settings)
        if asked.dry_run or asked.limit is not None:
            return self._trial(asked, states)
        mine = None if asked.restart else self._open(states, asked.scope)
        if asked.look:
            return self._result(mine or sequence(states, asked.scope))
        if mine is None:
            one, piece = self._begin(asked.scope, states, slot=False)
            name, why = one.name, piece.why
        else:
            name, why = mine.of.name, ""
        if not why:
            why = self._wait(name)
        return self._result(self.store.state(name), why)

    def _wait(self, name: str) -> str:
        """Until a pass has ended: do what nobody else does. Return why it went no further."""
        while self._has_time():
            tree = self.store.tree(name)
            if tree.has_total:
                return ""
            idle = self._idle(name, tree)
            if idle is None:
                self._clock.sleep(_POLL_SECONDS)
                continue
            piece = self._worker.go_on(Wake(name, idle, None), rested=True)
            if piece is None:
                if self.store.newest(name) != name:
                    return "a newer pass of this scope has begun"
                self._clock.sleep(_POLL_SECONDS)
            elif piece.kind is Kind.REST:
                return piece.why
        return "the time is up"

    def _alone(self, name: str, range_name: str) -> str:
        """Go on with a pass of which nobody seems to hear, a range after the other; return why it went no further."""
        piece = self._worker.go_on(Wake(name, range_name, None), rested=True)
        while self._has_time() and not (piece and piece.kind is Kind.REST):
            tree = self.store.tree(name)
            if tree.has_total or not tree.open:
                return ""
            if piece is None:
                # Somebody was faster, or the pass is not to be worked on any more.
                self._clock.sleep(_POLL_SECONDS)
            piece = self._worker.go_on(Wake(name, tree.open[0], None), rested=True)
        return piece.why if piece else ""

    def _idle(self, name: str, tree: Tree) -> str | None:
        """A range on which nobody works, as far as can be seen; None if there is none."""
        now, written, worked_on = self._now(), self.store.written(name), self.store.worked_on(name)
        for range_name in tree.open:
            last, taken = written.get(range_name, 0), worked_on.get(range_name, 0)
            is_taken = taken >= last and now - taken < self._lost_after
            if not is_taken and now - last >= _EVENT_SECONDS:
                return range_name
        return None

    def _still(self, name: str) -> list[str]:
        """The ranges of a pass that have not moved for longer than a piece can last."""
        tree, written, worked_on = self.store.tree(name), self.store.written(name), self.store.worked_on(name)
        latest = {one: max(written.get(one, 0), worked_on.get(one, 0)) for one in tree.open}
        return [one for one in tree.open if self._now() - latest[one] >= self._lost_after]

    @property
    def _lost_after(self) -> float:
        return self._settings.piece_seconds + _GRACE_SECONDS

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _has_time(self) -> bool:
        return self._deadline.remaining() > min(2 * _RESERVED_SECONDS, self._settings.piece_seconds)

    def _begin(self, scope: Scope, states: Sequence[PassState], *, slot: bool) -> tuple[Pass, Piece]:
        """Begin a pass of `scope`, named after this moment or after the period's slot: two ticks begin the same."""
        now, began, period = self._clock.now(), self._clock.now(), self._settings.reconcile_period
        if slot and period:
            began = datetime.fromtimestamp(
                now.timestamp() // period.total_seconds() * period.total_seconds(), timezone.utc
            )
        last = sequence(states, scope)
        one = Pass(
            self.store.name_of(scope, began),
            self._settings.source_bucket,
            scope,
            started=timestamp(now),
            installed=timestamp(JobState(self._invocation).installed(note=True)),
            before=last.of.name if last else "",
            before_started=last.of.started if last else "",
        )
        return one, self._worker.begin(one)

    def _trial(self, asked: _Options, states: Sequence[PassState]) -> ReconcileResult:
        """One call without pieces: a dry run, or a limit."""
        last, now = sequence(states, asked.scope), timestamp(self._clock.now())
        installed = timestamp(JobState(self._invocation).installed(note=not asked.dry_run))
        started = last.of.started if last else ""
        one = Pass("", self._settings.source_bucket, asked.scope, now, installed, "", started)
        walk = _RangeWalk(self._invocation, one, Piece(Kind.MORE, until="", after=""), trial=asked)
        walked = walk.run()
        if walked.error:
            raise walked.error
        finished = walked.piece.kind is Kind.DONE
        following = "Everything was looked at." if finished else "A trial has no second part: the next begins anew."
        missing = walk.missing if asked.dry_run else None
        return ReconcileResult(walked.piece.tally.counts, finished, following, walk.stopped or None, missing=missing)

    def _walk(self, one: Pass, start: Piece, open_ranges: int) -> Walked:
        return _RangeWalk(self._invocation, one, start, open_ranges).run()

    def _open(self, states: Sequence[PassState], scope: Scope) -> PassState | None:
        """The newest pass of `scope`, if it is open."""
        mine = [one for one in states if one.of.scope == scope]
        return mine[-1] if mine and not mine[-1].ended else None

    def _all_open(self, states: Sequence[PassState]) -> list[PassState]:
        """The open passes that are the newest of their scopes."""
        newest = {one.of.scope: one for one in states}
        return [one for one in newest.values() if not one.ended]

    def _is_due(self, states: Sequence[PassState], scope: Scope) -> bool:
        period = self._settings.reconcile_period
        last = max((one.of.started for one in states if one.of.scope == scope), default="")
        return period is not None and last <= timestamp(self._clock.now() - period)

    def _result(self, state: PassState | None, stopped: str = "") -> ReconcileResult:
        if state is None:
            return ReconcileResult({}, False, "No pass of this scope has begun.", stopped or None)
        if state.ended:
            following = "The pass has ended."
        else:
            following = (
                f"{state.ranges_open} ranges are open: events of the log bucket wake workers for them, and the timer"
                """ wakes what stands still. To look: s reconcile invoke -e '{"look": true}'"""
            )
        began, until = parse_time(state.of.started), parse_time(state.ended) or self._clock.now()
        minutes = max((until - began).total_seconds() / 60, 1 / 60) if began else 1
        return ReconcileResult(
            state.tally.counts,
            bool(state.ended),
            following,
            stopped or None,
            state.of.name,
            state.ranges_open,
            state.ranges_done,
            state.of.started,
            round(state.tally.counts.get("scanned", 0) / minutes),
        )


@dataclass(frozen=True)
class _Options:
    """The options in a payload."""

    scope: Scope
    limit: int | None
    dry_run: bool
    restart: bool
    look: bool

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
            asked.get("look") is True,
        )


class _RangeWalk:
    """What one worker does of a range: it classifies key after key, and sends what has no record. A `trial` is a dry
    run, or ends after a limit of objects."""

    def __init__(
        self, invocation: Invocation, one: Pass, start: Piece, share: int = 1, trial: _Options | None = None
    ) -> None:
        settings, deadline = invocation.settings, invocation.deadline
        installed, before = parse_time(one.installed), parse_time(one.before_started)
        now = invocation.clock.now()
        self._classifier = Classifier(settings, one.scope, installed or now, now, before)
        self._listing = MergedListing(invocation, self._classifier, one.scope.key_filter.prefix, start.after)
        self._sender = Sender(invocation, share)
        self._deadline = deadline
        seconds = deadline.remaining() if trial else min(settings.piece_seconds, deadline.remaining())
        self._end = deadline.remaining() - seconds + min(_RESERVED_SECONDS, seconds / 4)
        self._start = start
        self._trial = trial
        self._counts = Counter(start.tally.counts)
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
        if why in ("", "the time is up"):
            return Walked(done, error)
        return Walked(replace(done, kind=Kind.REST, why=why), error)

    def _go(self) -> bool:
        """Classify key after key; return whether that came to the end of the range."""
        until = self._start.until
        for entry in self._listing:
            if until and entry.key > until:
                return True
            if self._is_over(self._deadline.remaining()):
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
            self.stopped = "the time is up"
        elif self._trial and self._trial.limit is not None and self._taken >= self._trial.limit:
            self.stopped = "the limit is reached"
        return bool(self.stopped)

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
        return replace(self._start, after=self._after, tally=Tally(dict(self._counts)))
