"""Both clouds together: whether keys are accepted, reconcile runs, and objects get their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from heapq import nlargest
from itertools import chain, takewhile
from math import inf
from typing import TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.clock import Deadline, from_epoch
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure, StoredObject
from oss_oms_sync.jobs.doctor.check import Check, CheckContext, Finding, Level
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.record_listing import iter_records
from oss_oms_sync.passes.classify import Classifier, ObjectClass
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.reasons import Reason
from oss_oms_sync.settings import MAX_PERIOD

T = TypeVar("T")

# The maximum age of objects that are checked for records.
_RECENT = timedelta(days=1)
# How long a check looks through records, because there may be millions, and how many failures it reads.
_SCAN_SECONDS = 20.0
# An event of OSS usually comes within a second or two; the instance that it wakes may have to start first.
_PING_SECONDS = 20.0
_PING_POLL_SECONDS = 1.0
_MAX_FAILURES_READ = 200


def right_to_submit(context: CheckContext) -> Finding:
    """Deduced from the records, because testing the permission would be a sync request.

    A key that was accepted after the last failure for lack of the permission proves it. A failure whose reason was not
    read may have been one of these.
    """
    enough = _scan_deadline(context)
    failures = nlargest(_MAX_FAILURES_READ + 1, _until(enough, _failures(context)), key=lambda one: one.modified)
    all_failed = not enough.expired()
    read = context.invocation.log_bucket.try_get_all([one.name for one in failures[:_MAX_FAILURES_READ]])
    reasons = [*map(_reasons_in, read), *[{""}] * (len(failures) - len(read))]
    explained = list(zip(failures, reasons, strict=True))
    doubtful = [one.modified for one, why in explained if why & {Reason.FORBIDDEN.name, ""}]
    doubt = max(doubtful, default=0) if all_failed else inf

    accepted, all_accepted = _last_accepted(context, doubt)
    if accepted > doubt:
        at = from_epoch(accepted)
        return Finding(Level.OK, f"a key was accepted at {at:%Y-%m-%d %H:%M} UTC")
    all_seen = all_failed and all_accepted
    if not failures and all_seen:
        return Finding(Level.SKIPPED, "no key was accepted yet: upload an object, and look again")
    # Of the keys in a run file, only the time of the run is known.
    last, why = next(
        ((one, why) for one, why in explained if not one.name.startswith(context.runs.folder)), (None, set())
    )
    if last and why == {Reason.FORBIDDEN.name} and last.modified > accepted and all_seen:
        return Finding(Level.FAULT, "the last key failed with FORBIDDEN", Reason.FORBIDDEN.fix.en)
    names = ", ".join(sorted(set().union(*reasons) - {""})) or "no reason told"
    return Finding(
        Level.UNKNOWN,
        f"no key is known to be accepted since some failed ({names})"
        + ("" if all_seen else "; there are more records than could be looked at"),
        "See that the IAM user behind HW_AK may oms:synctask:createEvent, and what `s status invoke` says of the"
        " failed keys; run doctor again when replay has sent them",
    )


def reconcile(context: CheckContext) -> Finding:
    settings, now = context.settings, context.invocation.clock.now()
    if settings.reconcile_period is None:
        return Finding(Level.OK, "reconcile runs by hand only, for RECONCILE_PERIOD is off")
    last = max(context.passes.states(), key=lambda one: one.started, default=None)
    fix = "See in the Function Compute console that reconcile's timer is there, and in `s reconcile logs`"
    if last is None:
        if context.state.installed(note=False) < now - MAX_PERIOD:
            seen = f"no pass of reconcile has begun in the last {MAX_PERIOD.days} days"
            return Finding(Level.WARNING, seen, fix)
        return Finding(Level.SKIPPED, "no pass has begun yet: look again in 10 minutes, then see `s reconcile logs`")
    seen = f"the last pass of reconcile began at {last.started}"
    if last.is_late(settings, now):
        return Finding(Level.WARNING, f"{seen}, and the next is long due", fix)
    return Finding(Level.OK, seen)


def is_open(context: CheckContext) -> Finding:
    closed = Closing(context.invocation).state()
    if closed:
        return Finding(Level.WARNING, closed.text.en, "Open it only if OBS is to get what is written to OSS again")
    return Finding(Level.OK, "the project is open: keys are sent")


def pass_trigger(context: CheckContext) -> Finding:
    """Whether what is written under passes/ in the log bucket wakes reconcile, which then deletes a ping."""
    bucket, clock = context.invocation.log_bucket, context.invocation.clock
    ping = context.passes.ping()
    enough = Deadline(min(_PING_SECONDS, context.invocation.deadline.remaining() / 2), clock)
    try:
        bucket.put(ping)
        while is_there := bucket.get(ping.name) is not None:
            if enough.expired():
                break
            clock.sleep(_PING_POLL_SECONDS)
    finally:
        bucket.try_delete_all([ping.name])
    if is_there:
        return Finding(
            Level.WARNING,
            f"what was written under passes/ in the log bucket did not wake reconcile within {_PING_SECONDS:.0f}"
            " seconds: a pass goes on by the timer alone then, one range after the other",
            "See in the Function Compute console that reconcile's trigger on the log bucket is there, and that the"
            " trigger's role may invoke reconcile; then run doctor again",
        )
    return Finding(Level.OK, "what is written under passes/ in the log bucket wakes reconcile")


def records_flow(context: CheckContext) -> Finding:
    """Whether objects written in the last day, and since the installation, have records."""
    classes, events_came, all_seen = _count_classes(context)
    accepted, failed = classes[ObjectClass.COVERED], classes[ObjectClass.FAILED_BEFORE]
    missing = classes[ObjectClass.UNRECORDED]
    names = f"{'' if all_seen else 'the first '}{classes.total():,} names"
    seen = f"of {names}, {accepted} written in the last day were accepted, {failed} failed, {missing} have no record"
    if missing:
        fix = (
            "See in the Function Compute console that forward's trigger is there (it is refused where it overlaps"
            " with another of this bucket in events, prefix and suffix); reconcile sends the objects"
        )
        return Finding(Level.WARNING if accepted + failed else Level.FAULT, seen, fix)
    if failed:
        return Finding(Level.WARNING, seen, "`s status invoke` says why they failed")
    if not accepted:
        return Finding(Level.SKIPPED, f"{seen}: upload an object, and look again in 15 minutes")
    if not events_came:
        # Reconcile's own records must not make a dead trigger look healthy.
        return Finding(
            Level.UNKNOWN,
            f"{seen}; all records came so late that reconcile may have made them, so whether events arrive is open",
            "Upload an object, and look again: it should have a record within 15 minutes",
        )
    return Finding(Level.OK, seen)


def _count_classes(context: CheckContext) -> tuple[Counter[ObjectClass | None], bool, bool]:
    """How many names each class has, whether an event is known to have come, and whether time sufficed for all
    names."""
    settings, now = context.settings, context.invocation.clock.now()
    installed = context.state.installed(note=False)
    scope = Scope(settings.key_filter, max(now - _RECENT, installed), everything=False)
    classifier = Classifier(settings, scope, installed, now)
    in_hand = {key.key for run in context.runs.leftovers() if run for key in run.keys}
    classes: Counter[ObjectClass | None] = Counter()
    events_came = False
    enough = _scan_deadline(context)
    listing = MergedListing(context.invocation, classifier.needs_records, scope.key_filter.prefix, "")
    for entry in _until(enough, listing):
        object_class = classifier.classify(entry)
        events_came |= classifier.event_came(object_class, entry) is True
        is_replays = object_class is ObjectClass.UNRECORDED and entry.key in in_hand
        classes[ObjectClass.FAILED_BEFORE if is_replays else object_class] += 1
    return classes, events_came, not enough.expired()


def _failures(context: CheckContext) -> Iterator[ObjectSummary]:
    """Failed records and run files, whose keys may have no record while replay has them in hand."""
    bucket = context.invocation.log_bucket
    return chain(bucket.iter_folder(context.runs.folder), iter_records(context.invocation, "failed"))


def _last_accepted(context: CheckContext, after: float) -> tuple[int, bool]:
    """When a key was accepted: the last time, or any time after `after`; and whether there was enough time to look."""
    enough, accepted = _scan_deadline(context), 0
    for one in _until(enough, iter_records(context.invocation, "success")):
        accepted = max(accepted, one.modified)
        if accepted > after:
            break
    return accepted, not enough.expired()


def _reasons_in(failure: StoredObject | StorageFailure) -> set[str]:
    """The reasons in a failed record or a run file; "" for one that is missing or could not be read."""
    match jsontext.load(failure.body) if isinstance(failure, StoredObject) else None:
        case {"keys": list(keys)}:
            return {str(key.get("reason", "")) if isinstance(key, dict) else "" for key in keys}
        case {"reason": str(reason)}:
            return {reason}
    return {""}


def _scan_deadline(context: CheckContext) -> Deadline:
    """The deadline by which one check stops looking through records."""
    return Deadline(min(_SCAN_SECONDS, context.invocation.deadline.remaining() / 2), context.invocation.clock)


def _until(enough: Deadline, items: Iterable[T]) -> Iterator[T]:
    return takewhile(lambda _: not enough.expired(), items)


_READING_RECORDS = ("right to list records", "right to read records")
CHECKS: Sequence[Check[CheckContext]] = (
    Check("right oms:synctask:createEvent", _READING_RECORDS, right_to_submit),
    Check("project open", _READING_RECORDS, is_open),
    Check("reconcile", _READING_RECORDS, reconcile),
    Check("pass trigger", (*_READING_RECORDS, "right to write records", "right to delete records"), pass_trigger),
    Check("records flow", (*_READING_RECORDS, "right to list source bucket"), records_flow),
)
