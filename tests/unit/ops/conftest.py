"""What tests of several commands share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ops.command_line import cli
from support.ops import Seen, StandInTool


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch) -> None:
    """Whoever has one has colours and room, whatever the terminal is that the tests run on."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def command(monkeypatch, tmp_path) -> Callable[..., int]:
    """`ops.py` with these words, in a folder of its own and the given world; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def command(seen: Seen, name: str, *words: str) -> int:
        monkeypatch.setattr(cli.call, "caller", lambda template, folder: seen.session.caller)
        monkeypatch.setattr(cli, "Screen", lambda clock: seen.session.screen)
        return cli.main([name, "--lang", seen.session.lang, *words], seen.clock)

    return command


@pytest.fixture
def run(command):
    """`ops.py` with these words, asking `caller`; returns the exit code, what is printed and what is said."""

    def run(caller: object, *words: str, lang: str = "en") -> tuple[int, str, str]:
        seen = Seen(caller, lang=lang)
        return command(seen, *words), seen.out.getvalue(), seen.said

    return run


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> StandInTool:
    """The only program on the PATH."""
    program = StandInTool(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(program.folder))
    return program
