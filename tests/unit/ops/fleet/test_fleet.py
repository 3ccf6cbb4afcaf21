"""The command `ops.py fleet`, which shows several projects; each project's own ops.py returns its status."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ops.errors import ToolError
from ops.fleet import fleet as fleet_module
from oss_oms_sync.answers.text import t
from support.ops import OPS, TEMPLATE, FakeCaller, missing_parts
from tools.package import ROOT

ANSWER = json.loads((ROOT / "tests" / "answers" / "made" / "status.json").read_text())
# A substitute for a project's ops.py, which prints a prepared output.
_PROGRAM = """import pathlib, sys
pathlib.Path("calls").open("a").write(sys.argv[1] + "\\n")
sys.stdout.write({output!r})
sys.exit({code})
"""


def answer(state: str, *, alarm: bool = False) -> dict[str, Any]:
    """Return an answer of status with this verdict and a known backlog."""
    verdict, backlog = {**ANSWER["verdict"], "state": state, "alarm": alarm}, {**ANSWER["backlog"], "at_least": False}
    return {**ANSWER, "verdict": verdict, "backlog": backlog}


@pytest.fixture
def program(tmp_path):
    """Return a function that creates a project whose ops.py prints this output and exits with this code."""

    def make(name: str, output: str, code: int = 1) -> Path:
        folder = tmp_path / "projects" / name
        folder.mkdir(parents=True)
        (folder / "ops.py").write_text(_PROGRAM.format(output=output, code=code))
        return folder

    return make


@pytest.fixture
def project(run, program):
    """Return a function that creates a project whose ops.py prints what `status` prints about an answer."""

    def make(name: str, status: dict[str, Any]) -> Path:
        code, output, _ = run(FakeCaller(status=status), "status", "--json")
        return program(name, output, code)

    return make


def ask(run, *words: object) -> tuple[int, str, str]:
    return run(FakeCaller(), "fleet", *map(str, words))


def test_the_command_fleet_shows_the_worst_project_first_in_80_columns(run, project, program, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    states = ["in step", "closed", "behind", "unknown", "broken"]
    folders = [project(state.replace(" ", "-"), answer(state)) for state in states]
    folders.append(project("late-writers", answer("closed", alarm=True)))
    folders += [project(f"well-{number}", answer("in step")) for number in range(2)]
    no_answer, other_version = program("no-answer", "no result\n"), program("other-version", '{"a": 1}\n')
    empty_folder = tmp_path / "projects" / "empty"
    empty_folder.mkdir()
    code, text, progress = ask(run, *folders, no_answer, other_version, empty_folder)
    lines = [line for line in text.splitlines() if re.match(r"    (?!cd )\S+ ", line)]
    rows = [line.split()[0] for line in lines][1:]
    assert code == 1
    assert rows[:2] == ["broken", "late-writers"]
    assert rows[2:5] == ["empty", "no-answer", "other-version"]
    assert rows[5:] == ["behind", "unknown", "closed", "in-step", "well-0", "well-1"]
    assert f"cd {folders[4]} && {OPS} replay" in text.replace("\n", " ")
    problems = ("the project's `status` command returned no result", "unknown format", "this folder has no ops.py")
    assert missing_parts(" ".join(text.split()), *problems) == []
    assert all(f"{folder.name}: " in progress for folder in (*folders, no_answer, other_version, empty_folder))
    assert [line for line in lines if len(line) > 80] == []
    assert {(folder / "calls").read_text() for folder in (*folders, no_answer, other_version)} == {"status\n"}


@pytest.mark.parametrize(
    ("states", "unreadable", "code", "text"),
    [
        (("in step", "closed"), [], 0, "No project needs action."),
        (("closed",), ["a.json"], 1, "Action is needed in 1 of 1 project."),
    ],
)
def test_the_command_fleet_requires_action_for_an_unreadable_run_file(run, project, states, unreadable, code, text):
    answers = {state.replace(" ", "-"): answer(state) for state in states}
    answers["closed"]["backlog"]["unreadable_run_files"] = unreadable
    exit_code, output, _ = ask(run, *(project(name, status) for name, status in answers.items()))
    assert exit_code == code
    assert text in output


def test_the_page_of_fleet_links_to_the_pages_of_the_projects(run, stand_in, tmp_path):
    stand_in.answers(answer("behind"))
    page, folder = tmp_path / "fleet.html", tmp_path / "photos"
    folder.mkdir()
    for name in ("ops", "code", "ops.py"):
        (folder / name).symlink_to(TEMPLATE / name)
    (folder / "s.yaml").write_text("vars: {}\n")
    ask(run, folder, "--html", page)
    assert '<a href="fleet-photos.html">photos</a>' in page.read_text()
    assert "Now behind." in (tmp_path / "fleet-photos.html").read_text()


def test_the_command_fleet_distinguishes_equal_project_names_by_folders(run, project):
    folders = [project("x/photos", answer("in step")), project("y/photos", answer("behind"))]
    _, text, _ = ask(run, *folders, "--json")
    assert [entry["name"] for entry in json.loads(text)] == [str(folders[1]), str(folders[0])]


def test_the_command_fleet_writes_the_metrics_of_all_projects(run, project, program, tmp_path):
    file = tmp_path / "sync.prom"
    ask(run, project("photos", answer("behind")), program("videos", "nothing"), "--prometheus", file)
    text = file.read_text()
    assert 'oss_oms_sync_verdict{project="photos",state="behind"} 1' in text
    assert 'oss_oms_sync_verdict{project="videos",state="unknown"} 1' in text


def test_the_command_fleet_queries_at_most_eight_projects_in_parallel(run, tmp_path, monkeypatch):
    eight, running, numbers = threading.Barrier(8), [], []

    def run_child(_self: object, folder: Path) -> tuple[str, str, int]:
        running.append(folder)
        numbers.append(len(running))
        eight.wait(30)
        # A ninth would begin now.
        time.sleep(0.3)
        running.remove(folder)
        return "", "", 1

    monkeypatch.setattr(fleet_module._StatusPrograms, "_run", run_child)
    folders = [tmp_path / str(number) for number in range(16)]
    for folder in folders:
        folder.mkdir()
        (folder / "ops.py").touch()
    code, _, progress = ask(run, *folders)
    assert code == 1
    assert max(numbers) == 8
    assert progress.count(": unknown") == 16


def test_a_status_that_fails_leaves_no_green_metrics(run, tmp_path):
    file = tmp_path / "sync.prom"
    successes = []
    for status, state in (
        (ANSWER, "behind"),
        (ToolError(t("not reported by OMS"), t("Choose another output file")), "unknown"),
    ):
        assert run(FakeCaller(status=status), "status", "--prometheus", str(file))[0] == 1
        assert f'state="{state}"}} 1' in file.read_text()
        successes.append(re.findall(r"^oss_oms_sync_last_success.*$", file.read_text(), re.MULTILINE))
    assert successes[0] == successes[1]
