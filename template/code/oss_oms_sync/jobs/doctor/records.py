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
from oss_oms_sync.ledger.records import first_outcome_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles, iter_records
from oss_oms_sync.passes.entries import MIN_EVENT_AGE
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Scope

# The maximum age of objects whose records are checked.
_MAX_OBJECT_AGE = timedelta(days=1)
# Limits of a search through the records, of which there may be millions: its seconds, and the number of records to
# read.
_SCAN_SECONDS = 20.0
_MAX_RECORDS_READ = 200
# Maximum delay of the function's clock, compared with OSS's, in seconds.
_CLOCKS_SECONDS = 60
_CLOSED_TEXT = t("the project is closed and submits no object key until it is opened")


def check_submit_permission(context: CheckContext) -> Finding:
    """Use the records to check if the IAM user may submit keys; a test call would be a real sync request.

    An acceptance proves the permission if no later failure has the missing permission, or an unreadable reason, as its
    cause.
    """
    deadline = _compute_scan_deadline(context)
    # Keys that replay works on may have no record.
    folder = RunFiles(context.invocation).folder
    objects = chain(context.invocation.log_bucket.iter_folder(folder), iter_records(context.invocation, "failed"))
    failures = nlargest(
        _MAX_RECORDS_READ + 1,
        takewhile(_has_time(deadline), objects),
        key=lambda failure_record: failure_record.modified,
    )
    has_read_failures = not deadline.expired()
    failure_objects = context.invocation.log_bucket.try_get_all(
        [failure.name for failure in failures[:_MAX_RECORDS_READ]]
    )
    reasons = [*map(_read_reasons, failure_objects), *[{""}] * (len(failures) - len(failure_objects))]
    failures_with_reasons = list(zip(failures, reasons, strict=True))
    doubtful_times = [
        failure_record.modified
        for failure_record, failure_reasons in failures_with_reasons
        if failure_reasons & {Reason.FORBIDDEN.name, ""}
    ]
    doubtful_time = max(doubtful_times, default=0) if has_read_failures else inf

    last_acceptance, has_read_acceptances = _find_last_acceptance(context, doubtful_time)
    if last_acceptance > doubtful_time:
        return ok(t("OMS accepted an object key at {time} UTC", time=f"{from_epoch(last_acceptance):%Y-%m-%d %H:%M}"))
    is_complete = has_read_failures and has_read_acceptances
    if not failures and is_complete:
        return skipped(t("OMS has accepted no object key yet: upload an object, then run doctor again"))
    # All keys in a run file have the time of the run.
    last_failure, failure_reasons = next(
        (
            (failure_record, failure_reasons)
            for failure_record, failure_reasons in failures_with_reasons
            if not failure_record.name.startswith(folder)
        ),
        (None, set()),
    )
    if (
        last_failure
        and failure_reasons == {Reason.FORBIDDEN.name}
        and last_failure.modified > last_acceptance
        and is_complete
    ):
        return fault(t("OMS refused the last submission (reason FORBIDDEN)"), Reason.FORBIDDEN.fix)
    if context.closed_mark:
        return skipped(_CLOSED_TEXT)
    text = t(
        "OMS has accepted no object key since the last failures ({reasons})",
        reasons=sorted(set().union(*reasons) - {""}) or t("reason unknown"),
    )
    return unknown(
        text if is_complete else t("{finding}; there are too many records to check all of them", finding=text),
        t(
            "Check that the IAM user of HW_AK has the permission oms:synctask:createEvent. To show the"
            " reasons for the failures: {step}. Run doctor again after replay has resent the object keys",
            step=Step("status"),
        ),
    )


def check_records_flow(context: CheckContext) -> Finding:
    if context.closed_mark:
        return skipped(_CLOSED_TEXT)
    recent_objects = _classify_recent_objects(context)
    accepted_count, failed_count, missing_count = (
        recent_objects.classes[reconcile_class]
        for reconcile_class in (ReconcileClass.COVERED, ReconcileClass.FAILED_BEFORE, ReconcileClass.UNRECORDED)
    )
    number = recent_objects.classes.total()
    text = t(
        "objects written in the last day ({names} checked): {accepted} accepted, {failed} failed,"
        " {missing} without a record",
        names=t("{n:key|keys}", n=number) if recent_objects.is_complete else t("the first {n:key|keys}", n=number),
        accepted=accepted_count,
        failed=failed_count,
        missing=missing_count,
    )
    if missing_count:
        return (warning if accepted_count + failed_count else fault)(
            text,
            t(
                "Check in the Function Compute console that forward's trigger exists: Function Compute"
                " refuses a trigger that overlaps with another trigger of this bucket in events, prefix and"
                " suffix. Reconcile will submit the objects that have no record"
            ),
        )
    if failed_count:
        return warning(text, t("To show the reasons for the failures: {step}", step=Step("status")))
    if not accepted_count:
        return skipped(t("{finding}. Upload an object, then run doctor again in 15 minutes", finding=text))
    if not recent_objects.has_event_proof and not _have_events_arrived(context, recent_objects.late_objects):
        # Records that reconcile wrote do not prove that the trigger works.
        key_filter = context.settings.key_filter
        return unknown(
            t(
                "{finding}; it is unknown whether events arrive: all records of these objects are late,"
                " so reconcile may have written the records",
                finding=text,
            ),
            t(
                "Upload an object, then run doctor again: the object should have a record within 15 minutes. If the"
                " source is frozen, upload the object as {key}: comparisons and certificates ignore that folder",
                key=f"{key_filter.canary_prefix}flow{key_filter.suffix}",
            ),
        )
    return ok(text)


class _RecentObjects(NamedTuple):
    """The objects of the last day, counted by their records.

    - `classes`: the number of objects by class.
    - `has_event_proof`: True if an event has certainly arrived.
    - `late_objects`: accepted objects whose success records are so late that reconcile may have written the records.
    - `is_complete`: True if the time was enough to check all objects.
    """

    classes: Counter[ReconcileClass | None]
    has_event_proof: bool
    late_objects: Sequence[ObjectSummary]
    is_complete: bool


def _classify_recent_objects(context: CheckContext) -> _RecentObjects:
    settings, now = context.settings, context.invocation.clock.now()
    installation_time = JobState(context.invocation).read_installation_time(store_missing=False)
    # Objects written while the project was closed may have had no event.
    min_write_time = max(
        now - _MAX_OBJECT_AGE,
        installation_time,
        context.opening_time + MIN_EVENT_AGE if context.opening_time else installation_time,
    )
    scope = Scope(settings.key_filter, min_write_time, everything=False)
    classifier = Classifier(settings, scope, installation_time, now)
    run_keys = {
        key.key
        for run_file in RunFiles(context.invocation).read_other_runs()
        if isinstance(run_file, RunFile)
        for key in run_file.keys
    }
    classes: Counter[ReconcileClass | None] = Counter()
    late_objects: list[ObjectSummary] = []
    has_event_proof = False
    deadline = _compute_scan_deadline(context)
    listing = MergedListing(context.invocation, classifier.needs_records, scope.key_filter.prefix, "")
    for entry in takewhile(_has_time(deadline), listing):
        object_class = classifier.classify(entry)
        has_arrived = classifier.has_event_arrived(object_class, entry)
        has_event_proof |= has_arrived is True
        if has_arrived is None and object_class is ReconcileClass.COVERED and entry.source:
            late_objects.append(entry.source)
        is_in_run_file = object_class is ReconcileClass.UNRECORDED and entry.key in run_keys
        classes[ReconcileClass.FAILED_BEFORE if is_in_run_file else object_class] += 1
    return _RecentObjects(classes, has_event_proof, late_objects, not deadline.expired())


def _have_events_arrived(context: CheckContext, late_objects: Sequence[ObjectSummary]) -> bool:
    """Return True if a success record shows that forward has received an event.

    Reconcile skips objects younger than MIN_EVENT_AGE, so an outcome within this time of the object's write comes from
    forward. The record of a resent key keeps the time of the first outcome. The records of `late_objects` and of
    canaries' objects are read.
    """
    min_write_time = (context.invocation.clock.now() - _MAX_OBJECT_AGE).timestamp()
    canary_objects = context.invocation.source_bucket.list_page(context.settings.key_filter.canary_prefix, "").objects
    sources = [source for source in (*late_objects, *canary_objects) if source.modified >= min_write_time]
    newest_sources = nlargest(_MAX_RECORDS_READ, sources, key=lambda source: source.modified)
    names = [record_name(context.invocation.task_id, "success", source.name) for source in newest_sources]
    records = context.invocation.log_bucket.try_get_all(names)
    return any(
        -_CLOCKS_SECONDS <= first_outcome_time(record) - source.modified < MIN_EVENT_AGE.total_seconds()
        for source, record in zip(newest_sources, records, strict=True)
        if isinstance(record, StoredObject)
    )


def _find_last_acceptance(context: CheckContext, sufficient_time: float) -> tuple[int, bool]:
    """Return the time of the last acceptance, and True if the search was completed within its time limit.

    The search is also complete if it finds an acceptance after `sufficient_time`. Times are in seconds since 1970.
    """
    deadline, last_acceptance = _compute_scan_deadline(context), 0
    for record in takewhile(_has_time(deadline), iter_records(context.invocation, "success")):
        last_acceptance = max(last_acceptance, record.modified)
        if last_acceptance > sufficient_time:
            break
    return last_acceptance, not deadline.expired()


def _read_reasons(failure: StoredObject | StorageError) -> set[str]:
    """Return the reasons in a failed record, or in a file with the keys of a run of replay.

    A missing or unreadable reason is "".
    """
    match jsontext.load(failure.body) if isinstance(failure, StoredObject) else None:
        case {"keys": list(keys)}:
            return {str(key.get("reason", "")) if isinstance(key, dict) else "" for key in keys}
        case {"reason": str(reason)}:
            return {reason}
    return {""}


def _compute_scan_deadline(context: CheckContext) -> Deadline:
    """Return the deadline of a search through the records, which leaves half of the remaining time to other checks."""
    return Deadline(min(_SCAN_SECONDS, context.invocation.deadline.remaining() / 2), context.invocation.clock)


def _has_time(deadline: Deadline) -> Callable[[object], bool]:
    return lambda _: not deadline.expired()
