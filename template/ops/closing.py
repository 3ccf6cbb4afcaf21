"""Closes the project, so that nothing here touches what the users' applications write to OBS, and opens it again."""

from __future__ import annotations

from ops.call import Payload
from ops.commands import Typed
from ops.errors import CloudError
from ops.waiting import Session, call_once, pause
from oss_oms_sync.answers.certificate import Certificate, CutoverVerdict
from oss_oms_sync.answers.job_answers import LookAnswer, Mark, MarkAnswer
from oss_oms_sync.answers.step import Result
from oss_oms_sync.answers.text import t

# What wakes forward when an object is written (s.yaml).
FORWARD, TRIGGER = "forward", "oss-content"
# After these nothing is sent any more, by anything (oss_oms_sync/ledger/closing.py, `refusal`).
CLOSE_SECONDS = 120.0
# So often a mark that somebody else's late write has undone is set again.
_ATTEMPTS = 3
_ANY_FREEZE: Payload = {}

HOW_FAR = t("See how far it is: {command}", command=Typed("migrate", look=True))

# The right to stop a task is the one to start it too, with any keys: a key that lies with a function for months does
# not have it, nor does this project ask for an administrator's for one click. What a stopped task does with what it has
# accepted is not documented, so no GO rests on it (OMS, "StopSyncTask", action oms:synctask:update).
_STOP_TASK = t(
    "Now stop the sync task {task} in the OMS console, so that nobody's call makes OMS copy anything any more. The"
    " keys of this project may not, on purpose. It is no help against what OMS has accepted already: whether a stopped"
    " task drops that is not documented. If the project is ever opened again, start the task first."
)
_OPEN_AGAIN = t("The project is open again, because something has to be sent ({checks}). Then run the cutover again.")
_STAYS = t(
    "The project stays closed: run the cutover again after that step, and it goes on from there. To give up: {command}",
    command=Typed("open"),
)
# The one table of what becomes of a project that a cutover has closed, this one or one before: what these checks want
# sent, if they failed, opens it. After any other it stays closed, and the next call goes on from there.
_OPENS = {"FROZEN", "MISSING", "OLDER", "OVERWRITTEN", "FAILED", "NOTHING_WAITS"}


def close(session: Session, run: str = "", since: Payload = _ANY_FREEZE) -> LookAnswer:
    """Set the mark, for a `run` of a cutover or by hand; wait until nothing is sent any more; and read it again. Return
    what certify says of it then, asked about `since` (the freeze), which may be the mark of another run.

    The trigger stays: what is written later becomes a failed record, so that it is sent if the project is opened, and
    seen if not. Raises CloudError if the project does not stay closed, or may not be closed while a migration of the
    old objects is on its way, and what calls raise.
    """
    session.hint = session.hint or t(
        "The project is closed already, and what was begun before ends within two minutes. To open it again: {command}",
        command=Typed("open"),
    )
    for _ in range(_ATTEMPTS):
        answer = session.ask(MarkAnswer, "certify", {"close": True, **({"run": run} if run else {})})
        mark = answer.closed
        if mark is None:
            raise CloudError(answer.next, HOW_FAR)
        pause(session, CLOSE_SECONDS, t("closing: what was begun comes to its end, {left} to go"))
        seen = session.ask(LookAnswer, "certify", {**since, "look": True})
        # Since a mark that somebody else has set meanwhile, two minutes have not gone by.
        if seen.closed and (run or (seen.closed.since, seen.closed.run) == (mark.since, mark.run)):
            return seen
        session.say(
            t("Somebody has opened the project or closed it anew meanwhile, or a late write has. It is closed again"),
            "open",
        )
    raise CloudError(t("The project does not stay closed"), t("See who opens it, and run the command again"))


def open_again(session: Session, run: str = "") -> MarkAnswer:
    """Open the project, a `run` of a cutover only if the mark is its own; put the trigger back, and begin a reconcile
    pass for what was written without one. Return what certify says.

    Raises what calls raise.
    """
    answer = session.ask(MarkAnswer, "certify", {"open": True, **({"run": run} if run else {})})
    if not answer.closed:
        session.caller.trigger("deploy", FORWARD, TRIGGER)
        call_once(session, "reconcile", {"restart": True})
        session.say(t("The trigger is there, and a reconcile pass has begun."))
    return answer


def afterwards(session: Session, found: Certificate, mark: Mark | None) -> None:
    """After a cutover's certificate: GO takes the trigger away; if something has to be sent, the project is opened
    whose `mark` this cutover or one before has set (None: it has to stay). Waiting opens nothing."""
    failed = [one.id for one in found.checks if one.result is Result.FAILED and one.id in _OPENS]
    if found.verdict is CutoverVerdict.GO:
        session.caller.trigger("remove", FORWARD, TRIGGER)
        session.say(
            t("Switch over. The project stays closed, and its trigger is taken away: nothing is sent to OMS any more."),
            "good",
        )
        session.say(_STOP_TASK.filled(task=found.task))
    elif failed and mark:
        _open_to_send(session, mark, ", ".join(failed))
    elif found.closed:
        session.say(_STAYS, "way")


def _open_to_send(session: Session, mark: Mark, names: str) -> None:
    """Open it, unless the `mark` is of somebody's hand, or not there any more, or a GO stands, of whatever freeze:
    after one, the users' applications write to OBS."""
    seen = session.ask(LookAnswer, "certify", {"look": True})
    if seen.go:
        said = t(
            "The project stays closed, because a GO stands. What lacks now ({checks}) was written or deleted after"
            " that, or with another freeze. Only if OBS is not in use yet: {command}",
            checks=names,
            command=Typed("open"),
        )
    elif not seen.closed:  # somebody has opened it meanwhile
        return
    elif seen.closed != mark:
        said = _STAYS
    elif not mark.run:
        said = t(
            "The project was closed by hand, and something has to be sent ({checks}): {command}. Then run the cutover"
            " again.",
            checks=names,
            command=Typed("open"),
        )
    else:
        said = _STAYS if open_again(session, mark.run).closed else _OPEN_AGAIN.filled(checks=names)
    session.say(said, "way")
