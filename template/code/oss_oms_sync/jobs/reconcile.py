"""The search for lost events: a job that compares the source bucket with the records, and submits what they lack."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from oss_oms_sync import options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.pass_answers import PassAnswer, ReconcileAnswer
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.comparison.reconciling import Classifier, ReconcileClass
from oss_oms_sync.errors import SettingsError, log
from oss_oms_sync.events import ObjectChange, is_timer_event
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.driver import Driver, find_refusal
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import KeyRun, MergedListing
from oss_oms_sync.passes.pieces import Pass, Piece, Scope
from oss_oms_sync.passes.range_walk import Count, RangeWalk, SelectKey
from oss_oms_sync.passes.states import answer_of
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, INSIDE, NEW, NEW_MISSING, Tally
from oss_oms_sync.passes.work import RangeResult


@dataclass(frozen=True)
class ReconcileOptions:
    """The options of reconcile's payload. With `dry_run` or `limit`, a single call works without a stored pass."""

    prefix: str = ""
    since: str | None = None
    all: bool = False
    limit: int | None = None
    dry_run: bool = False
    restart: bool = False
    look: bool = False


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Work on passes as `event` requests, and return a ReconcileAnswer as JSON.

    - An event of the log bucket names a piece. The call continues the piece's range, and returns the fields to log.
    - A timer event starts a pass if the last pass started at least RECONCILE_PERIOD ago. Otherwise it wakes stalled
      ranges.
    - A manual call has ReconcileOptions. It continues the open pass of its scope, or starts a pass, and waits for its
      end. With `look` it only reports; with `dry_run` or `limit` it makes a single call without pieces.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError. Completed work is kept.
    """
    JobState(invocation).record_timer("reconcile", event)
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that reconcile is to compare with the records"])
    store = PassStore(invocation, "reconcile")

    def process_range(pass_: Pass, start: Piece, open_ranges: int, seconds: float) -> RangeResult:
        return _range_walk(
            invocation, pass_, start, open_ranges, seconds, may_send=partial(store.may_send, pass_)
        ).run()

    driver = Driver(invocation, store, process_range)
    wakes = store.receive(event)
    answer = to_json(_handle_options(event, invocation, driver)) if wakes is None else driver.handle_event(wakes)
    log.info({name: value for name, value in answer.items() if name != "missing"})
    return answer


def _range_walk(
    invocation: Invocation,
    pass_: Pass,
    start: Piece,
    share: int = 1,
    seconds: float = math.inf,
    limit: int | None = None,
    *,
    dry_run: bool = False,
    may_send: Callable[[], bool] = lambda: True,
) -> RangeWalk:
    installed, previous_start, now = (
        parse_time(pass_.installed),
        parse_time(pass_.before_started),
        invocation.clock.now(),
    )
    opened, scope = ProjectState(invocation).read_opened(), pass_.scope
    classifier = Classifier(invocation.settings, scope, installed or now, now, previous_start, pass_.migrations, opened)
    listing = MergedListing(invocation, classifier.needs_records, scope.key_filter.prefix, start.after)
    count = ReconcileCount(classifier, invocation.settings.key_filter, start.tally)
    steps = listing.steps(count.count_equal)
    return RangeWalk(invocation, steps, start, count, share, seconds, limit, dry_run=dry_run, may_send=may_send)


def _handle_options(event: bytes | str, invocation: Invocation, driver: Driver) -> ReconcileAnswer:
    settings, previous = invocation.settings, None
    payload = options.parse(event, ReconcileOptions)
    scope = Scope.from_options(vars(payload), settings.key_filter)
    if payload.dry_run or payload.limit is not None:
        pass_ = driver.describe_pass(scope, note=not payload.dry_run)
        walk = _range_walk(invocation, pass_, Piece(), limit=payload.limit, dry_run=payload.dry_run)
        tally, answer = walk.run_alone()
        return _answer(answer, tally, walk.missing_keys if payload.dry_run else None)
    if payload.look:
        state, stopped = driver.find_newest(scope), None
        previous = driver.find_previous(state)
    elif refused := find_refusal(invocation):
        state, stopped = driver.find_newest(scope), refused
    elif is_timer_event(event):
        state, stopped = driver.handle_timer(scope, settings.reconcile_period)
    else:
        state, stopped = driver.handle_request(scope, restart=payload.restart)
    answer = answer_of("reconcile", state, stopped, invocation.clock.now(), previous)
    return _answer(answer, state.tally if state else Tally())


def _answer(answer: PassAnswer, tally: Tally, missing_keys: Sequence[str] | None = None) -> ReconcileAnswer:
    """Return the answer about a pass, extended by the counts in `tally`."""
    fields: dict[str, Any] = {**vars(answer), **{name: tally.counts.get(name, 0) for name in COUNTS}}
    fields["has_no_objects"] = answer.finished and tally.has_no_objects
    return ReconcileAnswer(**fields, missing=missing_keys)


class ReconcileCount(Count):
    """The counts of a range in a pass of reconcile. Objects without a record of their version are submitted.

    `classifier` gives each object its class, without any query of OBS.
    """

    def __init__(self, classifier: Classifier, key_filter: KeyFilter, start: Tally) -> None:
        super().__init__(key_filter, start)
        self._classifier = classifier

    def count_equal(self, run: KeyRun) -> int:
        """Return the number of leading keys that are covered by their records, and whose events need not be checked."""
        return min(
            self._classifier.count_covered(run.source, run.counterpart), self._key_filter.count_reported(run.keys)
        )

    def add_run(self, run: KeyRun) -> None:
        """Count the keys of a run, all of which are covered by their records."""
        self._marks.extend(run.keys)
        for name in (INSIDE, "scanned", ReconcileClass.COVERED.count):
            self._tally.counts[name] += len(run.keys)

    def add(self, entry: Entry, select_key: SelectKey) -> None:
        """Judge and count a key, as described at Count."""
        object_class, counts = self._classifier.classify(entry), self._tally.counts
        if entry.source:
            if object_class is ReconcileClass.UNRECORDED:
                due = FailedKey(ObjectChange(entry.key, etag=entry.source.etag))
                object_class = object_class if select_key(due) else ReconcileClass.UNSENT
            self._marks.add(entry.key)
            # An object with a class is in scope, and nearly all objects have a class.
            counts[INSIDE] += object_class is not None or self._key_filter.is_reported(entry.key)
        if object_class is None:
            return
        counts[object_class.count] += 1
        if object_class is ReconcileClass.ORPHAN:
            return
        counts["scanned"] += 1
        has_arrived = self._classifier.has_event_arrived(object_class, entry)
        if has_arrived is not None:
            counts[NEW] += 1
            counts[NEW_MISSING] += not has_arrived
