"""What is printed, on a terminal and elsewhere: nothing that a key contains acts on it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable

import pytest

from ops.terminal import COLOURS, Line, Marked, Screen, Whole, escaped, width, wrapped
from support.ops import NASTY, FakeClock, Seen


def controls(text: str) -> set[str]:
    """What a terminal would act on."""
    return {one for one in text if not one.isprintable() and one != "\n"}


def shown(lines: Iterable[Line], typed: str | None = "") -> str:
    """The lines as an answer; where nothing can be typed, there is no terminal."""
    seen = Seen(typed=typed)
    seen.session.screen.answer(lines)
    return seen.out.getvalue()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\x1b[31mb\u202ec\u200dd\r\n\x9b\u2028", r"a\x1b[31mb\u202ec\u200dd\r\n\x9b\u2028"),
        ("photos/山 é 🎉 'quoted'", "photos/山 é 🎉 'quoted'"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_out(text, written):
    assert escaped(text) == written


@pytest.mark.parametrize("typed", [None, ""], ids=["elsewhere", "on a terminal"])
def test_no_key_gets_through_in_lines_questions_and_progress(typed):
    seen = Seen(typed=typed)
    screen = seen.session.screen
    screen.answer([NASTY, Marked(NASTY, NASTY, "nothing known", NASTY)])
    screen.say(NASTY)
    screen.begin()
    seen.clock.seconds = 100
    screen.progress(NASTY)
    assert screen.ask(NASTY) == ""
    # The line that is rewritten begins with a return, and nothing else does.
    said = seen.said if typed is None else seen.said.replace("\r", "")
    assert controls(seen.out.getvalue() + said) == set()


@pytest.mark.parametrize(
    ("environment", "typed", "line"),
    [
        ({}, "", "  \x1b[31mfault\x1b[0m: x\n"),
        ({"NO_COLOR": "1"}, "", "  fault: x\n"),
        ({"TERM": "dumb"}, "", "  fault: x\n"),
        ({}, None, "  fault: x\n"),
    ],
    ids=["on a terminal", "who does not want them", "a terminal without colours", "elsewhere"],
)
def test_colours_are_for_terminals_and_for_who_wants_them(mocker, environment, typed, line):
    mocker.patch.dict("os.environ", environment)
    assert shown([Marked("  ", "fault", "bad", ": x")], typed) == line


def test_on_a_terminal_progress_is_one_line_that_is_rewritten_and_gone_in_the_end():
    seen = Seen(typed="")
    screen = seen.session.screen
    screen.begin()
    for text in ("a long line of progress", "short"):
        screen.progress(text)
    screen.say("done")
    assert seen.said == "\ra long line of progress\rshort" + " " * 18 + "\r       \rdone\n"


def test_it_fits_into_the_terminal_though_chinese_takes_two_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "13")
    seen = Seen(typed="")
    seen.session.screen.progress("每分钟两千个对象")
    assert seen.said == "\r每分钟两千"


def test_a_terminal_that_says_it_has_no_columns_has_the_usual_ones(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda **_: os.terminal_size((0, 0)))
    seen = Seen(typed="")
    seen.session.screen.progress("x" * 100)
    assert seen.said == "\r" + "x" * 77


STEP = "      -> python3 ops.py cutover --frozen-since 2026-01-31T08:00:00Z --deep --restart"
LINES = [
    Marked("", "OMS has not worked on 214 objects that it accepted over 15 minutes ago.", "open"),
    "  在 2026-01-31 开始的比对检查了全部对象，其中有两个对象大小相同但校验值不同，请读取源端内容确认。",
    Whole(STEP),
    Whole("    a table's row, " + "x" * 60),
]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_on_a_terminal_lines_wrap_at_words_and_commands_stay_whole(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    *broken, step, row = shown(LINES).splitlines()
    assert (step, row, len(broken)) == (*LINES[2:], {60: 4, 80: 3, 200: 2}[columns])
    assert all(width(line) <= columns for line in broken)
    # Nothing is lost, and no word is broken.
    before, after = f"{LINES[0].marked} {LINES[1]}".split(), " ".join(broken).split()
    assert [word for word in after if word.isascii()] == [word for word in before if word.isascii()]
    assert "".join(after) == "".join(before)


@pytest.mark.parametrize(
    "command",
    [
        "python3 ops.py compare --deep --overwrite",
        "python3.13 ops.py close -t s.staging.yaml",
        "py ops.py cost --objects N --size BYTES",
        "python3 ops.py replay --reason COPY_FAILED",
    ],
)
def test_a_command_in_a_sentence_is_not_broken(command):
    assert wrapped(f"To send what differs: {command}.", 40) == ["To send what differs:", f"  {command}."]


def test_each_line_of_a_coloured_sentence_is_coloured(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = shown(LINES[:1]).splitlines()
    assert all(line.startswith("\x1b[33m") and line.endswith("\x1b[0m") for line in lines)


def test_off_a_terminal_no_line_is_broken(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert len(shown(LINES, typed=None).splitlines()) == len(LINES)


def test_elsewhere_progress_is_a_line_a_minute():
    seen = Seen()
    seen.session.screen.begin()
    for second in range(200):
        seen.clock.seconds = second
        seen.session.screen.progress(f"{second}")
    assert seen.said == "60\n120\n180\n"


def test_what_the_encoding_lacks_is_written_out():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Screen(FakeClock(), out, io.StringIO(), io.StringIO()).answer(["山"])
    out.flush()
    assert out.buffer.getvalue() == b"\\u5c71\n"


def test_no_two_tones_have_one_colour():
    assert len({*COLOURS.values()}) == len(COLOURS)
