"""A cutover, or its rehearsal, from the freeze of the source bucket to the verdict GO or NO-GO.

Objects are submitted and judged while the project is open. The project is closed only when no remaining problem can be
solved by submitting objects. Two minutes after the close, no function submits objects any more. When OMS has finished
as well, a standstill pass lists both buckets again, and so proves that they are still as they were judged.

Each step can be repeated: after an interruption, or by another operator, the same command continues from the current
state. A cutover never opens the project merely because it has to wait.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from ops.certificate.check import read_certificate
from ops.clock import timestamp
from ops.cutover import open_and_close
from ops.cutover.freeze import CutoverPlan
from ops.errors import CloudError, FunctionError, ToolError
from ops.functions import tool_output
from ops.functions.call import Payload
from ops.functions.tool_output import DEPLOY, UNKNOWN_FORM
from ops.report import jobs
from ops.report.comparison import counted_classes
from ops.session import Session, pause, run_pass
from ops.shell import sentence
from ops.show.lines import draw
from ops.terminal import MarkedLine
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.finding import Result, Stop
from oss_oms_sync.answers.headers_answer import HeadersAnswer, HeadersWork
from oss_oms_sync.answers.job_answers import DoctorAnswer, LookAnswer, MarkWithGo, ReplayAnswer
from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, ComparisonResult
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW, MIN_OBJECT_AGE

# Seconds between rechecks of objects in progress: of the first rechecks, and of later ones; and the limit for all.
_RECHECK_SECONDS, _LATER_RECHECK_SECONDS, _MAX_RECHECK_SECONDS = 20.0, 60.0, 9000.0
_FIRST_RECHECKS = 3
# Seconds between two checks of OMS, which counts in steps of five minutes, and their limit.
_OMS_SECONDS, _OMS_SECONDS_IN_SANDBOX, _MAX_OMS_SECONDS = 60.0, 300.0, 24_000.0
# Replay's timer reads OMS's lists every minute.
_LISTS_SECONDS, _MAX_LISTS_SECONDS = 30.0, 180.0
# Number of rechecks without a change after which the wait ends, unless all remaining objects only need time.
_MAX_UNCHANGED_RECHECKS = 3
# Classes whose objects only need time, and classes whose objects OMS, replay or a pass can still copy to OBS.
_WAITING_CLASSES = (ObjectClass.MOVING, ObjectClass.ARRIVING, ObjectClass.IN_FLIGHT)
_PENDING_CLASSES = (*_WAITING_CLASSES, ObjectClass.FAILED_BEFORE, ObjectClass.MISSING, ObjectClass.OLDER)
# Classes that keep a cutover from closing the project while they have objects, unless the class is accepted by name.
_OPEN_CLASSES = {
    object_class for check in CHECKS.values() if check.keeps_project_open for object_class in check.classes
}
_RESTART_OPTIONS = {"restart": True}

_CLOSED_HINT = t("The project is closed. To continue, run the same command again with {options}")
_GIVE_UP_HINT = t(
    "The project is closed. To continue, run the same command again with {options}. To give up: {command}"
).filled(command=Step("open"))
_STOPPED_TEXT = t("stopped: {why}")

_MIGRATION_TEXT = t("The migration of the existing objects is not finished; no project can be closed before")
_NOT_CLOSED_TEXT = t("The project is not closed: some objects must be repaired or proven first.")
_HEADERS_LEFT = t("The project is not closed: headers in OBS are not finished. Run the same command again.")
_REFUSAL_TEXT = t(
    "The project is not closed, so the cutover cannot end in GO. Run the same command with --close, or in a terminal."
)
_CLOSED_BEFORE_TEXT = t(
    "The project was already closed and is not closed again: some objects must be repaired or proven first."
)


def check_set_up(session: Session, otherwise: Text) -> None:
    """Run doctor and print its findings; raise CloudError with the remedy `otherwise` if the setup has a fault."""
    answer = session.ask(DoctorAnswer, "doctor", {})
    if not answer.ok:
        for line in draw(jobs.doctor(answer, session.lang)):
            session.screen.print_line(line)
        raise CloudError(otherwise, t("Correct this, then run the command again"))


class Cutover:
    """A run of a cutover. It opens the project only if the mark of the closed project has the run's own id."""

    def __init__(self, session: Session, plan: CutoverPlan) -> None:
        self._session = session
        self._plan = plan
        self._run = secrets.token_hex(8)
        self._wishes = {"cutover": True, **({"deep": True} if plan.deep else {})}
        self._since = {"frozen_since": timestamp(plan.frozen)} if plan.frozen else {}
        self._accepted = {"accept": dict(plan.accept)} if plan.accept else {}
        self._number = 0
        # The mark of the closed project that this run may remove: an earlier mark or, after its close, its own. None if
        # the project was open, or if another run has closed it meanwhile.
        self._mark: MarkWithGo | None = None
        self._is_closed = False
        # True if the run uses an existing comparison.
        self._is_taken = False

    def run(self) -> Any:
        """Take all steps, and return the certificate of this run, or an earlier GO that is still valid.

        Raises CloudError if the setup has a fault, or during a migration of the existing objects. Raises the errors of
        calls.
        """
        session = self._session
        self._hint(t("The work continues in the cloud. Run the same command again with {options}"))
        # Certify refuses wrong options before the first step.
        answer = session.ask(LookAnswer, "certify", {**self._since, **self._accepted, "look": True})
        self._mark, self._is_closed = answer.closed, answer.closed is not None
        if answer.migration:
            if self._plan.frozen:
                raise CloudError(_MIGRATION_TEXT, open_and_close.PROGRESS_STEP)
            session.print_text(_MIGRATION_TEXT, "open")
        go = self._find_sufficient_go(answer) or self._take_steps()
        if go:
            session.print_text(t("A GO is in effect: the project has stayed closed since, and no step is left."))
        document = go or self._certify()
        session.hint = None
        return document

    def act_on(self, document: Any) -> None:
        """Act on the certificate: after a GO remove the trigger, or open the project if objects must be submitted.

        After a rehearsal, do nothing.
        """
        if self._plan.frozen:
            open_and_close.act_on_certificate(self._session, _derive_certificate(document), self._mark)

    def _find_sufficient_go(self, answer: LookAnswer) -> Any:
        """Return the GO in effect if it satisfies the options of this run, otherwise None.

        It does not if the options request a new comparison or a larger sample.
        """
        plan = self._plan
        if answer.go is None or not plan.frozen or plan.restart or plan.deep:
            return None
        sample = _derive_certificate(answer.go).sample
        return answer.go if not plan.sample or (sample and sample.asked >= plan.sample) else None

    def _take_steps(self) -> Any:
        """Take the steps before the certificate; return the GO of another run if it ends this run, otherwise None."""
        frozen = self._plan.frozen
        self._begin(t("Check the setup"))
        check_set_up(self._session, t("The cutover did not start: the setup has faults"))
        self._end(True)
        self._replay()
        if frozen:
            self._settle(frozen)
        compared = self._compare(restart=self._plan.restart)
        if not isinstance(compared, ComparisonResult):
            return None
        if frozen is None:
            self._stand_still()
        if frozen is None or not self._mend_headers() or not self._can_close(compared, frozen):
            return None
        go = self._close()
        if go is None and self._mark and self._wait_for_oms():
            self._stand_still()
        return go

    def _replay(self) -> None:
        """Run replay, which resends failed objects, as long as OMS accepts some of them."""
        self._begin(t("Resend failed objects"))
        if self._is_closed:
            self._end(True, t("the project is already closed"))
            return
        while True:
            answer = self._session.ask(ReplayAnswer, "replay", {})
            if answer.is_successful or answer.stopped or not answer.accepted:
                stopped = _STOPPED_TEXT.filled(why=answer.stopped) if answer.stopped else None
                self._end(answer.is_successful, jobs.replay_text(answer), stopped)
                return

    def _settle(self, frozen: datetime) -> None:
        """Wait until every object has the minimum age at which it can be judged."""
        self._begin(t("Wait for the last writes to settle"))
        until = frozen + MIN_OBJECT_AGE
        left = (until - self._session.clock.now()).total_seconds()
        pause(self._session, left, t("waiting until {until}, {left} to go").filled(until=timestamp(until)))
        self._end(True, t("source frozen since {frozen}", frozen=timestamp(frozen)))

    def _compare(self, *, restart: bool) -> CompareAnswer:
        """Use the comparison since the freeze, or run a new comparison; then recheck objects in progress."""
        self._begin(t("Compare both buckets"))
        prior = self._find_comparison() if self._plan.frozen and not restart else None
        self._is_taken = isinstance(prior, ComparisonResult)
        answer = (
            prior
            if prior and self._is_taken
            else self._run_pass({**self._wishes, **({} if prior else _RESTART_OPTIONS)})
        )
        if not isinstance(answer, ComparisonResult):
            self._end(False, _STOPPED_TEXT.filled(why=answer.stopped or answer.next))
            return answer
        in_scope = [sides for name, sides in counted_classes(answer).items() if name in IN_SCOPE]
        counts = t(
            "{source} source objects, {destination} in OBS",
            source=sum(sides.source.objects for sides in in_scope),
            destination=sum(sides.destination.objects for sides in in_scope),
        )
        self._end(True, t("comparison of {began}", began=answer.started) if self._is_taken else None, counts)
        return self._recheck(answer)

    def _find_comparison(self) -> CompareAnswer | None:
        """Return the comparison that began after the freeze, finished or open; None if a new comparison must begin.

        A new comparison must begin if there is none, if a standstill pass contradicted it, if it did not read contents
        although `deep` is requested, or if the source was empty (its result would ignore later objects).
        """
        answer = self._ask_compare({**self._wishes, **self._since, "look": True})
        lacks = self._plan.deep and "deep" not in answer.wishes
        is_empty = isinstance(answer, ComparisonResult) and not answer.last_written
        return answer if answer.pass_ and answer.stood_still is not False and not lacks and not is_empty else None

    def _ask_compare(self, payload: Payload) -> CompareAnswer:
        return tool_output.convert_compare_answer(self._session.caller.ask("compare", payload))

    def _run_pass(self, payload: Payload) -> CompareAnswer:
        return cast(CompareAnswer, run_pass(self._session, "compare", payload))

    def _recheck(self, compared: ComparisonResult) -> CompareAnswer:
        """Recheck the differences until all are resolved, nothing changes any more, or the time is up.

        Return compare's last answer. If the comparison has too many keys for a recheck, or has become too old, compare
        both buckets from the start.
        """
        self._begin(t("Recheck objects in progress"))
        last: CompareAnswer = compared
        problem, is_refused = None, False
        try:
            last = self._repeat_recheck(compared)
        except FunctionError as error:
            problem, is_refused = error.happened, error.kind == FunctionError.REFUSAL
        if not last.finished:
            problem = _STOPPED_TEXT.filled(why=last.stopped or last.next)
        if problem:
            self._end(False, problem)
            return self._compare(restart=True) if not last.finished or (is_refused and self._is_taken) else last
        waiting = _count_pending(last)
        nothing = None if _count_pending(compared) else t("no objects in progress")
        text = t("left: {waiting}", waiting=_describe_classes(waiting)) if waiting else nothing
        judged = None
        if isinstance(last, ComparisonResult) and self._plan.frozen is None:
            number, total = last.judged_counts
            judged = t("{number} of {total:object|objects} could be judged", number=number, total=total)
        self._end(not waiting, text, judged)
        return last

    def _repeat_recheck(self, last: CompareAnswer) -> CompareAnswer:
        """Recheck until all differences are resolved, or until nothing changes.

        Recheck at least once, because objects may have been repaired or copied meanwhile.
        """
        session, still, times = self._session, 0, 0
        session.screen.begin()
        began = session.clock.monotonic()
        while times == 0 or (_count_pending(last) and session.clock.monotonic() - began < _MAX_RECHECK_SECONDS):
            waiting = _count_pending(last)
            if waiting and not (self._is_taken and times == 0):
                seconds = _RECHECK_SECONDS if times < _FIRST_RECHECKS else _LATER_RECHECK_SECONDS
                text = t("in progress: {waiting}. Recheck in {left}").filled(waiting=_describe_classes(waiting))
                pause(session, seconds, text)
            if ObjectClass.FAILED_BEFORE in waiting and not self._is_closed:
                session.caller.ask("replay", {})
            last = self._ask_compare({**self._wishes, **self._since, "again": True, "run": self._run})
            times += 1
            still = still + 1 if _count_pending(last) == waiting and not waiting.keys() & {*_WAITING_CLASSES} else 0
            # In a rehearsal applications continue to write, so that new differences always appear.
            if not last.finished or still == _MAX_UNCHANGED_RECHECKS or self._plan.frozen is None:
                break
        return last

    def _mend_headers(self) -> bool:
        """Change headers in OBS if the job `headers` was run before; return False if headers are left.

        After the freeze no source object changes, so that this is safe even if a change moves LastModified in OBS.
        """
        session, payload = self._session, {"headers": HeadersWork.MEND.value}
        prior = session.ask(HeadersAnswer, "compare", {**payload, "look": True})
        if prior.pass_ is None or not HeadersWork(prior.work).applies_to_cutovers or self._is_closed:
            return True
        self._begin(t("Change headers in OBS"))
        try:
            answer = run_pass(session, "headers", {**payload, "cutover": True, **_RESTART_OPTIONS})
        except FunctionError as error:
            # The check METADATA decides about headers, by a sample.
            self._end(False, error.happened)
            return True
        if not isinstance(answer, HeadersAnswer) or not answer.finished:
            self._end(False, _STOPPED_TEXT.filled(why=answer.stopped or answer.next))
            is_allowed = answer.stop is not Stop.HEADERS
            if is_allowed:
                session.print_text(_HEADERS_LEFT)
            return not is_allowed
        left = sum(number for outcome, number in answer.outcomes.items() if not outcome.is_settled)
        self._end(not left, t("{left:object is|objects are} unchanged", left=left) if left else None)
        return True

    def _can_close(self, compared: ComparisonResult, frozen: datetime) -> bool:
        """Return True if the project can be closed, and the user agrees.

        It cannot while a problem remains that a submission can solve or that needs a proof before the close, while the
        scope is empty, or if an object was written after the freeze. The certificate then has the remedy.
        """
        left, written = counted_classes(compared).keys() & _OPEN_CLASSES, compared.last_written
        unproven = {object_class.title for object_class in left} - {*self._plan.accept}
        if unproven or not written or written[0].at > timestamp(frozen + MAX_CLOCK_SKEW):
            self._session.print_text(_CLOSED_BEFORE_TEXT if self._is_closed else _NOT_CLOSED_TEXT)
            return False
        question = t("Close the project now? Nothing is submitted after that. [y/N]")
        may_close = self._plan.close or self._is_closed or self._session.agrees(question)
        if not may_close:
            self._session.print_text(_REFUSAL_TEXT)
        return may_close

    def _close(self) -> Any:
        """Close the project with the mark of this run; return another run's GO if one is in effect, else None."""
        self._begin(t("Close the project"))
        self._hint(_CLOSED_HINT if self._mark and self._mark.go else _GIVE_UP_HINT)
        answer = open_and_close.close(self._session, self._run, self._since)
        self._is_closed, go = True, self._find_sufficient_go(answer)
        self._mark = answer.closed if answer.closed and answer.closed.run == self._run else None
        self._end(self._mark is not None, t("closed since {since}", since=self._mark.since) if self._mark else None)
        if not self._mark and not go:
            self._session.print_text(t("Another cutover closed the project meanwhile. Continue there."))
        return go

    def _wait_for_oms(self) -> bool:
        """Wait until OMS is idle, and replay has read its lists since; return True if so, or if accepted by name."""
        self._begin(t("Wait until OMS has finished"))
        session, began = self._session, self._session.clock.monotonic()
        while True:
            answer = session.ask(
                LookAnswer, "certify", {**self._since, **self._accepted, "look": True, "run": self._run}
            )
            if not answer.closed:
                self._end(False, t("the project was opened"))
                return False
            checks = answer.checks
            waits = [check for check in checks if check.waits]
            if not waits or session.clock.monotonic() - began >= _MAX_OMS_SECONDS:
                break
            if not session.caller.let_pass(_OMS_SECONDS_IN_SANDBOX):
                pause(session, _OMS_SECONDS, t("{finding}. Next check in {left}").filled(finding=waits[0].actual))
        lacks = [check.id for check in checks if check.result is not Result.PASSED]
        self._end(not lacks, untranslated(", ".join(lacks)) if lacks else None)
        return not lacks

    def _stand_still(self) -> None:
        self._begin(t("Check that both buckets are unchanged"))
        # Times have whole seconds, and the standstill pass has to start after the end of the comparison.
        self._session.clock.sleep(1.0)
        answer = self._run_pass({"standstill": True, **_RESTART_OPTIONS})
        self._end(answer.finished, None if answer.finished else _STOPPED_TEXT.filled(why=answer.stopped))

    def _certify(self) -> Any:
        """Return the certificate; call certify again as long as each call reads more of the sample.

        A rehearsal has not waited for OMS, so it waits here until replay has read OMS's lists.
        """
        session, plan = self._session, self._plan
        session.screen.print_line(f"{t('Make the certificate').of(session.lang)} …")
        asked = {} if plan.sample is None else {"sample": plan.sample}
        payload = {**self._since, **self._accepted, **asked, "run": self._run}
        session.screen.begin()
        read, began = -1, session.clock.monotonic()
        while True:
            document = session.caller.ask("certify", payload)
            certificate = _derive_certificate(document)
            sample, waits = certificate.sample, {check.id for check in certificate.checks if check.waits}
            has_time = not plan.frozen and session.clock.monotonic() - began < _MAX_LISTS_SECONDS
            # Another call helps only if the last call read more objects than the call before.
            if sample and "SAMPLE" in waits and sample.read > read:
                read = sample.read
                session.progress(t("reading the sample: {read} of {drawn}", read=read, drawn=sample.drawn))
            elif "NOTHING_WAITS" in waits and has_time:
                pause(session, _LISTS_SECONDS, t("waiting for replay to read OMS's lists. Next check in {left}"))
            else:
                return document

    def _hint(self, hint: Text) -> None:
        self._session.hint = hint.filled(options=self._plan.again)

    def _begin(self, name: Text) -> None:
        self._number += 1
        self._session.screen.print_line(f"{self._number}. {name.of(self._session.lang)} …")

    def _end(self, is_well: bool, *details: Text | None) -> None:
        word, tone = (t("done"), "good") if is_well else (t("look"), "open")
        after = "; ".join(sentence(text, self._session.lang) for text in details if text)
        self._session.screen.print_line(
            MarkedLine("   ", word.of(self._session.lang), tone, f": {after}" if after else "")
        )


def _count_pending(answer: CompareAnswer) -> dict[ObjectClass, int]:
    """Return the number of objects that may still become equal, by class."""
    classes = counted_classes(answer)
    return {
        object_class: max(classes[object_class].source.objects, classes[object_class].destination.objects)
        for object_class in _PENDING_CLASSES
        if object_class in classes
    }


def _describe_classes(waiting: Mapping[ObjectClass, int]) -> list[str]:
    return [f"{object_class.title} {number:,}" for object_class, number in waiting.items()]


def _derive_certificate(document: Any) -> Certificate:
    """Return the certificate with its conclusions derived from its own facts, whatever its verdict says.

    Raises ToolError if the document has another form.
    """
    certificate = read_certificate(document)
    if certificate is None:
        raise ToolError(UNKNOWN_FORM, DEPLOY)
    return certificate
