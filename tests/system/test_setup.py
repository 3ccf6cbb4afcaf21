"""The command `python3 ops.py setup` over sockets, on the oldest and the newest Python, without installed packages."""

from __future__ import annotations

import json

import pytest

from sandbox import Sandbox
from sandbox.control import VARIABLE, serve_control
from support.machine import find_python
from support.ops import run_ops
from tools.render import render


@pytest.mark.parametrize("version", ["3.10", pytest.param("3.13", marks=pytest.mark.extras)])
def test_setup_creates_and_removes_resources_by_the_hash_of_a_plan(tmp_path, version):
    # Without installed packages.
    python = [find_python(version), "-S"]
    with Sandbox(bare=True, forks=True) as box, serve_control(box) as address:
        render({**box.answers(), "SYNC_URL": "", "HW_AK": "", "HW_SK": ""}, tmp_path)
        (tmp_path / "answers.json").write_text("{}")
        environment = {VARIABLE: address, **box.administrators()}
        for option, number_of_tasks in (("--agree", 1), ("--remove", 0)):
            plan = run_ops(python, tmp_path, environment, "setup", option, "--plan", "--json")
            run_ops(python, tmp_path, environment, "setup", option, "--yes", json.loads(plan)["plan"])
            assert len(box.oms.tasks) == number_of_tasks
        assert not (box.iam.users or box.ram.entities.users)
