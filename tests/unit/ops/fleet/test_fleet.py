"""The command `ops.py fleet`, which shows several projects; each project's own ops.py returns its status."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import pytest

from ops.errors import ToolError
from ops.fleet import fleet as fleet_module
from oss_oms_sync.answers.text import t
from support.ops import OPS, FakeCaller, invoke_output
from tools.package import ROOT

TEMPLATE = ROOT / "template"
ANSWER = json.loads((ROOT / "tests" / "answers" / "made" / "status.json").read_text())
_TOOL = """#!{python}
import pathlib, sys
with open({calls!r}, "a") as calls:
    calls.write(" ".join([pathlib.Path.cwd().name, *sys.argv[1:3]]) + "\\n")
sys.stdout.write(pathlib.Path("invoke.txt").read_text())
"""


def answer(state: str, *, alarm: bool = False) -> str:
    """Return the output of the program `s` for a status with this verdict and a known backlog."""
    verdict, backlog = {**ANSWER["verdict"], "state": state, "alarm": alarm}, {**ANSWER["backlog"], "at_least": False}
    return invoke_output({**ANSWER, "verdict": verdict, "backlog": backlog})


@pytest.fixture
def tool(tmp_path, monkeypatch) -> Path:
    """Install a stand-in for `s` that prints each project's file; return the file that lists its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    program = folder / "s"
    program.write_text(_TOOL.format(python=sys.executable, calls=str(calls)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


@pytest.fixture
def project(tmp_path):
    """Return a function that creates a project whose status the stand-in for `s` prints."""

    def make(name: str, output: str) -> Path:
        folder = tmp_path / "projects" / name
        folder.mkdir(parents=True)
        for part in ("ops", "code"):
            shutil.copytree(TEMPLATE / part, folder / part, copy_function=os.link)
        shutil.copy(TEMPLATE / "ops.py", folder / "ops.py")
        (folder / "s.yaml").write_text("vars: {}\n")
        (folder / "invoke.txt").write_text(output)
        return folder

    return make


def ask(run, *words: object) -> tuple[int, str, str]:
    return run(FakeCaller(), "fleet", *map(str, words))


def test_the_command_fleet_shows_twenty_projects_in_80_columns(run, tool, project, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    states = ["in step", "closed", "behind", "unknown", "broken"]
    folders = [project(state.replace(" ", "-"), answer(state)) for state in states]
    folders.append(project("late-writers", answer("closed", alarm=True)))
    folders += [project(f"well-{number:02}", answer("in step")) for number in range(11)]
    no_answer, other_version = project("no-answer", "no result\n"), project("other-version", invoke_output({"a": 1}))
    empty_folder = tmp_path / "projects" / "empty"
    empty_folder.mkdir()
    code, text, progress = ask(run, *folders, no_answer, other_version, empty_folder)
    lines = [line for line in text.splitlines() if re.match(r"    (?!cd )\S+ ", line)]
    rows = [line.split()[0] for line in lines][1:]
    assert code == 1
    assert rows[:2] == ["broken", "late-writers"]
    assert rows[2:5] == ["empty", "no-answer", "other-version"]
    assert rows[5:9] == ["behind", "unknown", "closed", "in-step"]
    assert rows[9:] == [f"well-{number:02}" for number in range(11)]
    assert f"cd {folders[4]} && {OPS} replay" in text.replace("\n", " ")
    assert "this folder has no ops.py" in text
    assert all(f"{folder.name}: " in progress for folder in (*folders, no_answer, other_version, empty_folder))
    assert [line for line in lines if len(line) > 80] == []
    assert sorted(tool.read_text().splitlines()) == sorted(
        f"{folder.name} status invoke" for folder in (*folders, no_answer, other_version)
    )


def test_the_command_fleet_requires_no_action_for_healthy_projects(run, tool, project):
    code, text, _ = ask(run, project("a", answer("in step")), project("b", answer("closed")))
    assert code == 0
    assert "No project needs an action." in text


def test_the_command_fleet_requires_action_for_an_unreadable_run_file(run, tool, project):
    backlog = {**ANSWER["backlog"], "at_least": False, "unreadable_run_files": ["a.json"]}
    closed_answer = {**ANSWER, "verdict": {**ANSWER["verdict"], "state": "closed", "alarm": False}, "backlog": backlog}
    code, text, _ = ask(run, project("photos", invoke_output(closed_answer)))
    assert code == 1
    assert "Action is needed in 1 of 1 project." in text


def test_the_page_of_fleet_links_to_the_pages_of_the_projects(run, tool, project, tmp_path):
    page = tmp_path / "fleet.html"
    ask(run, project("photos", answer("behind")), "--html", page)
    assert '<a href="fleet-photos.html">photos</a>' in page.read_text()
    assert "Now behind." in (tmp_path / "fleet-photos.html").read_text()


def test_the_command_fleet_distinguishes_equal_project_names_by_folders(run, tool, project):
    folders = [project("x/photos", answer("in step")), project("y/photos", answer("behind"))]
    _, text, _ = ask(run, *folders, "--json")
    assert [entry["name"] for entry in json.loads(text)] == [str(folders[1]), str(folders[0])]


def test_the_command_fleet_writes_the_metrics_of_all_projects(run, tool, project, tmp_path):
    file = tmp_path / "sync.prom"
    ask(run, project("photos", answer("behind")), project("videos", "nothing"), "--prometheus", file)
    text = file.read_text()
    assert 'oss_oms_sync_verdict{project="photos",state="behind"} 1' in text
    assert 'oss_oms_sync_verdict{project="videos",state="unknown"} 1' in text


def test_the_command_fleet_queries_at_most_eight_projects_in_parallel(run, tmp_path, monkeypatch):
    lock, eight, nine = threading.Lock(), threading.Event(), threading.Event()
    running, max_running = 0, 0

    def run_child(_self: object, _folder: Path) -> tuple[str, str, int]:
        nonlocal running, max_running
        with lock:
            running += 1
            max_running = max(max_running, running)
            if running == 8:
                eight.set()
            if running == 9:
                nine.set()
        eight.wait(30)
        nine.wait(0.5)
        with lock:
            running -= 1
        return "", "", 1

    monkeypatch.setattr(fleet_module._StatusPrograms, "_run", run_child)
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "ops.py").touch()
    code, _, progress = ask(run, *(tmp_path / str(number) for number in range(20)))
    assert code == 1
    assert max_running == 8
    assert progress.count(": unknown") == 20


def test_a_status_that_fails_leaves_no_green_metrics(run, tmp_path):
    file = tmp_path / "sync.prom"
    caller = FakeCaller(status=ANSWER)
    assert run(caller, "status", "--prometheus", str(file))[0] == 1
    assert 'state="behind"} 1' in file.read_text()
    success = [line for line in file.read_text().splitlines() if line.startswith("oss_oms_sync_last_success")]
    failing_caller = FakeCaller(status=ToolError(t("not reported by OMS"), t("Choose another file")))
    code, _, _ = run(failing_caller, "status", "--prometheus", str(file))
    assert code == 1
    assert 'state="unknown"} 1' in file.read_text()
    assert [line for line in file.read_text().splitlines() if line.startswith("oss_oms_sync_last_success")] == success
