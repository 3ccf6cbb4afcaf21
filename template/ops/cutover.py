"""A cutover, or its rehearsal: from the moment at which nobody writes to the source any more to GO or NO-GO.

What is there is sent and judged while the project is open. It is closed only when nothing is left that sending could
mend; two minutes later nothing is sent any more, and once OMS has finished too, a standstill pass shows that both
buckets are what was judged. Each step can be repeated: whoever is interrupted, or takes over, begins the same command
again, and it goes on with what is there. Waiting never opens the project.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from ops import answers, closing
from ops.call import Payload
from ops.clock import timestamp
from ops.errors import CloudError, FunctionError
from ops.report import jobs
from ops.report.comparison import LACKING, UNPROVEN, held
from ops.show.lines import draw
from ops.terminal import Marked
from ops.waiting import Session, pause, run_pass
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.job_answers import DoctorAnswer, LookAnswer, Mark, ReplayAnswer
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, Compared
from oss_oms_sync.answers.text import Text, t

# What is younger counts as moving on cutover day (comparison/classes.py).
SETTLED = timedelta(minutes=5)
# What is written later than so long after the freeze was not frozen (comparison/classes.py).
CLOCKS = timedelta(minutes=1)
# Keys on their way are judged again so soon the first few times, then so often, and for so long.
_AGAIN_SECONDS, _LATER_SECONDS, _MAX_AGAIN_SECONDS = 20.0, 60.0, 9000.0
_FIRST_FEW = 3
# OMS counts in steps of five minutes. What it does not finish within hours, certify says itself.
_OMS_SECONDS, _OMS_SECONDS_IN_SANDBOX, _MAX_OMS_SECONDS = 60.0, 300.0, 24_000.0
# Replay's timer reads OMS's lists every minute.
_LISTS_SECONDS, _MAX_LISTS_SECONDS = 30.0, 180.0
# So often in a row nothing has changed, and nothing is left that would by itself.
_MAX_STILL = 3
# What OMS, replay or the pass itself may yet bring to OBS; of these, some only take their time.
_WAIT_FOR = (ObjectClass.MOVING, ObjectClass.ARRIVING, ObjectClass.IN_FLIGHT)
_ON_ITS_WAY = (*_WAIT_FOR, ObjectClass.FAILED_BEFORE, ObjectClass.MISSING, ObjectClass.OLDER)
# What is in the buckets, and is not compared.
_NOT_COMPARED = (ObjectClass.CANARY, ObjectClass.OMS_OWN, ObjectClass.OUTSIDE)
_ANEW = {"restart": True}

_HINT = t("What was begun goes on in the cloud. Run the same command again with {options}")
_HINT_CLOSED = t(
    "The project is closed. Go on: run the same command again with {options}. Or give up: python3 ops.py open"
)
_DOCTOR = t("Look whether all is set up right")
_REPLAY = t("Send again what failed")
_SETTLE = t("Let the last writes settle")
_COMPARE = t("Compare both buckets")
_AGAIN = t("Judge again what was on its way")
_CLOSE = t("Close the project, so that nothing is sent any more")
_OMS = t("Wait until OMS has finished")
_STANDSTILL = t("Show that both buckets stand still")
_CERTIFY = t("Certify")
_DONE = t("done")
_ATTENTION = t("look")
_NOTHING = t("nothing was on its way")
_SETTLED_TEXT = t("the source is frozen since {frozen}")
_WAITS = t("waiting until {until}, {left} to go")
_LEFT = t("left: {waiting}")
_STOPPED = t("stopped: {why}")
_TAKEN = t("the one that began {began}")
_OBJECTS = t("{source} objects in the source, {destination} in OBS")
_JUDGED = t("{share:.1f} % of the objects could be judged")
_READING = t("reading the sample: {read} of {drawn}")
_LISTS = t("waiting until replay has read OMS's lists. Asked again in {left}")
_WAITING_FOR = t("on their way: {waiting}. Judged again in {left}")
_IS_CLOSED = t("the project is closed already")
_SINCE = t("closed since {since}")
_ASK_AGAIN = t("{seen}. Asked again in {left}")

_MIGRATES = t("A migration of the old objects is not over, and before that no project can be closed")
_NOT_SET_UP = t("The cutover ends before it begins: something is not set up right")
_MEND = t("Mend that, and run the command again")
_STANDS = t("A GO stands: the project has been closed since, and nothing is left to do.")
_ANOTHER = t("Another cutover has closed the project meanwhile: leave it to that one.")
_NOT_YET = t("The project is not closed: something is left that has to be mended or proven first.")
_NOT_ANEW = t(
    "The project is closed already, and is not closed anew: something is left that has to be mended or proven first."
)


def check_set_up(session: Session, otherwise: Text) -> None:
    """Raise CloudError, which says what ends here, unless doctor finds all set up right; show what it found."""
    found = session.ask(DoctorAnswer, "doctor", {})
    if not found.ok:
        for line in draw(jobs.doctor(found, session.lang)):
            session.screen.say(line)
        raise CloudError(otherwise, _MEND)


@dataclass(frozen=True)
class Plan:
    """What was asked for; `frozen` is None for a rehearsal. `close`: without asking."""

    frozen: datetime | None
    sample: int | None = None
    accept: Mapping[str, str] = field(default_factory=dict)
    deep: bool = False
    # Whether to compare anew, even if a comparison has begun since the freeze.
    restart: bool = False
    close: bool = False

    @property
    def again(self) -> str:
        """How one goes on with it."""
        return f"--frozen-since {timestamp(self.frozen)}" if self.frozen else "--rehearse"


class Cutover:
    """One run of it, which has an id of its own: so it opens no project that another has closed."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._run = secrets.token_hex(8)
        wishes = {"cutover": True, "deep": plan.deep}
        self._wishes = {name: True for name, is_wanted in wishes.items() if is_wanted}
        self._since = {"frozen_since": timestamp(plan.frozen)} if plan.frozen else {}
        self._number = 0
        # The mark that this run may take away: the one that it found or, after it has closed, its own. None if the
        # project was open, or another run has closed it meanwhile.
        self._mark: Mark | None = None
        self._is_closed = False
        # Whether the comparison that answers was there already.
        self._is_taken = False

    def run(self) -> Any:
        """Take all steps; return the certificate: the one of this run, or the GO that stands.

        Raises CloudError where something is not set up right, or old objects are on their way, and what calls raise.
        """
        session = self._session
        self._hint(_HINT)
        seen = session.ask(LookAnswer, "certify", {**self._since, "look": True})
        self._mark, self._is_closed = seen.closed, seen.closed is not None
        if seen.migration:
            if self._plan.frozen:
                raise CloudError(_MIGRATES, closing.HOW_FAR)
            session.screen.say(Marked("", self._text(_MIGRATES), "open"))
        go = self._standing(seen) or self._prepared()
        if go:
            session.screen.say(self._text(_STANDS))
        document = go or self._certified()
        session.hint = None
        return document

    def after(self, document: Any) -> None:
        """What follows from the certificate, in the cloud."""
        if self._plan.frozen:
            found = answers.of(Certificate, document)
            closing.afterwards(self._session, found, self._mark, is_closed=self._is_closed)

    def _standing(self, seen: LookAnswer) -> Any:
        """The GO that stands and is enough, if there is one: who compares anew wants another."""
        return seen.go if self._plan.frozen and not self._plan.restart else None

    def _prepared(self) -> Any:
        """Everything before the certificate; return a GO that was found to stand meanwhile, or None."""
        self._doctor()
        self._begin(_REPLAY)
        self._end(*self._replay())
        if self._plan.frozen:
            self._begin(_SETTLE)
            self._end(*self._settle(self._plan.frozen))
        compared = self._compare(anew=self._plan.restart)
        if isinstance(compared, Compared):
            compared = self._judge_again(compared)
        if not isinstance(compared, Compared):
            return None
        if self._plan.frozen is None:
            self._stand_still()
        if self._plan.frozen is None or not self._may_close(compared, self._plan.frozen):
            return None
        if not (self._plan.close or self._is_closed or closing.is_agreed(self._session)):
            return None
        go = self._close()
        if go is None and self._mark and self._oms_has_finished():
            self._stand_still()
        return go

    def _doctor(self) -> None:
        self._begin(_DOCTOR)
        check_set_up(self._session, _NOT_SET_UP)
        self._end(is_well=True)

    def _replay(self) -> tuple[bool, str]:
        """Send again what failed, as long as OMS takes some of it."""
        if self._is_closed:
            return True, self._text(_IS_CLOSED)
        while True:
            answer = self._session.ask(ReplayAnswer, "replay", {})
            if answer.is_well or answer.stopped or not answer.accepted:
                stopped = self._text(_STOPPED, why=answer.stopped) if answer.stopped else ""
                return answer.is_well, "; ".join(filter(None, [jobs.replayed(answer, self._session.lang), stopped]))

    def _settle(self, frozen: datetime) -> tuple[bool, str]:
        """Wait until nothing is too young to be judged."""
        until = frozen + SETTLED
        left = (until - self._session.clock.now()).total_seconds()
        pause(self._session, left, _WAITS.filled(until=timestamp(until)))
        return True, self._text(_SETTLED_TEXT, frozen=timestamp(frozen))

    def _compare(self, *, anew: bool) -> CompareAnswer:
        """The comparison that answers, or a new one; whether it was there is noted."""
        self._begin(_COMPARE)
        known = self._known() if self._plan.frozen and not anew else None
        self._is_taken = isinstance(known, Compared)
        answer = known if known and self._is_taken else self._work({**self._wishes, **({} if known else _ANEW)})
        if isinstance(answer, Compared):
            found = [one for name, one in held(answer).items() if name not in _NOT_COMPARED]
            counts = sum(one.source.objects for one in found), sum(one.destination.objects for one in found)
            began = f"{self._text(_TAKEN, began=answer.started)}; " if self._is_taken else ""
            self._end(True, began + self._text(_OBJECTS, source=counts[0], destination=counts[1]))
        else:
            self._end(False, self._text(_STOPPED, why=answer.stopped or answer.next))
        return answer

    def _known(self) -> CompareAnswer | None:
        """The comparison that answers for both buckets since the freeze, or the open one; None if a new one has to
        begin: there is none, a standstill pass contradicted it, it has not read what is to be read, or there was
        nothing at the source, and whoever has written something since would be told the same."""
        known = self._asked({**self._wishes, **self._since, "look": True})
        lacks = self._plan.deep and "deep" not in known.wishes
        is_empty = isinstance(known, Compared) and not known.last_written
        return known if known.pass_ and known.stood_still is not False and not lacks and not is_empty else None

    def _asked(self, payload: Payload) -> CompareAnswer:
        return answers.of_compare(self._session.caller.ask("compare", payload))

    def _work(self, payload: Payload) -> CompareAnswer:
        return cast(CompareAnswer, run_pass(self._session, "compare", payload))

    def _judge_again(self, compared: Compared) -> CompareAnswer:
        """Judge what differs once more, until it is there, nothing moves any more, or time is up; return what compare
        said last. If a comparison that was there names too many keys for that, as it would the next time, or has grown
        too old to answer meanwhile, both buckets are compared anew."""
        self._begin(_AGAIN)
        last: CompareAnswer = compared
        problem, is_refused, is_taken = "", False, self._is_taken
        try:
            last = self._judged_again(compared)
        except FunctionError as error:
            problem = error.happened.of(self._session.lang)
            is_refused = error.kind == "PayloadError"
        if not last.finished:
            problem = self._text(_STOPPED, why=last.stopped or last.next)
        if problem:
            self._end(False, problem)
            if not last.finished or (is_refused and is_taken):
                last = self._compare(anew=True)
                return self._judge_again(last) if isinstance(last, Compared) else last
        else:
            waiting = _on_its_way(last)
            nothing = "" if _on_its_way(compared) else self._text(_NOTHING)
            found = self._text(_LEFT, waiting=_told(waiting)) if waiting else nothing
            share = self._share(last) if self._plan.frozen is None else ""
            self._end(not waiting, "; ".join(filter(None, (found, share))))
        return last

    def _judged_again(self, last: CompareAnswer) -> CompareAnswer:
        """Somebody may have mended, since a comparison that was there already, what it found, and keys that wait have
        to be judged too: so it is asked again at least once."""
        clock, screen, still, times = self._session.clock, self._session.screen, 0, 0
        screen.begin()
        began = clock.monotonic()
        while times == 0 or (_on_its_way(last) and clock.monotonic() - began < _MAX_AGAIN_SECONDS):
            waiting = _on_its_way(last)
            if waiting and not (self._is_taken and times == 0):
                seconds = _AGAIN_SECONDS if times < _FIRST_FEW else _LATER_SECONDS
                pause(self._session, seconds, _WAITING_FOR.filled(waiting=_told(waiting)))
            if ObjectClass.FAILED_BEFORE in waiting and not self._is_closed:
                self._session.caller.ask("replay", {})
            asked = {**self._wishes, **self._since, "again": True, "run": self._run}
            last = self._asked(asked)
            times += 1
            if not last.finished:
                break
            still = still + 1 if _on_its_way(last) == waiting and not waiting.keys() & {*_WAIT_FOR} else 0
            # In a rehearsal somebody writes all the time.
            if still == _MAX_STILL or self._plan.frozen is None:
                break
        return last

    def _share(self, compared: CompareAnswer) -> str:
        classes = held(compared) if isinstance(compared, Compared) else {}
        counts = {name: one.source.objects for name, one in classes.items()}
        return self._text(_JUDGED, share=100 * (1 - counts.get(ObjectClass.MOVING, 0) / max(1, sum(counts.values()))))

    def _may_close(self, compared: Compared, frozen: datetime) -> bool:
        """Whether nothing is left that sending could mend, or that has to be proven while it can be mended; and whether
        there is something in scope, and nothing of it was written after the freeze. Certify says which step helps."""
        found, written = held(compared).keys(), compared.last_written
        unproven = {one for one in UNPROVEN if one.title not in self._plan.accept}
        is_left = found & (LACKING | unproven | {ObjectClass.ARRIVING})
        if is_left or not written or written[0].at > timestamp(frozen + CLOCKS):
            self._session.screen.say(self._text(_NOT_ANEW if self._is_closed else _NOT_YET))
            return False
        return True

    def _close(self) -> Any:
        """Close the project with a mark of this run; return a GO that stands, if another run has come to one."""
        self._begin(_CLOSE)
        self._hint(_HINT_CLOSED)
        seen = closing.close(self._session, self._run, self._since)
        self._is_closed, go = True, self._standing(seen)
        self._mark = seen.closed if seen.closed and seen.closed.run == self._run else None
        self._end(self._mark is not None, self._text(_SINCE, since=self._mark.since) if self._mark else "")
        if not self._mark and not go:
            self._session.screen.say(self._text(_ANOTHER))
        return go

    def _oms_has_finished(self) -> bool:
        """Wait until OMS has nothing left to do, and its lists of what it failed to copy were looked at since; whether
        that is so, or was accepted. Certify says what else is to be done."""
        self._begin(_OMS)
        session, began = self._session, self._session.clock.monotonic()
        while True:
            asked = {**self._since, "look": True, "run": self._run}
            checks = session.ask(LookAnswer, "certify", asked).checks
            waits = [one for one in checks if one.waits]
            if not waits or session.clock.monotonic() - began >= _MAX_OMS_SECONDS:
                break
            if not session.caller.let_pass(_OMS_SECONDS_IN_SANDBOX):
                pause(session, _OMS_SECONDS, _ASK_AGAIN.filled(seen=waits[0].seen))
        accepted = {"OMS_FINISHED"} if "oms_unfinished" in self._plan.accept else set()
        lacks = [one.id for one in checks if one.result is not Result.PASSED and one.id not in accepted]
        self._end(not lacks, ", ".join(lacks))
        return not lacks

    def _stand_still(self) -> None:
        self._begin(_STANDSTILL)
        # Times are in whole seconds, and it has to begin after what it is compared with has ended.
        self._session.clock.sleep(1.0)
        answer = self._work({"standstill": True, "restart": True})
        self._end(answer.finished, "" if answer.finished else self._text(_STOPPED, why=answer.stopped))

    def _certified(self) -> Any:
        """The certificate; called again while that reads more of the sample. A rehearsal, which has not waited for OMS,
        waits here until its lists are read."""
        session, plan = self._session, self._plan
        session.screen.say(f"{self._text(_CERTIFY)} …")
        asked = {"sample": plan.sample, "accept": dict(plan.accept) or None, "run": self._run}
        payload = {**self._since, **{name: value for name, value in asked.items() if value is not None}}
        session.screen.begin()
        read, began = -1, session.clock.monotonic()
        while True:
            document = session.caller.ask("certify", payload)
            found = answers.of(Certificate, document)
            sample, waits = found.sample, {one.id for one in found.checks if one.waits}
            has_time = not plan.frozen and session.clock.monotonic() - began < _MAX_LISTS_SECONDS
            # Where nothing more was read, calling again would not help.
            if sample and "SAMPLE" in waits and sample.read > read:
                read = sample.read
                session.screen.progress(self._text(_READING, read=read, drawn=sample.drawn))
            elif "NOTHING_WAITS" in waits and has_time:
                pause(session, _LISTS_SECONDS, _LISTS)
            else:
                return document

    def _hint(self, hint: Text) -> None:
        self._session.hint = hint.filled(options=self._plan.again)

    def _begin(self, name: Text) -> None:
        self._number += 1
        self._session.screen.say(f"{self._number}. {self._text(name)} …")

    def _end(self, is_well: bool, outcome: str = "") -> None:
        word, state = (_DONE, "good") if is_well else (_ATTENTION, "open")
        after = f": {outcome}" if outcome else ""
        self._session.screen.say(Marked("   ", self._text(word), state, after))

    def _text(self, text: Text, **values: object) -> str:
        return text.filled(**values).of(self._session.lang)


def _on_its_way(answer: CompareAnswer) -> dict[ObjectClass, int]:
    """How many objects of each class may yet be equal."""
    found = held(answer) if isinstance(answer, Compared) else {}
    return {one: max(found[one].source.objects, found[one].destination.objects) for one in _ON_ITS_WAY if one in found}


def _told(waiting: Mapping[ObjectClass, int]) -> list[str]:
    return [f"{one.title} {number:,}" for one, number in waiting.items()]
