"""Setup with the access keys of only one cloud's administrator, or without a permission.

Setup does its part, and prints all that the other administrator needs.
"""

import json
import os
import re
from unittest.mock import patch

import pytest

from ops.clouds.keys import ALIBABA_VARIABLES, OMS_SOURCE_VARIABLES
from sandbox.iam.identities import Arguments
from support.grants import create_iam_user, create_ram_user
from support.migration import Caller
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, expect_exit, expect_success, set_variables

READER_TITLE = "RAM user with which OMS reads the source"
# Levels of the grants: both users get them on the account, and OMS's user also on the project.
GRANT_LEVELS = ["account", "IAM project cn-north-4", "account"]
FUNCTIONS = "forward, replay, reconcile, compare, certify, doctor, status"


@pytest.fixture(scope="module")
def complete_resources():
    """Return the resources after a setup with the access keys of both clouds."""
    with SetupWorld() as world:
        expect_success(world.setup(typed=YES))
        return world.resources()


def set_up_half(world, cloud, handed_key=()):
    """Run setup with only the access keys of a cloud; return the exit code and the output.

    `handed_key` is the access key with which OMS reads the source; the administrator of Huawei Cloud types it.
    """
    is_alibaba = cloud == "alibaba"
    keys = {name: value for name, value in world.administrators().items() if (name in ALIBABA_VARIABLES) == is_alibaba}
    return world.setup("--only", cloud, typed=YES, keys=keys, hidden=handed_key)


def create_reader_key(world):
    """Create an access key by hand with which OMS reads the source; return its id and its secret."""
    key = world.ram.entities.create_access_key(f"{NAME}-oms")["AccessKey"]
    return key["AccessKeyId"], key["AccessKeySecret"]


def test_setup_by_two_administrators_creates_the_same_resources(world, complete_resources):
    # GIVEN Huawei Cloud without the source's key, which lacks only the sync task, and its access keys
    assert waiting_resources(expect_exit(set_up_half(world, "huawei"), 3)) == ["sync task"]
    assert world.resources()["tasks"] == []
    assert count_iam_keys(world) == [1, 0]
    first_request = len(world.sent)
    # AND an administrator who sets up Alibaba Cloud; setup names the key that the other administrator needs
    manual_step = f"by hand: access key of {NAME}-oms, needed to set up Huawei Cloud: none"
    expect_success(set_up_half(world, "alibaba"), manual_step, "python3 ops.py setup --only huawei")
    assert [request.url for request in world.sent[first_request:] if "huawei" in request.url] == []

    # WHEN the other administrator types this key THEN all resources exist
    reader_key, first_request = create_reader_key(world), len(world.sent)
    output = expect_success(set_up_half(world, "huawei", reader_key))
    assert [request.url for request in world.sent[first_request:] if "aliyun" in request.url] == []
    assert world.resources() == complete_resources
    assert [secret for secret in reader_key if secret in output] == []

    # AND nothing is left to do for either, nor for a person with the keys of both
    for result in (set_up_half(world, "alibaba"), set_up_half(world, "huawei", reader_key), world.setup()):
        assert re.findall(r"^ *(create|change|remove|stop|not seen|wait)", expect_success(result), re.MULTILINE) == []


def count_iam_keys(world):
    """Return the number of access keys of the functions' IAM user and of OMS's IAM user."""
    return [keys for _, _, keys in world.resources()["iam users"]]


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_setup_does_not_wait_for_a_mistyped_key(world, wrong):
    set_up_half(world, "alibaba")
    key, secret = create_reader_key(world)
    start_time = world.platform.now()
    result = set_up_half(world, "huawei", ("LTAIxxxx", secret) if wrong == "key" else (key, "x"))
    expect_exit(result, 2, "reading the source: the access key belongs to no user")
    assert world.platform.now() - start_time < 60
    # The other key, which OMS did not get, was deleted.
    assert count_iam_keys(world) == [1, 0]


def test_setup_renews_the_functions_key_only_for_huaweis_administrator(world, resources):
    expect_exit(world.setup("--new-key", "--only", "alibaba"), 2)
    expect_success(world.setup("--new-key", "--only", "huawei", typed="yes\n"))
    assert count_iam_keys(world) == [2, 1]


def test_setup_with_remove_and_only_removes_the_resources_of_one_cloud(world, resources):
    expect_success(world.setup("--remove", "--only", "huawei", typed="yes\n"))
    assert world.resources() == {**resources, "tasks": [], "iam users": [], "iam policies": [], "secrets": []}
    expect_success(world.setup("--remove", "--only", "alibaba", typed="yes\n"))
    assert world.resources()["users"] == {}


# -- refusals of a cloud


def closing_steps(output):
    """Return the last part of the output, which has the steps for the other administrator."""
    return output.rpartition("Some resources are still missing. When they exist")[2]


def waiting_resources(output):
    """Return the names of the resources that wait for another administrator."""
    return re.findall("^  wait: (.*?): ", closing_steps(output), re.MULTILINE)


def printed_policies(output, version):
    """Return the policies that the output prints for copying, by IAM user."""
    parts = re.split(r"\d\. Create the (?:IAM|RAM) user (\S+) ", closing_steps(output))
    texts = zip(parts[1::2], parts[2::2], strict=True)
    policies = {name: re.findall(rf'{{"Version": "{version}".*', text) for name, text in texts}
    return {name: [*map(json.loads, lines)] for name, lines in policies.items() if lines}


def test_the_printed_policies_suffice_if_setup_cannot_use_the_iam_api(world, complete_resources):
    # GIVEN an account without identity policies, which does not report whose the administrator's key is
    world.binds_roles = True
    world.iam.has_v5 = False

    # WHEN setup runs THEN it creates all else, and ends with the steps for another administrator
    output = expect_exit(world.setup(typed=f"yes\n{YES}"), 3)
    assert re.findall("granted on the (IAM project cn-north-4|account)", closing_steps(output)) == GRANT_LEVELS
    keyless = {f"{NAME}-oms": ([f"{NAME}-oms"], 0)}
    missing_resources = {"tasks": [], "iam users": [], "iam policies": [], "secrets": []}
    assert world.resources() == {**complete_resources, "users": keyless, **missing_resources}

    # WHEN these steps are done with the printed documents alone
    granted = printed_policies(output, "1.1")
    oms, functions = (create_iam_user(world, name, *granted[name]) for name in (f"{NAME}-oms", f"{NAME}-functions"))
    stored_secrets = dict(zip(("HW_AK", "HW_SK"), functions, strict=True))
    expect_success(world.run("secrets", "HW_AK", "HW_SK", keys=stored_secrets))

    # THEN setup continues with the typed key, and an object arrives
    expect_success(world.setup(typed=f"yes\n{YES}", hidden=oms))
    world.deploy_project(world.folder)
    world.oss.put(world.source_bucket, "hello", b"hello")
    world.advance(120)
    assert world.obs.bucket(world.destination_bucket).objects["hello"].data == b"hello"
    assert world.fc.invoke("status", b"{}").value["copying"] is not None

    # AND everything visible is complete
    assert expect_success(world.setup("--plan")).count("by hand: IAM user") == 2


def test_setup_accepts_a_user_that_was_created_by_its_printed_steps(world):
    # GIVEN an account with identity policies, in which setup may create no user, but attach policies
    world.iam.deny("iam:users:createUserV5")
    output = expect_exit(world.setup(typed=YES), 3)
    # WHEN they are made by hand, with the description that is printed
    for name, mark in re.findall(
        r"Create the IAM user (\S+) .* description (\S+), in a user group", closing_steps(output)
    ):
        world.iam.create_user(Arguments((), {"name": name, "description": mark}, {}))
    # THEN it does the rest itself
    expect_success(world.setup(typed=YES))
    assert count_iam_keys(world) == [1, 1]


def test_the_printed_policies_suffice_if_setup_lacks_ram_permissions(world):
    # GIVEN an administrator whom a policy forbids what RAM is about
    for action in ("ram:GetRole", "ram:GetUser", "ram:ListAccessKeys", "ram:CreateAccessKey"):
        world.ram.deny(action, "ExplicitDeny")
    # WHEN setup runs THEN it prints RAM's denial, and whom to ask
    output = expect_exit(
        world.setup(typed=YES),
        3,
        "refused ram:GetRole: 403 NoPermission, ExplicitDeny, AccountLevelIdentityBasedPolicy (request ",
        "-> A policy explicitly denies ram:GetRole, which overrides every grant: ask the policy's author",
        "has an access key that can create RAM roles and policies: python3 policies/show.py",
    )
    roles = [f"RAM role for {FUNCTIONS}", "RAM role for trigger"]
    assert waiting_resources(output) == [*roles, READER_TITLE, "sync task"]
    assert world.resources()["tasks"] == []
    assert sorted(world.secrets) == [f"{NAME}_HW_AK", f"{NAME}_HW_SK"]

    # AND with a user of the printed document OMS reads the source; without prompts, the environment has its key
    ((document,),) = printed_policies(output, "1").values()
    key = dict(zip(OMS_SOURCE_VARIABLES, create_ram_user(world, document, f"{NAME}-oms"), strict=True))
    keys = {**world.administrators(), **key}
    plan = json.loads(world.setup("--plan", "--json", keys=keys)[1].splitlines()[-1])["plan"]
    # The roles are invisible, so setup cannot report that everything exists.
    output = expect_exit(world.setup("--yes", plan, "--agree", keys=keys), 3)
    assert waiting_resources(output) == roles
    assert world.resources()["tasks"] == [("photos", "photos-obs", True)]


def test_setup_gives_an_access_key_created_by_hand_to_oms_and_keeps_it(world):
    # GIVEN an administrator who may make no keys, but delete them, and a key that was made by hand
    world.ram.deny("ram:CreateAccessKey")
    assert waiting_resources(expect_exit(world.setup(typed=YES), 3)) == ["sync task"]
    del world.ram.entities.denied_actions["CreateAccessKey"]
    key_by_hand = dict(zip(OMS_SOURCE_VARIABLES, create_reader_key(world), strict=True))
    world.ram.deny("ram:CreateAccessKey")

    # WHEN setup has this key from the beginning THEN OMS gets it
    expect_success(world.setup(typed=YES, keys={**world.administrators(), **key_by_hand}))
    assert list(world.ram.entities.users[f"{NAME}-oms"]["keys"]) == [key_by_hand[OMS_SOURCE_VARIABLES[0]]]


@pytest.mark.parametrize(
    ("cloud", "denied_action", "resource"),
    [
        ("iam", "iam:policies:createVersionV5", "IAM user with which the functions call OMS and OBS"),
        ("ram", "ram:DeleteAccessKey", f"unused access keys of RAM user {NAME}-oms"),
    ],
)
def test_the_plan_of_setup_keeps_a_step_for_a_missing_permission(world, cloud, denied_action, resource):
    # GIVEN a policy that setup changes, or an access key that no task uses
    if cloud == "iam":
        world.set_up()
        set_variables(world, readObjects="off")
    else:
        expect_success(set_up_half(world, "alibaba"))
        create_reader_key(world)
    # WHEN the permission for this is missing THEN the resource waits
    getattr(world, cloud).deny(denied_action)
    assert waiting_resources(expect_exit(world.setup(typed=YES), 3)) == [resource]


def test_setup_starts_no_program_with_an_access_key_in_its_environment(world):
    # GIVEN all keys in the environment
    keys = {**world.administrators(), "OMS_SOURCE_AK": "a-source-key", "OMS_SOURCE_SK": "its-secret"}
    values = []

    def run_program(*_):
        values.append({*os.environ.values()})
        return ""

    with patch.multiple(Caller, account=run_program, secrets=run_program):
        for half in ((), ("--only", "alibaba"), ("--only", "huawei")):
            world.setup("--plan", *half, keys=keys)
    assert len(values) > 3
    assert set().union(*values) & {*keys.values()} - {""} == set()
