"""Tests of docs/playing.md and its translation: each command prints the lines that the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.control import serve_control
from sandbox.prompt import Prompt
from tools.package import ROOT
from tools.render import render

PATIENCE = 120
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# The interpreter of ops.py has another name elsewhere.
INTERPRETER = re.compile(r"\bpython3(\.\d+)?(?= ops\.py)")
LEFT_OUT = "…"


def steps(document: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each command with the prompt before it and the lines shown below it."""
    lines = "".join(BLOCK.findall(document)).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(("$ ", "sandbox> "))]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        where, _, command = lines[start].partition(" ")
        yield where, command, lines[start + 1 : end]


def is_shown(expected: list[str], output: list[str]) -> bool:
    """Return True if the output has the shown lines; a shown ellipsis stands for omitted lines."""

    def without_times(line: str) -> str:
        return INTERPRETER.sub("python", TIME.sub("T", f"{line}\n"))

    pattern = "".join(r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(without_times(line)) for line in expected)
    return re.fullmatch(pattern, "".join(map(without_times, output))) is not None


def run(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    ).stdout


@pytest.mark.parametrize(
    ("file", "locale"),
    [("playing.md", "C.UTF-8"), pytest.param("playing.zh.md", "zh_CN.UTF-8", marks=pytest.mark.extras)],
)
def test_the_commands_of_the_tour_print_the_shown_lines(box, tmp_path, file, locale):
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    with serve_control(box) as address:
        for where, command, expected in steps((ROOT / "docs" / file).read_text(encoding="utf-8")):
            if where == "sandbox>":
                output = Prompt(box).answer(command)
                box.wait_idle(PATIENCE)
            else:
                exported = {"OSS_OMS_SYNC_SANDBOX": address, **box.administrators()}
                environment = {**os.environ, **exported, "LANG": locale, "LC_ALL": locale}
                output = run(shlex.split(command)[1:], tmp_path, environment)
            assert is_shown(expected, output.splitlines()), f"{command}\n{output}"
