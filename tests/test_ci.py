"""The script of CI (.ci/run), with stand-ins for most programs, which record their calls."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.package import ROOT

SAYS = "Python 3.10 is missing"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with the script of CI and a stand-in for each program that CI needs."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in ("make", "git", "node", "npm", "chromium", "python3", "apt-get"):
        write_stand_in(tmp_path / "bin" / name)
    write_stand_in(tmp_path / ".venv" / "bin" / "python")
    return tmp_path


def write_stand_in(program: Path, then: str = "") -> None:
    """Write a program that records its name, its arguments, and the variables that CI exports, and then runs `then`."""
    note = 'echo "$(basename "$0") $* REQUIRE_TOOLS=$REQUIRE_TOOLS EXTRAS=$EXTRAS COVERAGE=$COVERAGE" >> "$NOTES"'
    program.write_text(f"#!/bin/sh\n{note}\n{then}\n")
    program.chmod(0o755)


def run(machine: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    notes = machine / "notes"
    # bash and its commands are real, the other programs recorded.
    (machine / "real").mkdir()
    for name in ("bash", "sh", "dirname", "basename"):
        (machine / "real" / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": f"{machine}/bin:{machine}/real", "NOTES": str(notes)}
    command = [str(shutil.which("bash")), str(machine / ".ci" / "run")]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    return done, notes.read_text().splitlines()


def test_ci_runs_the_checks_and_make_test_and_then_the_extras(machine):
    done, notes = run(machine)
    assert done.returncode == 0, done.stderr
    assert [line for line in notes if line.startswith("make")] == [
        "make setup REQUIRE_TOOLS=1 EXTRAS= COVERAGE=",
        "make check REQUIRE_TOOLS=1 EXTRAS= COVERAGE=",
        "make test REQUIRE_TOOLS=1 EXTRAS= COVERAGE=",
        "make test EXTRAS=1 REQUIRE_TOOLS=1 EXTRAS= COVERAGE=",
    ]
    assert not [line for line in notes if line.startswith("apt-get")]


def test_a_missing_python_version_ends_ci_before_any_test(machine):
    write_stand_in(machine / ".venv" / "bin" / "python", f'echo "{SAYS}"; exit 1')
    done, notes = run(machine)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == SAYS
    assert notes[-1].startswith("python -m sandbox.runtimes ")


def test_ci_installs_missing_programs_on_a_bare_machine(machine):
    (machine / "bin" / "node").unlink()
    done, notes = run(machine)
    assert done.returncode == 0, done.stderr
    assert [line.split()[-4] for line in notes if line.startswith("apt-get install")] == ["nodejs"]


def test_each_test_with_more_cases_in_the_extras_has_the_marker_part():
    files = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    tries_a_part = re.compile(r"^from support\.law import .*\b(EXTRAS|schedules|sweep)\b", re.MULTILINE)
    sized = {path for path, text in files.items() if tries_a_part.search(text)}
    assert sized
    assert [str(path) for path in sized if "@pytest.mark.part" not in files[path]] == []
