"""Checks of both clouds together: timers, triggers, and the state of the project."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import WORKING_STATES, TaskGroup
from oss_oms_sync.answers.text import t
from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.objects import PERMISSION_CODES, require_success
from oss_oms_sync.clouds.obs import HeaderChange
from oss_oms_sync.errors import StorageError, printable_line
from oss_oms_sync.jobs.doctor.records import check_records_flow, check_submit_permission
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, warning
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import describe_closed, read_mark_with_go
from oss_oms_sync.ledger.closing import list_open_projects
from oss_oms_sync.passes.states import find_last_timer_pass, list_open_passes
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.rules.headers_in_place import PERMISSION_CHECK

# An event of OSS usually arrives within two seconds; its instance may have to start first.
_PING_SECONDS = 20.0
_PING_POLL_SECONDS = 0.25
# Time between the timer events of reconcile and compare in s.yaml. At each event, stalled passes continue.
_TIMER_EVENT_PERIOD = timedelta(minutes=10)
# Maximum time in which an instance starts and records a call. Without a record at this time after two periods, the
# timer has missed two calls.
_MAX_START_TIME = timedelta(minutes=1)
_MAX_TIMER_EVENT_AGE = 2 * _TIMER_EVENT_PERIOD + _MAX_START_TIME
# Validity of a signed URL in seconds: OBS refuses all other requests of a clock that is this far off.
_VALID_SECONDS = 15 * 60


def check_whole_pass(job: str, context: CheckContext) -> Finding:
    """Check that the last pass over all objects is as recent as the job's period requires."""
    settings, now, prefix = context.settings, context.invocation.clock.now(), context.settings.key_filter.prefix
    name, period = f"{job.upper()}_PERIOD", getattr(settings, f"{job}_period")
    if period is None:
        return ok(t("{job} runs only by hand, because {name} is off", job=job, name=name))
    if context.closed_mark:
        return skipped(t("the project is closed: timers begin no pass until it is opened"))
    passes = context.compare_passes if job == "compare" else context.reconcile_passes
    last_pass = context.last_comparison if job == "compare" else find_last_timer_pass(passes, prefix)
    if last_pass is None:
        last_calls, installation = context.timers
        is_new = not last_calls[job] or not installation or installation.age <= _MAX_TIMER_EVENT_AGE
        if is_new or any(pass_.ended or pass_.objects for pass_ in passes):
            return skipped(
                t(
                    "no full pass of {job} has finished yet. Run doctor again in 10 minutes. If this persists,"
                    " check `s {job} logs`",
                    job=job,
                )
            )
        return warning(
            t("the timer triggers {job}, but no pass has processed an object", job=job),
            t(
                "Check `s {job} logs` for the reason. If {job} was just deployed or changed, run doctor again in 10"
                " minutes",
                job=job,
            ),
        )
    text = t("the last full pass of {job} began at {started}", job=job, started=last_pass.started)
    if last_pass.is_late(period, now):
        if any(
            open_pass.is_continuing and open_pass.scope.key_filter.prefix == prefix
            for open_pass in list_open_passes(passes)
        ):
            return skipped(t("{finding}; another pass is running", finding=text))
        if context.opening_time and now - context.opening_time <= _MAX_TIMER_EVENT_AGE:
            return skipped(t("{finding}; the project was just opened: run doctor again in 20 minutes", finding=text))
        return warning(
            t("{finding}; the next pass is overdue", finding=text),
            t("Check in the Function Compute console that {job}'s timer exists, and check `s {job} logs`", job=job),
        )
    if job == "compare" and context.answering_comparison and context.answering_comparison.has_obs_changed:
        changed_text = t(
            "{finding}; a standstill pass found later changes in OBS, but none at the source", finding=text
        )
        return warning(changed_text, t("Compare again: {step}", step=Step("compare")))
    return ok(text)


def check_timer(job: str, context: CheckContext) -> Finding:
    """Check that a timer has called the job within the last two periods, because a single call may fail.

    Manual calls do not count. For a job that was never called, the periods start at the recorded time of the
    installation.
    """
    settings = context.settings
    name, period = {
        "replay": ("REPLAY_PERIOD", settings.replay_period),
        "reconcile": ("RECONCILE_PERIOD", settings.reconcile_period and _TIMER_EVENT_PERIOD),
        "compare": ("COMPARE_PERIOD", settings.compare_period and _TIMER_EVENT_PERIOD),
        "status": ("STATUS_PERIOD", settings.status_period),
    }[job]
    if period is None:
        return ok(t("{job} runs only by hand, because {name} is off", job=job, name=name))
    last_calls, installation = context.timers
    last_call, max_age = last_calls[job], 2 * period + _MAX_START_TIME
    period_minutes, max_minutes = (duration // timedelta(minutes=1) for duration in (period, max_age))
    if last_call is None:
        text = t("no timer has triggered {job} yet", job=job)
        if installation is None or installation.age <= max_age:
            return skipped(
                t(
                    "{finding}; the timer should trigger the function every {every} min: run doctor again"
                    " in {again} min",
                    finding=text,
                    every=period_minutes,
                    again=max_minutes,
                )
            )
    else:
        text = t("the timer last triggered {job} at {at}", job=job, at=timestamp(last_call.time))
        if last_call.age <= max_age:
            return ok(text)
    return fault(
        t("{finding}; the timer should trigger the function every {every} min", finding=text, every=period_minutes),
        t(
            "Check in the Function Compute console that {job}'s timer exists and is enabled (`s deploy` restores"
            " it), and check `s {job} logs` for refused settings. If {job} was just deployed or changed, run doctor"
            " again in {again} min",
            job=job,
            again=max_minutes,
        ),
    )


def check_project_open(context: CheckContext) -> Finding:
    if context.closed_mark:
        go = read_mark_with_go(context.invocation, context.closed_mark).go
        open_text = t("Open the project only if new writes to OSS should reach OBS again")
        keep_closed_text = t("Nothing to do: the project stays closed after a GO")
        return warning(describe_closed(context.closed_mark, go), keep_closed_text if go else open_text)
    return ok(t("the project is open and submits object keys"))


def check_header_permission(context: CheckContext) -> Finding:
    """Check the permission to change headers by changing an object that does not exist.

    With the permission, OBS answers NoSuchKey.
    """
    if not context.settings.change_headers:
        return skipped(t("changeHeaders is off in s.yaml, so `headers` changes nothing in OBS"))
    if context.closed_mark:
        return skipped(t("the project is closed, so `headers` changes nothing in OBS"))
    name = f"{context.settings.key_filter.canary_prefix}doctor-{uuid.uuid4().hex}"
    expires = round(context.invocation.clock.now().timestamp()) + _VALID_SECONDS
    (answer,) = context.destination.try_change_all([HeaderChange(name, {"Cache-Control": "no-cache"}, expires)])
    if not isinstance(answer, StorageError):
        return warning(
            t("OBS confirmed a change of {name}, although this object does not exist", name=printable_line(name)),
            t(
                "Open a ticket with Huawei Cloud, and do not run {step} until the ticket is answered",
                step=Step("headers"),
            ),
        )
    if answer.code == "NoSuchKey":
        return ok(t("the IAM user of HW_AK can change headers in OBS"))
    text = t("{error}: `headers` cannot change headers in OBS", error=str(answer))
    if answer.code in PERMISSION_CODES:
        return warning(
            text,
            t(
                'Set changeHeaders to "on" in s.yaml, then run {step}, which grants the missing permission.'
                " To grant it by hand, use the policy that python3 policies/show.py --headers prints. In OBS,"
                " a grant takes effect after 15 to 30 minutes",
                step=Step("setup"),
            ),
        )
    return warning(text, t("Check OBS's error message, and run doctor again in a minute"))


def check_other_projects(context: CheckContext) -> Finding:
    """List the open other projects of the sync task. A user has to close them before the freeze of a cutover."""
    names = list_open_projects(context.invocation)
    if not names:
        return ok(t("no other project of the sync task is open"))
    return warning(
        t("other projects of the sync task are open: {names}", names=names),
        t(
            "Nothing to do until a cutover. Before a cutover, close each of these projects in its own folder: {step}",
            step=Step("close"),
        ),
    )


def check_migration(context: CheckContext) -> Finding:
    """Check if a migration of existing objects needs an action to continue, or has left access keys after its end."""
    current_migration = migration.read_current_migration(context.invocation)
    if current_migration is None:
        return ok(t("no migration of existing objects is running"))
    group = migration.query_task_group(context.invocation, current_migration)
    if isinstance(group, TaskGroup) and group.state in WORKING_STATES:
        return ok(group.title)
    progress = (
        group.title
        if isinstance(group, TaskGroup)
        else t("The progress of the migration of existing objects is unknown")
    )
    return warning(
        t("{how}; the migration's access keys still exist: {keys}", how=progress, keys=current_migration.keys)
        if current_migration.keys
        else progress,
        t("To show the state and the next step of the migration: {step}", step=Step("migrate", {"look": True})),
    )


def check_pass_triggers(context: CheckContext) -> Finding:
    """Check that an object written under passes/ in the log bucket triggers reconcile, compare and headers.

    Doctor writes test objects, which the jobs have to delete.
    """
    bucket, clock = context.invocation.log_bucket, context.invocation.clock
    pings = {job: PassStore(context.invocation, job).make_ping() for job in ("reconcile", "compare", "headers")}
    names = [ping.name for ping in pings.values()]
    deadline = Deadline(min(_PING_SECONDS, context.invocation.deadline.remaining() / 2), clock)
    try:
        require_success(bucket.try_put_all([*pings.values()]))
        while silent_jobs := [job for job, ping in zip(pings, bucket.get_all(names), strict=True) if ping]:
            if deadline.expired():
                break
            clock.sleep(_PING_POLL_SECONDS)
    finally:
        bucket.try_delete_all(names)
    if silent_jobs:
        return warning(
            t(
                "an object written under passes/ in the log bucket did not trigger {jobs:and} within"
                " {seconds:.0f} seconds, so only the timers continue a pass, one range of keys at a time",
                jobs=silent_jobs,
                seconds=_PING_SECONDS,
            ),
            t(
                "Check in the Function Compute console that the trigger of {jobs:and} on the log bucket exists, and"
                " that the trigger's role can invoke the function; then run doctor again",
                jobs=silent_jobs,
            ),
        )
    return ok(t("objects written under passes/ in the log bucket trigger reconcile, compare and headers"))


_READ_CHECKS = ("permission to list records", "permission to read records")
_WRITE_CHECKS = (*_READ_CHECKS, "permission to write records")
CHECKS: Sequence[Check[CheckContext]] = (
    Check(t("permission oms:synctask:createEvent"), _READ_CHECKS, check_submit_permission),
    Check(t("project state"), _READ_CHECKS, check_project_open),
    Check(t("other projects"), _READ_CHECKS, check_other_projects),
    Check(PERMISSION_CHECK, ("project state", "permission to list OBS"), check_header_permission),
    Check(t("existing objects"), (*_READ_CHECKS, "permission oms:taskgroup:get"), check_migration),
    *(
        Check(t("{job} timer", job=job), _WRITE_CHECKS, partial(check_timer, job))
        for job in ("replay", "reconcile", "compare", "status")
    ),
    *(
        Check(title, (*_WRITE_CHECKS, "source bucket", *needs), partial(check_whole_pass, job))
        for title, job, needs in ((t("reconcile"), "reconcile", ()), (t("compare"), "compare", ("task",)))
    ),
    Check(t("pass triggers"), (*_WRITE_CHECKS, "permission to delete records", "source bucket"), check_pass_triggers),
    Check(t("arrival of records"), (*_READ_CHECKS, "permission to list the source bucket"), check_records_flow),
)
