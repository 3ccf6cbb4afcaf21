"""The steps of a cutover, or of its rehearsal: from the freeze of writes to the source bucket to a certificate.

The command closes the project, whose functions then submit no objects to OMS, only if submissions can solve no
remaining problem. Then it waits for OMS, and a standstill pass proves that the buckets have not changed since the
comparison. After an interruption, the same command continues from the current state.
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
from ops.functions.tool_output import DEPLOY_REMEDY, UNKNOWN_FORM_TEXT
from ops.report import jobs
from ops.report.comparison import counted_classes
from ops.session import Session, pause, run_pass
from ops.shell import sentence
from ops.show.lines import draw
from ops.terminal import MarkedLine
from oss_oms_sync.answers.certificate import Certificate
from oss_oms_sync.answers.finding import Result, Stop
from oss_oms_sync.answers.headers_answer import HeadersAnswer, HeadersMode
from oss_oms_sync.answers.job_answers import DoctorAnswer, LookAnswer, MarkWithGo, ReplayAnswer
from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, ComparisonResult
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated
from oss_oms_sync.rules.cutover import CHECKS
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW, MIN_OBJECT_AGE

# Seconds before each of the first rechecks of objects in progress, before each later recheck, and at most in all.
_RECHECK_SECONDS, _LATER_RECHECK_SECONDS, _MAX_RECHECK_SECONDS = 20.0, 60.0, 9000.0
_FIRST_RECHECKS = 3
# Seconds between two checks of OMS, which counts in steps of five minutes, and the maximum for all checks.
_OMS_SECONDS, _OMS_SECONDS_IN_SANDBOX, _MAX_OMS_SECONDS = 60.0, 300.0, 24_000.0
# Seconds between two checks of replay, whose timer reads OMS's lists every minute, and the maximum for all checks.
_REPLAY_CHECK_SECONDS, _MAX_REPLAY_SECONDS = 30.0, 180.0
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
    "The project is closed. To continue, run the same command again with {options}. To give up the"
    " cutover and open the project: {command}"
).filled(command=Step("open"))
_STOPPED_TEXT = t("stopped: {why}")

_MIGRATION_TEXT = t("The migration of the existing objects has not ended, so the project cannot be closed yet")
_NOT_CLOSED_TEXT = t("The project is not closed: some objects must first be repaired or proven equal.")
_HEADERS_LEFT_TEXT = t(
    "The project is not closed, because the pass that changes headers in OBS has not finished. Run the same"
    " command again."
)
_REFUSAL_TEXT = t(
    "The project is not closed, so the cutover cannot end in GO. Run the same command with --close, or run it"
    " in a terminal and agree to the close."
)
_CLOSED_BEFORE_TEXT = t(
    "The project has been closed since an earlier run. This run does not renew the close, because some objects"
    " must first be repaired or proven equal."
)


def require_sound_setup(session: Session, message: Text) -> None:
    """Run the job `doctor`. If the setup has faults, print them and raise CloudError with the text `message`."""
    answer = session.ask(DoctorAnswer, "doctor", {})
    if not answer.ok:
        for line in draw(jobs.doctor(answer, session.lang)):
            session.screen.print_line(line)
        raise CloudError(message, t("Correct the faults listed above, then run the command again"))


class Cutover:
    """One run of the command `cutover`: `run` takes the steps, and `act_on` does what the verdict requires.

    The mark is the object in the log bucket that closes the project. The run removes the mark only if a cutover wrote
    it, and no other command has changed it since.
    """

    def __init__(self, session: Session, plan: CutoverPlan) -> None:
        self._session = session
        self._plan = plan
        self._run = secrets.token_hex(8)
        self._compare_options = {"cutover": True, **({"deep": True} if plan.deep else {})}
        self._freeze_option = {"frozen_since": timestamp(plan.freeze_time)} if plan.freeze_time else {}
        self._accept_option = {"accept": dict(plan.accept)} if plan.accept else {}
        self._step_number = 0
        # The mark that this run may remove: that of a project closed by an earlier run or, after this run's close, its
        # own. None if the project was open, or if another run has closed it meanwhile.
        self._mark: MarkWithGo | None = None
        self._is_closed = False
        # True if the run uses an existing comparison.
        self._uses_existing_comparison = False

    def run(self) -> Any:
        """Take all steps, and return the certificate of this run, or of an earlier GO that is still in effect.

        Raises CloudError if the setup has a fault, or if OMS still migrates the existing objects.
        """
        session = self._session
        self._set_hint(t("The work continues in the cloud. Run the same command again with {options}"))
        # Certify refuses wrong options before the first step.
        answer = session.ask(LookAnswer, "certify", {**self._freeze_option, **self._accept_option, "look": True})
        self._mark, self._is_closed = answer.closed, answer.closed is not None
        if answer.migration:
            if self._plan.freeze_time:
                raise CloudError(_MIGRATION_TEXT, open_and_close.PROGRESS_STEP)
            session.print_text(_MIGRATION_TEXT, "open")
        go = self._find_sufficient_go(answer) or self._take_steps()
        if go:
            session.print_text(t("A GO is in effect, and the project has stayed closed since the GO: no step is left."))
        document = go or self._certify()
        session.hint = None
        return document

    def act_on(self, document: Any) -> None:
        """After a GO, remove the trigger of the function forward; open the project if objects must be submitted.

        After a rehearsal, do nothing. Raises ToolError if `document` is not a certificate.
        """
        if self._plan.freeze_time:
            open_and_close.act_on_certificate(self._session, _derive_certificate(document), self._mark)

    def _find_sufficient_go(self, answer: LookAnswer) -> Any:
        """Return the certificate of the GO in effect, or None if this run needs a new certificate.

        A rehearsal needs a new certificate, and so does a run that requests a new comparison or a larger sample.
        """
        plan = self._plan
        if answer.go is None or not plan.freeze_time or plan.restart or plan.deep:
            return None
        sample = _derive_certificate(answer.go).sample
        return answer.go if not plan.sample or (sample and sample.asked >= plan.sample) else None

    def _take_steps(self) -> Any:
        """Take the steps before the certificate.

        If another run has reached the verdict GO meanwhile, return the certificate of that run, otherwise None.
        """
        freeze_time = self._plan.freeze_time
        self._print_step(t("Check the setup"))
        require_sound_setup(self._session, t("The cutover did not start: the setup has faults"))
        self._print_result(True)
        self._run_replay()
        if freeze_time:
            self._wait_for_minimum_age(freeze_time)
        comparison = self._compare(restart=self._plan.restart)
        if not isinstance(comparison, ComparisonResult):
            return None
        if freeze_time is None:
            self._run_standstill_pass()
        if freeze_time is None or not self._change_headers() or not self._can_close(comparison, freeze_time):
            return None
        go = self._close()
        if go is None and self._mark and self._wait_for_oms():
            self._run_standstill_pass()
        return go

    def _run_replay(self) -> None:
        """Run replay, which resends failed objects, until no object is left or OMS accepts no further object."""
        self._print_step(t("Resend failed objects"))
        if self._is_closed:
            self._print_result(True, t("the project is already closed"))
            return
        while True:
            answer = self._session.ask(ReplayAnswer, "replay", {})
            if answer.is_successful or answer.stopped or not answer.accepted:
                stop_text = _STOPPED_TEXT.filled(why=answer.stopped) if answer.stopped else None
                self._print_result(answer.is_successful, jobs.replay_text(answer), stop_text)
                return

    def _wait_for_minimum_age(self, freeze_time: datetime) -> None:
        self._print_step(t("Wait for the last writes to settle"))
        minimum_age_time = freeze_time + MIN_OBJECT_AGE
        seconds = (minimum_age_time - self._session.clock.now()).total_seconds()
        pause(self._session, seconds, t("waiting until {until}, {left} left").filled(until=timestamp(minimum_age_time)))
        self._print_result(True, t("source frozen since {frozen}", frozen=timestamp(freeze_time)))

    def _compare(self, *, restart: bool) -> CompareAnswer:
        """Return the comparison since the freeze, or run a new comparison; then recheck objects in progress."""
        self._print_step(t("Compare both buckets"))
        prior_answer = self._find_comparison() if self._plan.freeze_time and not restart else None
        self._uses_existing_comparison = isinstance(prior_answer, ComparisonResult)
        answer = (
            prior_answer
            if prior_answer and self._uses_existing_comparison
            else self._run_pass({**self._compare_options, **({} if prior_answer else _RESTART_OPTIONS)})
        )
        if not isinstance(answer, ComparisonResult):
            self._print_result(False, _STOPPED_TEXT.filled(why=answer.stopped or answer.next))
            return answer
        counts_in_scope = [sides for name, sides in counted_classes(answer).items() if name in IN_SCOPE]
        counts = t(
            "{source:source object|source objects}, {destination} in OBS",
            source=sum(sides.source.objects for sides in counts_in_scope),
            destination=sum(sides.destination.objects for sides in counts_in_scope),
        )
        self._print_result(
            True,
            t("using the comparison begun at {began}", began=answer.started)
            if self._uses_existing_comparison
            else None,
            counts,
        )
        return self._recheck(answer)

    def _find_comparison(self) -> CompareAnswer | None:
        """Return the last comparison, even if it is unfinished, or None if a new comparison must begin.

        Reasons for a new comparison:

        - No comparison began after the freeze.
        - A standstill pass found changes since the comparison.
        - The comparison did not read contents, although `deep` is requested.
        - The source was empty: a recheck of an empty comparison would ignore later objects.
        """
        answer = self._ask_compare({**self._compare_options, **self._freeze_option, "look": True})
        lacks_contents = self._plan.deep and "deep" not in answer.wishes
        is_empty = isinstance(answer, ComparisonResult) and not answer.last_written
        return (
            answer if answer.pass_ and answer.stood_still is not False and not lacks_contents and not is_empty else None
        )

    def _ask_compare(self, payload: Payload) -> CompareAnswer:
        return tool_output.convert_compare_answer(self._session.caller.ask("compare", payload))

    def _run_pass(self, payload: Payload) -> CompareAnswer:
        return cast(CompareAnswer, run_pass(self._session, "compare", payload))

    def _recheck(self, comparison: ComparisonResult) -> CompareAnswer:
        """Recheck the differences until all are resolved, nothing changes any more, or the time is up.

        Return compare's last answer. If the comparison has too many keys for a recheck, or has become too old, compare
        both buckets from the start.
        """
        self._print_step(t("Recheck objects in progress"))
        answer: CompareAnswer = comparison
        problem, is_refusal = None, False
        try:
            answer = self._repeat_recheck(comparison)
        except FunctionError as error:
            problem, is_refusal = error.problem, error.error_type == FunctionError.REFUSAL
        if not answer.finished:
            problem = _STOPPED_TEXT.filled(why=answer.stopped or answer.next)
        if problem:
            self._print_result(False, problem)
            return (
                self._compare(restart=True)
                if not answer.finished or (is_refusal and self._uses_existing_comparison)
                else answer
            )
        pending_counts = _count_pending(answer)
        none_text = None if _count_pending(comparison) else t("no objects in progress")
        text = (
            t("still in progress: {waiting}", waiting=_describe_classes(pending_counts))
            if pending_counts
            else none_text
        )
        judged_text = None
        if isinstance(answer, ComparisonResult) and self._plan.freeze_time is None:
            number, total = answer.judged_and_total_counts
            judged_text = t("{number} of {total:object|objects} could be judged", number=number, total=total)
        self._print_result(not pending_counts, text, judged_text)
        return answer

    def _repeat_recheck(self, answer: CompareAnswer) -> CompareAnswer:
        """Recheck the differences until no object is pending, or rechecks change nothing; return the last answer.

        Recheck at least once, because objects may have been repaired or copied since the comparison.
        """
        session, unchanged_rechecks, rechecks = self._session, 0, 0
        session.screen.begin()
        start_seconds = session.clock.monotonic()
        while rechecks == 0 or (
            _count_pending(answer) and session.clock.monotonic() - start_seconds < _MAX_RECHECK_SECONDS
        ):
            pending_counts = _count_pending(answer)
            if pending_counts and not (self._uses_existing_comparison and rechecks == 0):
                seconds = _RECHECK_SECONDS if rechecks < _FIRST_RECHECKS else _LATER_RECHECK_SECONDS
                text = t("in progress: {waiting}. Recheck in {left}").filled(waiting=_describe_classes(pending_counts))
                pause(session, seconds, text)
            if ObjectClass.FAILED_BEFORE in pending_counts and not self._is_closed:
                session.caller.ask("replay", {})
            answer = self._ask_compare(
                {**self._compare_options, **self._freeze_option, "again": True, "run": self._run}
            )
            rechecks += 1
            unchanged_rechecks = (
                unchanged_rechecks + 1
                if _count_pending(answer) == pending_counts and not pending_counts.keys() & {*_WAITING_CLASSES}
                else 0
            )
            # In a rehearsal applications continue to write, so that new differences always appear.
            if not answer.finished or unchanged_rechecks == _MAX_UNCHANGED_RECHECKS or self._plan.freeze_time is None:
                break
        return answer

    def _change_headers(self) -> bool:
        """Change headers in OBS if a user has run the job `headers` before; return False if headers are left.

        After the freeze no source object changes, so a change is safe even if it changes LastModified in OBS.
        """
        session, payload = self._session, {"headers": HeadersMode.MEND.value}
        prior_answer = session.ask(HeadersAnswer, "compare", {**payload, "look": True})
        if prior_answer.pass_ is None or not HeadersMode(prior_answer.work).applies_to_cutovers or self._is_closed:
            return True
        self._print_step(t("Change headers in OBS"))
        try:
            answer = run_pass(session, "headers", {**payload, "cutover": True, **_RESTART_OPTIONS})
        except FunctionError as error:
            # The check METADATA decides, because the standstill pass checks the headers of every object.
            self._print_result(False, error.problem)
            return True
        if not isinstance(answer, HeadersAnswer) or not answer.finished:
            self._print_result(False, _STOPPED_TEXT.filled(why=answer.stopped or answer.next))
            is_allowed = answer.stop is not Stop.HEADERS
            if is_allowed:
                session.print_text(_HEADERS_LEFT_TEXT)
            return not is_allowed
        unsettled_count = sum(number for outcome, number in answer.outcomes.items() if not outcome.is_settled)
        self._print_result(
            not unsettled_count,
            t("the headers of {left:object|objects} were not changed", left=unsettled_count)
            if unsettled_count
            else None,
        )
        return True

    def _can_close(self, comparison: ComparisonResult, freeze_time: datetime) -> bool:
        """Return True if the project can be closed, and the user agrees.

        These cases prevent the close: a problem needs a submission or a proof first, no object is in scope, or an
        object was written after the freeze.
        """
        open_classes, last_written = counted_classes(comparison).keys() & _OPEN_CLASSES, comparison.last_written
        unproven_titles = {object_class.title for object_class in open_classes} - {*self._plan.accept}
        if unproven_titles or not last_written or last_written[0].at > timestamp(freeze_time + MAX_CLOCK_SKEW):
            self._session.print_text(_CLOSED_BEFORE_TEXT if self._is_closed else _NOT_CLOSED_TEXT)
            return False
        question = t("Close the project now? After the close, nothing is submitted to OMS. [y/N]")
        may_close = self._plan.close or self._is_closed or self._session.agrees(question)
        if not may_close:
            self._session.print_text(_REFUSAL_TEXT)
        return may_close

    def _close(self) -> Any:
        """Close the project with the mark of this run.

        If a GO of another run is in effect, return its certificate, otherwise None.
        """
        self._print_step(t("Close the project"))
        self._set_hint(_CLOSED_HINT if self._mark and self._mark.go else _GIVE_UP_HINT)
        answer = open_and_close.close(self._session, self._run, self._freeze_option)
        self._is_closed, go = True, self._find_sufficient_go(answer)
        self._mark = answer.closed if answer.closed and answer.closed.run == self._run else None
        self._print_result(
            self._mark is not None, t("closed since {since}", since=self._mark.since) if self._mark else None
        )
        if not self._mark and not go:
            self._session.print_text(
                t(
                    "Another command has closed the project. If it is another cutover, run that cutover's command"
                    " again. If the project was closed by hand, run this command again."
                )
            )
        return go

    def _wait_for_oms(self) -> bool:
        """Wait until OMS is idle, and until replay has then read OMS's lists of failures.

        Return False if a check still fails when the time is up, or if the project was opened meanwhile.
        """
        self._print_step(t("Wait until OMS has finished"))
        session, start_seconds = self._session, self._session.clock.monotonic()
        while True:
            answer = session.ask(
                LookAnswer, "certify", {**self._freeze_option, **self._accept_option, "look": True, "run": self._run}
            )
            if not answer.closed:
                self._print_result(False, t("another command has opened the project"))
                return False
            checks = answer.checks
            waiting_checks = [check for check in checks if check.waits]
            if not waiting_checks or session.clock.monotonic() - start_seconds >= _MAX_OMS_SECONDS:
                break
            if not session.caller.skip_time(_OMS_SECONDS_IN_SANDBOX):
                pause(
                    session, _OMS_SECONDS, t("{finding}. Next check in {left}").filled(finding=waiting_checks[0].actual)
                )
        unpassed_ids = [check.id for check in checks if check.result is not Result.PASSED]
        self._print_result(not unpassed_ids, untranslated(", ".join(unpassed_ids)) if unpassed_ids else None)
        return not unpassed_ids

    def _run_standstill_pass(self) -> None:
        self._print_step(t("Check that both buckets are unchanged"))
        # Times have whole seconds, and the standstill pass has to start after the end of the comparison.
        self._session.clock.sleep(1.0)
        answer = self._run_pass({"standstill": True, **_RESTART_OPTIONS})
        self._print_result(answer.finished, None if answer.finished else _STOPPED_TEXT.filled(why=answer.stopped))

    def _certify(self) -> Any:
        """Return the certificate; call certify again as long as each call reads more of the sample.

        A rehearsal has not waited for OMS before, so it waits here until replay has read OMS's lists of failures.
        """
        session, plan = self._session, self._plan
        session.screen.print_line(f"{t('Make the certificate').of(session.lang)} …")
        sample_option = {} if plan.sample is None else {"sample": plan.sample}
        payload = {**self._freeze_option, **self._accept_option, **sample_option, "run": self._run}
        session.screen.begin()
        read_objects, start_seconds = -1, session.clock.monotonic()
        while True:
            document = session.caller.ask("certify", payload)
            certificate = _derive_certificate(document)
            sample, waiting_ids = certificate.sample, {check.id for check in certificate.checks if check.waits}
            has_time = not plan.freeze_time and session.clock.monotonic() - start_seconds < _MAX_REPLAY_SECONDS
            # Another call helps only if the last call read more objects than the call before.
            if sample and "SAMPLE" in waiting_ids and sample.read > read_objects:
                read_objects = sample.read
                session.progress(t("reading the sample: {read} of {drawn}", read=read_objects, drawn=sample.drawn))
            elif "NOTHING_WAITS" in waiting_ids and has_time:
                pause(
                    session,
                    _REPLAY_CHECK_SECONDS,
                    t("waiting for replay to read OMS's lists of failed copies. Next check in {left}"),
                )
            else:
                return document

    def _set_hint(self, hint: Text) -> None:
        self._session.hint = hint.filled(options=self._plan.options_to_continue)

    def _print_step(self, name: Text) -> None:
        self._step_number += 1
        self._session.screen.print_line(f"{self._step_number}. {name.of(self._session.lang)} …")

    def _print_result(self, is_successful: bool, *texts: Text | None) -> None:
        word, tone = (t("done"), "good") if is_successful else (t("attention"), "open")
        suffix = "; ".join(sentence(text, self._session.lang) for text in texts if text)
        self._session.screen.print_line(
            MarkedLine("   ", word.of(self._session.lang), tone, f": {suffix}" if suffix else "")
        )


def _count_pending(answer: CompareAnswer) -> dict[ObjectClass, int]:
    """Return the number of objects, by class, that OMS, replay or a pass can still copy to OBS."""
    classes = counted_classes(answer)
    return {
        object_class: max(classes[object_class].source.objects, classes[object_class].destination.objects)
        for object_class in _PENDING_CLASSES
        if object_class in classes
    }


def _describe_classes(pending_counts: Mapping[ObjectClass, int]) -> list[str]:
    return [f"{object_class.title} {number:,}" for object_class, number in pending_counts.items()]


def _derive_certificate(document: Any) -> Certificate:
    """Return the certificate with the conclusions that follow from its facts, even if the document states others.

    Raises ToolError if the document is not a certificate.
    """
    certificate = read_certificate(document)
    if certificate is None:
        raise ToolError(UNKNOWN_FORM_TEXT, DEPLOY_REMEDY)
    return certificate
