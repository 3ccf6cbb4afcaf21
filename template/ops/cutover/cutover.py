"""A cutover, or its rehearsal: from the moment at which nobody writes to the source any more to GO or NO-GO.

What is there is sent and judged while the project is open. It is closed only when nothing is left that sending could
mend; two minutes later nothing is sent any more, and once OMS has finished too, a standstill pass shows that both
buckets are what was judged. Each step can be repeated: whoever is interrupted, or takes over, begins the same command
again, and it goes on with what is there. Waiting never opens the project.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from ops.certificate.form import NOT_COUNTED
from ops.clock import timestamp
from ops.cutover import close
from ops.cutover.freeze import CutoverPlan
from ops.errors import CloudError, FunctionError
from ops.functions import tool_output
from ops.functions.call import Payload
from ops.report import jobs
from ops.report.comparison import COMING, LACKING, UNPROVEN, counted_classes
from ops.session import Session, pause, run_pass
from ops.shell import Typed
from ops.show.lines import draw
from ops.terminal import Marked
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.job_answers import DoctorAnswer, LookAnswer, ReplayAnswer, ShownMark
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, Compared
from oss_oms_sync.answers.step import Result
from oss_oms_sync.answers.text import Text, same, t

# What is younger counts as moving on cutover day (comparison/judge.py).
SETTLED = timedelta(minutes=5)
# What is written later than so long after the freeze was not frozen (comparison/judge.py).
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
_ANEW = {"restart": True}

_HINT_CLOSED = t("The project is closed. Go on: run the same command again with {options}")
_HINT_GIVE_UP = t(
    "The project is closed. Go on: run the same command again with {options}. Or give up: {command}"
).filled(command=Typed("open"))
_STOPPED = t("stopped: {why}")

_MIGRATES = t("A migration of the old objects is not over, and before that no project can be closed")
_NOT_YET = t("The project is not closed: something is left that has to be mended or proven first.")
_NOT_AGREED = t(
    "The project is not closed, and without that there is no GO: run the same command with --close, or on a terminal."
)
_NOT_ANEW = t(
    "The project is closed already, and is not closed anew: something is left that has to be mended or proven first."
)


def check_set_up(session: Session, otherwise: Text) -> None:
    """Raise CloudError, which says what ends here, unless doctor finds all set up right; show what it found."""
    answer = session.ask(DoctorAnswer, "doctor", {})
    if not answer.ok:
        for line in draw(jobs.doctor(answer, session.lang)):
            session.screen.say(line)
        raise CloudError(otherwise, t("Mend that, and run the command again"))


class Cutover:
    """One run of it, which has an id of its own: so it opens no project that another has closed."""

    def __init__(self, session: Session, plan: CutoverPlan) -> None:
        self._session = session
        self._plan = plan
        self._run = secrets.token_hex(8)
        self._wishes = {"cutover": True, **({"deep": True} if plan.deep else {})}
        self._since = {"frozen_since": timestamp(plan.frozen)} if plan.frozen else {}
        self._accepted = {"accept": dict(plan.accept)} if plan.accept else {}
        self._number = 0
        # The mark that this run may take away: the one that it found or, after it has closed, its own. None if the
        # project was open, or another run has closed it meanwhile.
        self._mark: ShownMark | None = None
        self._is_closed = False
        # Whether the comparison that answers was there already.
        self._is_taken = False

    def run(self) -> Any:
        """Take all steps; return the certificate: the one of this run, or the GO that stands.

        Raises CloudError where something is not set up right, or old objects are on their way, and what calls raise.
        """
        session = self._session
        self._hint(t("What was begun goes on in the cloud. Run the same command again with {options}"))
        # What it does not accept it says before anything is done.
        answer = session.ask(LookAnswer, "certify", {**self._since, **self._accepted, "look": True})
        self._mark, self._is_closed = answer.closed, answer.closed is not None
        if answer.migration:
            if self._plan.frozen:
                raise CloudError(_MIGRATES, close.HOW_FAR)
            session.say(_MIGRATES, "open")
        go = self._standing(answer) or self._prepared()
        if go:
            session.say(t("A GO stands: the project has been closed since, and nothing is left to do."))
        document = go or self._certified()
        session.hint = None
        return document

    def after(self, document: Any) -> None:
        """What follows from the certificate, in the cloud."""
        if self._plan.frozen:
            close.afterwards(self._session, tool_output.of(Certificate, document), self._mark)

    def _standing(self, answer: LookAnswer) -> Any:
        """The GO that stands and is enough: whoever compares anew, or wants more read, wants another."""
        plan = self._plan
        if answer.go is None or not plan.frozen or plan.restart or plan.deep:
            return None
        sample = tool_output.of(Certificate, answer.go).sample
        return answer.go if not plan.sample or (sample and sample.asked >= plan.sample) else None

    def _prepared(self) -> Any:
        """Everything before the certificate; return a GO that was found to stand meanwhile, or None."""
        frozen = self._plan.frozen
        self._begin(t("Look whether all is set up right"))
        check_set_up(self._session, t("The cutover ends before it begins: something is not set up right"))
        self._end(True)
        self._replay()
        if frozen:
            self._settle(frozen)
        compared = self._compare(anew=self._plan.restart)
        if not isinstance(compared, Compared):
            return None
        if frozen is None:
            self._stand_still()
        if frozen is None or not self._may_close(compared, frozen):
            return None
        go = self._close()
        if go is None and self._mark and self._oms_has_finished():
            self._stand_still()
        return go

    def _replay(self) -> None:
        """Send again what failed, as long as OMS takes some of it."""
        self._begin(t("Send again what failed"))
        if self._is_closed:
            self._end(True, t("the project is closed already"))
            return
        while True:
            answer = self._session.ask(ReplayAnswer, "replay", {})
            if answer.is_well or answer.stopped or not answer.accepted:
                stopped = _STOPPED.filled(why=answer.stopped) if answer.stopped else None
                self._end(answer.is_well, jobs.replayed(answer), stopped)
                return

    def _settle(self, frozen: datetime) -> None:
        """Wait until nothing is too young to be judged."""
        self._begin(t("Let the last writes settle"))
        until = frozen + SETTLED
        left = (until - self._session.clock.now()).total_seconds()
        pause(self._session, left, t("waiting until {until}, {left} to go").filled(until=timestamp(until)))
        self._end(True, t("the source is frozen since {frozen}", frozen=timestamp(frozen)))

    def _compare(self, *, anew: bool) -> CompareAnswer:
        """The comparison that answers, or a new one, of which what was on its way is judged again."""
        self._begin(t("Compare both buckets"))
        known = self._known() if self._plan.frozen and not anew else None
        self._is_taken = isinstance(known, Compared)
        answer = known if known and self._is_taken else self._work({**self._wishes, **({} if known else _ANEW)})
        if not isinstance(answer, Compared):
            self._end(False, _STOPPED.filled(why=answer.stopped or answer.next))
            return answer
        class_founds = [
            class_found
            for name, class_found in counted_classes(answer).items()
            if name.title not in NOT_COUNTED["destination"]
        ]
        counts = t(
            "{source} objects in the source, {destination} in OBS",
            source=sum(class_found.source.objects for class_found in class_founds),
            destination=sum(class_found.destination.objects for class_found in class_founds),
        )
        self._end(True, t("the one that began {began}", began=answer.started) if self._is_taken else None, counts)
        return self._judge_again(answer)

    def _known(self) -> CompareAnswer | None:
        """The comparison that answers for both buckets since the freeze, or the open one; None if a new one has to
        begin: there is none, a standstill pass contradicted it, it has not read what is to be read, or there was
        nothing at the source, and whoever has written something since would be told the same."""
        known = self._asked({**self._wishes, **self._since, "look": True})
        lacks = self._plan.deep and "deep" not in known.wishes
        is_empty = isinstance(known, Compared) and not known.last_written
        return known if known.pass_ and known.stood_still is not False and not lacks and not is_empty else None

    def _asked(self, payload: Payload) -> CompareAnswer:
        return tool_output.of_compare(self._session.caller.ask("compare", payload))

    def _work(self, payload: Payload) -> CompareAnswer:
        return cast(CompareAnswer, run_pass(self._session, "compare", payload))

    def _judge_again(self, compared: Compared) -> CompareAnswer:
        """Judge what differs once more, until it is there, nothing moves any more, or time is up; return what compare
        said last. If a comparison that was there names too many keys for that, as it would the next time, or has grown
        too old to answer meanwhile, both buckets are compared anew."""
        self._begin(t("Judge again what was on its way"))
        last: CompareAnswer = compared
        problem, is_refused = None, False
        try:
            last = self._judged_again(compared)
        except FunctionError as error:
            problem, is_refused = error.happened, error.kind == FunctionError.REFUSAL
        if not last.finished:
            problem = _STOPPED.filled(why=last.stopped or last.next)
        if problem:
            self._end(False, problem)
            return self._compare(anew=True) if not last.finished or (is_refused and self._is_taken) else last
        waiting = _on_its_way(last)
        nothing = None if _on_its_way(compared) else t("nothing was on its way")
        text = t("left: {waiting}", waiting=_told(waiting)) if waiting else nothing
        judged = None
        if isinstance(last, Compared) and self._plan.frozen is None:
            number, total = last.judged
            judged = t("{number} of {total:object|objects} could be judged", number=number, total=total)
        self._end(not waiting, text, judged)
        return last

    def _judged_again(self, last: CompareAnswer) -> CompareAnswer:
        """Somebody may have mended, since a comparison that was there already, what it found, and keys that wait have
        to be judged too: so it is asked again at least once."""
        session, still, times = self._session, 0, 0
        session.screen.begin()
        began = session.clock.monotonic()
        while times == 0 or (_on_its_way(last) and session.clock.monotonic() - began < _MAX_AGAIN_SECONDS):
            waiting = _on_its_way(last)
            if waiting and not (self._is_taken and times == 0):
                seconds = _AGAIN_SECONDS if times < _FIRST_FEW else _LATER_SECONDS
                text = t("on their way: {waiting}. Judged again in {left}").filled(waiting=_told(waiting))
                pause(session, seconds, text)
            if ObjectClass.FAILED_BEFORE in waiting and not self._is_closed:
                session.caller.ask("replay", {})
            last = self._asked({**self._wishes, **self._since, "again": True, "run": self._run})
            times += 1
            still = still + 1 if _on_its_way(last) == waiting and not waiting.keys() & {*_WAIT_FOR} else 0
            # In a rehearsal somebody writes all the time.
            if not last.finished or still == _MAX_STILL or self._plan.frozen is None:
                break
        return last

    def _may_close(self, compared: Compared, frozen: datetime) -> bool:
        """Whether nothing is left that sending could mend, or that has to be proven while it can be mended; there is
        something in scope, and nothing of it was written after the freeze; and somebody agrees. Certify says which step
        helps."""
        dict_keys, written = counted_classes(compared).keys(), compared.last_written
        unproven = {object_class for object_class in UNPROVEN if object_class.title not in self._plan.accept}
        if dict_keys & (LACKING | COMING | unproven) or not written or written[0].at > timestamp(frozen + CLOCKS):
            self._session.say(_NOT_ANEW if self._is_closed else _NOT_YET)
            return False
        question = t("Close the project now, so that nothing is sent any more? [y/N]")
        may_close = self._plan.close or self._is_closed or self._session.agrees(question)
        if not may_close:
            self._session.say(_NOT_AGREED)
        return may_close

    def _close(self) -> Any:
        """Close the project with a mark of this run; return a GO that stands, if another run has come to one."""
        self._begin(t("Close the project, so that nothing is sent any more"))
        self._hint(_HINT_CLOSED if self._mark and self._mark.go else _HINT_GIVE_UP)
        answer = close.close(self._session, self._run, self._since)
        self._is_closed, go = True, self._standing(answer)
        self._mark = answer.closed if answer.closed and answer.closed.run == self._run else None
        self._end(self._mark is not None, t("closed since {since}", since=self._mark.since) if self._mark else None)
        if not self._mark and not go:
            self._session.say(t("Another cutover has closed the project meanwhile: leave it to that one."))
        return go

    def _oms_has_finished(self) -> bool:
        """Wait until OMS has nothing left to do, and its lists of what it failed to copy were looked at since; whether
        that is so, or was accepted. Certify says what else is to be done."""
        self._begin(t("Wait until OMS has finished"))
        session, began = self._session, self._session.clock.monotonic()
        while True:
            answer = session.ask(
                LookAnswer, "certify", {**self._since, **self._accepted, "look": True, "run": self._run}
            )
            if not answer.closed:
                self._end(False, t("somebody has opened the project"))
                return False
            checks = answer.checks
            waits = [check for check in checks if check.waits]
            if not waits or session.clock.monotonic() - began >= _MAX_OMS_SECONDS:
                break
            if not session.caller.let_pass(_OMS_SECONDS_IN_SANDBOX):
                pause(session, _OMS_SECONDS, t("{seen}. Asked again in {left}").filled(seen=waits[0].seen))
        lacks = [check.id for check in checks if check.result is not Result.PASSED]
        self._end(not lacks, same(", ".join(lacks)) if lacks else None)
        return not lacks

    def _stand_still(self) -> None:
        self._begin(t("Show that both buckets stand still"))
        # Times are in whole seconds, and it has to begin after what it is compared with has ended.
        self._session.clock.sleep(1.0)
        answer = self._work({"standstill": True, **_ANEW})
        self._end(answer.finished, None if answer.finished else _STOPPED.filled(why=answer.stopped))

    def _certified(self) -> Any:
        """The certificate; called again while that reads more of the sample. A rehearsal, which has not waited for OMS,
        waits here until its lists are read."""
        session, plan = self._session, self._plan
        session.screen.say(f"{t('Certify').of(session.lang)} …")
        asked = {} if plan.sample is None else {"sample": plan.sample}
        payload = {**self._since, **self._accepted, **asked, "run": self._run}
        session.screen.begin()
        read, began = -1, session.clock.monotonic()
        while True:
            document = session.caller.ask("certify", payload)
            certificate = tool_output.of(Certificate, document)
            sample, waits = certificate.sample, {check.id for check in certificate.checks if check.waits}
            has_time = not plan.frozen and session.clock.monotonic() - began < _MAX_LISTS_SECONDS
            # Where nothing more was read, calling again would not help.
            if sample and "SAMPLE" in waits and sample.read > read:
                read = sample.read
                session.progress(t("reading the sample: {read} of {drawn}", read=read, drawn=sample.drawn))
            elif "NOTHING_WAITS" in waits and has_time:
                pause(session, _LISTS_SECONDS, t("waiting until replay has read OMS's lists. Asked again in {left}"))
            else:
                return document

    def _hint(self, hint: Text) -> None:
        self._session.hint = hint.filled(options=self._plan.again)

    def _begin(self, name: Text) -> None:
        self._number += 1
        self._session.screen.say(f"{self._number}. {name.of(self._session.lang)} …")

    def _end(self, is_well: bool, *told: Text | None) -> None:
        word, tone = (t("done"), "good") if is_well else (t("look"), "open")
        after = "; ".join(text.of(self._session.lang) for text in told if text)
        self._session.screen.say(Marked("   ", word.of(self._session.lang), tone, f": {after}" if after else ""))


def _on_its_way(answer: CompareAnswer) -> dict[ObjectClass, int]:
    """How many objects of each class may yet be equal."""
    found = counted_classes(answer)
    return {
        object_class: max(found[object_class].source.objects, found[object_class].destination.objects)
        for object_class in _ON_ITS_WAY
        if object_class in found
    }


def _told(waiting: Mapping[ObjectClass, int]) -> list[str]:
    return [f"{object_class.title} {number:,}" for object_class, number in waiting.items()]
