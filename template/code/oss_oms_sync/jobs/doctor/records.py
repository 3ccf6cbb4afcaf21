"""Checks of the project's records: OMS accepts keys, and the events of objects lead to records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from heapq import nlargest
from itertools import chain, takewhile
from math import inf
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from oss_oms_sync.clock import Deadline, from_epoch
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.comparison.reconciling import Classifier, ReconcileClass
from oss_oms_sync.errors import Reason, StorageError
from oss_oms_sync.jobs.doctor.rules import CheckContext, fault, ok, skipped, unknown, warning
from oss_oms_sync.ledger.records import first_recorded_at
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles, iter_records
from oss_oms_sync.passes.entries import MIN_EVENT_AGE
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Scope

# The maximum age of objects whose records are checked.
_MAX_OBJECT_AGE = timedelta(days=1)
# Limits of a check of records, because there may be millions: its seconds, and its records to read.
_SCAN_SECONDS = 20.0
_MAX_RECORDS_READ = 200
# Maximum lag of the function's clock behind OSS's, in seconds.
_CLOCKS_SECONDS = 60
_CLOSED_TEXT = t("the project is closed: until it is opened no object key is submitted")


def right_to_submit(context: CheckContext) -> Finding:
    """Judge the permission by the records, because a test would be a sync request.

    An acceptance after the last failure for lack of the permission proves it. A failure with an unread reason may be
    such a failure.
    """
    enough = _scan_deadline(context)
    # Keys in work by replay may have no record.
    folder = RunFiles(context.invocation).folder
    objects = chain(context.invocation.log_bucket.iter_folder(folder), iter_records(context.invocation, "failed"))
    failures = nlargest(_MAX_RECORDS_READ + 1, takewhile(_is_time(enough), objects), key=lambda listed: listed.modified)
    all_failed = not enough.expired()
    read = context.invocation.log_bucket.try_get_all([failure.name for failure in failures[:_MAX_RECORDS_READ]])
    reasons = [*map(_reasons_in, read), *[{""}] * (len(failures) - len(read))]
    explained = list(zip(failures, reasons, strict=True))
    doubtful = [listed.modified for listed, why in explained if why & {Reason.FORBIDDEN.name, ""}]
    doubt = max(doubtful, default=0) if all_failed else inf

    accepted, all_accepted = _last_accepted(context, doubt)
    if accepted > doubt:
        return ok(t("an object key was accepted at {time} UTC", time=f"{from_epoch(accepted):%Y-%m-%d %H:%M}"))
    is_complete = all_failed and all_accepted
    if not failures and is_complete:
        return skipped(t("no object key has been accepted yet: upload an object, and check again"))
    # The keys in a run file have only the time of the run.
    last, why = next(((listed, why) for listed, why in explained if not listed.name.startswith(folder)), (None, set()))
    if last and why == {Reason.FORBIDDEN.name} and last.modified > accepted and is_complete:
        return fault(t("the last key failed with FORBIDDEN"), Reason.FORBIDDEN.fix)
    if context.closed:
        return skipped(_CLOSED_TEXT)
    text = t(
        "no object key has been accepted since the last failures ({reasons})",
        reasons=sorted(set().union(*reasons) - {""}) or t("reason unknown"),
    )
    return unknown(
        text if is_complete else t("{finding}; there are more records than could be checked", finding=text),
        t(
            "Check that the IAM user of HW_AK has the permission oms:synctask:createEvent, and what {step} says about"
            " the failed keys; run doctor again once replay has resent them",
            step=Step("status"),
        ),
    )


def records_flow(context: CheckContext) -> Finding:
    """Check that objects written in the last day, and since the installation, have records."""
    if context.closed:
        return skipped(_CLOSED_TEXT)
    recent = _count_recent(context)
    accepted, failed, missing = (
        recent.classes[reconcile_class]
        for reconcile_class in (ReconcileClass.COVERED, ReconcileClass.FAILED_BEFORE, ReconcileClass.UNRECORDED)
    )
    number = recent.classes.total()
    text = t(
        "of {names}, {accepted} written in the last day were accepted, {failed} failed, {missing:has|have} no record",
        names=t("{n:name|names}", n=number) if recent.is_complete else t("the first {n:name|names}", n=number),
        accepted=accepted,
        failed=failed,
        missing=missing,
    )
    if missing:
        return (warning if accepted + failed else fault)(
            text,
            t(
                "Check forward's trigger in the Function Compute console: an overlap with another trigger of "
                "this bucket in events, prefix and suffix prevents it. Reconcile submits the objects"
            ),
        )
    if failed:
        return warning(text, t("For the reasons: {step}", step=Step("status")))
    if not accepted:
        return skipped(t("{finding}: upload an object, and check again in 15 minutes", finding=text))
    if not recent.events_came and not _events_came(context, recent.late):
        # Records that reconcile wrote do not prove that the trigger works.
        key_filter = context.settings.key_filter
        return unknown(
            t(
                "{finding}; the arrival of events is unknown, because all records are late enough to be reconcile's",
                finding=text,
            ),
            t(
                "Upload an object, and check again: it should have a record within 15 minutes. If the source is frozen,"
                " upload it as {key}: no comparison and no certificate counts that folder",
                key=f"{key_filter.canary_prefix}flow{key_filter.suffix}",
            ),
        )
    return ok(text)


class _RecentObjects(NamedTuple):
    """Result of a check of the last day's objects.

    `classes`: number of objects by class. `events_came`: an event has certainly arrived. `late`: accepted objects with
    late records. `is_complete`: the time sufficed for all names.
    """

    classes: Counter[ReconcileClass | None]
    events_came: bool
    late: Sequence[ObjectSummary]
    is_complete: bool


def _count_recent(context: CheckContext) -> _RecentObjects:
    settings, now = context.settings, context.invocation.clock.now()
    installed = JobState(context.invocation).installed(note=False)
    # Objects written while the project was closed may have had no event.
    since = max(now - _MAX_OBJECT_AGE, installed, context.opened + MIN_EVENT_AGE if context.opened else installed)
    scope = Scope(settings.key_filter, since, everything=False)
    classifier = Classifier(settings, scope, installed, now)
    in_hand = {
        key.key for run in RunFiles(context.invocation).leftovers() if isinstance(run, RunFile) for key in run.keys
    }
    classes: Counter[ReconcileClass | None] = Counter()
    late: list[ObjectSummary] = []
    events_came = False
    enough = _scan_deadline(context)
    listing = MergedListing(context.invocation, classifier.needs_records, scope.key_filter.prefix, "")
    for entry in takewhile(_is_time(enough), listing):
        object_class = classifier.classify(entry)
        came = classifier.has_event_arrived(object_class, entry)
        events_came |= came is True
        if came is None and object_class is ReconcileClass.COVERED and entry.source:
            late.append(entry.source)
        is_replays = object_class is ReconcileClass.UNRECORDED and entry.key in in_hand
        classes[ReconcileClass.FAILED_BEFORE if is_replays else object_class] += 1
    return _RecentObjects(classes, events_came, late, not enough.expired())


def _events_came(context: CheckContext, late: Sequence[ObjectSummary]) -> bool:
    """Return True if an object has its first record early enough to be forward's.

    The objects are those with late records of acceptance (replay resent them), and those in the folder of canaries.
    """
    begin = (context.invocation.clock.now() - _MAX_OBJECT_AGE).timestamp()
    canaries = context.invocation.source_bucket.list_page(context.settings.key_filter.canary_prefix, "").objects
    sources = [source for source in (*late, *canaries) if source.modified >= begin]
    newest = nlargest(_MAX_RECORDS_READ, sources, key=lambda source: source.modified)
    names = [record_name(context.invocation.task_id, "success", source.name) for source in newest]
    records = context.invocation.log_bucket.try_get_all(names)
    return any(
        -_CLOCKS_SECONDS <= first_recorded_at(record) - source.modified < MIN_EVENT_AGE.total_seconds()
        for source, record in zip(newest, records, strict=True)
        if isinstance(record, StoredObject)
    )


def _last_accepted(context: CheckContext, after: float) -> tuple[int, bool]:
    """Return the time of the last acceptance, or of any after `after`; and True if the search had enough time."""
    enough, accepted = _scan_deadline(context), 0
    for listed in takewhile(_is_time(enough), iter_records(context.invocation, "success")):
        accepted = max(accepted, listed.modified)
        if accepted > after:
            break
    return accepted, not enough.expired()


def _reasons_in(failure: StoredObject | StorageError) -> set[str]:
    """Return the reasons in a failed record or a run file; "" for a missing or unreadable object."""
    match jsontext.load(failure.body) if isinstance(failure, StoredObject) else None:
        case {"keys": list(keys)}:
            return {str(key.get("reason", "")) if isinstance(key, dict) else "" for key in keys}
        case {"reason": str(reason)}:
            return {reason}
    return {""}


def _scan_deadline(context: CheckContext) -> Deadline:
    """Return the deadline for a check's search of records."""
    return Deadline(min(_SCAN_SECONDS, context.invocation.deadline.remaining() / 2), context.invocation.clock)


def _is_time(enough: Deadline) -> Callable[[object], bool]:
    return lambda _: not enough.expired()
