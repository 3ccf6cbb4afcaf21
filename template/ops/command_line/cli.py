"""The program ops.py, which runs a command and prints the answer of the called function."""

from __future__ import annotations

import json
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ops.canary.run import canary
from ops.certificate.check import exit_code
from ops.checklist.checklist import checklist
from ops.clock import WallClock
from ops.clouds import keys
from ops.command_line import parser, verification
from ops.cost import estimate
from ops.cost.prices import Prices
from ops.cutover import cutover, freeze, open_and_close
from ops.deletions.deletions import deletions
from ops.errors import OpsError, ToolError, UntrustedError, UsageError
from ops.exit_codes import ExitCode
from ops.fleet import metrics
from ops.fleet.fleet import fleet
from ops.fleet.overview import Member, StatusOverview
from ops.functions import call, tool_output
from ops.migrate.migration import migrate
from ops.report import cost_table, cutover_result, headers, jobs, passes, status
from ops.report.blocks import Report
from ops.session import Session, check_writable, run_pass
from ops.setup.setup import setup
from ops.shell import SETTINGS_FILE, sentence
from ops.terminal import Screen, UnwrappedLine
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.headers_answer import HeadersAnswer
from oss_oms_sync.answers.job_answers import DoctorAnswer, MarkAnswer, ReplayAnswer, StoryAnswer
from oss_oms_sync.answers.pass_answers import ReconcileAnswer
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t

FOLDER = Path(__file__).resolve().parents[2]
# Maximum number of lines to print of an input that has no answer in it.
_MAX_TAIL_LINES = 15


class AnswerView(NamedTuple):
    """The functions that parse a kind of answer, make the report on it, and return its exit code.

    - `names` are the names of fields that only this kind has.
    - `has_page` is True if the answer can be written as a web page.
    """

    names: set[str]
    parse: Callable[[Any], Any]
    report: Callable[..., Report]
    exit_code: Callable[[Any], ExitCode]
    has_page: bool = False


ANSWER_VIEWS = {
    "certificate": AnswerView(
        {"kind", "verdict", "checks", "sha256"},
        dict,  # a certificate is checked as the unchanged document
        cutover_result.report,
        exit_code,
        has_page=True,
    ),
    "closing": AnswerView(
        {"closed", "next", "next_zh"}, partial(tool_output.convert_answer, MarkAnswer), jobs.mark, lambda _: ExitCode.OK
    ),
    "status": AnswerView(
        {"verdict", "backlog"},
        partial(tool_output.convert_answer, StatusAnswer),
        status.report,
        status.exit_code,
        has_page=True,
    ),
    "story": AnswerView(
        {"key", "story", "next"},
        partial(tool_output.convert_answer, StoryAnswer),
        jobs.story,
        lambda answer: ExitCode.OK if answer.well else ExitCode.FAILED,
    ),
    "doctor": AnswerView(
        {"ok", "checks"},
        partial(tool_output.convert_answer, DoctorAnswer),
        jobs.doctor,
        lambda answer: ExitCode.OK if answer.ok else ExitCode.FAILED,
    ),
    "compare": AnswerView(
        {"finished", "pass", "lag"}, tool_output.convert_compare_answer, passes.report, passes.exit_code
    ),
    "reconcile": AnswerView(
        {"finished", "pass", "scanned"},
        partial(tool_output.convert_answer, ReconcileAnswer),
        passes.report,
        passes.exit_code,
    ),
    "headers": AnswerView(
        {"finished", "outcomes", "work"},
        partial(tool_output.convert_answer, HeadersAnswer),
        headers.report,
        headers.exit_code,
    ),
    "replay": AnswerView(
        {"taken", "accepted", "left"},
        partial(tool_output.convert_answer, ReplayAnswer),
        jobs.replay,
        lambda answer: ExitCode.OK if answer.is_successful else ExitCode.FAILED,
    ),
}
# Options that are not sent to functions. With a single-call option, a pass is not repeated until its end.
_SHARED_OPTIONS = {"command", "json", "lang", "html", "template", "in_full", "prometheus"}
_SINGLE_CALL_OPTIONS = {"look", "dry_run", "limit", "again"}


def program() -> int:
    """Run `main` as a process, in which SIGTERM or a closed terminal acts like Ctrl-C.

    A stopped command still removes its temporary resources.
    """
    for name in ("SIGHUP", "SIGTERM"):  # Windows has no SIGHUP, and nohup ignores it
        signal_number = getattr(signal, name, None)
        if signal_number and signal.getsignal(signal_number) is signal.SIG_DFL:
            signal.signal(signal_number, _interrupt)
    return main()


def _interrupt(signal_number: int, _: object) -> None:
    # A shell may send the signal twice.
    signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None, clock: WallClock | None = None) -> int:
    """Run the command in `words`, or in the process's own command line, and return its exit code."""
    options = parser.parse(words)
    settings_file_token = SETTINGS_FILE.set(_settings_file_name(options.template))
    caller = call.caller(options.template, FOLDER)
    clock = clock or WallClock(caller.skipped_seconds)
    session = Session(caller, Screen(clock), clock, options.lang)
    try:
        # Files are checked at the start, because a command may take an hour before it writes them.
        for file in filter(None, map(vars(options).get, ("html", "out", "report", "prometheus"))):
            check_writable(file)
        return _COMMANDS[options.command](session, options)
    except OpsError as error:
        return _report_error(session, error)
    except KeyboardInterrupt:
        session.print_text(t("The command was stopped."))
        if session.hint:
            session.screen.print_line(UnwrappedLine(sentence(session.hint, session.lang)))
        return ExitCode.STOPPED
    finally:
        SETTINGS_FILE.reset(settings_file_token)
        session.caller.stop()


def _settings_file_name(file: Path | None) -> str:
    """Return the path of the file that replaces s.yaml, or "" for s.yaml itself.

    The path is relative if the file is in the project's folder.
    """
    if file is None or file.resolve() == (FOLDER / "s.yaml").resolve():
        return ""
    path = file.parent.resolve() / file.name
    return str(path.relative_to(FOLDER) if path.is_relative_to(FOLDER) else path)


def _report_error(session: Session, error: OpsError) -> int:
    for line in error.output:
        session.screen.print_line(f"| {line}")
    session.print_text(error.problem, "bad")
    session.screen.print_line(f"-> {sentence(error.fix, session.lang)}")
    return error.exit_code


def _print_answer(session: Session, options: Namespace, answer: Any, kind: str, *details: object) -> int:
    """Print an answer as text or JSON, and write its web page if requested; return the exit code.

    `details` are further arguments of the function that makes the report of this kind of answer.
    """
    view = ANSWER_VIEWS[kind]
    if options.html and not view.has_page:
        raise UsageError(t("This result has no web page"), t("Omit --html"))
    if recognize_answer(answer) != kind:
        raise ToolError(tool_output.UNKNOWN_FORM_TEXT, tool_output.DEPLOY_REMEDY)
    parsed_answer = view.parse(answer)
    try:
        report, code = view.report(parsed_answer, session.lang, *details), view.exit_code(parsed_answer)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError):
        error = UntrustedError if kind == "certificate" else ToolError
        raise error(tool_output.UNKNOWN_FORM_TEXT, tool_output.DEPLOY_REMEDY) from None
    session.show(options, report, answer)
    return code


def recognize_answer(answer: Any) -> str:
    """Return the kind of an answer, a key of ANSWER_VIEWS, or "" if no function gives such an answer."""
    if not isinstance(answer, Mapping):
        return ""
    return next((kind for kind, view in ANSWER_VIEWS.items() if view.names <= answer.keys()), "")


def _run_job(session: Session, options: Namespace, job: str, kind: str) -> int:
    return _print_answer(session, options, session.caller.ask(job, _make_payload(options)), kind)


def _run_status(session: Session, options: Namespace) -> int:
    """Call status, and write the project's metrics if requested, even if there is no answer."""
    overview = None
    try:
        answer = session.caller.ask("status", _make_payload(options))
        overview = tool_output.convert_answer(StatusOverview, answer)
    finally:
        if options.prometheus:
            metrics.write(options.prometheus, [Member(FOLDER.name, FOLDER, overview)])
    return _print_answer(session, options, answer, "status")


def _run_pass_job(session: Session, options: Namespace, job: str) -> int:
    payload = _make_payload(options)
    is_single_call = payload.keys() & _SINGLE_CALL_OPTIONS
    answer = session.caller.ask(job, payload) if is_single_call else to_json(run_pass(session, job, payload))
    return _print_answer(session, options, answer, job)


def _run_headers(session: Session, options: Namespace) -> int:
    """Compare, change or restore headers in OBS, by calling compare's function; return the exit code."""
    pass_options = _make_payload(options)
    mode = "look" if pass_options.pop("dry_run", False) else "undo" if pass_options.pop("undo", False) else "mend"
    payload = {"headers": mode, **pass_options}
    if options.look:
        return _print_answer(session, options, session.caller.ask("compare", payload), "headers")
    session.hint = t(
        "{job} continues in the cloud. To follow its progress: {look}",
        job="headers",
        look=Step("headers", {**pass_options, "look": True}),
    )
    return _print_answer(session, options, to_json(run_pass(session, "headers", payload)), "headers")


def _make_payload(options: Namespace) -> dict[str, Any]:
    """Return the payload of a function: the options of its command that have a value."""
    sent_options = {name: value for name, value in vars(options).items() if name not in _SHARED_OPTIONS}
    return {name: value for name, value in sent_options.items() if value is not None and value is not False}


def _run_cutover(session: Session, options: Namespace) -> int:
    if not options.out:
        check_writable(Path("certificate.json"))
    cutover_run = cutover.Cutover(session, freeze.make_plan(session, options))
    document = cutover_run.run()
    file = options.out or Path(cutover_result.file_name(document))
    session.write(file, json.dumps(document, indent=1) + "\n")
    try:
        return _print_answer(session, options, document, "certificate", file)
    finally:  # also if the output cannot be written
        cutover_run.act_on(document)


def _run_close(session: Session, options: Namespace) -> int:
    return _print_answer(session, options, to_json(open_and_close.close(session)), "closing")


def _run_open(session: Session, options: Namespace) -> int:
    return _print_answer(
        session, options, to_json(open_and_close.open_by_hand(session, after_go=options.after_go)), "closing"
    )


def _run_cost(session: Session, options: Namespace) -> int:
    # A price that the user gives applies by night as well, unless the user also gives a price by night.
    default_night_price = Prices().night_egress if options.egress_price == Prices().egress else options.egress_price
    night_price = default_night_price if options.night_price is None else options.night_price
    prices = Prices(options.egress_price, options.obs_egress_price, options.oms_price, night_price)
    workload = estimate.Workload(options.objects, options.size, options.rate, options.lanes, options.sample, prices)
    costs = estimate.estimate(workload)
    session.show(options, cost_table.report(workload, costs, session.lang), costs.to_json(workload))
    return 0


def _run_show(session: Session, options: Namespace) -> int:
    data = sys.stdin.buffer.read()
    # PowerShell writes UTF-16.
    text = data.decode(json.detect_encoding(data), "replace")
    answer = tool_output.read(text)
    kind = recognize_answer(answer)
    if not kind:
        # The error includes the end of the input, where the failure of a tool or of a function may be.
        raise UsageError(
            t("The input contains no known result"),
            t(
                "Pass a result: {status} | {show}, or {show} < certificate.json",
                status=Step("status", {"json": True}),
                show=Step("show"),
            ),
            text.splitlines()[-_MAX_TAIL_LINES:],
        )
    if kind == "certificate":
        verification.check_time(answer, session.clock.now())
    return _print_answer(session, options, answer, kind)


_COMMANDS: dict[str, Callable[[Session, Namespace], int]] = {
    "doctor": partial(_run_job, job="doctor", kind="doctor"),
    "status": _run_status,
    "fleet": fleet,
    "story": partial(_run_job, job="status", kind="story"),
    "replay": partial(_run_job, job="replay", kind="replay"),
    "reconcile": partial(_run_pass_job, job="reconcile"),
    "compare": partial(_run_pass_job, job="compare"),
    "headers": _run_headers,
    "close": _run_close,
    "open": _run_open,
    "cutover": _run_cutover,
    "check": verification.check,
    "cost": _run_cost,
    "secrets": partial(keys.store_secrets, folder=FOLDER),
    "canary": partial(canary, folder=FOLDER),
    "setup": partial(setup, folder=FOLDER),
    "migrate": partial(migrate, folder=FOLDER),
    "checklist": partial(checklist, folder=FOLDER),
    "deletions": deletions,
    "show": _run_show,
}
