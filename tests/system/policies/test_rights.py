"""The policies in the rendered project allow what the functions call, and nothing more; and SECURITY.md says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from ops.accounts.statements import FUNCTIONS, by_roles, functions_in_huawei
from sandbox import Sandbox
from sandbox.fc.project import resources
from sandbox.oms.copier import CopyFailure
from sandbox.oss.store import Action
from sandbox.server.faults import Fault
from support.documents import Document
from support.policies import Right, rights
from support.uploads import record_migration, upload
from tools.package import ROOT

HOUR = 3600


def forward(box: Sandbox) -> None:
    """Accepted, failed, and neither: then Function Compute invokes replay for it."""
    upload(box, "a", "最" * 341)
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "b")


def replay(box: Sandbox) -> None:
    """Records that XML does not carry among the failed, by all ways of asking; and an object that OMS did not copy."""
    box.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), times=1)
    upload(box, "not copied")
    box.oms.faults.add(Fault.status(401))
    upload(box, "a", "control\x01", "最" * 341)
    box.oms.faults.clear()
    del box.oss.actions[:]
    box.tick("replay")
    box.fc.invoke("replay", b'{"keys": ["a"]}')


def reconcile(box: Sandbox) -> None:
    """Objects without records, long keys among them; the pass after next clears the first away."""
    box.oss.lose_events(lambda key: True)
    upload(box, "a", "最" * 341)
    box.oss.lose_events(lambda key: False)
    box.later(HOUR)
    for _ in range(3):
        box.fc.invoke("reconcile", b"{}")


def compare(box: Sandbox) -> None:
    """Objects that OBS lacks, and a second pass that clears the first away."""
    upload(box, "a", "最" * 341)
    for key in list(box.obs.objects(box.destination_bucket)):
        box.obs.delete(box.destination_bucket, key)
    box.later(HOUR)
    del box.oss.actions[:]
    for asked in (b'{"restart": true}', b'{"restart": true}', b'{"restart": true}', b'{"again": true}'):
        box.fc.invoke("compare", asked)


def certify(box: Sandbox) -> None:
    """A certificate, while something waits to be sent; then the project is closed and opened."""
    upload(box, "a")
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "b")
    box.later(HOUR)
    box.fc.invoke("compare", b"{}")
    del box.oss.actions[:]
    for asked in (b"{}", b'{"close": true}', b'{"open": true}'):
        box.fc.invoke("certify", asked)


def doctor(box: Sandbox) -> None:
    """With an object whose headers show whether objects can be read."""
    upload(box, "a")
    del box.oss.actions[:]
    box.fc.invoke("doctor", b"")


def status(box: Sandbox) -> None:
    """While old objects are on their way."""
    upload(box, "a")
    record_migration(box)
    del box.oss.actions[:]
    for asked in (b"", b'{"key": "a"}', b'{"acknowledge": true}'):
        box.fc.invoke("status", asked)
    box.tick("status")


JOBS: dict[str, Callable[[Sandbox], None]] = {
    "forward": forward,
    "replay": replay,
    "reconcile": reconcile,
    "compare": compare,
    "certify": certify,
    "doctor": doctor,
    "status": status,
}


def refused(calls: list[Action], granted: Iterable[Right]) -> list[Action]:
    return [call for call in calls if not any(right.allows(call) for right in granted)]


@pytest.mark.parametrize("name", JOBS)
def test_a_functions_policy_allows_what_it_calls_and_nothing_more(box, project, name):
    del box.oss.actions[:]
    JOBS[name](box)
    # Doctor's look at the clock is of no bucket, and unsigned.
    calls = [action for action in box.oss.actions if action.bucket]
    # Compare reads only what somebody asks for: see below.
    granted = rights(project, name, "oss", reads=name != "compare")
    assert refused(calls, granted) == []
    # Each is needed: without it some call would not be allowed.
    for right in granted:
        assert refused(calls, [other for other in granted if other != right]), f"{right} is needed by nothing"


def deep(box: Sandbox, job: str) -> None:
    """An object whose ETag tells nothing is read by compare, and by certify for a sample."""
    upload(box, "a")
    box.later(HOUR)
    objects = box.oss.buckets[box.source_bucket].objects
    objects["a"] = replace(objects["a"], etag="0123456789ABCDEF", type="Appendable")
    box.fc.invoke("compare", b'{"deep": true}')
    if job == "certify":
        del box.oss.actions[:]
        assert box.fc.invoke("certify", b'{"sample": 1}').value["sample"]["read"] == 1


@pytest.mark.parametrize("name", ["compare", "certify"])
def test_only_what_reads_objects_needs_the_right_to_and_it_is_of_the_source_alone(box, project, name):
    deep(box, name)
    calls = [action for action in box.oss.actions if action.bucket]
    granted, usual = (rights(project, name, "oss", reads=reads) for reads in (True, False))
    assert refused(calls, granted) == []
    (more,) = set(granted) - set(usual)
    assert more.resource == f"acs:oss:*:*:{box.source_bucket}/*"
    assert any(more.allows(call) for call in calls)


@pytest.mark.usefixtures("project")
def test_huaweis_policies_allow_what_is_called_and_nothing_more(box):
    for job in JOBS.values():
        job(box)
    answers = {"destinationBucket": box.destination_bucket}
    (_, oms), (_, obs) = by_roles(functions_in_huawei(answers), "cn-north-4")
    assert box.oms.actions == {action for statement in oms["Statement"] for action in statement["Action"]}
    granted = {
        (action, to) for statement in obs["Statement"] for action in statement["Action"] for to in statement["Resource"]
    }
    (everything,) = {resource for action, resource in granted if action == "obs:object:GetObject"}
    called = {
        (action.name, f"OBS:*:*:bucket:{action.bucket}" if action.name.startswith("obs:bucket:") else everything)
        for action in box.obs.actions
    }
    assert called == granted
    # Without reading objects: OMS's lists, of the sync task and of a migration.
    *_, (_, obs) = by_roles(functions_in_huawei({**answers, "readObjects": "off"}), "cn-north-4")
    folders = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")
    assert obs["Statement"][-1]["Resource"] == [
        f"OBS:*:*:object:{box.destination_bucket}/{folder}*" for folder in folders
    ]


def test_the_triggers_may_invoke_what_they_wake_and_forward_may_invoke_replay(box, project):
    def invokes(name: str) -> set[tuple[str, str]]:
        return {(right.action, right.resource) for right in rights(project, name, "fc")}

    def functions(*names: str) -> set[tuple[str, str]]:
        arns = [f"acs:fc:cn-hangzhou:*:functions/{name}" for name in names]
        return {("fc:InvokeFunction", part) for arn in arns for part in (arn, f"{arn}/*")}

    triggered = [
        props["functionName"]
        for props in resources(project, lambda name: name).values()
        if "oss" in [trigger["triggerType"] for trigger in props.get("triggers", [])]
    ]
    assert triggered == ["oss-oms-sync", "oss-oms-sync-reconcile", "oss-oms-sync-compare"]
    assert invokes("trigger") == functions(*triggered)
    assert invokes("forward") == functions("oss-oms-sync-replay")
    assert not set().union(*(invokes(name) for name in JOBS if name != "forward"))
    # A key that can be neither sent nor recorded goes that way.
    box.oms.faults.add(Fault.status(401))
    box.oss.deny("oss:PutObject", box.log_bucket)
    box.oss.put(box.source_bucket, "a", b"contents")
    box.fc.wait_idle(60)
    assert {"forward", "replay"} <= {invocation.function for invocation in box.fc.invocations}


def table(first: str) -> list[list[str]]:
    """The rows of the table of SECURITY.md whose second column is called so, without its head."""
    ((_, *rows),) = (
        tokenses for tokenses in Document.read(ROOT / "SECURITY.md").tables if tokenses[0][1].content == first
    )
    return [[cell.content for cell in row] for row in rows]


def names_in(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def named(rights: Iterable[Right]) -> set[str]:
    return {right.action.partition(":")[2] for right in rights}


def test_the_table_of_rights_is_what_the_policies_give(project):
    rows = {names_in(row[0]).pop(): row for row in table("source bucket")}
    assert set(rows) == {*FUNCTIONS, "trigger"}
    for name, (_, source, log, other, _) in rows.items():
        oss = rights(project, name, "oss")
        in_log = [right for right in oss if "-oms-log" in right.resource]
        of_source = [right for right in oss if right not in in_log]
        granted = [named(some) for some in (of_source, in_log, rights(project, name, "fc"))]
        assert [names_in(source), names_in(log), names_in(other)] == granted, name
        # Only under oms_source_record/, whether by name or by prefix.
        assert all("oms_source_record/" in right.resource + right.prefix for right in in_log), name


@pytest.mark.usefixtures("project")
def test_names_of_objects_stand_in_the_logs_of_those_functions_that_it_names(box):
    # GIVEN objects that go well, fail, and of which no event tells
    box.oss.lose_events(lambda key: key.startswith("private/lost"))
    for key, faults in {"private/good": 0, "private/failed": 1, "private/lost": 0}.items():
        box.oms.faults.add(Fault.status(401), times=faults)
        upload(box, key)
    box.later(HOUR)

    # WHEN all jobs have run, and somebody has asked for one object's story
    for job in ("replay", "reconcile", "compare"):
        box.tick(job)
        box.wait_idle(60)
    for job, payload in {"status": {"key": "private/good"}, "doctor": {}, "certify": {}}.items():
        box.fc.invoke(job, json.dumps(payload).encode())
    box.fc.invoke("status", b"{}")
    box.wait_idle(60)
    assert {invocation.function for invocation in box.fc.invocations} == set(FUNCTIONS)

    # THEN names stand in the logs of the two that the document names, and of no other
    named = {
        invocation.function for invocation in box.fc.invocations if any("private/" in line for line in invocation.logs)
    }
    assert named == {names_in(row[0]).pop() for row in table("which") if names_in(row[0])}
