"""`ops.py setup` with the keys of one administrator, or where a cloud lets somebody else alone do it: all the rest goes
on, and what is printed for whoever may is enough."""

import json
import os
import re
from itertools import chain
from unittest.mock import patch

import pytest

from ops.clouds.keys import ALIBABA, OMS_SOURCE
from sandbox.iam.identities import Asked
from support.grants import iam_user, ram_user
from support.migration import Caller
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, ends, to, well

READER = "RAM user for OMS to read the source"
# To both users on the account, and to OMS's on the project as well.
GRANTED = ["account", "project cn-north-4", "account"]
FUNCTIONS = "forward, replay, reconcile, compare, certify, doctor, status"
# Of the requests of a run one in so many is where it ends.
EACH = 5


@pytest.fixture(scope="module")
def whole():
    """What there is after a run by one person."""
    with SetupWorld() as world:
        well(world.setup(typed=YES))
        return world.made()


def alibaba(world):
    """With the keys of this cloud alone."""
    keys = {name: value for name, value in world.administrators().items() if name in ALIBABA}
    return world.setup("--only", "alibaba", typed="yes\n", keys=keys)


def huawei(world, handed=()):
    """With those of this one, and of whoever reads the source."""
    keys = {name: value for name, value in world.administrators().items() if name not in ALIBABA}
    return world.setup("--only", "huawei", typed=YES, keys=keys, hidden=handed)


def key_of_reader(world):
    """One made by hand, in the console."""
    key = world.ram.entities.create_access_key(f"{NAME}-oms")["AccessKey"]
    return key["AccessKeyId"], key["AccessKeySecret"]


def test_two_people_who_hand_one_key_over_end_as_one_does(world, whole):
    # GIVEN somebody who sets up Alibaba Cloud, and is told which key the other one needs
    wanted = f"by hand: access key of {NAME}-oms, for the setup of Huawei Cloud: none"
    well(alibaba(world), wanted, "python3 ops.py setup --only huawei")
    assert [one.url for one in world.sent if "huawei" in one.url] == []

    # WHEN the other one types it THEN all is there
    handed, begun = key_of_reader(world), len(world.sent)
    said = well(huawei(world, handed))
    assert [one.url for one in world.sent[begun:] if "aliyun" in one.url] == []
    assert (world.made(), [secret for secret in handed if secret in said]) == (whole, [])

    # AND neither has anything left to do, nor one person with the keys of both
    for done in (alibaba(world), huawei(world, handed), world.setup()):
        assert re.findall(r"^ *(create|change|remove|stop|not seen|wait)", well(done), re.MULTILINE) == []


def test_who_comes_first_in_huawei_cloud_has_all_but_the_task_and_goes_on_with_the_key(world, whole):
    assert left(ends(huawei(world), 3)) == ["sync task"]
    assert (world.made()["tasks"], keys_in_iam(world)) == ([], [1, 0])
    well(alibaba(world))
    well(huawei(world, key_of_reader(world)))
    assert world.made() == whole


def keys_in_iam(world):
    """How many the functions' user has, and OMS's."""
    return [keys for _, _, keys in world.made()["iam users"]]


@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
def test_the_second_half_interrupted_at_a_request_and_begun_again_ends_the_same(whole, fate):
    with SetupWorld() as counted:
        well(alibaba(counted))
        first = counted.asked
        well(huawei(counted, key_of_reader(counted)))
        requests = range(1, counted.asked - first, EACH)
    for number in requests:
        with SetupWorld() as world:
            alibaba(world)
            handed = key_of_reader(world)
            with world.cut_off(fate, number, away=0):
                huawei(world, handed)
            well(huawei(world, handed))
            assert world.made() == whole, number


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_key_that_was_mistyped_is_not_waited_for(world, wrong):
    alibaba(world)
    key, secret = key_of_reader(world)
    began = world.ground.now()
    done = huawei(world, ("LTAIxxxx", secret) if wrong == "key" else (key, "x"))
    ends(done, 2, "reading the source: the key belongs to no user")
    assert world.ground.now() - began < 60
    # The other key, which OMS did not get, is gone.
    assert keys_in_iam(world) == [1, 0]


def test_only_the_half_that_has_the_functions_key_renews_it(world, made):
    ends(world.setup("--new-key", "--only", "alibaba"), 2)
    well(world.setup("--new-key", "--only", "huawei", typed="yes\n"))
    assert keys_in_iam(world) == [2, 1]


def test_a_half_is_removed_alone(world, made):
    well(world.setup("--remove", "--only", "huawei", typed="yes\n"))
    assert world.made() == {**made, "tasks": [], "iam users": [], "iam policies": [], "secrets": []}
    well(world.setup("--remove", "--only", "alibaba", typed="yes\n"))
    assert world.made()["users"] == {}


# -- where a cloud refuses


def at_its_end(said):
    """What a run says that somebody else has to do something first."""
    return said.rpartition("Some resources are still missing. When they exist")[2]


def left(said):
    """Of which things that is."""
    return re.findall("^  wait: (.*?): ", at_its_end(said), re.MULTILINE)


def documents(said, version):
    """Those that are printed to be copied, by the user whom they are for."""
    parts = re.split(r"\d\. Create the (?:IAM|RAM) user (\S+) ", at_its_end(said))
    texts = zip(parts[1::2], parts[2::2], strict=True)
    found = {name: re.findall(rf'{{"Version": "{version}".*', text) for name, text in texts}
    return {name: [*map(json.loads, some)] for name, some in found.items() if some}


def test_without_identity_policies_the_printed_documents_suffice_and_setup_goes_on(world, whole):
    # GIVEN an account that has none, and does not tell whose the administrator's key is
    world.binds_roles = True
    world.iam.v5 = False

    # WHEN it is run THEN the rest is made, and it ends with what somebody else has to do
    said = ends(world.setup(typed=f"yes\n{YES}"), 3)
    assert re.findall("granted on the (project cn-north-4|account)", at_its_end(said)) == GRANTED
    keyless = {f"{NAME}-oms": ([f"{NAME}-oms"], 0)}
    missing = {"tasks": [], "iam users": [], "iam policies": [], "secrets": []}
    assert world.made() == {**whole, "users": keyless, **missing}

    # WHEN somebody does so, with nothing but what was printed
    granted = documents(said, "1.1")
    names = [
        action for some in granted.values() for one in some for part in one["Statement"] for action in part["Action"]
    ]
    assert all(name.rpartition(":")[2][0].isupper() == name.startswith("obs:") for name in names)
    oms, functions = (iam_user(world, name, *granted[name]) for name in (f"{NAME}-oms", f"{NAME}-functions"))
    kept = dict(zip(("HW_AK", "HW_SK"), functions, strict=True))
    well(world.run("secrets", "HW_AK", "HW_SK", keys=kept))

    # THEN setup goes on with the key that it is given, and an object arrives
    well(world.setup(typed=f"yes\n{YES}", hidden=oms))
    world.deploy_project(world.folder)
    world.oss.put(world.source_bucket, "hello", b"hello")
    world.later(120)
    assert world.obs.bucket(world.destination_bucket).objects["hello"].data == b"hello"
    assert world.fc.invoke("status", b"{}").value["copying"] is not None

    # AND all is there, as far as it can be seen
    assert well(world.setup("--plan")).count("by hand: IAM user") == 2


def test_the_user_made_by_hand_as_it_is_printed_is_setup_s_own(world):
    # GIVEN an account with identity policies, in which setup may create no user, but attach policies
    world.iam.deny("iam:users:createUserV5")
    said = ends(world.setup(typed=YES), 3)
    # WHEN they are made by hand, with the description that is printed
    for name, mark in re.findall(r"Create the IAM user (\S+) .* description (\S+), in its own", at_its_end(said)):
        world.iam.create_user(Asked((), {"name": name, "description": mark}, {}))
    # THEN it does the rest itself
    well(world.setup(typed=YES))
    assert keys_in_iam(world) == [1, 1]


def test_without_rights_in_ram_the_printed_documents_suffice_and_setup_goes_on(world):
    # GIVEN an administrator whom a policy forbids what RAM is about
    for action in ("ram:GetRole", "ram:GetUser", "ram:ListAccessKeys", "ram:CreateAccessKey"):
        world.ram.deny(action, "ExplicitDeny")
    # WHEN it is run THEN the denial is told as RAM tells it, and whom to ask
    said = ends(
        world.setup(typed=YES),
        3,
        "refused ram:GetRole: 403 NoPermission, ExplicitDeny, AccountLevelIdentityBasedPolicy (request ",
        "-> A policy denies ram:GetRole and overrides all others: ask its author",
        "Run this where aliyun has keys for creating RAM roles and policies: python3 policies/show.py | bash",
    )
    assert (world.made()["tasks"], sorted(world.secrets)) == ([], [f"{NAME}_HW_AK", f"{NAME}_HW_SK"])

    # AND with a user of the printed document OMS reads the source; where nobody is asked, the environment has its key
    ((document,),) = documents(said, "1").values()
    key = dict(zip(OMS_SOURCE, ram_user(world, document, f"{NAME}-oms"), strict=True))
    keys = {**world.administrators(), **key}
    plan = json.loads(world.setup("--plan", "--json", keys=keys)[1].splitlines()[-1])["plan"]
    # The roles are nowhere to be seen, so that not all is known to be there.
    said = ends(world.setup("--yes", plan, "--agree", keys=keys), 3)
    assert left(said) == [f"RAM role of {FUNCTIONS}", "RAM role of trigger"]
    assert world.made()["tasks"] == [("photos", "photos-obs", True)]


def test_a_half_without_rights_in_ram_goes_on_as_well(world):
    for action in ("ram:GetRole", "ram:GetUser", "ram:ListAccessKeys"):
        world.ram.deny(action)
    assert left(ends(alibaba(world), 3)) == [f"RAM role of {FUNCTIONS}", "RAM role of trigger", READER]
    assert world.log_bucket in world.oss.buckets


def test_a_key_that_somebody_made_is_given_to_oms_and_not_taken_for_one_that_nobody_has(world):
    # GIVEN an administrator who may make no keys, but delete them, and a key that was made by hand
    world.ram.deny("ram:CreateAccessKey")
    assert left(ends(world.setup(typed=YES), 3)) == ["sync task"]
    del world.ram.entities.denied["CreateAccessKey"]
    given = dict(zip(OMS_SOURCE, key_of_reader(world), strict=True))
    world.ram.deny("ram:CreateAccessKey")

    # WHEN setup has it from the beginning THEN OMS gets that one
    well(world.setup(typed=YES, keys={**world.administrators(), **given}))
    assert list(world.ram.entities.users[f"{NAME}-oms"]["keys"]) == [given[OMS_SOURCE[0]]]


def test_a_policy_that_may_not_be_changed_is_waited_for_though_the_functions_have_their_key(world, made):
    to(world, readObjects="off")
    world.iam.deny("iam:policies:createVersionV5")
    assert left(ends(world.setup(typed=YES), 3)) == ["IAM user for the functions to call OMS and OBS"]


def test_a_key_that_may_not_be_deleted_is_named_as_left(world):
    well(alibaba(world))
    world.ram.entities.create_access_key(f"{NAME}-oms")
    world.ram.deny("ram:DeleteAccessKey")
    assert left(ends(world.setup(typed=YES), 3)) == [f"unused access keys of RAM user {NAME}-oms"]


def test_a_missing_right_to_make_a_bucket_ends_it_there(world):
    world.oss.deny("oss:PutBucket", world.log_bucket)
    refused = "refused oss:PutBucket: 403 AccessDenied, ExplicitDeny"
    ends(world.setup(typed=YES), 3, f"log bucket {world.log_bucket}: ", refused)
    assert world.made()["roles"] == {}


def test_no_program_that_setup_starts_has_any_key(world):
    # GIVEN all keys in the environment
    given = {"OMS_SOURCE_AK": "a-source-key", "OMS_SOURCE_SK": "its-secret"}
    seen = []

    class Watching(Caller):
        def account(self, alias):
            seen.append(dict(os.environ))
            return super().account(alias)

        def secrets(self):
            seen.append(dict(os.environ))
            return super().secrets()

    with patch("ops.functions.call.caller", lambda *_: Watching(world)):
        for half in ((), ("--only", "alibaba"), ("--only", "huawei")):
            world.setup("--plan", *half, keys={**world.administrators(), **given})
    assert len(seen) > 3
    values = set(chain.from_iterable(one.values() for one in seen))
    assert not values & {*world.administrators().values(), *given.values()}
