"""Jobs with exactly the permissions that setup grants: the clouds refuse none of their calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.accounts.policy_documents import convert_to_role_policies
from ops.accounts.statements import (
    destination_writer_policy,
    functions_policy,
    list_roles,
    source_reader_policy,
    trust_policy,
)
from ops.project import variables
from sandbox import Sandbox
from sandbox.gateway import GatewayError
from sandbox.oms.copier import PART_SIZE
from sandbox.oms.service import AccessKey
from support.grants import Key, create_iam_user, create_ram_user
from support.log_bucket import LogBucket
from support.uploads import PATIENCE, upload
from tools.render import render

Document = dict[str, Any]


def without_actions(document: Document, *actions: str) -> Document:
    """Return a copy of the policy document that does not allow these actions."""
    statements = [
        {**statement, "Action": [name for name in statement["Action"] if name not in actions]}
        for statement in document["Statement"]
    ]
    return {
        **document,
        "Statement": [{**statement, "Action": statement["Action"] or ["none:None"]} for statement in statements],
    }


@pytest.fixture
def deploy_with_permissions(box, tmp_path):
    """Return a function that deploys the project with the permissions that setup grants.

    The arguments of the function name permissions that the project does not get.
    """

    def deployed(*missing: str, missing_of_oms: str = "", by_hand: bool = False) -> None:
        render(box.answers(), tmp_path)
        answers = variables((tmp_path / "s.yaml").read_text(encoding="utf-8"))
        ram = box.ram.entities
        for role in list_roles(answers):
            ram.create_role(role.name, json.dumps(trust_policy([role])))
            ram.create_policy(role.policy, json.dumps(without_actions(role.document, *missing)))
            ram.attach_policy_to_role("Custom", role.policy, role.name)
        ak, sk = create_iam_user(
            box, "functions", *in_dialect(without_actions(functions_policy(answers), *missing), by_hand)
        )
        source = create_ram_user(box, without_actions(source_reader_policy(box.source_bucket), missing_of_oms))
        target = without_actions(destination_writer_policy(box.destination_bucket), missing_of_oms)
        use_keys(box, source, create_iam_user(box, "oms", *in_dialect(target, by_hand)))
        box.binds_roles = True
        box.deploy_project(tmp_path, secrets={"HW_AK": ak, "HW_SK": sk}, retry_delay=0.001)

    return deployed


def in_dialect(document: Document, by_hand: bool) -> list[Document]:
    """Return the policies that setup creates for this document; `by_hand` selects the format of IAM's API v3."""
    return [policy for _, policy in convert_to_role_policies(document, "cn-north-4")] if by_hand else [document]


def use_keys(box: Sandbox, source: Key, there: Key) -> None:
    """Let the sync task use these access keys."""
    sides = box.oms.sides
    box.task.read_source = sides.open_source(AccessKey(*source), box.region, box.source_bucket)
    box.task.bucket = sides.open_destination(AccessKey(*there), box.obs.region, box.destination_bucket)


def run_all_jobs(box: Sandbox) -> set[str]:
    """Run every job; return the refused permissions, and the names of the failed checks of doctor."""
    upload(box, "a", "最" * 341)
    box.oss.lose_events("lost".__eq__)
    upload(box, "lost")
    box.advance(3600)
    for job in ("replay", "reconcile", "compare", "status"):
        box.tick(job)
        box.wait_idle(PATIENCE)
    box.fc.invoke("certify", b"{}")
    LogBucket(box).add_migration(group="g")
    # Without the permission to read records, status has no answer.
    status = box.fc.invoke("status", b"{}").value or {"old_objects_failure": {"status": 0}}
    checks = box.fc.invoke("doctor", b"{}").value["checks"]
    # Doctor's request for the time names no bucket, and is unsigned.
    refused = {action.name for action in (*box.oss.actions, *box.obs.actions) if action.bucket and action.status == 403}
    refused |= {"fc:InvokeFunction"} if box.denied_invocations else set()
    refused |= {"oms:taskgroup:get"} if status["old_objects_failure"]["status"] == 403 else set()
    return refused | {check["name"] for check in checks if check["state"] == "fault"}


@pytest.mark.parametrize("by_hand", [False, True], ids=["v5", "v3"])
def test_all_jobs_work_with_the_permissions_that_setup_grants(box, deploy_with_permissions, by_hand):
    deploy_with_permissions(by_hand=by_hand)
    assert run_all_jobs(box) == set()
    assert {invocation.outcome for invocation in box.fc.invocations} == {"returned"}
    assert box.task.destination.keys() == {"a", "最" * 341, "lost"}
    assert box.task.failure_object == 0


# Granted permissions, with the refusals and failed checks without each. The first three rows are of a cloud each.
MISSING = {
    "oss:DeleteObject": {"oss:DeleteObject"},
    "obs:object:getObject": {"obs:object:GetObject"},
    "oms:synctask:statistics": {"permission oms:synctask:statistics"},
    "oss:PutObject": {"oss:PutObject"},
    "oss:GetObject": {"oss:GetObject"},
    "oss:ListObjects": {"oss:ListObjects"},
    "obs:bucket:listBucket": {"obs:bucket:ListBucket"},
    "obs:bucket:headBucket": {"obs:bucket:HeadBucket"},
    "oms:synctask:createEvent": {"permission oms:synctask:createEvent"},
    "oms:synctask:get": {"permission oms:synctask:get"},
    "oms:taskgroup:get": {"oms:taskgroup:get"},
    "fc:InvokeFunction": {"fc:InvokeFunction"},
}


@pytest.mark.parametrize(
    "missing",
    [tuple(MISSING)[:3], *(pytest.param((action,), marks=pytest.mark.extras) for action in tuple(MISSING)[3:])],
)
def test_the_removal_of_a_granted_permission_makes_a_cloud_refuse_a_call(box, deploy_with_permissions, missing):
    deploy_with_permissions(*missing)
    assert set().union(*(MISSING[action] for action in missing)) <= run_all_jobs(box)


OF_OMS = (
    *("oss:ListBuckets", "oss:GetBucketLocation", "oss:ListObjects", "oss:GetObject"),
    *("obs:bucket:listAllMyBuckets", "obs:bucket:getBucketLocation", "obs:bucket:listBucket"),
    *("obs:object:getObject", "obs:object:putObject", "obs:object:listMultipartUploadParts"),
)


@pytest.mark.parametrize("missing", OF_OMS)
def test_the_removal_of_a_permission_of_oms_stops_the_sync_task(box, deploy_with_permissions, missing):
    try:
        deploy_with_permissions(missing_of_oms=missing)
    except GatewayError as error:
        assert error.code == "OMS.0072"
        return
    box.oss.put(box.source_bucket, "large", bytes(PART_SIZE + 1))
    box.wait_idle(PATIENCE)
    assert box.task.failure_object == 1


def test_these_tests_remove_each_granted_permission_once(box, tmp_path):
    render(box.answers(), tmp_path)
    answers = variables((tmp_path / "s.yaml").read_text(encoding="utf-8"))
    of_functions = [*(role.document for role in list_roles(answers)), functions_policy(answers)]
    assert actions_of(*of_functions) == MISSING.keys()
    assert actions_of(source_reader_policy("bucket"), destination_writer_policy("bucket")) == set(OF_OMS)


def actions_of(*documents: Document) -> set[str]:
    return {action for document in documents for part in document["Statement"] for action in part["Action"]}
