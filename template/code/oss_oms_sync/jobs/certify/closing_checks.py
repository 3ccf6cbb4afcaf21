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

_OPENS = t("Go on with the cutover, which opens the project and sends them again")
REHEARSED = t("Nothing is frozen: this is a rehearsal")
_GO_ON = t("Go on with the cutover")
_CLOSED = partial(
    Finding,
    "CLOSED",
    t(
        "This cutover closed the project two minutes or more before the standstill pass began, nobody has opened it"
        " since, and every other project of the sync task is closed"
    ),
)
_OMS_FINISHED = partial(
    Finding,
    "OMS_FINISHED",
    t(
        "By its counts, which tell of all that our records do, OMS has finished all that it accepted, and accepted"
        " nothing for ten minutes"
    ),
)
_STOOD_STILL = partial(
    Finding,
    "STOOD_STILL",
    t(
        "A standstill pass begun after the comparison's last look, and after OMS had finished, sees the very same"
        " versions in the source, and what was judged of them in OBS"
    ),
)
_NOTHING_WAITS = partial(
    Finding,
    "NOTHING_WAITS",
    t(
        "The object of each failed record and run file is equal in OBS, impossible to copy, or gone; OMS's lists of"
        " what it failed to copy were read after it had finished"
    ),
)


def closed(evidence: Evidence) -> Finding:
    """Check that no project of the task has sent keys since two minutes before the standstill pass."""
    if evidence.options.frozen is None:
        return _CLOSED(Result.NOT_RUN, REHEARSED)
    mark, not_run, go_on = evidence.closed, partial(_CLOSED, Result.NOT_RUN), evidence.options.cutover()
    if mark is None:
        return not_run(
            t("The project is open"),
            t("Close it: the cutover does, and goes on"),
            evidence.options.cutover(close=True),
        )
    if mark.run != evidence.options.run:
        return not_run(
            t("Somebody else has closed the project, at {since}", since=mark.written),
            t("Go on with the cutover, which closes it anew"),
            go_on,
        )
    if evidence.open_projects:
        return not_run(
            t(
                "Other projects of the sync task are open, or were closed too late: {names}",
                names=", ".join(evidence.open_projects),
            ),
            t(
                "Close each in its own folder with this, two minutes before the cutover goes on. Of one that was"
                " removed from Function Compute, delete the mark in the task's folder of the log bucket: {marks}",
                marks=", ".join(f"state/closed-{name}.json" for name in evidence.open_projects),
            ),
            Step("close"),
        )
    still = evidence.comparison.standstill if evidence.comparison else None
    written = parse_time(mark.written)
    if still is None or written is None or still.began < written + CLOSED_AFTER:
        return not_run(
            t(
                "No standstill pass has begun two minutes after the project was closed at {written}",
                written=mark.written,
            ),
            _GO_ON,
            go_on,
        )
    return _CLOSED(
        Result.PASSED,
        t(
            "Closed at {written}; the standstill pass began at {began}",
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
        return _OMS_FINISHED(Result.NOT_RUN, t("The project is open: see CLOSED") if frozen else REHEARSED)
    if (text := _oms_is_busy(evidence)) is not None:
        return _OMS_FINISHED(
            Result.NOT_RUN,
            text,
            t("Nothing but time: ask again in a minute"),
            evidence.options.cutover(),
            waits=True,
        )
    if work.left != 0:
        return _unfinished(evidence)
    text = t("Nothing is left, and it has done nothing for days")
    if work.busy:
        text = t("Nothing is left, and it has accepted nothing since {busy}", busy=timestamp(work.busy))
    return _OMS_FINISHED(Result.PASSED, text)


def _migrates(group: TaskGroup | Failure | None) -> Finding:
    """Return the finding for an unfinished migration of the old objects, which may still write."""
    text, step = t("A migration of the old objects is not over. How far it is, is not known."), LOOK
    if isinstance(group, TaskGroup):
        step = group.step_of_others
        text = t(
            "{how}: of {total:old object|old objects} {copied} copied, {skipped} skipped, {failed} failed",
            how=group.title,
            total=group.total,
            copied=group.copied,
            skipped=group.skipped,
            failed=group.failed,
        )
    return _OMS_FINISHED(
        Result.NOT_RUN,
        text,
        t("Before the cutover the migration of the old objects has to be over, because it may still write"),
        step,
    )


def _oms_is_busy(evidence: Evidence) -> Text | None:
    """Return the reason to wait for OMS; None if waiting does not help."""
    work = evidence.oms
    if work.left is None:
        return None
    if work.recorded is None:
        return t("Our records of what OMS accepted are not all counted yet")
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
        text = t("OMS does not report by five minutes what it has left")
        following = t(
            "See the OMS console, and doctor for a missing permission. What OMS still copies after the cutover"
            " overwrites what applications have written; accept that by name if you can"
        )
    else:
        result = Result.NOT_PROVEN
        text = t(
            "OMS has not finished {left:object|objects}, and finished nothing for an hour"
            " ({minutes:minute|minutes} more for the largest object)",
            left=work.left,
            minutes=work.largest // 10**9,
        )
        following = t(
            "It has lost them, or counts what came twice only once; if not, it may still write. Accept that by name"
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
        return not_run(t("No standstill pass has begun after {as_of}", as_of=comparison.state.as_of))
    still_tally, began = still.state.tally, timestamp(still.began)
    sides = (
        (t("the source"), comparison.tally.state, still_tally.state),
        (t("OBS"), comparison.tally.twin, still_tally.twin),
    )
    if changed := [name for name, judged, current in sides if judged != current]:
        return _STOOD_STILL(
            Result.FAILED,
            t("By {began} something has changed in {sides:and} since it was judged", began=began, sides=changed),
            t("Make sure that nothing writes there any more. Then go on with the cutover, which compares again"),
            go_on,
        )
    if finished and still.began < finished:
        return not_run(
            t("The standstill pass began at {began}, before OMS had been quiet for ten minutes", began=began)
        )
    digests = f"{still_tally.state:064x}, {still_tally.twin:064x}"
    return _STOOD_STILL(Result.PASSED, t("The same digests at {began}: {digests}", began=began, digests=digests))


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
                "{n:object|objects} ({reasons}), of which OBS does not tell",
                n=len(waiting.keys),
                reasons=sorted({key.reason_name for key in waiting.keys}),
            ),
            t("See OBS_ENDPOINT, and what doctor says. Then go on with the cutover"),
            evidence.options.cutover(),
            [key.key for key in waiting.keys][:MAX_KEYS],
        )
    elif waiting.are_more:
        finding = _more_waits(evidence)
    else:
        finding = _lists(evidence)
    if accepted:
        text = t(
            "{seen}. Accepted by name, because OMS takes none of them, and reading did not prove them:"
            " {accepted:object|objects}",
            seen=finding.seen,
            accepted=len(accepted),
        )
        finding = replace(finding, seen=text, keys=finding.keys or accepted[:MAX_KEYS])
    text = t(
        "{seen} (besides, {needless:key needs|keys need} nothing: gone at the source, equal in OBS, or impossible to"
        " copy)",
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
        unread = t("{n:record or run file|records or run files} that cannot be read", n=waiting.unread)
        text = t("{parts}", parts=[text, unread])
    comparison, options = evidence.comparison, evidence.options
    send = t(
        "Status says what to do about each reason. Then go on with the cutover, which opens the project and sends them"
        " again"
    )
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
    text = t("There are more failed records or run files than could be checked")
    if evidence.closed is None:
        return _NOTHING_WAITS(Result.NOT_RUN, text, t("Send them again, in each project of this task"), Step("replay"))
    if evidence.waiting.has_more_records and not evidence.stays_closed:
        return _NOTHING_WAITS(Result.FAILED, text, _OPENS, evidence.options.cutover())
    send = t("In each project of this task, open it ({step}), and send them again", step=Step("open"))
    if evidence.go_stands:
        send = closed_remedy(go_stands=evidence.go_stands)
    return _NOTHING_WAITS(Result.NOT_RUN, text, send)


def _lists(evidence: Evidence) -> Finding:
    """Check, if no record waits, that OMS's lists have no new failures."""
    lists, looked = evidence.lists, evidence.lists.looked
    if lists.said:
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            t("OMS's lists are not read: {why}", why=lists.said),
            t("Doctor says which permission is missing"),
            DOCTOR,
        )
    if looked < max(_lists_count_from(evidence)):
        never = t("Replay has not read OMS's lists yet")
        last = t("Replay last read OMS's lists at {looked}", looked=looked)
        return _NOTHING_WAITS(
            Result.NOT_RUN,
            last if looked else never,
            t("Its timer does so every minute. If it does not, look at replay's timer and log"),
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
