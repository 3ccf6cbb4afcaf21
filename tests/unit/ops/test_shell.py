"""Printed commands, whose object keys reach a program unchanged through a shell."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextvars import ContextVar

import pytest

from ops import shell
from ops.command_line import parser
from ops.command_line.arguments import COMMANDS
from ops.shell import command
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t
from support.ops import NASTY, OPS

KEYS = [
    "a/照片 +%.jpg",
    '-a\'$(echo no)`echo no` "片"',
    "--overwrite",
    "a\\u0041\\",
    "~/x;y&z|w#{}[]*?!",
    "@babel/core/index.js",
    "x\u2019; calc; \u2018y\u201a.\u201btxt",
    NASTY,
    "\u202e\ud800",
    "",
]


def run_in_posix_shell(line: str) -> list[str]:
    """Return the arguments that a program receives from a POSIX shell."""
    process = subprocess.run(["/bin/sh", "-c", f'set -- {line}; printf "%s\\0" "$@"'], capture_output=True, check=True)
    return process.stdout.decode().split("\0")[:-1]


def parse_as_powershell(line: str) -> list[str]:
    """Return the arguments that a program receives from PowerShell.

    PowerShell accepts five characters as single quotes, which enclose text without special characters; two of them
    stand for the first (about_Quoting_Rules; CharExtensions.IsSingleQuote). Unquoted text must not contain a character
    that PowerShell acts on, nor begin with its splatting operator. Windows PowerShell drops double quotes before a
    program receives the arguments.
    """
    quote = "['\u2018\u2019\u201a\u201b]"
    words = re.findall(rf"'(?:[^{quote[1:]}|{quote}{quote})*'|[^' ]+", line)
    assert " ".join(words) == line
    assert all(word.startswith("'") or re.fullmatch(r"[\w./:=+-][\w./:=@+-]*", word, re.ASCII) for word in words)
    assert '"' not in line
    return [re.sub(f"({quote}){quote}", r"\1", word[1:-1]) if word.startswith("'") else word for word in words]


@pytest.mark.parametrize(
    ("windows", "split"), [(False, run_in_posix_shell), (True, parse_as_powershell)], ids=["POSIX", "PowerShell"]
)
@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_an_object_key_of_a_printed_command_reaches_ops_unchanged(monkeypatch, windows, split, key):
    monkeypatch.setattr(shell, "IS_WINDOWS", windows)
    line = command(Step("replay", {"key": key}))
    interpreter, program, *words = split(line)
    assert line.isprintable() is True
    assert interpreter[:2] == "py"
    assert program == "ops.py"
    options = parser.parse(words)
    assert options.command == "replay"
    assert options.keys == [key]


@pytest.mark.parametrize(("encoding", "is_escaped"), [("utf-8", False), ("gbk", True), ("cp1252", True)])
def test_a_printed_command_escapes_a_key_outside_the_output_encoding(monkeypatch, encoding, is_escaped):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    line = command(Step("replay", {"key": "a/😀"}))
    assert ("--escaped-key" in line) == is_escaped
    line.encode(encoding)
    assert parser.parse(run_in_posix_shell(line)[2:]).keys == ["a/😀"]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step("compare", {"again": True, "prefix": "a b/"}), "python3 ops.py compare --again --prefix 'a b/'"),
        (
            Step("cutover", {"frozen_since": "2026-01-31T08:00:00Z"}),
            "python3 ops.py cutover --frozen-since 2026-01-31T08:00:00Z",
        ),
        (Step("cutover", {"accept": {"unknown": "who, why"}}), "python3 ops.py cutover --accept 'unknown=who, why'"),
        (
            Step("migrate", {"overwrite": True, "prefix": ["a b/", "-c/"]}),
            "python3 ops.py migrate --overwrite --prefix 'a b/' --prefix=-c/",
        ),
        (Step("deploy"), "s deploy -y"),
        (None, ""),
    ],
)
def test_a_printed_step_is_the_command_of_its_job_with_its_options(step, line):
    assert command(step) == line.replace("python3 ops.py", OPS)


@pytest.mark.parametrize("job", COMMANDS)
def test_a_printed_command_names_the_settings_file_in_use(monkeypatch, job):
    monkeypatch.setattr(shell, "SETTINGS_FILE", ContextVar("template", default="my s.yaml"))
    option = " -t 'my s.yaml'" * COMMANDS[job].calls_function
    assert command(Step(job)).endswith(f"ops.py {job}{option}")
    assert command(Step("deploy")) == "s deploy -y -t 'my s.yaml'"
    # AND so does a sentence
    text = Text("{step}, then {step}", {"step": Step(job, {"since": "2026-01-31"})})
    line = f"{OPS} {job} --since 2026-01-31{option}"
    assert shell.remove_marks(shell.sentence(text, "en")) == f"{line}, then {line}"


@pytest.mark.parametrize(
    ("executable", "windows", "has_python", "name"),
    [
        ("/usr/bin/python3", False, True, "python3"),
        ("/home/x/.venv/bin/python", False, True, "python3"),
        ("/usr/bin/python3.13", False, True, "python3.13"),
        (r"C:\Python\python.exe", True, True, "python"),
        (r"C:\Python\python.exe", True, False, "py"),
    ],
)
def test_a_printed_command_names_the_running_interpreter(monkeypatch, executable, windows, has_python, name):
    monkeypatch.setattr(shell, "IS_WINDOWS", windows)
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(shell.shutil, "which", lambda name: "there" if has_python else None)
    assert shell.interpreter() == name


def test_replay_refuses_an_invalid_escape_in_an_escaped_key(capsys):
    with pytest.raises(SystemExit):
        parser.parse(["replay", "--escaped-key", "a\\x"])
    assert "has invalid JSON escapes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("windows", "shown"),
    [(False, "s deploy -y && python3 ops.py doctor"), (True, "s deploy -y; if ($?) { py ops.py doctor }")],
)
def test_the_second_of_two_commands_runs_only_if_the_first_succeeds(monkeypatch, windows, shown):
    monkeypatch.setattr(shell, "IS_WINDOWS", windows)
    monkeypatch.setattr(shell, "interpreter", lambda: "py" if windows else "python3")
    assert shell.chain(Step("deploy"), Step("doctor")) == shown


@pytest.mark.parametrize("mark", ["\ufdd0", "\ufdd1", "\ufdd0\ufdd0x", "x\ufdd1\ufdd1"])
def test_ops_removes_only_complete_marks_around_commands(mark):
    assert shell.remove_marks(mark) == mark


def test_a_command_in_a_sentence_names_the_interpreter_of_this_machine(monkeypatch):
    monkeypatch.setattr(shell, "interpreter", lambda: "py")
    text = t("Do: {it}", it=t("Do: {it}", it=Step("compare", {"prefix": "it's"})))
    monkeypatch.setattr(shell, "IS_WINDOWS", True)
    assert shell.remove_marks(shell.sentence(text, "en")) == "Do: Do: py ops.py compare --prefix 'it''s'"
    assert text.en == """Do: Do: python3 ops.py compare --prefix 'it'"'"'s'"""
