"""The command `python3 ops.py canary` over sockets: its requests, and the objects that it leaves behind."""

from __future__ import annotations

import json
import os

import pytest

from ops.canary import field_report, in_place, objects
from ops.canary import run as canary_run
from ops.clouds import keys
from ops.command_line import cli

# The part size of the task in these tests: a thousandth of OMS's.
PARTS = {"50 MB": 50_000, "50 MiB": 52_429}


@pytest.fixture
def canary(box, deploy, ops, monkeypatch, tmp_path):
    """Return a function that runs `ops.py canary` with the administrator's access keys in the environment."""
    for module in (objects, field_report):
        monkeypatch.setattr(module, "PART_SIZES", PARTS)
    monkeypatch.setattr(in_place, "_VALID_SECONDS", 1)
    monkeypatch.setattr(in_place, "_LATE_SECONDS", 1.0)
    monkeypatch.setattr(canary_run, "_CHECK_SECONDS", 0.2)
    box.task.part_size = PARTS["50 MB"]
    deploy(instances=2)

    def run() -> tuple[int, str, str]:
        for name, value in box.administrators().items():
            monkeypatch.setenv(name, value)
        return ops("canary", "-t", str(tmp_path / "s.yaml"))

    return run


def test_a_canary_over_sockets_leaves_no_objects_and_hides_access_keys(box, canary, monkeypatch):
    names_left = []
    ask = cli.call.Sandbox.ask

    def look(self, job, payload):
        names_left.append({name for name in (*keys.ALIBABA_VARIABLES, *keys.HUAWEI_VARIABLES) if name in os.environ})
        return ask(self, job, payload)

    monkeypatch.setattr(cli.call.Sandbox, "ask", look)
    code, out, err = canary()
    assert code == 0, out + err
    assert out.splitlines()[-1].startswith("The project works: all objects arrived with equal contents")
    assert ["  equal" in line for line in out.splitlines()[:8]] == [True] * 8
    buckets = (box.oss.objects(box.source_bucket), box.oss.objects(box.log_bucket), box.task.destination)
    (name,) = [key for bucket in buckets for key in bucket if "canary" in key]
    assert json.loads(box.oss.objects(box.log_bucket)[name].data)["report"]["part_size"] == "50 MB"
    assert not any(credential in out + err for credential in (*box.user_credentials, *box.huawei_credentials))
    # AND no program is started with the access keys
    assert names_left == [set()] * len(names_left) != []
