"""Fixtures for the tests of several commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ops.command_line import cli
from support.ops import Console, StandInTool


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch) -> None:
    """Give each test a terminal with colours and enough columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def command(monkeypatch, tmp_path) -> Callable[..., int]:
    """Return a function that runs a command of `ops.py` with a session in a new folder, and returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def command(console: Console, name: str, *words: str) -> int:
        monkeypatch.setattr(cli.call, "caller", lambda template, folder: console.session.caller)
        monkeypatch.setattr(cli, "Screen", lambda clock: console.session.screen)
        return cli.main([name, "--lang", console.session.lang, *words], console.clock)

    return command


@pytest.fixture
def run(command):
    """Return a function that runs a command of `ops.py`, whose calls of functions `caller` answers.

    It returns the exit code, the output and the messages.
    """

    def run(caller: object, *words: str, lang: str = "en") -> tuple[int, str, str]:
        console = Console(caller, lang=lang)
        return command(console, *words), console.out.getvalue(), console.messages

    return run


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> StandInTool:
    """Install a stand-in for the program `s` of Serverless Devs as the only program on the PATH."""
    program = StandInTool(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(program.folder))
    return program
