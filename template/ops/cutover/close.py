"""Closes the project, so that nothing here touches what the users' applications write to OBS, and opens it again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops.errors import CloudError
from ops.functions import tool_output
from ops.functions.call import Payload
from ops.session import Session, call_once, pause
from ops.shell import Typed
from oss_oms_sync.answers.certificate import Certificate, CutoverVerdict
from oss_oms_sync.answers.job_answers import LookAnswer, Mark, MarkAnswer, ShownMark
from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.answers.pass_answers import Compared
from oss_oms_sync.answers.step import Result
from oss_oms_sync.answers.text import Text, sentences, t

# What wakes forward when an object is written (s.yaml).
FORWARD, TRIGGER = "forward", "oss-content"
# After these nothing is sent any more, by anything (oss_oms_sync/ledger/closing.py, `refusal`).
CLOSE_SECONDS = 120.0
_AFTER_GO = t(
    "A GO stands ({go}): applications write to OBS. If you open the project, OMS copies what was written to OSS since,"
    " and replaces what applications wrote to OBS under the same object keys"
)
_NOT_COMPARED = t(
    "No comparison has checked OBS since the GO, so it is unknown what applications wrote there. To list it, which"
    " submits nothing while the project is closed: {command}",
    command=Typed("compare"),
)
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
_STAYS = t("The project stays closed: run the cutover again after that step, and it goes on from there.")
_GIVE_UP = t("To give up: {command}", command=Typed("open"))
# What only OBS has, or has newer, by a comparison since the GO.
_OF_APPLICATIONS = (ObjectClass.OVERWRITTEN, ObjectClass.SUSPICIOUS, ObjectClass.UNKNOWN, ObjectClass.ARRIVING)
_MAX_KEYS = 5
_YES = "yes"
# The one table of what becomes of a project that a cutover has closed, this one or one before: what these checks want
# sent, if they failed, opens it. After any other it stays closed, and the next call goes on from there.
_OPENS = {"FROZEN", "MISSING", "OLDER", "OVERWRITTEN", "FAILED", "NOTHING_WAITS"}


def close(session: Session, run: str = "", since: Payload = _ANY_FREEZE) -> LookAnswer:
    """Set the mark, for a `run` of a cutover or by hand; wait until nothing is sent any more; and read it again. Return
    what certify says of it then, asked about `since` (the freeze), which may be the mark of another run.

    The trigger is left as it is: with it, later writes become failed records, so that they are submitted if the project
    is opened, and noticed if not. Raises CloudError if the project does not stay closed, or may not be closed while a
    migration of the old objects is on its way, and what calls raise.
    """
    session.hint = session.hint or t(
        "The project is closed already, and what was begun before ends within two minutes. What to do next: {command}",
        command=Typed("status"),
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


def open_again(session: Session, run: str = "", *, after_go: bool = False) -> MarkAnswer:
    """Open the project, a `run` of a cutover only if the mark is its own, and after a GO only with `after_go`; put the
    trigger back, and begin a reconcile pass for what was written without one. Return what certify says.

    Raises what calls raise.
    """
    wishes = {**({"run": run} if run else {}), **({"after_go": True} if after_go else {})}
    answer = session.ask(MarkAnswer, "certify", {"open": True, **wishes})
    if not answer.closed:
        session.caller.trigger("deploy", FORWARD, TRIGGER)
        call_once(session, "reconcile", {"restart": True})
        session.say(t("The trigger is there, and a reconcile pass has begun."))
    return answer


def open_by_hand(session: Session, *, after_go: bool) -> MarkAnswer:
    """Open the project; after a GO show first what OBS may lose, and ask, unless the user agreed by `after_go`.

    Raises UsageError without agreement, and what calls raise.
    """
    answer = open_again(session)
    if answer.closed is None or not answer.closed.go:
        return answer
    session.say(_AFTER_GO.filled(go=answer.closed.go.rpartition("/")[2]), "bad")
    for line in _written_by_applications(session, answer.closed.go):
        session.say(line)
    if not after_go:
        session.insist(
            t("Type {word} to open the project after a GO:", word=_YES),
            _YES,
            t("The project stays closed"),
            t("Without a terminal, pass --after-go: {command}", command=Typed("open", after_go=True)),
        )
    return open_again(session, after_go=True)


def _written_by_applications(session: Session, go: str) -> Iterator[Text]:
    """Yield what OBS has newer or alone, by the last comparison if it began after the GO."""
    compared = tool_output.of_compare(session.caller.ask("compare", {"look": True}))
    # The time in a certificate's name has no punctuation.
    made = go.rpartition("/")[2].split("-")[1]
    if not isinstance(compared, Compared) or re.sub(r"[-:]", "", compared.started or "") <= made:
        yield _NOT_COMPARED
        return
    yield t("The comparison of {began} found in OBS:", began=compared.started)
    counts = {one: object_class.destination.objects for one, object_class in compared.classes.items()}
    for object_class in _OF_APPLICATIONS:
        if number := counts.get(object_class):
            keys = [repr(key) for key in compared.classes[object_class].keys[:_MAX_KEYS]]
            yield t("  {n:object|objects} ({title}): {keys}", n=number, title=object_class.label, keys=keys)
    unproven = sum(
        counts.get(object_class, 0) for object_class in EQUAL if object_class is not ObjectClass.EQUAL_CONTENTS
    )
    if unproven:
        yield t("  {n:object|objects} of equal size, whose contents are not proven equal", n=unproven)
    if not unproven and not any(map(counts.get, _OF_APPLICATIONS)):
        yield t("  no object that is newer than the source's, or only in OBS")


def opening_step(closed: ShownMark) -> Text:
    """Return what to do about a closed project in which a command needs an open one."""
    if closed.go:
        return t("Nothing: a GO stands, and applications write to OBS")
    return t("Open it first, if that is meant: {command}", command=Typed("open"))


def afterwards(session: Session, certificate: Certificate, mark: Mark | None) -> None:
    """After a cutover's certificate: GO takes the trigger away; if something has to be sent, the project is opened
    whose `mark` this cutover or one before has set (None: it has to stay). Waiting opens nothing."""
    failed = [check.id for check in certificate.checks if check.result is Result.FAILED and check.id in _OPENS]
    if certificate.verdict is CutoverVerdict.GO:
        session.caller.trigger("remove", FORWARD, TRIGGER)
        session.say(
            t("Switch over. The project stays closed, and its trigger is taken away: nothing is sent to OMS any more."),
            "good",
        )
        session.say(_STOP_TASK.filled(task=certificate.task))
    elif failed and mark:
        _open_to_send(session, mark, ", ".join(failed))
    elif certificate.closed:
        session.say(_staying_closed(session.ask(LookAnswer, "certify", {"look": True})), "way")


def _staying_closed(state: MarkAnswer) -> Text:
    return sentences(_STAYS, None if state.closed and state.closed.go else _GIVE_UP)


def _open_to_send(session: Session, mark: Mark, names: str) -> None:
    """Open it, unless the `mark` is of somebody's hand, or not there any more, or a GO stands, of whatever freeze:
    after one, the users' applications write to OBS."""
    answer = session.ask(LookAnswer, "certify", {"look": True})
    if answer.go:
        text = t(
            "The project stays closed, because a GO stands. What lacks now ({checks}) was written or deleted after"
            " that, or with another freeze. To list what applications wrote to either bucket: {command}",
            checks=names,
            command=Typed("compare"),
        )
    elif not answer.closed:  # somebody has opened it meanwhile
        return
    elif answer.closed != mark:
        text = _staying_closed(answer)
    elif not mark.run:
        text = t(
            "The project was closed by hand, and something has to be sent ({checks}): {command}. Then run the cutover"
            " again.",
            checks=names,
            command=Typed("open"),
        )
    else:
        opened = open_again(session, mark.run)
        text = _staying_closed(opened) if opened.closed else _OPEN_AGAIN.filled(checks=names)
    session.say(text, "way")
