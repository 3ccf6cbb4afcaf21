"""Find what no event reported: compare the source bucket with the records, and submit what has none."""

from __future__ import annotations

import logging
import math

from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import SettingsError
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.jobs.reconcile.count import ReconcileCount
from oss_oms_sync.jobs.reconcile.options import Options
from oss_oms_sync.jobs.reconcile.result import ReconcileResult
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier
from oss_oms_sync.passes.driver import Driver, PiecesDone, refusal
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.range_walk import RangeWalk
from oss_oms_sync.passes.scope import Pass
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.work import Walk, Walked
from oss_oms_sync.stop import Stop, Stopped

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> ReconcileResult | PiecesDone:
    """Work on passes, as `event` asks: an event of the log bucket, a timer event, or OPTIONS in a manual call.

    An event names a piece: its range is gone on with. A timer event begins a pass if the last began at least
    RECONCILE_PERIOD ago, or else wakes what stands still. A manual call works on the pass of its scope, which it begins
    if none is open, and waits for its end; `look` only looks. `dry_run` and `limit` are one call without pieces.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError: what was done until then is kept.
    """
    JobState(invocation).note_timer("reconcile", event)
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Name the bucket that reconcile is to compare with the records"])
    store = PassStore(invocation, "reconcile")
    driver = Driver(invocation, store, _walk(invocation))
    woken = store.hear(event)
    if woken is not None:
        done = driver.by_event(woken)
        log.info(done.to_json())
        return done
    result = _asked(event, invocation, driver)
    log.info({name: value for name, value in result.to_json().items() if name != "missing"})
    return result


def _walk(invocation: Invocation) -> Walk:
    def walk(one: Pass, start: Piece, open_ranges: int, seconds: float) -> Walked:
        return _range_walk(invocation, one, start, open_ranges, seconds).run()

    return walk


def _range_walk(
    invocation: Invocation,
    one: Pass,
    start: Piece,
    share: int = 1,
    seconds: float = math.inf,
    trial: Options | None = None,
) -> RangeWalk:
    installed, before, now = parse_time(one.installed), parse_time(one.before_started), invocation.clock.now()
    classifier = Classifier(invocation.settings, one.scope, installed or now, now, before)
    entries = MergedListing(invocation, classifier.needs_records, one.scope.key_filter.prefix, start.after)
    count = ReconcileCount(classifier, invocation.settings.key_filter, start.tally)
    return RangeWalk(invocation, entries, start, count, share, seconds, trial)


def _asked(event: bytes | str, invocation: Invocation, driver: Driver) -> ReconcileResult:
    settings, clock = invocation.settings, invocation.clock
    options = Options.parse(event, settings.key_filter)
    if options.is_trial:
        return _trial(options, invocation, driver)
    if options.look:
        state = driver.look(options.scope)
        return ReconcileResult.of(state, None, clock, driver.before(state))
    if refused := refusal(invocation):
        return ReconcileResult.of(driver.look(options.scope), refused, clock)
    if is_timer_event(event):
        state, stopped = driver.by_timer(options.scope, settings.reconcile_period)
        if state is None and not stopped:
            stopped = Stopped(Stop.PERIOD_OFF, "RECONCILE_PERIOD is off, and no pass was begun by hand")
    elif not options.restart and (too_many := driver.too_many(options.scope)):
        return ReconcileResult.of(None, too_many, clock)
    else:
        state, stopped = driver.by_hand(options.scope, restart=options.restart)
    return ReconcileResult.of(state, stopped, clock)


def _trial(options: Options, invocation: Invocation, driver: Driver) -> ReconcileResult:
    """One call without pieces: a dry run, or a limit."""
    one = driver.about_now(options.scope, note=not options.dry_run)
    walk = _range_walk(invocation, one, Piece(Kind.MORE, until="", after=""), trial=options)
    walked = walk.run()
    if walked.error:
        raise walked.error
    finished = walked.piece.kind is Kind.DONE
    following = "Everything was looked at." if finished else "A trial is not continued: the next one begins anew."
    missing = walk.missing if options.dry_run else None
    return ReconcileResult(walked.piece.tally.counts, finished, following, walk.stopped, missing=missing)
