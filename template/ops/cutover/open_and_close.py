"""The commands `close` and `open`, and the consequences of a cutover's verdict.

A mark, which is an object in the log bucket, closes the project: the functions then submit no objects to OMS, so that
OMS does not overwrite the objects that applications write to OBS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops.errors import CloudError
from ops.functions import tool_output
from ops.functions.call import Payload
from ops.session import Session, call_once, pause
from oss_oms_sync.answers.certificate import Certificate, CutoverVerdict
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.job_answers import LookAnswer, Mark, MarkAnswer, MarkWithGo
from oss_oms_sync.answers.object_class import EQUAL_CLASSES, ObjectClass
from oss_oms_sync.answers.pass_answers import ComparisonResult
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.rules.cutover import CHECKS

# The function that submits written objects, and its trigger (s.yaml).
FORWARD, FORWARD_TRIGGER = "forward", "oss-content"
# Seconds after the close until no function submits objects any more (oss_oms_sync/ledger/closing.py, `refusal`).
CLOSE_SECONDS = 120.0
_GO_WARNING = t(
    "A GO is in effect ({go}): applications write to OBS. If you open the project, OMS copies objects written"
    " to OSS since the GO, and overwrites objects that applications wrote to OBS under the same keys"
)
_UNCOMPARED_TEXT = t(
    "No comparison has checked OBS since the GO, so it is unknown which objects applications have written to"
    " OBS. To list these objects (nothing is submitted while the project is closed): {command}",
    command=Step("compare"),
)
# Maximum number of attempts to set the mark: a late write by another command may undo it.
_MAX_MARK_ATTEMPTS = 3
_NO_FREEZE_OPTION: Payload = {}

PROGRESS_STEP = t("Check the progress of the migration: {command}", command=Step("migrate", {"look": True}))

# The permission to stop a task also allows starting it with any keys: a key that a function stores for months does not
# have it, and this project asks for no administrator's key for a single click. OMS does not document if a stopped task
# drops accepted objects, so no GO depends on it (OMS, "StopSyncTask", action oms:synctask:update).
_STOP_TASK_TEXT = t(
    "Now stop the sync task {task} in the OMS console, so that OMS accepts no further objects. The"
    " project's access keys deliberately lack this permission. OMS does not document whether a"
    " stopped task still copies objects that it accepted before. If you open the project again, start"
    " the task first."
)
_OPENED_TEXT = t(
    "The project is open again, because some objects must be submitted ({checks}). After the step above,"
    " run the cutover again."
)
_CLOSED_TEXT = t(
    "The project stays closed. After the step above, run the cutover again, which continues from this state."
)
_GIVE_UP_TEXT = t("To give up the cutover and open the project: {command}", command=Step("open"))
# Classes of objects that are only in OBS, or in another version there, by a comparison since the GO. An object that is
# older in OBS was last written to OSS, but an application may have written it to OBS, too.
_CHANGED_CLASSES = (
    ObjectClass.OVERWRITTEN,
    ObjectClass.OLDER,
    ObjectClass.SUSPICIOUS,
    ObjectClass.UNKNOWN,
    ObjectClass.ARRIVING,
)
_MAX_SHOWN_KEYS = 5
_YES = "yes"


def close(session: Session, run: str = "", freeze_option: Payload = _NO_FREEZE_OPTION) -> LookAnswer:
    """Close the project by its mark, wait until no function submits objects, and read the mark again.

    - `run` is the id of the cutover that closes the project, or empty if a user closes it by hand.
    - `freeze_option` is certify's option with the time of the freeze, or empty.

    Return certify's answer after the wait; its mark may belong to another cutover. Raises CloudError if another command
    keeps opening the project, or if OMS still migrates the existing objects.
    """
    session.hint = session.hint or t(
        "The project is closed; earlier submissions end within two minutes. Next step: {command}",
        command=Step("status"),
    )
    for _ in range(_MAX_MARK_ATTEMPTS):
        answer = session.ask(MarkAnswer, "certify", {"close": True, **({"run": run} if run else {})})
        mark = answer.closed
        if mark is None:
            raise CloudError(answer.next, PROGRESS_STEP)
        pause(session, CLOSE_SECONDS, t("closing the project: {left} left until earlier submissions have ended"))
        state = session.ask(LookAnswer, "certify", {**freeze_option, "look": True})
        # If another command has set a mark meanwhile, its two minutes are not over yet.
        if state.closed and (run or (state.closed.since, state.closed.run) == (mark.since, mark.run)):
            return state
        session.print_text(
            t("While this command ran, another command opened or closed the project"),
            "open",
        )
    raise CloudError(
        t("The project does not stay closed, because another command opens it"),
        t("Find out who opens the project, then run the command again"),
    )


def open_again(session: Session, run: str = "", *, after_go: bool = False) -> MarkAnswer:
    """Open the project, restore the trigger of forward, and start a reconcile pass to submit writes that had no event.

    With `run`, the id of a cutover, the project opens only if that cutover closed it. If a GO is in effect, the project
    opens only with `after_go`. In the answer, `closed` is None if the project is open.
    """
    options = {**({"run": run} if run else {}), **({"after_go": True} if after_go else {})}
    answer = session.ask(MarkAnswer, "certify", {"open": True, **options})
    if not answer.closed:
        session.caller.trigger("deploy", FORWARD, FORWARD_TRIGGER)
        call_once(session, "reconcile", {"restart": True})
        session.print_text(t("The trigger of forward exists, and a reconcile pass has begun."))
    return answer


def open_by_hand(session: Session, *, after_go: bool) -> MarkAnswer:
    """Open the project at a user's request.

    If a GO is in effect, first list the objects in OBS that OMS could overwrite; then the user has to confirm, unless
    `after_go` is True. Raises UsageError if the user does not confirm.
    """
    answer = open_again(session)
    if answer.closed is None or not answer.closed.go:
        return answer
    session.print_text(_GO_WARNING.filled(go=answer.closed.go.rpartition("/")[2]), "bad")
    for line in _list_application_writes(session, answer.closed.go):
        session.print_text(line)
    if not after_go:
        session.require_word(
            t("Type {word} to open the project after a GO:", word=_YES),
            _YES,
            t("The project stays closed"),
            t("Without a terminal, pass --after-go: {command}", command=Step("open", {"after_go": True})),
        )
    return open_again(session, after_go=True)


def _list_application_writes(session: Session, go: str) -> Iterator[Text]:
    """Yield lines about the objects that applications may have written to OBS since the GO, by the last comparison.

    `go` is the object key of the GO's certificate. A comparison that began before the certificate lists no such
    objects.
    """
    comparison = tool_output.convert_compare_answer(session.caller.ask("compare", {"look": True}))
    # The time in a certificate's name has no separators.
    go_time = go.rpartition("/")[2].split("-")[1]
    if not isinstance(comparison, ComparisonResult) or re.sub(r"[-:]", "", comparison.started or "") <= go_time:
        yield _UNCOMPARED_TEXT
        return
    yield t("The comparison that began at {began} found in OBS:", began=comparison.started)
    counts = {name: object_class.destination.objects for name, object_class in comparison.classes.items()}
    for object_class in _CHANGED_CLASSES:
        if number := counts.get(object_class):
            keys = [repr(key) for key in comparison.classes[object_class].keys[:_MAX_SHOWN_KEYS]]
            yield t("  {n:object|objects} ({title}): {keys}", n=number, title=object_class.label, keys=keys)
    unproven_count = sum(
        counts.get(object_class, 0) for object_class in EQUAL_CLASSES if object_class is not ObjectClass.EQUAL_CONTENTS
    )
    if unproven_count:
        yield t("  {n:object|objects} of equal size whose contents are not proven equal", n=unproven_count)
    if not unproven_count and not any(map(counts.get, _CHANGED_CLASSES)):
        yield t("  no object that exists only in OBS, or is newer in OBS than in the source")


def opening_step(mark: MarkWithGo) -> Text:
    """Return the remedy for a command that needs an open project: to run `open`, or nothing if a GO is in effect."""
    if mark.go:
        return t("Leave the project closed: a GO is in effect, and applications write to OBS")
    return t("To let the project submit objects again, open it first: {command}", command=Step("open"))


def act_on_certificate(session: Session, certificate: Certificate, mark: Mark | None) -> None:
    """Do what the verdict of a cutover's certificate requires.

    - After GO, remove the trigger of forward; the project stays closed.
    - If a failed check needs objects to be submitted, open the project.
    - Otherwise, if the project is closed, print that it stays closed.

    `mark` is the mark that this or an earlier cutover wrote. With None the project stays closed.
    """
    # After any other failure the project stays closed, and the next cutover continues.
    failed_ids = [
        check.id for check in certificate.checks if check.result is Result.FAILED and CHECKS[check.id].opens_project
    ]
    if certificate.verdict is CutoverVerdict.GO:
        session.caller.trigger("remove", FORWARD, FORWARD_TRIGGER)
        session.print_text(
            t(
                "Switch the applications over to OBS. The project stays closed, and its trigger is removed:"
                " nothing more is submitted to OMS."
            ),
            "good",
        )
        session.print_text(_STOP_TASK_TEXT.filled(task=certificate.task))
    elif failed_ids and mark:
        _open_to_submit(session, mark, ", ".join(failed_ids))
    elif certificate.closed:
        session.print_text(_describe_closed_state(session.ask(LookAnswer, "certify", {"look": True})), "way")


def _describe_closed_state(state: MarkAnswer) -> Text:
    return sentences(_CLOSED_TEXT, None if state.closed and state.closed.go else _GIVE_UP_TEXT)


def _open_to_submit(session: Session, mark: Mark, check_ids: str) -> None:
    """Open the project if `mark`, which a cutover wrote, still closes it; otherwise print why it stays closed.

    After a GO the project stays closed: applications write to OBS, and submissions could overwrite their objects.
    """
    answer = session.ask(LookAnswer, "certify", {"look": True})
    if answer.go:
        text = t(
            "The project stays closed, because a GO is in effect. The differences ({checks}) come from"
            " writes or deletions after the GO, or your --frozen-since is not the start of the freeze of that"
            " GO. To list the objects that applications have written to either bucket: {command}",
            checks=check_ids,
            command=Step("compare"),
        )
    elif not answer.closed:  # another command opened it meanwhile
        return
    elif answer.closed != mark:
        text = _describe_closed_state(answer)
    elif not mark.run:
        text = t(
            "The project was closed by hand, and some objects must be submitted ({checks}). Open the"
            " project: {command}. Then run the cutover again.",
            checks=check_ids,
            command=Step("open"),
        )
    else:
        open_answer = open_again(session, mark.run)
        text = _describe_closed_state(open_answer) if open_answer.closed else _OPENED_TEXT.filled(checks=check_ids)
    session.print_text(text, "way")
