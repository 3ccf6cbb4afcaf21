"""`ops.py setup` with the keys of one administrator, or where a cloud lets somebody else alone do it: all the rest goes
on, and what is printed for whoever may is enough."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from itertools import chain
from unittest.mock import patch

import pytest

from ops.clouds.keys import ALIBABA, OMS_SOURCE
from sandbox.iam.identities import Asked
from support.administrator import KilledError
from support.grants import iam_user, ram_user
from support.migration import Caller
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, ends, well

READER = "RAM user with whose key OMS reads the source"
FUNCTIONS = "forward, replay, reconcile, compare, certify, doctor, status"
# Of the requests of a run one in so many is where it ends.
EACH = 5


@pytest.fixture(scope="module")
def whole():
    """What there is after a run by one person."""
    with SetupWorld() as made:
        assert made.setup(typed=YES)[0] == 0
        return made.made()


class Two:
    """Two administrators, each with the keys of one cloud."""

    def __init__(self, world):
        self._world = world
        self.handed = ()

    def alibaba(self):
        keys = {name: value for name, value in self._world.administrators().items() if name in ALIBABA}
        return self._world.setup("--only", "alibaba", typed="yes\n", keys=keys)

    def huawei(self):
        keys = {name: value for name, value in self._world.administrators().items() if name not in ALIBABA}
        return self._world.setup("--only", "huawei", typed=YES, keys=keys, hidden=self.handed)

    def hand_over(self):
        """By hand, in the console."""
        key = self._world.ram.entities.create_access_key(f"{NAME}-oms")["AccessKey"]
        self.handed = key["AccessKeyId"], key["AccessKeySecret"]


def test_two_people_who_hand_one_key_over_end_as_one_does(world, whole):
    # GIVEN somebody who sets up Alibaba Cloud, and is told which key the other one needs
    two = Two(world)
    said = well(two.alibaba())
    assert f"by hand: access key of {NAME}-oms, for whoever sets up Huawei Cloud: there is none" in said
    assert "python3 ops.py setup --only huawei" in said
    assert {
        one.url.split("/")[2].partition(".")[2].rpartition(".")[2] for one in world.sent if "huawei" in one.url
    } == set()

    # WHEN the other one types it THEN all is there
    two.hand_over()
    begun = len(world.sent)
    said = well(two.huawei())
    assert [one.url for one in world.sent[begun:] if "aliyun" in one.url] == []
    assert world.made() == whole
    assert not [secret for secret in two.handed if secret in said]

    # AND neither has anything left to do, nor one person with the keys of both
    for run in (two.alibaba, two.huawei, world.setup):
        code, said = run()
        assert (code, re.findall(r"^ *(create|change|remove|stop|not seen|wait)", said, re.MULTILINE)) == (0, [])


def test_who_comes_first_in_huawei_cloud_has_all_but_the_task_and_goes_on_with_the_key(world, whole):
    two = Two(world)
    code, said = two.huawei()
    assert (code, left(said)) == (3, ["sync task"])
    assert world.made()["tasks"] == []
    assert [keys for _, _, keys in world.made()["iam users"]] == [1, 0]
    assert two.alibaba()[0] == 0
    two.hand_over()
    well(two.huawei())
    assert world.made() == whole


@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
def test_the_second_half_interrupted_at_a_request_and_begun_again_ends_the_same(whole, fate):
    with SetupWorld() as counted:
        two = Two(counted)
        two.alibaba()
        two.hand_over()
        first = counted.asked
        assert two.huawei()[0] == 0
        requests = range(first + 1, counted.asked, EACH)
    for number in requests:
        with SetupWorld() as world:
            two = Two(world)
            two.alibaba()
            two.hand_over()
            setattr(world, fate, {number} if fate == "loses" else number)
            with suppress(KilledError):
                two.huawei()
            world.dies_after = -1
            well(two.huawei())
            assert world.made() == whole, number


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_key_that_was_mistyped_is_not_waited_for(world, wrong):
    two = Two(world)
    two.alibaba()
    two.hand_over()
    key, secret = two.handed
    two.handed = ("LTAIxxxx", secret) if wrong == "key" else (key, "x")
    began = world.ground.now()
    ends(two.huawei(), 2, "reading the source: no user has the key that was given")
    assert world.ground.now() - began < 60
    # The other key, which OMS did not get, is gone.
    assert [keys for _, _, keys in world.made()["iam users"]] == [1, 0]


def test_only_the_half_that_has_the_functions_key_renews_it(world):
    assert world.setup(typed=YES)[0] == 0
    assert world.setup("--new-key", "--only", "alibaba")[0] == 2
    assert world.setup("--new-key", "--only", "huawei", typed="yes\n")[0] == 0
    assert (f"{NAME}-functions", 1, 2) in world.made()["iam users"]


def test_a_half_is_removed_alone(world):
    assert world.setup(typed=YES)[0] == 0
    assert world.setup("--remove", "--only", "huawei", typed="yes\n")[0] == 0
    left = world.made()
    assert (left["tasks"], left["iam users"], left["secrets"]) == ([], [], [])
    assert sorted(left["users"]) == [f"{NAME}-oms"]
    assert world.setup("--remove", "--only", "alibaba", typed="yes\n")[0] == 0
    assert world.made()["users"] == {}


# -- where a cloud refuses


def at_its_end(said):
    """What a run says that somebody else has to do something first."""
    return said.rpartition("Not all is there yet. When that is done")[2]


def left(said):
    """Of which things that is."""
    return re.findall("^  wait: (.*?): ", at_its_end(said), re.MULTILINE)


def documents(said, version):
    """Those that are printed to be copied, by the user whom they are for."""
    found, name = {}, ""
    for line in at_its_end(said).splitlines():
        if user := re.search(r"\d\. Create the (?:IAM|RAM) user (\S+),", line):
            name = user[1]
        elif text := re.search(r"\{\"Version\".*", line):
            document = json.loads(text[0])
            if document["Version"] == version:
                found.setdefault(name, []).append(document)
    return found


def test_without_identity_policies_the_printed_documents_suffice_and_setup_goes_on(world):
    # GIVEN an account that has none, and does not tell whose the administrator's key is
    world.binds_roles = True
    world.iam.v5 = False

    # WHEN it is run THEN the rest is made, and it ends with what somebody else has to do
    said = ends(world.setup(typed=f"yes\n{YES}"), 3)
    assert at_its_end(said).count("granted on the project cn-north-4") == 1
    assert at_its_end(said).count("granted on the account") == 2
    made = world.made()
    assert (made["tasks"], made["iam users"], made["secrets"]) == ([], [], [])
    assert made["buckets"] == (["photos", "photos-oms-log"], True)
    assert sorted(made["roles"]) == [f"{NAME}-function", f"{NAME}-trigger"]

    # WHEN somebody does so, with nothing but what was printed
    granted = documents(said, "1.1")
    names = [
        action for some in granted.values() for one in some for part in one["Statement"] for action in part["Action"]
    ]
    assert all(name.rpartition(":")[2][0].isupper() == name.startswith("obs:") for name in names)
    oms, functions = (iam_user(world, name, *granted[name]) for name in (f"{NAME}-oms", f"{NAME}-functions"))
    kept = dict(zip(("HW_AK", "HW_SK"), functions, strict=True))
    assert world.run("secrets", "HW_AK", "HW_SK", keys=kept)[0] == 0

    # THEN setup goes on with the key that it is given, and an object arrives
    well(world.setup(typed=f"yes\n{YES}", hidden=oms))
    world.deploy_project(world.folder)
    world.oss.put(world.source_bucket, "hello", b"hello")
    world.later(120)
    assert world.obs.bucket(world.destination_bucket).objects["hello"].data == b"hello"
    assert world.fc.invoke("status", b"{}").value["copying"] is not None

    # AND all is there, as far as it can be seen
    code, said = world.setup("--plan")
    assert (code, said.count("by hand: IAM user")) == (0, 2)


def test_the_user_made_by_hand_as_it_is_printed_is_setup_s_own(world):
    # GIVEN an account with identity policies, in which setup may create no user, but attach policies
    world.iam.deny("iam:users:createUserV5")
    said = ends(world.setup(typed=YES), 3)
    # WHEN they are made by hand, with the description that is printed
    for name, mark in re.findall(r"Create the IAM user (\S+), .* description (\S+),", at_its_end(said)):
        world.iam.create_user(Asked((), {"name": name, "description": mark}, {}))
    # THEN it does the rest itself
    well(world.setup(typed=YES))
    assert [keys for _, _, keys in world.made()["iam users"]] == [1, 1]


def test_without_rights_in_ram_the_printed_documents_suffice_and_setup_goes_on(world):
    # GIVEN an administrator whom a policy forbids what RAM is about
    for action in ("ram:GetRole", "ram:GetUser", "ram:ListAccessKeys", "ram:CreateAccessKey"):
        world.ram.deny(action, "ExplicitDeny")
    code, said = world.setup(typed=YES)

    # THEN the denial is told as RAM tells it, and whom to ask
    assert code == 3
    told = "refused ram:GetRole: 403 NoPermission, ExplicitDeny, AccountLevelIdentityBasedPolicy (request "
    assert told in said
    assert "-> A policy forbids ram:GetRole, whatever others allow: ask whoever wrote it" in said
    assert "Run python3 policies/show.py | bash where aliyun has keys" in said
    assert (world.made()["tasks"], sorted(world.secrets)) == ([], [f"{NAME}_HW_AK", f"{NAME}_HW_SK"])

    # AND with a user of the printed document OMS reads the source; where nobody is asked, the environment has its key
    ((document,),) = documents(said, "1").values()
    key = dict(zip(OMS_SOURCE, ram_user(world, document, f"{NAME}-oms"), strict=True))
    keys = {**world.administrators(), **key}
    plan = json.loads(world.setup("--plan", "--json", keys=keys)[1].splitlines()[-1])["plan"]
    code, said = world.setup("--yes", plan, "--agree", keys=keys)
    assert world.made()["tasks"] == [("photos", "photos-obs", True)]
    # The roles are nowhere to be seen, so that not all is known to be there.
    assert code == 3
    assert left(said) == [f"RAM role of {FUNCTIONS}", "RAM role of trigger"]


def test_a_half_without_rights_in_ram_goes_on_as_well(world):
    for action in ("ram:GetRole", "ram:GetUser", "ram:ListAccessKeys"):
        world.ram.deny(action)
    said = ends(Two(world).alibaba(), 3)
    assert left(said) == [f"RAM role of {FUNCTIONS}", "RAM role of trigger", READER]
    assert world.log_bucket in world.oss.buckets


def test_a_key_that_somebody_made_is_given_to_oms_and_not_taken_for_one_that_nobody_has(world):
    # GIVEN an administrator who may make no keys, but delete them, and a key that was made by hand
    world.ram.deny("ram:CreateAccessKey")
    code, said = world.setup(typed=YES)
    assert (code, left(said)) == (3, ["sync task"])
    del world.ram.entities.denied["CreateAccessKey"]
    key = world.ram.entities.create_access_key(f"{NAME}-oms")["AccessKey"]
    world.ram.deny("ram:CreateAccessKey")

    # WHEN setup has it from the beginning THEN OMS gets that one
    given = dict(zip(OMS_SOURCE, (key["AccessKeyId"], key["AccessKeySecret"]), strict=True))
    well(world.setup(typed=YES, keys={**world.administrators(), **given}))
    assert list(world.ram.entities.users[f"{NAME}-oms"]["keys"]) == [key["AccessKeyId"]]


def test_a_policy_that_may_not_be_changed_is_waited_for_though_the_functions_have_their_key(world):
    well(world.setup(typed=YES))
    file = world.folder / "s.yaml"
    file.write_text(re.sub("compareDeep:.*", 'compareDeep: "on"', file.read_text()))
    world.iam.deny("iam:policies:createVersionV5")
    assert left(ends(world.setup(typed=YES), 3)) == ["IAM user with whose key the functions call OMS and OBS"]


def test_a_key_that_may_not_be_deleted_is_named_as_left(world):
    ends(world.setup(typed="yes\n"), 2, "Nobody agreed")
    world.ram.entities.create_access_key(f"{NAME}-oms")
    world.ram.deny("ram:DeleteAccessKey")
    assert left(ends(world.setup(typed=YES), 3)) == [f"access keys of RAM user {NAME}-oms that nothing uses"]


def test_a_missing_right_to_make_a_bucket_ends_it_there(world):
    world.oss.deny("oss:PutBucket", world.log_bucket)
    ends(
        world.setup(typed=YES),
        3,
        f"log bucket {world.log_bucket}: ",
        "refused oss:PutBucket: 403 AccessDenied, ExplicitDeny",
    )
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

    with patch("ops.call.caller", lambda *_: Watching(world)):
        for half in ((), ("--only", "alibaba"), ("--only", "huawei")):
            world.setup("--plan", *half, keys={**world.administrators(), **given})
    assert len(seen) > 3
    values = set(chain.from_iterable(one.values() for one in seen))
    assert not values & {*world.administrators().values(), *given.values()}
