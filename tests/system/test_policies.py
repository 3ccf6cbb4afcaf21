"""The policies in the rendered project allow what the functions call, and nothing more."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox import Sandbox
from sandbox.faults import Fault
from sandbox.oss import Action
from shell import run_script
from tools.render import render
from traffic import upload

HOUR = 3600


@pytest.fixture
def project(box, tmp_path):
    """The folder of the rendered project, which is deployed."""
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path, retry_delay=0.001)
    return tmp_path


def forward(box: Sandbox) -> None:
    """Accepted, failed, and neither: then Function Compute invokes replay for it."""
    upload(box, "a", "最" * 341)
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "b")


def replay(box: Sandbox) -> None:
    """Records that XML does not carry among the failed, by all ways of asking."""
    box.oms.faults.add(Fault.status(401))
    upload(box, "a", "control\x01", "最" * 341)
    box.oms.faults.clear()
    del box.oss.actions[:]
    box.tick("replay")
    box.fc.invoke("replay", b'{"keys": ["a"]}')


def reconcile(box: Sandbox) -> None:
    """Objects without records, long keys among them; a second pass clears the first away."""
    box.oss.lose_events(lambda key: True)
    upload(box, "a", "最" * 341)
    box.oss.age(HOUR)
    for _ in range(2):
        box.fc.invoke("reconcile", b"{}")


def doctor(box: Sandbox) -> None:
    box.fc.invoke("doctor", b"")


def status(box: Sandbox) -> None:
    upload(box, "a")
    del box.oss.actions[:]
    box.fc.invoke("status", b"")
    box.fc.invoke("status", b'{"key": "a"}')


JOBS: dict[str, Callable[[Sandbox], None]] = {
    "forward": forward,
    "replay": replay,
    "reconcile": reconcile,
    "doctor": doctor,
    "status": status,
}


class Right(NamedTuple):
    """One action that a policy allows, on which resources, and for a listing with which prefixes."""

    action: str
    resource: str
    prefix: str

    def allows(self, call: Action) -> bool:
        """As RAM reads it: "Policy structure and syntax", and OSS's "RAM policies" for the prefix."""
        named = f"acs:oss:*:*:{call.bucket}"
        if call.name == "oss:ListObjects":
            return (call.name, named) == (self.action, self.resource) and fnmatchcase(call.key, self.prefix)
        return call.name == self.action and fnmatchcase(f"{named}/{call.key}", self.resource)


def rights(project: Path, name: str, service: str) -> list[Right]:
    """What a function's policy allows it of one service."""
    return [
        Right(action, resource, prefix)
        for one in json.loads((project / "policies" / f"{name}.json").read_text())["Statement"]
        for action in one["Action"]
        for resource in one["Resource"]
        for prefix in one.get("Condition", {}).get("StringLike", {}).get("oss:Prefix", ["*"])
        if action.startswith(f"{service}:")
    ]


@pytest.mark.parametrize("name", JOBS)
def test_a_functions_policy_allows_what_it_calls_and_nothing_more(box, project, name):
    del box.oss.actions[:]
    JOBS[name](box)
    # Doctor's look at the clock is of no bucket, and unsigned.
    calls = [one for one in box.oss.actions if one.bucket]
    granted = rights(project, name, "oss")
    assert [call for call in calls if not any(right.allows(call) for right in granted)] == []
    # Each is needed: without it some call would not be allowed.
    for right in granted:
        others = [one for one in granted if one != right]
        assert any(not any(one.allows(call) for one in others) for call in calls), f"{right} is needed by nothing"


def test_huaweis_policy_allows_what_is_called_and_nothing_more(box, project):
    for job in JOBS.values():
        job(box)
    statements = json.loads((project / "policies" / "huawei.json").read_text())["Statement"]
    assert box.oms.actions == {action for one in statements for action in one["Action"]}


def test_the_trigger_may_invoke_sync_and_sync_may_invoke_replay(box, project):
    def invokes(name: str) -> set[tuple[str, str]]:
        return {(one.action, one.resource) for one in rights(project, name, "fc")}

    def function(name: str) -> set[tuple[str, str]]:
        arn = f"acs:fc:cn-hangzhou:*:functions/{name}"
        return {("fc:InvokeFunction", arn), ("fc:InvokeFunction", f"{arn}/*")}

    assert invokes("trigger") == function("oss-oms-sync")
    assert invokes("forward") == function("oss-oms-sync-replay")
    for name in ("replay", "reconcile", "doctor", "status"):
        assert invokes(name) == set()
    # A key that can be neither sent nor recorded goes that way.
    box.oms.faults.add(Fault.status(401))
    box.oss.deny("oss:PutObject", box.log_bucket)
    box.oss.put(box.source_bucket, "a", b"contents")
    box.fc.wait_idle(60)
    assert {"forward", "replay"} <= {one.function for one in box.fc.invocations}


def show(project: Path, *arguments: str) -> str:
    done = run_script("policies/show.py", project, *arguments)
    done.check_returncode()
    return done.stdout


def test_show_runs_on_a_bare_python(project):
    words = [sys.executable, "-I", "-S", project / "policies" / "show.py"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == show(project)


def test_show_prints_every_right_and_the_commands_that_grant_and_remove_them(project):
    granted, removed = show(project), show(project, "--remove")
    for name in (*JOBS, "trigger"):
        assert f"--PolicyName oss-oms-sync-{name} --PolicyDocument" in granted
        assert f"DeletePolicy --PolicyName oss-oms-sync-{name}" in removed
        for right in rights(project, name, "oss"):
            assert right.action in granted
    assert "oms:synctask:createEvent" in granted
    # Every command is one of the tool's, and names files that exist.
    commands = [shlex.split(line) for line in f"{granted}\n{removed}".splitlines() if line.startswith("aliyun")]
    assert {words[1] for words in commands} == {"ram"}
    files = [word for line in granted.splitlines() for word in line.split() if word.startswith("policies/")]
    assert files
    assert all((project / file.rstrip(')"')).exists() for file in files)


def test_show_knows_roles_that_are_separate_or_given_as_arns(box, tmp_path):
    render(box.answers() | {"functionRole": "acs:ram::1:role/one-for-all"}, tmp_path)
    text = (tmp_path / "s.yaml").read_text()
    (tmp_path / "s.yaml").write_text(text.replace("replayRole: ${vars.functionRole}", "replayRole: own # mine"))
    granted = show(tmp_path)
    assert "--PolicyName oss-oms-sync-replay --RoleName own" in granted
    assert "--PolicyName oss-oms-sync-forward --RoleName one-for-all" in granted


def test_show_says_which_role_is_missing(box, tmp_path):
    render(box.answers(), tmp_path)
    text = (tmp_path / "s.yaml").read_text()
    (tmp_path / "s.yaml").write_text(text.replace("  replayRole:", "  # replayRole:"))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        show(tmp_path)
    assert "vars.replayRole is missing" in failed.value.stderr
