"""Runs one command of the command line."""

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
from ops.checklist.checklist import checklist
from ops.clock import WallClock
from ops.clouds import keys
from ops.command_line import parser, verification
from ops.cost import estimate
from ops.cost.prices import Prices
from ops.cutover import close, cutover, freeze
from ops.errors import OpsError, ToolError, UntrustedError, UsageError
from ops.functions import call, tool_output
from ops.migrate.migration import migrate
from ops.report import cost_table, cutover_result, jobs, passes, status
from ops.report.blocks import Report
from ops.session import Session, check_writable, run_pass
from ops.setup.setup import setup
from ops.shell import TEMPLATE, Typed
from ops.terminal import Screen, Whole
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import DoctorAnswer, MarkAnswer, ReplayAnswer, StoryAnswer
from oss_oms_sync.answers.pass_answers import ReconcileAnswer
from oss_oms_sync.answers.status_answer import StatusAnswer
from oss_oms_sync.answers.text import t

FOLDER = Path(__file__).resolve().parents[2]
_INTERRUPTED = 130
# How many lines are shown of input in which there is no answer.
_TAIL = 15


class View(NamedTuple):
    """What an answer of one kind has, at least; how it is read, what it says, and which exit code it is; whether there
    is a `page` of it."""

    names: set[str]
    read: Callable[[Any], Any]
    report: Callable[..., Report]
    exit_code: Callable[[Any], int]
    page: bool = False


VIEWS = {
    "certificate": View(
        {"kind", "verdict", "checks", "sha256"},
        dict,  # a document is judged as it is
        cutover_result.report,
        cutover_result.exit_code,
        page=True,
    ),
    "closing": View({"closed", "next", "next_zh"}, partial(tool_output.of, MarkAnswer), jobs.mark, lambda _: 0),
    "status": View(
        {"verdict", "backlog"}, partial(tool_output.of, StatusAnswer), status.report, status.exit_code, page=True
    ),
    "story": View(
        {"key", "story", "next"},
        partial(tool_output.of, StoryAnswer),
        jobs.story,
        lambda answer: 0 if answer.well else 1,
    ),
    "doctor": View(
        {"ok", "checks"}, partial(tool_output.of, DoctorAnswer), jobs.doctor, lambda answer: 0 if answer.ok else 1
    ),
    "compare": View({"finished", "pass", "lag"}, tool_output.of_compare, passes.report, passes.exit_code),
    "reconcile": View(
        {"finished", "pass", "scanned"}, partial(tool_output.of, ReconcileAnswer), passes.report, passes.exit_code
    ),
    "replay": View(
        {"taken", "accepted", "left"},
        partial(tool_output.of, ReplayAnswer),
        jobs.replay,
        lambda answer: 0 if answer.is_well else 1,
    ),
}
# Options that are not of what a function is asked, and those with which a pass is one call.
_OF_EACH_COMMAND = {"command", "json", "lang", "html", "template", "in_full"}
_OF_ONE_CALL = {"look", "dry_run", "limit", "again"}


def program() -> int:
    """`main` as a process of its own: a terminal that is closed, or whoever ends it, stops it as Ctrl-C does, so that
    nothing stays that it has only while it runs."""
    for name in ("SIGHUP", "SIGTERM"):  # Windows has no SIGHUP, and nohup ignores it
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    return main()


def _stop(number: int, _: object) -> None:
    # A shell may say it twice, and once is enough.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None, clock: WallClock | None = None) -> int:
    """Run the command that `words` name, and return its exit code."""
    options = parser.parse(words)
    named = TEMPLATE.set(_other_than_s_yaml(options.template))
    caller = call.caller(options.template, FOLDER)
    clock = clock or WallClock(caller.ahead)
    session = Session(caller, Screen(clock), clock, options.lang)
    try:
        # Now, and not after an hour.
        for file in filter(None, map(vars(options).get, ("html", "out", "report"))):
            check_writable(file)
        return _COMMANDS[options.command](session, options)
    except OpsError as error:
        return _tell(session, error)
    except KeyboardInterrupt:
        session.say(t("Stopped."))
        if session.hint:
            session.screen.say(Whole(session.hint.of(session.lang)))
        return _INTERRUPTED
    finally:
        TEMPLATE.reset(named)
        session.caller.stop()


def _other_than_s_yaml(file: Path | None) -> str:
    """A file as it is named in the project's folder; empty for the one that the tool takes there by itself."""
    if file is None or file.resolve() == (FOLDER / "s.yaml").resolve():
        return ""
    whole = file.parent.resolve() / file.name
    return str(whole.relative_to(FOLDER) if whole.is_relative_to(FOLDER) else whole)


def _tell(session: Session, error: OpsError) -> int:
    for line in error.output:
        session.screen.say(f"| {line}")
    session.say(error.happened, "bad")
    session.screen.say(f"-> {error.fix.of(session.lang)}")
    return error.exit_code


def _show(session: Session, options: Namespace, answer: Any, kind: str, *known: object) -> int:
    """Show an answer, as text or JSON, and as a page if that is asked for; return the exit code. `known`: what else its
    report is told."""
    view = VIEWS[kind]
    if options.html and not view.page:
        raise UsageError(t("There is no web page of this answer"), t("Leave --html out"))
    if kind_of(answer) != kind:
        raise ToolError(tool_output.ANOTHER_FORM, tool_output.DEPLOY)
    found = view.read(answer)
    try:
        report, code = view.report(found, session.lang, *known), view.exit_code(found)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError):
        error = UntrustedError if kind == "certificate" else ToolError
        raise error(tool_output.ANOTHER_FORM, tool_output.DEPLOY) from None
    session.show(options, report, answer)
    return code


def kind_of(answer: Any) -> str:
    """Which job answers like that; empty for none."""
    if not isinstance(answer, Mapping):
        return ""
    return next((kind for kind, view in VIEWS.items() if view.names <= answer.keys()), "")


def _ask(session: Session, options: Namespace, job: str, kind: str) -> int:
    """One call of a job, which answers as one of this kind."""
    return _show(session, options, session.caller.ask(job, _payload(options)), kind)


def _pass(session: Session, options: Namespace, job: str) -> int:
    payload = _payload(options)
    is_one_call = payload.keys() & _OF_ONE_CALL
    answer = session.caller.ask(job, payload) if is_one_call else to_json(run_pass(session, job, payload))
    return _show(session, options, answer, job)


def _payload(options: Namespace) -> dict[str, Any]:
    """What is given of a command's own options, as the function takes it: by the same names."""
    given = {name: value for name, value in vars(options).items() if name not in _OF_EACH_COMMAND}
    return {name: value for name, value in given.items() if value is not None and value is not False}


def _cutover(session: Session, options: Namespace) -> int:
    if not options.out:
        check_writable(Path("certificate.json"))
    this = cutover.Cutover(session, freeze.plan(session, options))
    document = this.run()
    file = options.out or Path(cutover_result.file_name(document))
    session.write(file, json.dumps(document, indent=1) + "\n")
    try:
        return _show(session, options, document, "certificate", file)
    finally:  # also if the output cannot be written
        this.after(document)


def _close(session: Session, options: Namespace) -> int:
    return _show(session, options, to_json(close.close(session)), "closing")


def _open(session: Session, options: Namespace) -> int:
    return _show(session, options, to_json(close.open_by_hand(session, after_go=options.after_go)), "closing")


def _cost(session: Session, options: Namespace) -> int:
    prices = Prices(options.egress_price, options.obs_egress_price, options.oms_price)
    plan = estimate.Workload(options.objects, options.size, options.rate, options.lanes, options.sample, prices)
    found = estimate.estimate(plan)
    session.show(options, cost_table.report(plan, found, session.lang), found.to_json(plan))
    return 0


def _show_input(session: Session, options: Namespace) -> int:
    data = sys.stdin.buffer.read()
    # PowerShell writes UTF-16.
    given = data.decode(json.detect_encoding(data), "replace")
    answer = tool_output.read(given)
    kind = kind_of(answer)
    if not kind:
        # What the tool or the function said instead.
        raise UsageError(
            t("The input contains no answer that is known here"),
            t(
                "Give it an answer: {status} | {show}, or {show} < certificate.json",
                status=Typed("status", json=True),
                show=Typed("show"),
            ),
            given.splitlines()[-_TAIL:],
        )
    if kind == "certificate":
        verification.check_time(answer, session.clock.now())
    return _show(session, options, answer, kind)


_COMMANDS: dict[str, Callable[[Session, Namespace], int]] = {
    "doctor": partial(_ask, job="doctor", kind="doctor"),
    "status": partial(_ask, job="status", kind="status"),
    "story": partial(_ask, job="status", kind="story"),
    "replay": partial(_ask, job="replay", kind="replay"),
    "reconcile": partial(_pass, job="reconcile"),
    "compare": partial(_pass, job="compare"),
    "close": _close,
    "open": _open,
    "cutover": _cutover,
    "check": verification.check,
    "cost": _cost,
    "secrets": partial(keys.keep, folder=FOLDER),
    "canary": partial(canary, folder=FOLDER),
    "setup": partial(setup, folder=FOLDER),
    "migrate": partial(migrate, folder=FOLDER),
    "checklist": partial(checklist, folder=FOLDER),
    "show": _show_input,
}
