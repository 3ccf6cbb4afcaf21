"""Output with and without a terminal; no object key can control the terminal."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable

import pytest

from ops import shell
from ops.terminal import COLOURS, Line, MarkedLine, Screen, UnwrappedLine, escape, width, wrap
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t
from support.ops import NASTY, Console, FakeClock


def print_lines(lines: Iterable[Line], typed: str | None = "") -> str:
    """Print the lines as an answer, and return the output; if `typed` is None, there is no terminal."""
    console = Console(typed=typed)
    console.session.screen.answer(lines)
    return console.out.getvalue()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\x1b[31mb\u202ec\u200dd\r\n\x9b\u2028", r"a\x1b[31mb\u202ec\u200dd\r\n\x9b\u2028"),
        ("photos/山 é 🎉 'quoted'", "photos/山 é 🎉 'quoted'"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_ops_escapes_control_characters_of_its_output(text, written):
    assert escape(text) == written


@pytest.mark.parametrize("typed", [None, ""], ids=["without a terminal", "on a terminal"])
def test_ops_escapes_object_keys_in_lines_questions_and_progress(typed):
    console = Console(typed=typed)
    screen = console.session.screen
    screen.answer([NASTY, MarkedLine(NASTY, NASTY, "nothing known", NASTY)])
    screen.print_line(NASTY)
    screen.begin()
    console.clock.seconds = 100
    screen.progress(NASTY)
    assert screen.ask(NASTY) == ""
    # Only the rewritten line begins with a return.
    messages = console.messages if typed is None else console.messages.replace("\r", "")
    assert (console.out.getvalue() + messages).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("environment", "typed", "line"),
    [
        ({}, "", "  \x1b[31mfault\x1b[0m: x\n"),
        ({"NO_COLOR": "1"}, "", "  fault: x\n"),
        ({"TERM": "dumb"}, "", "  fault: x\n"),
        ({}, None, "  fault: x\n"),
    ],
    ids=["on a terminal", "on a terminal with NO_COLOR", "a terminal without colours", "without a terminal"],
)
def test_ops_prints_colours_only_on_terminals_that_support_them(mocker, environment, typed, line):
    mocker.patch.dict("os.environ", environment)
    assert print_lines([MarkedLine("  ", "fault", "bad", ": x")], typed) == line


def test_ops_rewrites_a_single_line_of_progress_on_a_terminal():
    console = Console(typed="")
    screen = console.session.screen
    screen.begin()
    for text in ("a long line of progress", "short"):
        screen.progress(text)
    screen.print_line("done")
    assert console.messages == "\ra long line of progress\rshort" + " " * 18 + "\r       \rdone\n"


def test_a_chinese_line_of_progress_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "13")
    console = Console(typed="")
    console.session.screen.progress("每分钟两千个对象")
    assert console.messages == "\r每分钟两千"


def test_ops_assumes_the_default_width_on_a_terminal_without_columns(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda **_: os.terminal_size((0, 0)))
    console = Console(typed="")
    console.session.screen.progress("x" * 100)
    assert console.messages == "\r" + "x" * 77


STEP = "      -> python3 ops.py cutover --frozen-since 2026-01-31T08:00:00Z --deep --restart"
LINES = [
    MarkedLine("", "OMS has not processed 214 objects that it accepted over 15 minutes ago.", "open"),
    "  在 2026-01-31 开始的比对检查了全部对象，其中有两个对象大小相同但校验值不同，请读取源端内容确认。",
    UnwrappedLine(STEP),
    UnwrappedLine("    a table's row, " + "x" * 60),
]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_ops_wraps_lines_at_words_and_keeps_commands_whole_on_a_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    *broken, step, row = print_lines(LINES).splitlines()
    assert (step, row, len(broken)) == (*LINES[2:], {60: 4, 80: 3, 200: 2}[columns])
    assert all(width(line) <= columns for line in broken)
    # No text is lost, and no word is split.
    expected_words, printed_words = f"{LINES[0].marked_text} {LINES[1]}".split(), " ".join(broken).split()
    assert [word for word in printed_words if word.isascii()] == [word for word in expected_words if word.isascii()]
    assert "".join(printed_words) == "".join(expected_words)


@pytest.mark.parametrize(
    "command",
    [
        "python3 ops.py compare --deep --overwrite",
        "python3.13 ops.py close -t s.staging.yaml",
        "py ops.py cost --objects N --size BYTES",
        "python3 ops.py replay --reason COPY_FAILED",
    ],
)
def test_ops_does_not_wrap_a_command_in_a_sentence(monkeypatch, command):
    monkeypatch.setattr(shell, "command", lambda step: command)
    text = shell.sentence(t("To send what differs: {it} ({it}).", it=Step("compare")), "en")
    assert wrap(text, 40) == ["To send what differs:", f"  {command}", f"  ({command})."]


def test_ops_colours_each_line_on_a_terminal_and_wraps_none_without(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = print_lines(LINES[:1]).splitlines()
    assert [line for line in lines if not line.startswith("\x1b[33m") or not line.endswith("\x1b[0m")] == []
    assert len(print_lines(LINES, typed=None).splitlines()) == len(LINES)


def test_ops_prints_progress_each_minute_without_a_terminal():
    console = Console()
    console.session.screen.begin()
    for second in range(200):
        console.clock.seconds = second
        console.session.screen.progress(f"{second}")
    assert console.messages == "60\n120\n180\n"


def test_ops_escapes_characters_outside_the_output_encoding():
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Screen(FakeClock(), output, io.StringIO(), io.StringIO()).answer(["山"])
    output.flush()
    assert output.buffer.getvalue() == b"\\u5c71\n"


def test_each_tone_of_printed_lines_has_its_own_colour():
    assert len({*COLOURS.values()}) == len(COLOURS)
