"""The session of a command: it calls functions, prints, and waits for passes, which run in the cloud.

A pass is a walk of a job, such as `compare`, over all keys of a bucket, in several calls.
"""

from __future__ import annotations

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
from ops.shell import sentence
from ops.show import lines, page
from ops.terminal import MarkedLine, Screen, json_lines
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersAnswer
from oss_oms_sync.answers.pass_answers import CompareAnswer, PassAnswer, ReconcileAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t, untranslated

T = TypeVar("T")

# Maximum number of lines of a short status: the verdict, the next step, the backlog and its first reasons.
_MAX_SHORT_STATUS_LINES = 20
_OMITTED_LINES_TEXT = t("{n:more line|more lines}: {command}")

# Seconds between two requests for a pass's progress.
_QUERY_SECONDS = 15.0
_REDRAW_SECONDS = 1.0
# Number of calls of a stopped pass before the command gives up, and seconds before each.
_MAX_STOPPED_CALLS = 3
_RETRY_SECONDS = 30.0
# Reasons for a stop that another call cannot change.
_FINAL_STOP_REASONS = (Stop.CLOSED, Stop.TOO_LARGE, Stop.HEADERS)


@dataclass
class Session:
    """The dependencies of a command: the calls of functions, the terminal and the clock.

    `lang` is the user's language, "en" or "zh". `hint` is the advice to print after Ctrl-C, or None if no work
    continues in the cloud.
    """

    caller: Caller
    screen: Screen
    clock: WallClock
    lang: str
    hint: Text | None = None

    def ask(self, answer_type: type[T], job: str, payload: Payload) -> T:
        """Call the function of a job, and return its answer as the dataclass `answer_type`.

        Raises ToolError if the fields of the answer do not fit, and the errors of `Caller.ask` if the call fails.
        """
        return tool_output.convert_answer(answer_type, self.caller.ask(job, payload))

    def print_text(self, text: Text, tone: str = "") -> None:
        """Print a sentence in the user's language, in the colour of a tone such as "bad"."""
        self.screen.print_line(MarkedLine("", sentence(text, self.lang), tone))

    def progress(self, text: Text) -> None:
        self.screen.progress(sentence(text, self.lang))

    def agrees(self, question: Text) -> bool:
        return self.screen.agrees(sentence(question, self.lang))

    def require_word(self, question: Text, word: str, refusal_text: Text, no_terminal_remedy: Text) -> None:
        """Ask a question, and raise UsageError with `refusal_text` unless the user types `word` exactly.

        Without a terminal, the error's remedy is `no_terminal_remedy`.
        """
        if self.screen.interactive and self.screen.ask(sentence(question, self.lang)) == word:
            return
        # The end of input means that there is no user.
        remedy = t("To confirm, run the command again and type {word} in full", word=word)
        raise UsageError(refusal_text, remedy if self.screen.interactive else no_terminal_remedy)

    def show(self, options: Namespace, report: Report, value: object) -> None:
        """Print a report, or with the option --json its `value`; with the option --html, first write it as a web page.

        Raises UsageError if the page or the output cannot be written.
        """
        if options.html:
            self.write(options.html, page.draw(report))
        is_short = options.command == "status" and not options.in_full
        self.screen.answer(
            json_lines(value) if options.json else lines.draw(report),
            _MAX_SHORT_STATUS_LINES if is_short else None,
            lambda number: sentence(
                _OMITTED_LINES_TEXT.filled(n=number, command=Step("status", {"all": True})), self.lang
            ),
        )

    def write(self, file: Path, text: str) -> None:
        """Write a file and print its name. Raises UsageError if the write fails."""
        try:
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise unwritable_error(error) from None
        self.print_text(t("Written: {file}", file=file))


def check_writable(file: Path) -> None:
    """Raise UsageError if `file` cannot be written; a file that this check creates is removed."""
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.resolve().unlink()  # a symbolic link to the file remains
    except OSError as error:
        raise unwritable_error(error) from None


def unwritable_error(error: OSError) -> UsageError:
    return UsageError(untranslated(str(error)), t("Choose another output file"))


Answer = ReconcileAnswer | CompareAnswer | HeadersAnswer


def run_pass(session: Session, job: str, payload: Payload) -> Answer:
    """Call a job until its pass ends, and return the last answer.

    Give up in these cases:

    - The pass stops several times without progress.
    - The pass stops for a reason that another call cannot change.
    - Calls of other commands keep replacing the pass by newer passes.
    """
    scope = {name: value for name, value in payload.items() if name != "restart"}
    earlier_hint = session.hint
    # A command of several steps, such as cutover, has set its own hint.
    session.hint = earlier_hint or t(
        "{job} continues in the cloud. To follow its progress: {look}",
        job=job,
        look=Step(job, {**scope, "look": True}),
    )
    session.screen.begin()
    start_seconds = session.clock.monotonic()
    answer = _call(session, job, payload, start_seconds)
    attempts, superseded_count = 1, 0
    while not answer.finished:
        # A pass at its time limit is healthy.
        has_progress = answer.stop is Stop.TIME
        attempts = 1 if has_progress else attempts + 1
        # Two commands with different options would replace each other's pass again and again.
        superseded_count += answer.stop is Stop.SUPERSEDED
        if (
            attempts > _MAX_STOPPED_CALLS
            or superseded_count == _MAX_STOPPED_CALLS
            or answer.stop in _FINAL_STOP_REASONS
        ):
            break
        if not has_progress:
            session.print_text(
                t(
                    "{job} pauses: {why}. Next attempt in {seconds:.0f} seconds",
                    job=job,
                    why=answer.stopped or answer.next,
                    seconds=_RETRY_SECONDS,
                )
            )
            session.clock.sleep(_RETRY_SECONDS)
        answer = _call(session, job, scope, start_seconds)
    session.hint = earlier_hint
    return answer


def call_once(session: Session, job: str, payload: Payload) -> Answer:
    """Call a job once and return its answer; its pass may continue in the cloud."""
    session.screen.begin()
    return _call(session, job, payload, session.clock.monotonic())


def pause(session: Session, seconds: float, countdown: Text) -> None:
    """Wait for `seconds` and print `countdown` with the time left. In the sandbox, skip the time instead."""
    if seconds <= 0 or session.caller.skip_time(seconds):
        return
    end_seconds = session.clock.monotonic() + seconds
    while (seconds_left := end_seconds - session.clock.monotonic()) > 0:
        session.progress(countdown.filled(left=format_duration(seconds_left)))
        session.clock.sleep(min(1.0, seconds_left))


def _call(session: Session, job: str, payload: Payload, start_seconds: float) -> Answer:
    """Call a job and wait for its answer; meanwhile query and print the progress of its pass."""
    function = "compare" if job == "headers" else job
    call = start_call(lambda: session.caller.ask(function, payload))
    query = {**{name: value for name, value in payload.items() if name != "restart"}, "look": True}
    last_answer: PassAnswer | None = None
    last_query = session.clock.monotonic()
    while not wait([call], _REDRAW_SECONDS).done:
        now = session.clock.monotonic()
        if now - last_query >= _QUERY_SECONDS:
            last_answer = _query_progress(session, function, query) or last_answer
            last_query = session.clock.monotonic()
        progress = passes.progress_line(last_answer, session.lang)
        session.progress(
            t("{job} {time}: {how_far}", job=job, time=format_duration(now - start_seconds), how_far=progress)
        )
    answer = call.result()
    if job == "compare":
        return tool_output.convert_compare_answer(answer)
    return (
        tool_output.convert_answer(HeadersAnswer, answer)
        if job == "headers"
        else tool_output.convert_answer(ReconcileAnswer, answer)
    )


def start_call(ask: Callable[[], Any]) -> Future[Any]:
    """Call `ask` in a thread, and return at once; the caller polls the future for the result."""
    call = Future[Any]()

    def run_call() -> None:
        try:
            call.set_result(ask())
        except BaseException as error:
            call.set_exception(error)

    # A daemon, because the program does not wait for it after Ctrl-C.
    threading.Thread(target=run_call, daemon=True).start()
    return call


def _query_progress(session: Session, job: str, payload: Payload) -> PassAnswer | None:
    try:
        return session.ask(PassAnswer, job, payload)
    except OpsError:
        return None


def format_duration(seconds: float) -> str:
    """Format a duration in seconds like a stopwatch: 1:02:03 or 2:03."""
    minutes, whole_seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_seconds:02}" if hours else f"{minutes}:{whole_seconds:02}"
