"""The policies of a created project, compared with the calls of its functions and with the tables in SECURITY.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from ops.accounts.policy_documents import convert_to_role_policies
from ops.accounts.statements import FUNCTIONS, functions_policy
from sandbox import Sandbox
from sandbox.fc.project import read_resources
from sandbox.oms.copier import CopyFailure
from sandbox.oss.store import Action
from sandbox.server.faults import Fault
from support.documents import Document
from support.log_bucket import LogBucket
from support.policies import Permission, list_permissions
from support.uploads import upload
from tools.package import ROOT

HOUR = 3600


def forward(box: Sandbox) -> None:
    """Upload objects whose events call forward; OMS accepts some keys and refuses others."""
    upload(box, "a", "最" * 341)
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "b")


def replay(box: Sandbox) -> None:
    """Run replay with failed keys, some of which XML cannot contain, and with an object that OMS failed to copy."""
    box.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), times=1)
    upload(box, "not copied")
    box.oms.faults.add(Fault.status(401))
    upload(box, "a", "control\x01", "最" * 341)
    box.oms.faults.clear()
    del box.oss.actions[:]
    box.tick("replay")
    box.fc.invoke("replay", b'{"keys": ["a"]}')


def reconcile(box: Sandbox) -> None:
    """Run reconcile three times over objects without records, because the third pass deletes the first."""
    box.oss.lose_events(lambda key: True)
    upload(box, "a", "最" * 341)
    box.oss.lose_events(lambda key: False)
    box.advance(HOUR)
    for _ in range(3):
        box.fc.invoke("reconcile", b"{}")


def compare(box: Sandbox) -> None:
    """Run compare over objects that OBS lacks, so often that a pass deletes the stored results of an earlier pass."""
    upload(box, "a", "最" * 341)
    for key in list(box.obs.objects(box.destination_bucket)):
        box.obs.delete(box.destination_bucket, key)
    box.advance(HOUR)
    del box.oss.actions[:]
    for asked in (b'{"restart": true}', b'{"restart": true}', b'{"restart": true}', b'{"again": true}'):
        box.fc.invoke("compare", asked)


def certify(box: Sandbox) -> None:
    """Run certify while a key waits to be resent, then close and open the project."""
    upload(box, "a")
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "b")
    box.advance(HOUR)
    box.fc.invoke("compare", b"{}")
    del box.oss.actions[:]
    for asked in (b"{}", b'{"close": true}', b'{"open": true}'):
        box.fc.invoke("certify", asked)


def doctor(box: Sandbox) -> None:
    """Run doctor when the source has an object, because doctor reads one to test its permission."""
    upload(box, "a")
    del box.oss.actions[:]
    box.fc.invoke("doctor", b"")


def status(box: Sandbox) -> None:
    """Run status during a migration of existing objects."""
    upload(box, "a")
    LogBucket(box).add_migration(group="g")
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


def find_refused_calls(calls: list[Action], granted: Iterable[Permission]) -> list[Action]:
    return [call for call in calls if not any(right.allows(call) for right in granted)]


def test_the_policies_of_both_clouds_allow_exactly_the_calls_of_each_job(box, project):
    for name, run in JOBS.items():
        del box.oss.actions[:]
        run(box)
        # Doctor's look at the clock is of no bucket, and unsigned.
        calls = [action for action in box.oss.actions if action.bucket]
        # Compare reads objects only on demand: see below.
        granted = list_permissions(project, name, "oss", reads=name != "compare")
        assert find_refused_calls(calls, granted) == [], name
        # Each permission is needed: without it a call would be refused.
        surplus = [right for right in granted if not find_refused_calls(calls, [o for o in granted if o != right])]
        assert surplus == [], name
    check_huawei_calls(box)


def read_objects(box: Sandbox, job: str) -> None:
    """Run compare and certify so that both read objects: one whose ETag is not an MD5, and those of a sample."""
    upload(box, "a")
    box.advance(HOUR)
    objects = box.oss.buckets[box.source_bucket].objects
    objects["a"] = replace(objects["a"], etag="0123456789ABCDEF", type="Appendable")
    box.fc.invoke("compare", b'{"deep": true}')
    if job == "certify":
        del box.oss.actions[:]
        assert box.fc.invoke("certify", b'{"sample": 1}').value["sample"]["read"] == 1


@pytest.mark.parametrize("name", ["compare", "certify"])
def test_the_permission_to_read_objects_covers_only_the_source_bucket(box, project, name):
    read_objects(box, name)
    calls = [action for action in box.oss.actions if action.bucket]
    granted, usual = (list_permissions(project, name, "oss", reads=reads) for reads in (True, False))
    assert find_refused_calls(calls, granted) == []
    (more,) = set(granted) - set(usual)
    assert more.resource == f"acs:oss:*:*:{box.source_bucket}/*"
    assert any(more.allows(call) for call in calls)


def check_huawei_calls(box: Sandbox) -> None:
    """Check that the policies of Huawei Cloud allow exactly the calls of all jobs."""
    answers = {"destinationBucket": box.destination_bucket}
    (_, oms), (_, obs) = convert_to_role_policies(functions_policy(answers), "cn-north-4")
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
    # Without reading objects, only OMS's lists remain, of the sync task and of a migration.
    *_, (_, obs) = convert_to_role_policies(functions_policy({**answers, "readObjects": "off"}), "cn-north-4")
    folders = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")
    assert obs["Statement"][-1]["Resource"] == [
        f"OBS:*:*:object:{box.destination_bucket}/{folder}*" for folder in folders
    ]


def test_a_trigger_may_invoke_its_function_and_forward_may_invoke_replay(box, project):
    def invokes(name: str) -> set[tuple[str, str]]:
        return {(right.action, right.resource) for right in list_permissions(project, name, "fc")}

    def functions(*names: str) -> set[tuple[str, str]]:
        arns = [f"acs:fc:cn-hangzhou:*:functions/{name}" for name in names]
        return {("fc:InvokeFunction", part) for arn in arns for part in (arn, f"{arn}/*")}

    triggered = [
        props["functionName"]
        for props in read_resources(project, lambda name: name).values()
        if "oss" in [trigger["triggerType"] for trigger in props.get("triggers", [])]
    ]
    assert triggered == ["oss-oms-sync", "oss-oms-sync-reconcile", "oss-oms-sync-compare"]
    assert invokes("trigger") == functions(*triggered)
    assert invokes("forward") == functions("oss-oms-sync-replay")
    assert not set().union(*(invokes(name) for name in JOBS if name != "forward"))
    # A key that can be neither submitted nor recorded goes to replay.
    box.oms.faults.add(Fault.status(401))
    box.oss.deny("oss:PutObject", box.log_bucket)
    box.oss.put(box.source_bucket, "a", b"contents")
    box.fc.wait_idle(60)
    assert {"forward", "replay"} <= {invocation.function for invocation in box.fc.invocations}


def read_table(first: str) -> list[list[str]]:
    """Return the rows of the table in SECURITY.md whose second column has the heading `first`."""
    ((_, *rows),) = (
        tokenses for tokenses in Document.read(ROOT / "SECURITY.md").tables if tokenses[0][1].content == first
    )
    return [[cell.content for cell in row] for row in rows]


def names_in(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def action_names(rights: Iterable[Permission]) -> set[str]:
    return {right.action.partition(":")[2] for right in rights}


def test_the_table_of_permissions_in_security_md_equals_the_policies(project):
    rows = {names_in(row[0]).pop(): row for row in read_table("source bucket")}
    assert set(rows) == {*FUNCTIONS, "trigger"}
    for name, (_, source, log, other, _) in rows.items():
        oss = list_permissions(project, name, "oss")
        in_log = [right for right in oss if "-oms-log" in right.resource]
        of_source = [right for right in oss if right not in in_log]
        granted = [action_names(some) for some in (of_source, in_log, list_permissions(project, name, "fc"))]
        assert [names_in(source), names_in(log), names_in(other)] == granted, name
        # Only below oms_source_record/, by name or by prefix.
        assert all("oms_source_record/" in right.resource + right.prefix for right in in_log), name


@pytest.mark.usefixtures("project")
def test_only_the_logs_that_security_md_names_contain_object_keys(box):
    # GIVEN an accepted object, a failed object, an object without an event, and objects that cannot be read
    box.oss.lose_events(lambda key: key.startswith("private/lost"))
    for key, faults in {"private/good": 0, "private/failed": 1, "private/lost": 0}.items():
        box.oms.faults.add(Fault.status(401), times=faults)
        upload(box, key)
    box.advance(HOUR)

    box.oss.deny("oss:GetObject", box.source_bucket)

    # WHEN all jobs have run, compare also with reading, and status has shown an object's history
    for job in ("replay", "reconcile", "compare"):
        box.tick(job)
        box.wait_idle(60)
    objects = box.oss.buckets[box.source_bucket].objects
    objects["private/good"] = replace(objects["private/good"], etag="0123456789ABCDEF", type="Appendable")
    payloads = {"compare": {"deep": True}, "status": {"key": "private/good"}, "doctor": {}, "certify": {}}
    for job, payload in payloads.items():
        box.fc.invoke(job, json.dumps(payload).encode())
    box.fc.invoke("status", b"{}")
    box.wait_idle(60)
    assert {invocation.function for invocation in box.fc.invocations} == set(FUNCTIONS)

    # THEN keys are in the logs of the functions that the document names, and in no other log
    named = {
        invocation.function for invocation in box.fc.invocations if any("private/" in line for line in invocation.logs)
    }
    assert named == {name for row in read_table("object names") for name in names_in(row[0])}
