"""The program `python3 ops.py`: with and without a terminal, interrupted, and on Python without packages."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.command_line.arguments import COMMANDS
from support.ops import (
    DOCTOR_OK,
    OPS,
    REPLAY_ANSWER,
    TEMPLATE,
    StandInTool,
    compare_answer,
    invoke_output,
    missing_parts,
)
from support.process import allow_interrupts, start_process
from unit.ops.certificates import certificate

PROGRAM = [sys.executable, "-I", "-S", str(TEMPLATE / "ops.py")]
MAX_SECONDS = 60


@pytest.fixture
def environment(stand_in) -> dict[str, str]:
    return {"PATH": str(stand_in.folder), "LANG": "C.UTF-8", "TERM": "xterm", "PYTHONUTF8": "1"}


def run(environment, *words, program=PROGRAM, **options):
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        [*program, *words], env=environment, encoding="utf-8", timeout=MAX_SECONDS, check=False, **options
    )


class TerminalProgram:
    """A program that runs on a pseudo-terminal; `output` is the text that it has printed."""

    def __init__(self, environment, *words) -> None:
        self.output = ""
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.execve(PROGRAM[0], [*PROGRAM, *words], dict(environment))

    def read_until(self, text: str) -> None:
        end_time = time.monotonic() + MAX_SECONDS
        while text not in self.output and time.monotonic() < end_time:
            if not self._read():
                break
        assert text in self.output, self.output

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Read the remaining output; return the exit code."""
        while self._read():
            pass
        return self.close()

    def close(self) -> int:
        """Close the terminal, as a user closes a window; return the program's exit code."""
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], MAX_SECONDS)[0]:
            return False
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # on Linux, this error means that all writers have closed the terminal
            return False
        self.output += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def copy(tmp_path) -> Path:
    """Return the program `ops.py` in a copy of the code, which a test may change."""
    for folder in ("ops", "code"):
        shutil.copytree(TEMPLATE / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copy(TEMPLATE / "ops.py", tmp_path))


def test_ops_runs_on_python_without_packages_and_leaves_no_bytecode(environment, copy):
    result = run(environment, "--help", program=[*PROGRAM[:-1], str(copy)], cwd="/")
    assert result.returncode == 0
    assert {*COMMANDS} - {*re.findall(r"^    (\w+)\b", result.stdout, re.MULTILINE)} == set()
    assert list(copy.parent.rglob("__pycache__")) == []


def test_ops_runs_serverless_devs_in_the_projects_folder(environment, stand_in):
    (stand_in.folder / "s").write_text(f"#!/bin/sh\npwd > {stand_in.folder}/where\n")
    run(environment, "doctor")
    assert (stand_in.folder / "where").read_text().strip() == str(TEMPLATE)


PROGRESS_HINT = f"compare continues in the cloud. To follow its progress: {OPS} compare --deep --look"
LOOKED = {
    "closed": {"since": "2026-01-31T08:30:00Z", "by": "", "why": "", "run": "r", "go": ""},
    "go": None,
    "checks": [],
    "migration": None,
    "next": "",
    "next_zh": "",
}
CUTOVER_WORDS = (
    *("cutover", "--lang", "en", "--frozen-since", "2026-01-31T08:00:00Z"),
    *("--html", "page.html", "--out", "certificate.json"),
)


@pytest.fixture
def slow_tool(stand_in) -> StandInTool:
    """Let a pass take a minute; return the stand-in for the program `s` of Serverless Devs."""
    stand_in.plan({"compare invoke": {"seconds": 60, "out": invoke_output(compare_answer())}})
    return stand_in


def is_running(stand_in: StandInTool) -> bool:
    """Return True if a process runs the stand-in for the program `s` of Serverless Devs."""
    program_path = str(stand_in.folder / "s").encode()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        # A process can end meanwhile.
        with contextlib.suppress(OSError):
            if program_path in process.read_bytes().split(b"\0"):
                return True
    return False


def test_ctrl_c_prints_the_look_command_and_ends_serverless_devs(environment, slow_tool):
    with allow_interrupts():
        terminal = TerminalProgram(environment, "compare", "--deep")
    terminal.read_until("compare 0:0")
    terminal.read_until("starting")
    assert is_running(slow_tool)
    terminal.type("\x03")
    assert terminal.end() == 130
    # The terminal sends the signal before it shows ^C, so the command can print its lines earlier.
    assert terminal.output.replace("^C", "").splitlines()[-2:] == ["The command was stopped.", PROGRESS_HINT]
    assert not is_running(slow_tool)


def test_a_signal_makes_ops_print_the_look_command_without_a_terminal(environment, slow_tool):
    words = [*PROGRAM, "compare", "--deep"]
    with start_process(words, env=environment, stderr=subprocess.PIPE) as process:
        while not slow_tool.calls:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, output = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 130
    assert output.splitlines() == ["The command was stopped.", PROGRESS_HINT]
    assert not is_running(slow_tool)


def test_a_closed_terminal_stops_the_command_of_ops(environment, slow_tool):
    with allow_interrupts():
        terminal = TerminalProgram(environment, "compare", "--deep")
    terminal.read_until("starting")
    assert terminal.close() == 130
    assert not is_running(slow_tool)


def test_a_rehearsal_runs_on_a_terminal_in_chinese(environment, stand_in):
    # GIVEN an open project, whose certify function does not exist
    stand_in.plan(
        {
            'certify invoke -e {"look": true}': {"out": invoke_output({**LOOKED, "closed": None})},
            "doctor": {"out": invoke_output(DOCTOR_OK)},
            "replay": {"out": invoke_output(REPLAY_ANSWER)},
            "compare": {"out": invoke_output(compare_answer())},
            "certify": {"err": "FunctionNotFound", "code": 101},
        }
    )
    terminal = TerminalProgram({**environment, "LANG": "zh_CN.UTF-8"}, "cutover")
    for question, answer in (("源端从何时起停止写入？", "昨天\n"), ("不是带时区的时间", "r\n")):
        terminal.read_until(question)
        terminal.type(answer)
    assert terminal.end() == 1
    assert missing_parts(terminal.output, "3. 比对两侧的桶 …", "函数计算中没有函数 certify") == []
    jobs = [job for job, *_, event in stand_in.calls if "look" not in event]
    assert jobs == ["doctor", "replay", "compare", "compare", "compare", "certify"]


def run_into_closed_pipe(environment, folder: Path) -> tuple[int, str]:
    """Run a cutover whose reader is gone before anything is printed, as `head` can be; return the exit code."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start_process([*PROGRAM, *CUTOVER_WORDS], env=environment, cwd=folder, **pipes) as process:
        process.stdout.close()
        return process.wait(MAX_SECONDS), ""


def run_on_full_disk(environment, folder: Path) -> tuple[int, str]:
    """Run a cutover whose output the disk has no space for; return the exit code and the messages."""
    with Path("/dev/full").open("w") as full_disk:
        result = run(environment, *CUTOVER_WORDS, cwd=folder, stdout=full_disk)
    return result.returncode, "\n".join(result.stderr.splitlines()[-2:])


FULL_DISK_TEXT = (
    "The output could not be written: No space left on device\n-> Free disk space, or write the output to another place"
)


@pytest.mark.parametrize(
    ("run_cutover", "expected"),
    [
        (run_into_closed_pipe, (0, "")),
        pytest.param(
            run_on_full_disk,
            (2, FULL_DISK_TEXT),
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system"),
        ),
    ],
    ids=["closed pipe", "full disk"],
)
def test_a_cutover_saves_its_certificate_and_page_despite_a_closed_pipe(
    environment, stand_in, tmp_path, run_cutover, expected
):
    # GIVEN a standing GO
    stand_in.answers({**LOOKED, "go": certificate()})
    assert run_cutover(environment, tmp_path) == expected
    assert json.loads((tmp_path / "certificate.json").read_text())["verdict"] == "GO"
    assert " ops.py check certificate.json<" in (tmp_path / "page.html").read_text()
    assert stand_in.calls[-1][:4] == ["forward", "remove", "--trigger", "oss-content"]


@pytest.mark.parametrize(
    ("module", "line", "indent"),
    [
        ("cli", "from __future__ import annotations\n", ""),
        ("parser", "    words = sys.argv[1:] if words is None else words\n", "    "),
    ],
)
def test_ctrl_c_during_the_start_of_ops_prints_no_traceback(environment, copy, module, line, indent):
    # GIVEN a Ctrl-C before any command runs
    file = copy.parent / "ops" / "command_line" / f"{module}.py"
    file.write_text(file.read_text().replace(line, f"{line}{indent}raise KeyboardInterrupt\n", 1))
    result = run(environment, "status", program=[*PROGRAM[:-1], str(copy)])
    assert result.returncode == 130
    assert result.stdout == ""
    assert result.stderr == ""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_ops_prints_no_traceback_if_a_standard_stream_is_closed(environment, closed):
    words = [*PROGRAM, "cost", "--objects", "1M", "--size", "1TB"]
    result = run(environment, *words, program=["/bin/sh", "-c", f'"$@" {closed}', "sh"])
    assert "Traceback" not in result.stderr
    assert result.returncode == 0


def test_the_version_check_of_ops_runs_on_python_2():
    source = (TEMPLATE / "ops.py").read_text(encoding="utf-8")
    checked_code = source[: source.index("sys.version_info")]
    assert source.isascii()
    assert re.findall(r"^(?:from|import) .*", checked_code, re.MULTILINE) == ["import sys"]
