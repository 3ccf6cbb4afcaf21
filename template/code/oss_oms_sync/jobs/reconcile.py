"""The search for lost events: a job that compares the source bucket with the records, and submits unrecorded objects.

A pass is a run of this job over all keys, or over those with a prefix. A range is the part of all keys between two
keys, and a piece is the work of one invocation on a range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from oss_oms_sync.passes.range_walk import RangeCount, RangeWalk, SelectKey
from oss_oms_sync.passes.states import make_answer
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW_OBJECTS, NEW_WITHOUT_EVENT, OBJECTS_IN_SCOPE, Tally
from oss_oms_sync.passes.work import RangeResult

_EARLIER_RESULT_TEXT = "No pass has begun. This is the result of an earlier pass."


@dataclass(frozen=True)
class ReconcileOptions:
    """The options in the payload of reconcile. With `dry_run` or `limit`, a single call works without a stored pass."""

    prefix: str = ""
    since: str | None = None
    all: bool = False
    limit: int | None = None
    dry_run: bool = False
    restart: bool = False
    look: bool = False


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Run or continue a pass as `event` requests, and return a ReconcileAnswer as JSON.

    - An invocation ends by writing an object to the log bucket, and the event of this write continues its range of
      keys. Such a call returns the fields to log.
    - A timer event starts a pass if the last pass started at least RECONCILE_PERIOD ago. Otherwise it continues ranges
      on which no invocation works.
    - A manual call with ReconcileOptions continues or starts a pass, and waits for its end. With `look` it only
      reports; with `dry_run` or `limit` it works without a stored pass.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError. Completed work is kept.
    """
    JobState(invocation).record_timer("reconcile", event)
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Set it to the bucket to compare with the records"])
    store = PassStore(invocation, "reconcile")

    def process_range(pass_: Pass, start_piece: Piece, open_ranges: int, seconds: float) -> RangeResult:
        return _build_range_walk(
            invocation, pass_, start_piece, open_ranges, seconds, may_send=partial(store.may_send, pass_)
        ).run()

    driver = Driver(invocation, store, process_range)
    requests = store.receive_event(event)
    answer = to_json(_handle_options(event, invocation, driver)) if requests is None else driver.handle_event(requests)
    log.info({name: value for name, value in answer.items() if name != "missing"})
    return answer


def _build_range_walk(
    invocation: Invocation,
    pass_: Pass,
    start_piece: Piece,
    open_ranges: int = 1,
    seconds: float = math.inf,
    limit: int | None = None,
    *,
    dry_run: bool = False,
    may_send: Callable[[], bool] = lambda: True,
) -> RangeWalk:
    installation_time, previous_start, now = (
        parse_time(pass_.installed),
        parse_time(pass_.before_started),
        invocation.clock.now(),
    )
    opening_time, scope = ProjectState(invocation).read_opened(), pass_.scope
    classifier = Classifier(
        invocation.settings, scope, installation_time or now, now, previous_start, pass_.migrations, opening_time
    )
    listing = MergedListing(invocation, classifier.needs_records, scope.key_filter.prefix, start_piece.after)
    count = ReconcileCount(classifier, invocation.settings.key_filter, start_piece.tally)
    items = listing.iter_items(count.count_equal)
    return RangeWalk(
        invocation, items, start_piece, count, open_ranges, seconds, limit, dry_run=dry_run, may_send=may_send
    )


def _handle_options(event: bytes | str, invocation: Invocation, driver: Driver) -> ReconcileAnswer:
    settings, previous_pass = invocation.settings, None
    payload = options.parse(event, ReconcileOptions)
    scope = Scope.from_options(vars(payload), settings.key_filter)
    if payload.dry_run or payload.limit is not None:
        pass_ = driver.describe_pass(scope, record_installation=not payload.dry_run)
        walk = _build_range_walk(invocation, pass_, Piece(), limit=payload.limit, dry_run=payload.dry_run)
        tally, answer = walk.run_alone()
        return _build_answer(answer, tally, walk.missing_keys if payload.dry_run else None)
    refusal_reason = None if payload.look else find_refusal(invocation)
    if payload.look:
        state, stop_reason = driver.find_newest(scope), None
        previous_pass = driver.find_previous(state)
    elif refusal_reason:
        state, stop_reason = driver.find_newest(scope), refusal_reason
    elif is_timer_event(event):
        state, stop_reason = driver.handle_timer(scope, settings.reconcile_period)
    else:
        state, stop_reason = driver.handle_request(scope, restart=payload.restart)
    answer = make_answer("reconcile", state, stop_reason, invocation.clock.now(), previous_pass)
    if refusal_reason and answer.finished:
        # An earlier pass says nothing about objects written since then.
        answer = replace(answer, finished=False, next=_EARLIER_RESULT_TEXT)
    return _build_answer(answer, state.tally if state else Tally())


def _build_answer(answer: PassAnswer, tally: Tally, missing_keys: Sequence[str] | None = None) -> ReconcileAnswer:
    fields: dict[str, Any] = {**vars(answer), **{name: tally.counts.get(name, 0) for name in COUNTS}}
    fields["has_no_objects"] = answer.finished and tally.has_no_objects
    return ReconcileAnswer(**fields, missing=missing_keys)


class ReconcileCount(RangeCount):
    """The counts of a range of keys in a pass of reconcile. Objects without a record of their version are submitted.

    `classifier` gives each object its class, without a request to OBS.
    """

    def __init__(self, classifier: Classifier, key_filter: KeyFilter, start_tally: Tally) -> None:
        super().__init__(key_filter, start_tally)
        self._classifier = classifier

    def count_equal(self, run: KeyRun) -> int:
        """Return the number of leading keys of `run` that are covered, and whose events need no check.

        An object is covered if OMS accepted its current version. Its event needs a check if it was written since the
        last pass.
        """
        return min(
            self._classifier.count_covered(run.source, run.counterpart),
            self._key_filter.count_leading_reported(run.keys),
        )

    def add_run(self, run: KeyRun) -> None:
        self._marks.extend(run.keys)
        for name in (OBJECTS_IN_SCOPE, "scanned", ReconcileClass.COVERED.count):
            self._tally.counts[name] += len(run.keys)

    def add(self, entry: Entry, select_key: SelectKey) -> None:
        """Count an object by its class. A version without a record is first offered to `select_key` for submission."""
        object_class, counts = self._classifier.classify(entry), self._tally.counts
        if entry.source:
            if object_class is ReconcileClass.UNRECORDED:
                unrecorded_key = FailedKey(ObjectChange(entry.key, etag=entry.source.etag))
                object_class = object_class if select_key(unrecorded_key) else ReconcileClass.UNSENT
            self._marks.add(entry.key)
            # An object with a class is in scope, and nearly all objects have a class.
            counts[OBJECTS_IN_SCOPE] += object_class is not None or self._key_filter.is_reported(entry.key)
        if object_class is None:
            return
        counts[object_class.count] += 1
        if object_class is ReconcileClass.ORPHAN:
            return
        counts["scanned"] += 1
        has_arrived = self._classifier.has_event_arrived(object_class, entry)
        if has_arrived is not None:
            counts[NEW_OBJECTS] += 1
            counts[NEW_WITHOUT_EVENT] += not has_arrived
