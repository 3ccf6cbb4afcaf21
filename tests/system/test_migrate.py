"""`python3 ops.py migrate` over sockets: what was there before the project is in OBS, by a task group, and by nobody's
event."""

from __future__ import annotations

import json
import sys
from functools import partial

from sandbox import Sandbox
from sandbox.asking import VARIABLE, asked
from support.ops import run_ops
from tools.render import render

OLD = 2_000


def test_two_thousand_old_objects_are_copied_beside_a_live_one(tmp_path):
    with Sandbox(bare=True, forks=True) as box, asked(box) as address:
        render({**box.answers(), "SYNC_URL": "", "HW_AK": "", "HW_SK": ""}, tmp_path)
        (tmp_path / "answers.json").write_text("{}")

        ops = partial(run_ops, [sys.executable], tmp_path, {VARIABLE: address, **box.administrators()})
        ops("setup", "--yes", json.loads(ops("setup", "--plan", "--json"))["plan"], "--agree")
        box.oss.fill(box.source_bucket, [f"old/{number:04}" for number in range(OLD)], size=10, age=86_400)
        box.deploy_project(tmp_path, instances=2)
        box.bucket(box.source_bucket).put_object("new", b"live")
        box.wait_idle(60)

        told = json.loads(ops("migrate", "--yes", "--json"))
        assert (told["state"], told["total"], told["copied"], told["skipped"]) == ("done", OLD + 1, OLD, 1)
        there = [key for key in box.obs.objects(box.destination_bucket) if not key.startswith("oms/")]
        assert len(there) == OLD + 1
        assert len(box.oms.accepted) == 1, "the old ones went no other way"
