"""`python3 ops.py setup` over sockets, on each Python that a user may have: it needs the standard library alone."""

from __future__ import annotations

import json
from functools import partial

import pytest

from sandbox import Sandbox
from sandbox.asking import VARIABLE, asked
from sandbox.runtimes import find_interpreter
from support.ops import run_ops
from tools.render import render


@pytest.fixture
def box():
    with Sandbox(bare=True) as bare:
        yield bare


@pytest.fixture(params=["3.10", *(pytest.param(one, marks=pytest.mark.extras) for one in ("3.11", "3.12")), "3.13"])
def python(request):
    path, version = find_interpreter(f"python{request.param}")
    if not version.startswith(f"{request.param}."):
        pytest.skip(f"this machine has no Python {request.param}")
    return path


def test_all_is_made_and_removed_by_the_hashes_of_its_plans(box, python, tmp_path):
    render({**box.answers(), "SYNC_URL": "", "HW_AK": "", "HW_SK": ""}, tmp_path)
    (tmp_path / "answers.json").write_text("{}")

    with asked(box) as address:
        # Without what is installed beside it.
        setup = partial(run_ops, [python, "-S"], tmp_path, {VARIABLE: address, **box.administrators()}, "setup")
        setup("--yes", json.loads(setup("--plan", "--json"))["plan"], "--agree")
        assert "All is there." in setup("--plan")
        assert len(box.oms.tasks) == 1
        setup("--remove", "--yes", json.loads(setup("--remove", "--plan", "--json"))["plan"])

    assert not (box.oms.tasks or box.iam.users or box.ram.entities.users)
