"""What commands work with; and waiting for passes, which go on in the cloud by themselves."""

from __future__ import annotations

import json
import threading
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ops.clock import WallClock
from ops.errors import OpsError, UsageError
from ops.functions import tool_output
from ops.functions.call import Caller, Payload
from ops.report import passes
from ops.report.blocks import Report
from ops.shell import Typed, command, with_file
from ops.show import lines, page
from ops.terminal import Marked, Screen, Whole
from oss_oms_sync.answers.pass_answers import CompareAnswer, PassAnswer, ReconcileAnswer
from oss_oms_sync.answers.step import Step, Stop
from oss_oms_sync.answers.text import Text, same, t

T = TypeVar("T")

# The first lines of a status: the verdict, the next step, the backlog and its first reasons.
_BRIEF_LINES = 20
_MORE = t("{n:more line|more lines}: {command}")

# How often somebody looks how far a pass is.
_LOOK_SECONDS = 15.0
_REDRAW_SECONDS = 1.0
# A pass that stopped is called again so often, before whoever waits gives up.
_ATTEMPTS = 3
_REST_SECONDS = 30.0
# What no other call would change.
_FINAL = (Stop.CLOSED, Stop.TOO_LARGE)


@dataclass
class Session:
    """What commands work with. `hint`: what to do if somebody presses Ctrl-C now; None: nothing goes on."""

    caller: Caller
    screen: Screen
    clock: WallClock
    lang: str
    hint: Text | None = None

    def ask(self, kind: type[T], job: str, payload: Payload) -> T:
        """What the function of a job answers; raises what calls raise, and ToolError for another form."""
        return tool_output.of(kind, self.caller.ask(job, payload))

    def say(self, text: Text, tone: str = "") -> None:
        """Tell whoever waits, in their language."""
        self.screen.say(Marked("", with_file(text.of(self.lang)), tone))

    def progress(self, text: Text) -> None:
        """Tell whoever waits how far it is, in a line that goes away."""
        self.screen.progress(text.of(self.lang))

    def agrees(self, question: Text) -> bool:
        """Whether somebody who is there says yes."""
        return self.screen.agrees(question.of(self.lang))

    def insist(self, question: Text, word: str, refused: Text, otherwise: Text) -> None:
        """Raise UsageError, `refused`, unless somebody who is there types just this word. `otherwise`: what to do where
        nobody is."""
        if self.screen.interactive and self.screen.ask(question.of(self.lang)) == word:
            return
        # Where nothing more came, nobody was there.
        again = t("If you want it, run this again, and type {word} in full", word=word)
        raise UsageError(refused, again if self.screen.interactive else otherwise)

    def show(self, options: Namespace, report: Report, value: object) -> None:
        """Write a page of a report, if that is asked for; then print the report, or as JSON its `value`.

        Raises UsageError if the page or the output cannot be written.
        """
        if options.html:
            self.write(options.html, page.draw(report))
        is_brief = options.command == "status" and not options.in_full
        self.screen.answer(
            [Whole(json.dumps(value))] if options.json else lines.draw(report),
            _BRIEF_LINES if is_brief else None,
            lambda number: _MORE.filled(n=number, command=Typed("status", all=True)).of(self.lang),
        )

    def write(self, file: Path, text: str) -> None:
        """Write a file, and say so. Raises UsageError if that cannot be done."""
        try:
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise _unwritable(error) from None
        self.say(t("Written: {file}", file=file))


def check_writable(file: Path) -> None:
    """Raise UsageError if a file cannot be written there."""
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.resolve().unlink()  # a link to nothing stays as it is
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> UsageError:
    return UsageError(same(str(error)), t("Name another file"))


def run_pass(session: Session, job: str, payload: Payload) -> ReconcileAnswer | CompareAnswer:
    """Work on a pass until it has ended, does not move by itself, or others have begun a newer one again and again;
    return the last answer."""
    scope = {name: value for name, value in payload.items() if name != "restart"}
    before = session.hint
    # A longer work has one already.
    session.hint = before or t(
        "{job} goes on in the cloud. See how far it is: {look}",
        job=job,
        look=command(Step(job, {**scope, "look": True})),
    )
    session.screen.begin()
    began = session.clock.monotonic()
    answer = _call(session, job, payload, began)
    attempts, superseded = 1, 0
    while not answer.finished:
        # That the time was up says nothing against the pass.
        is_moving = answer.stop is Stop.TIME
        attempts = 1 if is_moving else attempts + 1
        # A call with other wishes than theirs would take the pass away from them again.
        superseded += answer.stop is Stop.SUPERSEDED
        if attempts > _ATTEMPTS or superseded == _ATTEMPTS or answer.stop in _FINAL:
            break
        if not is_moving:
            session.say(
                t(
                    "{job} rests: {why}. It is tried again in {seconds:.0f} seconds",
                    job=job,
                    why=answer.stopped or answer.next,
                    seconds=_REST_SECONDS,
                )
            )
            session.clock.sleep(_REST_SECONDS)
        answer = _call(session, job, scope, began)
    session.hint = before
    return answer


def call_once(session: Session, job: str, payload: Payload) -> ReconcileAnswer | CompareAnswer:
    """One call for a pass, which may go on in the cloud after it; return what it answers."""
    session.screen.begin()
    return _call(session, job, payload, session.clock.monotonic())


def pause(session: Session, seconds: float, countdown: Text) -> None:
    """Wait, and say how long it will be; in the sandbox the time goes by at once."""
    if seconds <= 0 or session.caller.let_pass(seconds):
        return
    end = session.clock.monotonic() + seconds
    while (left := end - session.clock.monotonic()) > 0:
        session.progress(countdown.filled(left=duration(left)))
        session.clock.sleep(min(1.0, left))


def _call(session: Session, job: str, payload: Payload, began: float) -> ReconcileAnswer | CompareAnswer:
    """One call, which works and waits; meanwhile others look how far it is."""
    call = in_background(lambda: session.caller.ask(job, payload))
    look = {**{name: value for name, value in payload.items() if name != "restart"}, "look": True}
    seen: PassAnswer | None = None
    looked = session.clock.monotonic()
    while not wait([call], _REDRAW_SECONDS).done:
        now = session.clock.monotonic()
        if now - looked >= _LOOK_SECONDS:
            seen = _look(session, job, look) or seen
            looked = session.clock.monotonic()
        how_far = passes.how_far(seen, session.lang)
        session.progress(t("{job} {time}: {how_far}", job=job, time=duration(now - began), how_far=how_far))
    answer = call.result()
    return tool_output.of(ReconcileAnswer, answer) if job == "reconcile" else tool_output.of_compare(answer)


def in_background(ask: Callable[[], Any]) -> Future[Any]:
    """What somebody asks who has something else to do meanwhile."""
    call = Future[Any]()

    def work() -> None:
        try:
            call.set_result(ask())
        except BaseException as error:
            call.set_exception(error)

    # A daemon, because nobody waits for it any more after Ctrl-C.
    threading.Thread(target=work, daemon=True).start()
    return call


def _look(session: Session, job: str, payload: Payload) -> PassAnswer | None:
    """How far it is; None if that is not known, which changes nothing."""
    try:
        return session.ask(PassAnswer, job, payload)
    except OpsError:
        return None


def duration(seconds: float) -> str:
    """As on a stop watch."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
