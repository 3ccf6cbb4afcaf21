"""Waits for passes, which go on in the cloud by themselves, and says how far they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from ops import answers
from ops.call import Caller, InBackground, Payload
from ops.clock import Clock
from ops.commands import command
from ops.errors import OpsError
from ops.report import passes
from ops.terminal import Screen
from oss_oms_sync.answers.pass_answers import CompareAnswer, PassAnswer, ReconcileAnswer
from oss_oms_sync.answers.step import Step, Stop
from oss_oms_sync.answers.text import Text, t

T = TypeVar("T")

# How often somebody looks how far a pass is.
_LOOK_SECONDS = 15.0
_REDRAW_SECONDS = 1.0
# A pass that stopped is called again so often, before whoever waits gives up.
_ATTEMPTS = 3
_REST_SECONDS = 30.0
# What no other call would change.
_FINAL = (Stop.CLOSED, Stop.TOO_LARGE)

_GOING_ON = t("{job} {time}: {how_far}")
_RESTS = t("{job} rests: {why}. It is tried again in {seconds:.0f} seconds")


@dataclass
class Session:
    """What commands work with. `hint`: what to do if somebody presses Ctrl-C now; None: nothing goes on."""

    caller: Caller
    screen: Screen
    clock: Clock
    lang: str
    hint: Text | None = field(default=None)

    def ask(self, kind: type[T], job: str, payload: Payload) -> T:
        """What the function of a job answers; raises what calls raise, and ToolError for another form."""
        return answers.of(kind, self.caller.ask(job, payload))


def run_pass(session: Session, job: str, payload: Payload) -> ReconcileAnswer | CompareAnswer:
    """Work on a pass until it has ended, does not move by itself, or others have begun a newer one again and again;
    return the last answer."""
    scope = {name: value for name, value in payload.items() if name != "restart"}
    before = _hinted(session, job, scope)
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
            why = answer.stopped or answer.next
            session.screen.say(_RESTS.filled(job=job, why=why, seconds=_REST_SECONDS).of(session.lang))
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
        session.screen.progress(countdown.filled(left=duration(left)).of(session.lang))
        session.clock.sleep(min(1.0, left))


def _call(session: Session, job: str, payload: Payload, began: float) -> ReconcileAnswer | CompareAnswer:
    """One call, which works and waits; meanwhile others look how far it is."""
    call = InBackground(session.caller, job, payload)
    look = {**{name: value for name, value in payload.items() if name != "restart"}, "look": True}
    seen: PassAnswer | None = None
    looked = session.clock.monotonic()
    while not call.wait(_REDRAW_SECONDS):
        now = session.clock.monotonic()
        if now - looked >= _LOOK_SECONDS:
            seen = _look(session, job, look) or seen
            looked = session.clock.monotonic()
        how_far = passes.how_far(seen, session.lang)
        told = _GOING_ON.filled(job=job, time=duration(now - began), how_far=how_far)
        session.screen.progress(told.of(session.lang))
    return answers.of_pass(job, call.result())


def _look(session: Session, job: str, payload: Payload) -> PassAnswer | None:
    """How far it is; None if that is not known, which changes nothing."""
    try:
        return session.ask(PassAnswer, job, payload)
    except OpsError:
        return None


def _hinted(session: Session, job: str, scope: Payload) -> Text | None:
    """Set the hint to how one looks at this pass, unless a longer work has one already; return what it was."""
    before = session.hint
    if before is None:
        look = command(Step(job, {**scope, "look": True}))
        session.hint = t("{job} goes on in the cloud. See how far it is: {look}", job=job, look=look)
    return before


def duration(seconds: float) -> str:
    """As on a stop watch."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
