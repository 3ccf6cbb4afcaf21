"""Tests that each command in docs/playing.md and its translation prints the lines that the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from ops.command_line import cli
from sandbox.control import VARIABLE, serve_control
from sandbox.prompt import Prompt
from tools.package import ROOT
from tools.render import render

TIMEOUT = 120
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Other machines have other names for the interpreter of ops.py.
INTERPRETER = re.compile(r"\bpython3(\.\d+)?(?= ops\.py)")
ELLIPSIS = "…"


def read_commands(document: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each command of a page, with the prompt before the command and the output below it."""
    lines = "".join(BLOCK.findall(document)).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(("$ ", "sandbox> "))]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        prompt, _, command = lines[start].partition(" ")
        yield prompt, command, lines[start + 1 : end]


def matches_output(expected: list[str], output: list[str]) -> bool:
    """Return True if the output matches the expected lines, among which an ellipsis stands for any lines."""

    def without_times(line: str) -> str:
        return INTERPRETER.sub("python", TIME.sub("T", f"{line}\n"))

    pattern = "".join(r"(?:.*\n)*?" if line == ELLIPSIS else re.escape(without_times(line)) for line in expected)
    return re.fullmatch(pattern, "".join(map(without_times, output))) is not None


@pytest.mark.parametrize(
    ("file", "locale"),
    [("playing.md", "C.UTF-8"), pytest.param("playing.zh.md", "zh_CN.UTF-8", marks=pytest.mark.extras)],
)
def test_the_commands_in_docs_playing_print_the_lines_that_it_shows(box, tmp_path, monkeypatch, capsys, file, locale):
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with serve_control(box) as address:
        for name, value in {VARIABLE: address, **box.administrators(), "LC_ALL": locale}.items():
            monkeypatch.setenv(name, value)
        for prompt, command, expected in read_commands((ROOT / "docs" / file).read_text(encoding="utf-8")):
            if prompt == "sandbox>":
                output = Prompt(box).answer(command)
                box.wait_idle(TIMEOUT)
            else:
                cli.main(shlex.split(command.removeprefix("python3 ops.py ")))
                output = capsys.readouterr().out
            assert matches_output(expected, output.splitlines()), f"{command}\n{output}"
