"""The command `python3 ops.py fleet` for two projects, each with its own simulated clouds."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sandbox import Sandbox
from sandbox.control import VARIABLE, serve_control
from support.uploads import upload
from tools.render import render

# The command asks its own folder's sandbox, because the environment variable names a single sandbox.
_PROGRAM = """import os, pathlib, runpy
os.environ[{variable!r}] = {address!r}
runpy.run_path(str(pathlib.Path(__file__).with_name("program.py")), run_name="__main__")
"""


def install(stack: ExitStack, folder: Path) -> Sandbox:
    """Deploy the project in `folder` into a new sandbox, and let the project's ops.py call this sandbox."""
    box = stack.enter_context(Sandbox(forks=True))
    render(box.answers(), folder)
    box.deploy_project(folder, instances=1)
    (folder / "ops.py").rename(folder / "program.py")
    address = stack.enter_context(serve_control(box))
    (folder / "ops.py").write_text(_PROGRAM.format(variable=VARIABLE, address=address))
    return box


def test_the_command_fleet_shows_projects_worst_first(tmp_path):
    names = ("photos", "backups")
    with ExitStack() as stack:
        boxes = {name: install(stack, tmp_path / name) for name in names}
        upload(boxes["photos"], "a/1", "a/2")
        boxes["backups"].oms.deny("oms:synctask:get")
        words = ["fleet", *names, "--json", "--lang", "en", "--prometheus", "fleet.prom"]
        done = subprocess.run(
            [sys.executable, tmp_path / "photos" / "program.py", *words],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 1, done.stderr
    shown = json.loads(done.stdout)
    assert [project["name"] for project in shown] == ["backups", "photos"]
    assert [project["problem"] for project in shown] == [None, None]
    verdicts = {
        sample.labels["project"]: sample.labels["state"]
        for family in text_string_to_metric_families((tmp_path / "fleet.prom").read_text())
        for sample in family.samples
        if sample.name == "oss_oms_sync_verdict" and sample.value
    }
    assert verdicts == {project["name"]: project["verdict"] for project in shown}
