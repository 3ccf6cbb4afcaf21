"""Checks that all changes have ended: the project is closed, OMS has finished, and both buckets stay unchanged."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from oss_oms_sync.answers.certificate import CutoverFacts, RemainingOmsWork, WaitingFacts
from oss_oms_sync.answers.codec import parse_timestamp, timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK_STEP, GroupProgress
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.rules.check import CONTINUE_TEXT, REHEARSED_TEXT, CutoverCheck
from oss_oms_sync.rules.comparison_checks import check_scope, report_missing_comparison
from oss_oms_sync.rules.next_steps import OMS_UNFINISHED, acceptance_step, cutover_step
from oss_oms_sync.rules.times import BYTES_PER_MINUTE, CLOSE_DELAY, OMS_QUIET_TIME, OMS_STALL_TIME

CLOSED = CutoverCheck(
    "CLOSED",
    t("project not closed"),
    t(
        "This cutover closed the project at least two minutes before the standstill pass began; the"
        " project has not been opened since, and every other project of the sync task is closed"
    ),
    needs_freeze=True,
)
OMS_FINISHED = CutoverCheck(
    "OMS_FINISHED",
    t("OMS has not finished"),
    t(
        "OMS's counts cover all success records, and OMS has finished every accepted object and has accepted no"
        " object for ten minutes"
    ),
    needs_freeze=True,
)
STOOD_STILL = CutoverCheck(
    "STOOD_STILL",
    t("buckets that changed since the comparison"),
    t(
        "A standstill pass found the same versions in the source and the same copies in OBS as the"
        " comparison; the pass began after the comparison's last check and after OMS had finished"
    ),
    needs_freeze=True,
)


def check_closed(facts: CutoverFacts) -> Finding:
    """Check that all projects of the sync task were closed at least two minutes before the standstill pass began."""
    if facts.frozen_since is None:
        return CLOSED.finding(Result.NOT_RUN, REHEARSED_TEXT)
    mark, report_not_run, continue_step = facts.closed, partial(CLOSED.finding, Result.NOT_RUN), cutover_step(facts)
    if mark is None:
        return report_not_run(
            t("the project is open"),
            t("Continue the cutover, which closes the project"),
            cutover_step(facts, close=True),
        )
    if mark.run != facts.run:
        return report_not_run(
            t("the project was closed at {since}, by hand or by another cutover", since=mark.written),
            t("Continue the cutover, which closes the project again"),
            continue_step,
        )
    if facts.open_projects:
        return report_not_run(
            t(
                "other projects of the sync task are open, or were not closed at least two minutes before"
                " the standstill pass began: {names}",
                names=", ".join(facts.open_projects),
            ),
            t(
                "Close each project in its own folder, at least two minutes before you continue the cutover."
                " If a project was removed from Function Compute, delete the project's closing mark in the"
                " task's folder of the log bucket: {marks}",
                marks=", ".join(f"state/closed-{name}.json" for name in facts.open_projects),
            ),
            Step("close"),
        )
    standstill = facts.passes.standstill
    if (
        standstill is None
        or not mark.written
        or parse_timestamp(standstill.began) < parse_timestamp(mark.written) + CLOSE_DELAY
    ):
        return report_not_run(
            t(
                "the project was closed at {written}; two minutes or more after that, no standstill pass has begun",
                written=mark.written,
            ),
            CONTINUE_TEXT,
            continue_step,
        )
    return CLOSED.finding(
        Result.PASSED,
        t("closed at {written}; standstill pass begun at {began}", written=mark.written, began=standstill.began),
    )


def find_oms_idle_time(oms_work: RemainingOmsWork) -> datetime | None:
    """Return the time from which OMS cannot change OBS any more, provided that it has no work left.

    Return None if OMS never accepted or finished an object.
    """
    return oms_work.busy and oms_work.busy + OMS_QUIET_TIME


def check_oms_finished(facts: WaitingFacts) -> Finding:
    """Check that OMS has finished all work that it had accepted before the close; this check needs no comparison."""
    oms_work = facts.oms
    if facts.migration:
        return _report_migration(facts.migration.group)
    if facts.frozen_since is None or facts.closed is None:
        text = t("the project is open (see the check CLOSED)") if facts.frozen_since else REHEARSED_TEXT
        return OMS_FINISHED.finding(Result.NOT_RUN, text)
    if (reason := _find_reason_to_wait(facts)) is not None:
        return OMS_FINISHED.finding(
            Result.NOT_RUN, reason, t("Wait a minute, then continue the cutover"), cutover_step(facts), waits=True
        )
    if oms_work.left != 0:
        return _report_unfinished_work(facts)
    text = t("OMS has no work left and has been idle for days")
    if oms_work.busy:
        text = t("OMS has no work left and has accepted no object since {busy}", busy=timestamp(oms_work.busy))
    return OMS_FINISHED.finding(Result.PASSED, text)


def _report_migration(group: GroupProgress | None) -> Finding:
    text, step = t("The migration of the existing objects has not ended; its progress is unknown."), LOOK_STEP
    if group:
        step = group.look_step
        text = t(
            "{how}: {total:existing object|existing objects}, {copied} copied, {skipped} skipped, {failed} failed",
            how=group.title,
            total=group.total,
            copied=group.copied,
            skipped=group.skipped,
            failed=group.failed,
        )
    return OMS_FINISHED.finding(
        Result.NOT_RUN,
        text,
        t("The migration of the existing objects must finish before the cutover, because OMS may still write to OBS"),
        step,
    )


def _find_reason_to_wait(facts: WaitingFacts) -> Text | None:
    """Return the reason to wait for OMS; return None if OMS has finished, or if waiting does not help."""
    oms_work, idle_time = facts.oms, find_oms_idle_time(facts.oms)
    if oms_work.left is None:
        return None
    if oms_work.recorded is None:
        return t("OMS's counts do not cover all success records yet")
    if oms_work.left > 0:
        return t("OMS has not finished {left:object|objects}", left=oms_work.left) if oms_work.may_finish else None
    if oms_work.busy and idle_time and parse_timestamp(facts.made) < idle_time:
        return t("OMS was busy until {busy}", busy=timestamp(oms_work.busy))
    return None


def _report_unfinished_work(facts: WaitingFacts) -> Finding:
    oms_work, acceptance = facts.oms, facts.accepted.get(OMS_UNFINISHED)
    if oms_work.left is None:
        result = Result.NOT_RUN
        text = t("OMS does not report its remaining work at five-minute intervals")
        remedy_text = t(
            "Check the sync task in the OMS console, and run doctor to find a missing permission. After the"
            " cutover, each object that OMS still copies may overwrite an object that an application wrote to"
            " OBS. If you can take this risk, accept oms_unfinished by name (--accept)"
        )
    else:
        result = Result.NOT_PROVEN
        text = t(
            "OMS has not finished {left:object|objects}, and has finished no object for at least"
            " {minutes:minute|minutes} (60 minutes, plus a minute per GB of the largest source object)",
            left=oms_work.left,
            minutes=OMS_STALL_TIME // timedelta(minutes=1) + oms_work.largest // BYTES_PER_MINUTE,
        )
        remedy_text = t(
            "OMS may have lost these objects, may still write them, or may have counted a twice-submitted"
            " object only once. If you can take this risk, accept oms_unfinished by name (--accept)"
        )
    if acceptance is not None:
        return OMS_FINISHED.finding(
            Result.PASSED, t("{finding}. Accepted by name: {why}", finding=text, why=acceptance)
        )
    return OMS_FINISHED.finding(result, text, remedy_text, acceptance_step(facts, OMS_UNFINISHED))


def check_standstill(facts: CutoverFacts) -> Finding:
    """Check that neither bucket has changed since the comparison's last check of an object, and since OMS finished."""
    if facts.frozen_since is None:
        return STOOD_STILL.finding(Result.NOT_RUN, REHEARSED_TEXT)
    scope_finding, comparison, standstill = check_scope(facts), facts.passes.compare, facts.passes.standstill
    if comparison is None or scope_finding.result is Result.NOT_RUN:
        return report_missing_comparison(STOOD_STILL, scope_finding)
    continue_step = cutover_step(facts)
    if standstill is None:
        text = t("no standstill pass has begun since {as_of}", as_of=facts.as_of)
        return STOOD_STILL.finding(Result.NOT_RUN, text, CONTINUE_TEXT, continue_step)
    sides = (t("the source"), comparison.state, standstill.state), (t("OBS"), comparison.twin, standstill.twin)
    if changed_sides := [
        side_name for side_name, compared_digest, last_digest in sides if compared_digest != last_digest
    ]:
        return STOOD_STILL.finding(
            Result.FAILED,
            t(
                "objects changed in {sides:and} between the comparison and {began}",
                began=standstill.began,
                sides=changed_sides,
            ),
            t("Make sure that no application writes to either bucket. Then continue the cutover, which compares again"),
            continue_step,
        )
    idle_time = find_oms_idle_time(facts.oms)
    if idle_time and parse_timestamp(standstill.began) < idle_time:
        text = t(
            "the standstill pass began at {began}, before OMS had been idle for ten minutes", began=standstill.began
        )
        return STOOD_STILL.finding(Result.NOT_RUN, text, CONTINUE_TEXT, continue_step)
    digests = f"{standstill.state:064x}, {standstill.twin:064x}"
    return STOOD_STILL.finding(
        Result.PASSED, t("equal digests at {began}: {digests}", began=standstill.began, digests=digests)
    )
