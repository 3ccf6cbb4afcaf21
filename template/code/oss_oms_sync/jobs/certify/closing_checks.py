"""Checks that all changes have ended: the project is closed, OMS has finished, both buckets stand still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK, TaskGroup
from oss_oms_sync.answers.text import AtLeast, Text, t
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.errors import Failure
from oss_oms_sync.jobs.certify.class_checks import by_hand, unseen
from oss_oms_sync.jobs.certify.evidence import DOCTOR, OMS_UNFINISHED, Due, Evidence
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER
from oss_oms_sync.passes.states import MAX_PASS_AGE
from oss_oms_sync.passes.tally import MAX_KEYS
from oss_oms_sync.rules.remedy import PERHAPS_COPIED, closed_remedy

_OPENS = t("Continue the cutover, which opens the project and resends the objects")
REHEARSED = t("a rehearsal freezes nothing")
_GO_ON = t("Continue the cutover")
_CLOSED = partial(
    Finding,
    "CLOSED",
    t(
        "This cutover closed the project at least two minutes before the standstill pass began; the project"
        " was not opened since, and every other project of the sync task is closed"
    ),
)
_OMS_FINISHED = partial(
    Finding,
    "OMS_FINISHED",
    t(
        "OMS's counts cover all success records, and OMS has finished every accepted object and accepted"
        " none for ten minutes"
    ),
)
_STOOD_STILL = partial(
    Finding,
    "STOOD_STILL",
    t(
        "A standstill pass, begun after the comparison's last check and after OMS finished, lists the same"
        " versions in the source, and the judged objects in OBS"
    ),
)
_NOTHING_WAITS = partial(
    Finding,
    "NOTHING_WAITS",
    t(
        "The object of each failed record and run file is equal in OBS, impossible to copy, or deleted at"
        " the source; OMS's lists of failed copies were read after OMS finished"
    ),
)


def closed(evidence: Evidence) -> Finding:
    """Check that no project of the task has sent keys since two minutes before the standstill pass."""
    if evidence.options.frozen is None:
        return _CLOSED(Result.NOT_RUN, REHEARSED)
    mark, not_run, go_on = evidence.closed, partial(_CLOSED, Result.NOT_RUN), evidence.options.cutover()
    if mark is None:
        return not_run(
            t("the project is open"),
            t("Continue the cutover, which closes the project"),
            evidence.options.cutover(close=True),
        )
    if mark.run != evidence.options.run:
        return not_run(
            t("the project was closed by hand or by another run at {since}", since=mark.written),
            t("Continue the cutover, which closes the project again"),
            go_on,
        )
    if evidence.open_projects:
        return not_run(
            t(
                "other projects of the sync task are open, or were closed too late: {names}",
                names=", ".join(evidence.open_projects),
            ),
            t(
                "Close each project in its own folder, two minutes before the cutover continues. If a"
                " project was removed from Function Compute, delete its mark in the task's folder of the log"
                " bucket: {marks}",
                marks=", ".join(f"state/closed-{name}.json" for name in evidence.open_projects),
            ),
            Step("close"),
        )
    still = evidence.comparison.standstill if evidence.comparison else None
    written = parse_time(mark.written)
    if still is None or written is None or still.began < written + CLOSED_AFTER:
        return not_run(
            t(
                "no standstill pass has begun since two minutes after the close at {written}",
                written=mark.written,
            ),
            _GO_ON,
            go_on,
        )
    return _CLOSED(
        Result.PASSED,
        t(
            "closed at {written}; standstill pass begun at {began}",
            written=mark.written,
            began=timestamp(still.began),
        ),
    )


def oms_finished(evidence: Evidence) -> Finding:
    """Check that OMS has no work left from before the close; this needs no comparison."""
    work, frozen = evidence.oms, evidence.options.frozen
    if evidence.migration:
        return _migrates(evidence.old_objects)
    if frozen is None or evidence.closed is None:
        return _OMS_FINISHED(Result.NOT_RUN, t("the project is open: see CLOSED") if frozen else REHEARSED)
    if (text := _oms_is_busy(evidence)) is not None:
        return _OMS_FINISHED(
            Result.NOT_RUN,
            text,
            t("Wait a minute, then check again"),
            evidence.options.cutover(),
            waits=True,
        )
    if work.left != 0:
        return _unfinished(evidence)
    text = t("OMS has no work left and has been idle for days")
    if work.busy:
        text = t("OMS has no work left and has accepted no object since {busy}", busy=timestamp(work.busy))
    return _OMS_FINISHED(Result.PASSED, text)


def _migrates(group: TaskGroup | Failure | None) -> Finding:
    """Return the finding for an unfinished migration of the old objects, which may still write."""
    text, step = t("The migration of the existing objects is not finished; its progress is unknown."), LOOK
    if isinstance(group, TaskGroup):
        step = group.step_of_others
        text = t(
            "{how}: {total:existing object|existing objects}, {copied} copied, {skipped} skipped, {failed} failed",
            how=group.title,
            total=group.total,
            copied=group.copied,
            skipped=group.skipped,
            failed=group.failed,
        )
    return _OMS_FINISHED(
        Result.NOT_RUN,
        text,
        t("The migration of the existing objects must finish before the cutover, because it may still write"),
        step,
    )


def _oms_is_busy(evidence: Evidence) -> Text | None:
    """Return the reason to wait for OMS; None if waiting does not help."""
    work = evidence.oms
    if work.left is None:
        return None
    if work.recorded is None:
        return t("the success records are not all counted yet")
    if work.left > 0:
        return t("OMS has not finished {left:object|objects}", left=work.left) if work.may_finish else None
    if work.busy and work.finished and evidence.now < work.finished:
        return t("OMS was busy until {busy}", busy=timestamp(work.busy))
    return None


def _unfinished(evidence: Evidence) -> Finding:
    """Return the finding for work that OMS does not report, or will not finish; it can be accepted by name."""
    work, why = evidence.oms, evidence.options.accept.get(OMS_UNFINISHED)
    if work.left is None:
        result = Result.NOT_RUN
        text = t("OMS does not report its remaining work in steps of five minutes")
        following = t(
            "Check the OMS console, and run doctor to find a missing permission. OMS overwrites application"
            " writes with every object that it copies after the cutover; accept that by name if you can"
        )
    else:
        result = Result.NOT_PROVEN
        text = t(
            "OMS has not finished {left:object|objects}, and finished none for an hour"
            " ({minutes:minute|minutes} more for the largest object)",
            left=work.left,
            minutes=work.largest // 10**9,
        )
        following = t(
            "OMS has lost these objects, or counts an object submitted twice only once; otherwise OMS may"
            " still write. Accept that by name"
        )
    if why is not None:
        return _OMS_FINISHED(Result.PASSED, t("{seen}. Accepted by name: {why}", seen=text, why=why))
    return _OMS_FINISHED(result, text, following, evidence.options.accepting(OMS_UNFINISHED))


def stood_still(evidence: Evidence, scope: Finding) -> Finding:
    """Check that both buckets are unchanged since the comparison's last look, and since OMS has finished."""
    if evidence.options.frozen is None:
        return _STOOD_STILL(Result.NOT_RUN, REHEARSED)
    comparison, go_on = evidence.comparison, evidence.options.cutover()
    if comparison is None or scope.result is Result.NOT_RUN:
        return unseen(_STOOD_STILL, scope)
    still, finished = comparison.standstill, evidence.oms.finished
    not_run = partial(_STOOD_STILL, Result.NOT_RUN, next=_GO_ON, step=go_on)
    if still is None:
        return not_run(t("no standstill pass has begun after {as_of}", as_of=comparison.state.as_of))
    still_tally, began = still.state.tally, timestamp(still.began)
    sides = (
        (t("the source"), comparison.tally.state, still_tally.state),
        (t("OBS"), comparison.tally.twin, still_tally.twin),
    )
    if changed := [name for name, judged, current in sides if judged != current]:
        return _STOOD_STILL(
            Result.FAILED,
            t("objects have changed in {sides:and} between the comparison and {began}", began=began, sides=changed),
            t("Make sure that no application writes there. Then continue the cutover, which compares again"),
            go_on,
        )
    if finished and still.began < finished:
        return not_run(t("the standstill pass began at {began}, before OMS had been idle for ten minutes", began=began))
    digests = f"{still_tally.state:064x}, {still_tally.twin:064x}"
    return _STOOD_STILL(Result.PASSED, t("equal digests at {began}: {digests}", began=began, digests=digests))


def nothing_waits(evidence: Evidence) -> Finding:
    """Check that no failed key has to be sent any more; this needs a comparison only for acceptance by name."""
    waiting, accepted, due = evidence.waiting, list[str](), list[Due]()
    needless = 0 if evidence.due is None else len(waiting.keys) - len(evidence.due)
    for due_key in evidence.due or ():
        if due_key.can_be_accepted and due_key.object_class.title in evidence.options.accept:
            accepted.append(due_key.key.key)
        else:
            due.append(due_key)
    if due or waiting.unread:
        finding = _waits(evidence, due)
    elif evidence.due is None:
        finding = _NOTHING_WAITS(
            Result.NOT_RUN,
            t(
                "OBS did not answer for {n:object|objects} ({reasons})",
                n=len(waiting.keys),
                reasons=sorted({key.reason_name for key in waiting.keys}),
            ),
            t("Check OBS_ENDPOINT, and run doctor. Then continue the cutover"),
            evidence.options.cutover(),
            [key.key for key in waiting.keys][:MAX_KEYS],
        )
    elif waiting.are_more:
        finding = _more_waits(evidence)
    else:
        finding = _lists(evidence)
    if accepted:
        text = t(
            "{seen}. Accepted by name, because OMS does not accept them and reading did not prove them"
            " equal: {accepted:object|objects}",
            seen=finding.seen,
            accepted=len(accepted),
        )
        finding = replace(finding, seen=text, keys=finding.keys or accepted[:MAX_KEYS])
    text = t(
        "{seen} (and {needless:key that needs|keys that need} nothing: deleted at the source, equal in OBS,"
        " or impossible to copy)",
        seen=finding.seen,
        needless=needless,
    )
    return replace(finding, seen=text) if needless else finding


def _waits(evidence: Evidence, due: Sequence[Due]) -> Finding:
    """Return the finding for `due` keys and unreadable records."""
    waiting, reasons = evidence.waiting, sorted({due_key.key.reason_name for due_key in due})
    number = AtLeast(len(due)) if waiting.are_more else len(due)
    text = t("{n:object|objects}", n=number)
    if reasons:
        text = t("{n:object|objects} ({reasons})", n=number, reasons=reasons)
    if waiting.unread:
        unread = t("{n:unreadable record or run file|unreadable records or run files}", n=waiting.unread)
        text = t("{parts}", parts=[text, unread])
    comparison, options = evidence.comparison, evidence.options
    send = t("Check the reasons in status. Then continue the cutover, which opens the project and resends the objects")
    result = Result.FAILED
    what: tuple[Text, Step | None] = send, options.cutover()
    if evidence.stays_closed:
        what = closed_remedy(go_stands=evidence.go_stands), None
    if comparison and not waiting.unread:
        if all(due_key.can_be_accepted for due_key in due):
            result, what = Result.NOT_PROVEN, (by_hand(comparison), evidence.accepting(comparison))
        elif all(due_key.is_same_size for due_key in due) and not all(due_key.was_tried for due_key in due):
            what = PERHAPS_COPIED, options.comparing(comparison.state.scope, deep=True, restart=True)
    return _NOTHING_WAITS(result, text, *what, [due_key.key.key for due_key in due][:MAX_KEYS])


def _more_waits(evidence: Evidence) -> Finding:
    """Report more records than could be checked. Only sending ends that, so a cutover opens a project it has closed."""
    text = t("more failed records or run files than could be checked")
    if evidence.closed is None:
        return _NOTHING_WAITS(
            Result.NOT_RUN, text, t("Resend the objects in each project of this task"), Step("replay")
        )
    if evidence.waiting.has_more_records and not evidence.stays_closed:
        return _NOTHING_WAITS(Result.FAILED, text, _OPENS, evidence.options.cutover())
    send = t("Open each project of this task ({step}), then resend the objects", step=Step("open"))
    if evidence.go_stands:
        send = closed_remedy(go_stands=evidence.go_stands)
    return _NOTHING_WAITS(Result.NOT_RUN, text, send)


def _lists(evidence: Evidence) -> Finding:
    """Check, if no record waits, that OMS's lists have no new failures."""
    lists, looked = evidence.lists, evidence.lists.looked
    if lists.said:
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            t("OMS's lists cannot be read: {why}", why=lists.said),
            t("Run doctor: it names the missing permission"),
            DOCTOR,
        )
    if looked < max(_lists_count_from(evidence)):
        never = t("replay has not read OMS's lists yet")
        last = t("replay last read OMS's lists at {looked}", looked=looked)
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            last if looked else never,
            t("Replay's timer reads the lists every minute. If it does not, check the timer and replay's log"),
            evidence.options.cutover(),
            waits=True,
        )
    text = t("none, as of {looked}", looked=looked)
    if lists.unread:
        text = t(
            "{seen}; {unread:line|lines} could not be read, but compare has checked each object",
            seen=text,
            unread=lists.unread,
        )
    return _NOTHING_WAITS(Result.PASSED, text)


def _lists_count_from(evidence: Evidence) -> list[str]:
    """Return the times after which OMS's lists have to be read, so that all failures up to the checks are in them.

    OMS may write lists for ten minutes after its last activity.
    """
    comparison, finished = evidence.comparison, evidence.oms.finished
    as_of = parse_time(comparison.state.as_of) if comparison else None
    # A second later, because it may have been in the same second.
    after = timestamp(as_of + timedelta(seconds=1)) if as_of else ""
    is_closed = evidence.options.frozen is not None and evidence.closed is not None
    return [after, timestamp(evidence.now - MAX_PASS_AGE), timestamp(finished) if finished and is_closed else ""]
