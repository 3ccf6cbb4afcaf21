"""Resources of other users with a name of the project: setup does not change them, and creates no keys for them."""

from __future__ import annotations

import json
from copy import deepcopy
from unittest.mock import patch

import pytest

from ops.accounts.both_clouds import NEEDED_VARIABLES, Alibaba, Huawei
from ops.errors import UsageError
from ops.project import read
from ops.session import Session
from ops.terminal import Screen
from sandbox.iam.identities import Arguments
from support.migration import Caller, MachineClock
from unit.ops.setup.setup_world import NAME, OTHER, YES, expect_exit, expect_success, request_number, trust_policy

MARK = f"oss-oms-sync:{NAME}:photos"
OTHER_IN_IAM = json.dumps({**OTHER, "Version": "5.0"})


def iam_policy(world, name):
    world.iam.create_policy(Arguments((), {"policy_name": name, "policy_document": OTHER_IN_IAM}, {}))


def iam_user(world, name):
    world.iam.create_user(Arguments((), {"name": name}, {}))


def ram_policy(world, name):
    world.ram.entities.create_policy(name, json.dumps(OTHER))


def ram_user(world, name):
    world.ram.entities.create_user(name)


# For each resource of others: the call that creates it, its name, and its kind in the plan.
FOREIGN_RESOURCES = {
    "a RAM policy without its role": (ram_policy, f"{NAME}-function", "policy"),
    "a RAM policy without its user": (ram_policy, f"{NAME}-oms", "policy"),
    "a RAM user": (ram_user, f"{NAME}-oms", "RAM user"),
    "an IAM policy without its user": (iam_policy, f"{NAME}-functions", "policy"),
    "an IAM user": (iam_user, f"{NAME}-oms", "IAM user"),
}


@pytest.mark.parametrize("kind", FOREIGN_RESOURCES)
def test_a_resource_of_others_with_the_projects_name_stops_setup(world, kind):
    create, name, kind_name = FOREIGN_RESOURCES[kind]
    create(world, name)
    earlier_snapshot = world.snapshot()
    reason = f"existing resources that setup did not create for this source bucket: {kind_name} {name}"
    expect_exit(
        world.setup(typed=YES),
        1,
        reason,
        "-> If these resources are unused, delete them. Otherwise choose another functionName",
    )
    assert world.snapshot() == earlier_snapshot


@pytest.mark.parametrize("kind", ["Role", "User", "Policy"])
def test_setup_changes_no_resource_that_others_created_after_its_plan(world, kind):
    # GIVEN others who create a resource of that name just before setup does
    ram, name = world.ram.entities, f"{NAME}-oms" if kind == "User" else f"{NAME}-trigger"
    resources = {"Role": ram.roles, "User": ram.users, "Policy": ram.policies}[kind]
    created = []

    def create():
        {
            "Role": lambda: ram.create_role(name, trust_policy("ecs")),
            "User": lambda: ram.create_user(name),
            "Policy": lambda: ram.create_policy(name, json.dumps(OTHER)),
        }[kind]()
        created.append(deepcopy(resources[name]))

    number = request_number(
        lambda request: request.headers.get("x-acs-action") == f"Create{kind}" and f"{name}&" in f"{request.url}&"
    )
    world.meanwhile[number - 1] = create
    # WHEN setup runs THEN it names this resource, and leaves it unchanged
    expect_exit(world.setup(typed=YES), 2, "existing resources that setup did not create for this source bucket: ")
    assert [resources[name]] == created


def test_setup_changes_no_access_keys_of_a_user_that_others_recreated(resources, world):
    # GIVEN users that were deleted, and made by others for other purposes
    world.iam_user("oms")["fields"]["description"] = "mine"
    world.ram.entities.users[f"{NAME}-oms"]["fields"]["Comments"] = "mine"
    keys = {name: value for name, value in world.administrators().items() if value}
    earlier_snapshot = world.snapshot()
    with patch.dict("os.environ", keys):
        session = Session(Caller(world), Screen(MachineClock(world)), MachineClock(world), "en")
        variables = read(world.folder / "s.yaml", NEEDED_VARIABLES)
        holders = Alibaba(session, variables).reader, Huawei(session, variables).writer
    # WHEN a migration asks for them THEN it sees no key to delete, and makes none
    for holder in holders:
        with pytest.raises(UsageError, match="setup did not create"):
            holder.make_key()
    assert [holder.key_ids() for holder in holders] == [[], []]
    assert world.snapshot() == earlier_snapshot


def test_setup_treats_a_sync_task_with_another_source_as_foreign(world):
    destination = world.obs.create_bucket("videos-obs")
    task = world.oms.create_task(world.project_id, "t", lambda key: None, destination, src_bucket="videos")
    task.description = MARK
    expect_success(world.setup(typed=YES), "create: sync task")
    expect_success(world.setup("--remove", typed="yes\n"))
    assert world.oms.tasks == [task]
    assert task.status == "SYNCHRONIZING"
