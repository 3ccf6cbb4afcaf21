"""Both clouds together: whether keys are accepted, timers and triggers wake the jobs, and objects get their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from heapq import nlargest
from itertools import chain, takewhile
from math import inf

from oss_oms_sync import jsontext
from oss_oms_sync.answers.step import Finding
from oss_oms_sync.answers.task_group import MOVING, TaskGroup
from oss_oms_sync.answers.text import t
from oss_oms_sync.clock import Deadline, from_epoch, timestamp
from oss_oms_sync.clouds.objects import StoredObject, none_failed
from oss_oms_sync.errors import Reason, StorageError
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, unknown, warning
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import open_projects
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles, iter_records
from oss_oms_sync.passes.classify import SETTLED, Classifier, ObjectClass
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.states import last_usual, open_passes
from oss_oms_sync.passes.store import PassStore

# The maximum age of objects that are checked for records.
_RECENT = timedelta(days=1)
# How long a check looks through records, because there may be millions, and how many failures it reads.
_SCAN_SECONDS = 20.0
# An event of OSS usually comes within a second or two; the instance that it wakes may have to start first.
_PING_SECONDS = 20.0
_PING_POLL_SECONDS = 0.25
_MAX_FAILURES_READ = 200
# How often s.yaml has reconcile and compare woken, whatever their periods: a pass that stands still is gone on with.
_TICK = timedelta(minutes=10)
# So much later than twice its period a timer has missed two strikes: an instance starts, and writes the time down.
_STARTING = timedelta(minutes=1)
_TWO_TICKS = 2 * _TICK + _STARTING
_CLOSED = t("the project is closed: until it is opened no object key is submitted")


def right_to_submit(context: CheckContext) -> Finding:
    """Deduced from the records, because testing the permission would be a sync request.

    A key that was accepted after the last failure for lack of the permission proves it. A failure whose reason was not
    read may have been one of these.
    """
    enough = _scan_deadline(context)
    # Keys that replay has in hand may have no record.
    folder = RunFiles(context.invocation).folder
    found = chain(context.invocation.log_bucket.iter_folder(folder), iter_records(context.invocation, "failed"))
    failures = nlargest(_MAX_FAILURES_READ + 1, takewhile(_is_time(enough), found), key=lambda one: one.modified)
    all_failed = not enough.expired()
    read = context.invocation.log_bucket.try_get_all([one.name for one in failures[:_MAX_FAILURES_READ]])
    reasons = [*map(_reasons_in, read), *[{""}] * (len(failures) - len(read))]
    explained = list(zip(failures, reasons, strict=True))
    doubtful = [one.modified for one, why in explained if why & {Reason.FORBIDDEN.name, ""}]
    doubt = max(doubtful, default=0) if all_failed else inf

    accepted, all_accepted = _last_accepted(context, doubt)
    if accepted > doubt:
        return ok(t("an object key was accepted at {time} UTC", time=f"{from_epoch(accepted):%Y-%m-%d %H:%M}"))
    all_seen = all_failed and all_accepted
    if not failures and all_seen:
        return skipped(t("no object key has been accepted yet: upload an object, and check again"))
    # Of the keys in a run file, only the time of the run is known.
    last, why = next(((one, why) for one, why in explained if not one.name.startswith(folder)), (None, set()))
    if last and why == {Reason.FORBIDDEN.name} and last.modified > accepted and all_seen:
        return fault(t("the last key failed with FORBIDDEN"), Reason.FORBIDDEN.fix)
    if context.closed:
        return skipped(_CLOSED)
    seen = t(
        "no object key has been accepted since the last failures ({reasons})",
        reasons=sorted(set().union(*reasons) - {""}) or t("reason unknown"),
    )
    return unknown(
        seen if all_seen else t("{seen}, as far as known: there are more records than could be checked", seen=seen),
        t(
            "Check that the IAM user of HW_AK has the permission oms:synctask:createEvent, and what `python3 ops.py"
            " status` says about the failed keys; run doctor again once replay has resent them"
        ),
    )


def whole_pass(job: str, context: CheckContext) -> Finding:
    """Whether the last whole pass is as recent as status wants it, and the first comes on."""
    settings, now, prefix = context.settings, context.invocation.clock.now(), context.settings.key_filter.prefix
    name, period = f"{job.upper()}_PERIOD", getattr(settings, f"{job}_period")
    if period is None:
        return ok(t("{job} runs by hand only, because {name} is off", job=job, name=name))
    if context.closed:
        return skipped(t("the project is closed: until it is opened no timer begins a pass"))
    passes = context.comparisons if job == "compare" else context.reconciles
    last = context.compared if job == "compare" else last_usual(passes, prefix)
    if last is None:
        woken, installed = context.timers
        is_new = not woken[job] or not installed or installed.ago <= _TWO_TICKS
        if is_new or any(one.ended or one.objects for one in passes):
            return skipped(
                t("no whole pass of {job} has ended yet: check again in 10 minutes, then see `s {job} logs`", job=job)
            )
        return warning(
            t("its timer triggers {job}, and no pass of it has come to any object", job=job),
            t("See in `s {job} logs` why. If it was just deployed or changed, check again in 10 minutes", job=job),
        )
    seen = t("the last whole pass of {job} began at {started}", job=job, started=last.started)
    if last.is_late(period, now):
        if any(one.goes_on and one.scope.key_filter.prefix == prefix for one in open_passes(passes)):
            return skipped(t("{seen}, and another is under way", seen=seen))
        if context.opened and now - context.opened <= _TWO_TICKS:
            return skipped(t("{seen}; the project was just opened: check again in 20 minutes", seen=seen))
        return warning(
            t("{seen}, and the next is long due", seen=seen),
            t("Check in the Function Compute console that {job}'s timer exists, and see `s {job} logs`", job=job),
        )
    if job == "compare" and context.answer and context.answer.has_obs_changed:
        changed = t("{seen}; a standstill pass found that OBS has changed since, though the source has not", seen=seen)
        return warning(changed, t("Compare again: python3 ops.py compare"))
    return ok(seen)


def timer(job: str, context: CheckContext) -> Finding:
    """Whether a job's timer woke it within two periods, because one strike may fail. Calls by hand are no sign of it.

    Nobody tells when a function was deployed. So one that never woke is measured by when the installation was noted, by
    a pass or by doctor's first look.
    """
    settings = context.settings
    name, period = {
        "replay": ("REPLAY_PERIOD", settings.replay_period),
        "reconcile": ("RECONCILE_PERIOD", settings.reconcile_period and _TICK),
        "compare": ("COMPARE_PERIOD", settings.compare_period and _TICK),
        "status": ("STATUS_PERIOD", settings.status_period),
    }[job]
    if period is None:
        return ok(t("{job} runs by hand only, because {name} is off", job=job, name=name))
    woken, installed = context.timers
    last, late = woken[job], 2 * period + _STARTING
    every, again = (span // timedelta(minutes=1) for span in (period, late))
    if last is None:
        seen = t("no timer has triggered {job} yet", job=job)
        if installed is None or installed.ago <= late:
            return skipped(
                t(
                    "{seen}; it should do so every {every} min: check again in {again} min",
                    seen=seen,
                    every=every,
                    again=again,
                )
            )
    else:
        seen = t("the timer last triggered {job} at {at}", job=job, at=timestamp(last.at))
        if last.ago <= late:
            return ok(seen)
    return fault(
        t("{seen}; it should do so every {every} min", seen=seen, every=every),
        t(
            "Check in the Function Compute console that {job}'s timer exists and is enabled (`s deploy` restores it),"
            " and see in `s {job} logs` whether its settings are refused. If it was just deployed or changed, check"
            " again in {again} min",
            job=job,
            again=again,
        ),
    )


def is_open(context: CheckContext) -> Finding:
    if context.closed:
        return warning(context.closed.text, t("Open it only if OBS is to get what is written to OSS again"))
    return ok(t("the project is open: object keys are submitted"))


def others_open(context: CheckContext) -> Finding:
    """Which other projects have to be closed for a cutover: who learns that only then, learns it in the freeze."""
    names = open_projects(context.invocation)
    if not names:
        return ok(t("no other project of the sync task is open"))
    return warning(
        t("other projects of the sync task are open: {names}", names=names),
        t("Nothing, until a cutover: close each before that, in its own folder (`python3 ops.py close`)"),
    )


def old_objects(context: CheckContext) -> Finding:
    """A migration of them that does not go on by itself, and the access keys that are there as long."""
    found = migration.under_way(context.invocation)
    if found is None:
        return ok(t("no migration of the old objects is on its way"))
    group = migration.how_far(context.invocation, found)
    if isinstance(group, TaskGroup) and group.state in MOVING:
        return ok(group.title)
    how = (
        group.title if isinstance(group, TaskGroup) else t("How far the migration of the old objects is, is not known")
    )
    return warning(
        t("{how}; its access keys are still there: {keys}", how=how, keys=found.keys) if found.keys else how,
        t("What ends it: python3 ops.py migrate --look"),
    )


def pass_triggers(context: CheckContext) -> Finding:
    """Whether what is written under passes/ in the log bucket wakes reconcile and compare, which then delete a ping
    each."""
    bucket, clock = context.invocation.log_bucket, context.invocation.clock
    pings = {job: PassStore(context.invocation, job).ping() for job in ("reconcile", "compare")}
    names = [ping.name for ping in pings.values()]
    enough = Deadline(min(_PING_SECONDS, context.invocation.deadline.remaining() / 2), clock)
    try:
        none_failed(bucket.try_put_all([*pings.values()]))
        while asleep := [job for job, ping in zip(pings, bucket.get_all(names), strict=True) if ping]:
            if enough.expired():
                break
            clock.sleep(_PING_POLL_SECONDS)
    finally:
        bucket.try_delete_all(names)
    if asleep:
        return warning(
            t(
                "what was written under passes/ in the log bucket did not trigger {jobs:and} within {seconds:.0f}"
                " seconds: passes then advance only by timer, one range at a time",
                jobs=asleep,
                seconds=_PING_SECONDS,
            ),
            t(
                "Check in the Function Compute console that the trigger of {jobs:and} on the log bucket exists, and"
                " that the trigger's role can invoke the function; then run doctor again",
                jobs=asleep,
            ),
        )
    return ok(t("what is written under passes/ in the log bucket triggers reconcile and compare"))


def records_flow(context: CheckContext) -> Finding:
    """Whether objects written in the last day, and since the installation, have records."""
    if context.closed:
        return skipped(_CLOSED)
    classes, events_came, all_seen = _count_classes(context)
    accepted, failed, missing = (
        classes[one] for one in (ObjectClass.COVERED, ObjectClass.FAILED_BEFORE, ObjectClass.UNRECORDED)
    )
    number = classes.total()
    seen = t(
        "of {names}, {accepted} written in the last day were accepted, {failed} failed, {missing:has|have} no record",
        names=t("{n:name|names}", n=number) if all_seen else t("the first {n:name|names}", n=number),
        accepted=accepted,
        failed=failed,
        missing=missing,
    )
    if missing:
        return (warning if accepted + failed else fault)(
            seen,
            t(
                "See in the Function Compute console that forward's trigger is there (it is refused if it overlaps"
                " with another of this bucket in events, prefix and suffix); reconcile sends the objects"
            ),
        )
    if failed:
        return warning(seen, t("`python3 ops.py status` says why they failed"))
    if not accepted:
        return skipped(t("{seen}: upload an object, and check again in 15 minutes", seen=seen))
    if not events_came:
        # Reconcile's own records must not make a dead trigger look healthy.
        return unknown(
            t(
                "{seen}; all records came so late that reconcile may have written them, so it is not known whether"
                " events arrive",
                seen=seen,
            ),
            t("Upload an object, and check again: it should have a record within 15 minutes"),
        )
    return ok(seen)


def _count_classes(context: CheckContext) -> tuple[Counter[ObjectClass | None], bool, bool]:
    """How many names each class has, whether an event is known to have come, and whether time sufficed for all
    names."""
    settings, now = context.settings, context.invocation.clock.now()
    installed = JobState(context.invocation).installed(note=False)
    # What was written while the project was closed may have had no event.
    since = max(now - _RECENT, installed, context.opened + SETTLED if context.opened else installed)
    scope = Scope(settings.key_filter, since, everything=False)
    classifier = Classifier(settings, scope, installed, now)
    in_hand = {
        key.key for run in RunFiles(context.invocation).leftovers() if isinstance(run, RunFile) for key in run.keys
    }
    classes: Counter[ObjectClass | None] = Counter()
    events_came = False
    enough = _scan_deadline(context)
    listing = MergedListing(context.invocation, classifier.needs_records, scope.key_filter.prefix, "")
    for entry in takewhile(_is_time(enough), listing):
        object_class = classifier.classify(entry)
        events_came |= classifier.event_came(object_class, entry) is True
        is_replays = object_class is ObjectClass.UNRECORDED and entry.key in in_hand
        classes[ObjectClass.FAILED_BEFORE if is_replays else object_class] += 1
    return classes, events_came, not enough.expired()


def _last_accepted(context: CheckContext, after: float) -> tuple[int, bool]:
    """When a key was accepted: the last time, or any time after `after`; and whether there was enough time to look."""
    enough, accepted = _scan_deadline(context), 0
    for one in takewhile(_is_time(enough), iter_records(context.invocation, "success")):
        accepted = max(accepted, one.modified)
        if accepted > after:
            break
    return accepted, not enough.expired()


def _reasons_in(failure: StoredObject | StorageError) -> set[str]:
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


def _is_time(enough: Deadline) -> Callable[[object], bool]:
    return lambda _: not enough.expired()


_READING_RECORDS = ("right to list records", "right to read records")
_WRITING_RECORDS = (*_READING_RECORDS, "right to write records")
CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("right oms:synctask:createEvent"), _READING_RECORDS, right_to_submit),
    Check(t("project open"), _READING_RECORDS, is_open),
    Check(t("other projects"), _READING_RECORDS, others_open),
    Check(t("old objects"), (*_READING_RECORDS, "right oms:taskgroup:get"), old_objects),
    *(
        Check(t("{job} timer", job=job), _WRITING_RECORDS, partial(timer, job))
        for job in ("replay", "reconcile", "compare", "status")
    ),
    *(
        Check(title, (*_WRITING_RECORDS, "source bucket", *needs), partial(whole_pass, job))
        for title, job, needs in ((t("reconcile"), "reconcile", ()), (t("compare"), "compare", ("task",)))
    ),
    Check(t("pass triggers"), (*_WRITING_RECORDS, "right to delete records", "source bucket"), pass_triggers),
    Check(t("records flow"), (*_READING_RECORDS, "right to list source bucket"), records_flow),
)
