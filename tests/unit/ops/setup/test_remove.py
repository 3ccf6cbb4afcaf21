"""`ops.py setup --remove`: nothing is left of what setup made but the buckets, and nothing of others' goes."""

from __future__ import annotations

import json

import pytest

from sandbox.iam.identities import Asked
from support.administrator import KilledError
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, ends, to, well

NOTHING = {"roles": {}, "users": {}, "policies": {}, "iam users": [], "iam policies": [], "tasks": [], "secrets": []}
# Of the requests of a run one in so many is where it ends.
EACH = 12


@pytest.fixture
def world():
    with SetupWorld() as made:
        assert made.setup(typed=YES)[0] == 0
        yield made


def left(world):
    return {name: found for name, found in world.made().items() if name != "buckets"}


def test_nothing_is_left_but_the_buckets_and_their_objects(world):
    world.oss.put(world.log_bucket, "oms_source_record/t/success_object/a", b"-")
    buckets = world.made()["buckets"]
    said = well(world.setup("--remove", typed="yes\n"))
    assert "Remove them first: s remove -y" in said
    assert left(world) == NOTHING
    assert world.made()["buckets"] == buckets
    assert list(world.oss.objects(world.log_bucket)) == ["oms_source_record/t/success_object/a"]

    # AND once more there is nothing to do
    code, said = world.setup("--remove", typed="yes\n")
    assert (code, "Type yes" in said, "s deploy" in said) == (0, False, False)
    assert "Setup has nothing to remove. The buckets are still there" in said

    # AND it can be set up again
    settings = world.folder / "s.yaml"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join('  SYNC_URL: "" # setup\n' if one.startswith("  SYNC_URL:") else one for one in lines))
    assert world.setup(typed=YES)[0] == 0


def test_a_plan_of_it_removes_nothing(world):
    before = world.made()
    assert world.setup("--remove", "--plan")[0] == 0
    assert world.setup("--remove", typed="no\n")[0] == 2
    assert world.made() == before


@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
@pytest.mark.parametrize("first", range(1, 5))
def test_interrupted_at_a_request_and_begun_again_nothing_is_left(fate, first):
    for number in range(first, 80, EACH):
        with SetupWorld() as world:
            world.setup(typed=YES)
            with world.cut_off(fate, number):
                world.setup("--remove", typed="yes\n")
            well(world.setup("--remove", typed="yes\n"))
            assert left(world) == NOTHING, number


@pytest.mark.parametrize("number", range(4, 81, 19))
def test_after_half_a_setup_nothing_is_left_either(number):
    with SetupWorld() as world:
        world.dies_after = number
        with pytest.raises(KilledError):
            world.setup(typed=YES)
        world.dies_after = -1
        world.later(41 * 60)
        well(world.setup("--remove", typed="yes\n"))
        assert left(world) == NOTHING


def test_what_others_made_or_attached_stays_and_is_named(world):
    # GIVEN a policy of somebody else on a role, a user of theirs, and a task of theirs for the same buckets
    ram = world.ram.entities
    allowed = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:x"]}
    ram.create_policy("other", json.dumps({"Version": "1", "Statement": [allowed]}))
    ram.attach_policy_to_role("Custom", "other", f"{NAME}-trigger")
    ram.create_user("theirs")
    world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))

    # WHEN all of setup's is taken away THEN what stays is not told as done
    said = ends(
        world.setup("--remove", typed="yes\n"), 3, "wait: RAM role of trigger: stays, because other of somebody"
    )
    assert "Done: RAM role of trigger" not in said

    # THEN theirs is there
    found = left(world)
    assert found["roles"] == {f"{NAME}-trigger": ["other"]}
    assert (found["users"], found["policies"], len(found["tasks"])) == ({"theirs": ([], 0)}, {"other": 1}, 1)
    _, said = world.setup("--remove", "--plan")
    assert "stays, because other of somebody else are attached" in said


def test_a_user_of_iam_to_whom_others_attached_something_stays_until_they_take_it_away(world):
    given = {"policy_name": "other", "policy_document": json.dumps(IAM_POLICY), "description": ""}
    policy = world.iam.create_policy(Asked((), given, {}))["policy"]["policy_id"]
    (writer,) = [one for one in world.iam.users.values() if one["told"]["user_name"] == f"{NAME}-oms"]
    writer["attached"][policy] = 0.0
    told = "IAM user with whose key OMS writes to the destination: stays, because other of somebody else are attached"
    ends(world.setup("--remove", typed="yes\n"), 3, f"wait: {told}", "Detach what is not setup's")
    well(world.setup("--remove", typed="yes\n"), f"is there: {told}")
    del writer["attached"][policy]
    well(world.setup("--remove", typed="yes\n"))
    assert (left(world)["iam users"], left(world)["iam policies"]) == ([], ["other"])


IAM_POLICY = {
    "Version": "5.0",
    "Statement": [{"Effect": "Allow", "Action": ["obs:object:getObject"], "Resource": ["*"]}],
}


@pytest.mark.parametrize("task", ["", "another"])
def test_a_migration_beside_another_task_stops_it_with_the_address_under_which_it_can_be_ended(world, task):
    # GIVEN a migration that is written down, and an s.yaml that says another task since, or none
    address = world.variables()["SYNC_URL"]
    begun = {"run": "r", "begun": "2026-03-10T12:00:00Z", "source": "photos", "destination": "photos-obs"}
    name = f"oms_source_record/{address.split('/')[-2]}/state/migrate-{NAME}.json"
    world.oss.put(world.log_bucket, name, json.dumps({**begun, "prefixes": [""], "kept": []}).encode())
    to(world, SYNC_URL=task and address.replace(address.split("/")[-2], task))
    ends(world.setup("--remove", typed="yes\n"), 1, "Write SYNC_URL back into s.yaml as it was", address)

    # WHEN that is done THEN it can be ended, and all taken away
    to(world, SYNC_URL=address)
    ends(world.setup("--remove", typed="yes\n"), 1, "End it first: python3 ops.py migrate --remove")
    well(world.run("migrate", "--remove", typed="yes\n"))
    well(world.setup("--remove", typed="yes\n"))
    assert left(world) == NOTHING


@pytest.mark.parametrize("cloud", ["RAM", "IAM"])
def test_a_policy_of_that_name_which_setup_did_not_make_stops_it(cloud):
    with SetupWorld() as world:
        allowed = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:x"]}
        if cloud == "RAM":
            world.ram.entities.create_policy(f"{NAME}-trigger", json.dumps({"Version": "1", "Statement": [allowed]}))
            world.ram.entities.create_role(f"{NAME}-trigger", TRUST, description=f"oss-oms-sync:{NAME}:photos")
        else:
            assert world.setup(typed=YES)[0] == 0
            for policy in world.iam.policies.values():
                policy["told"]["description"] = "mine"
        before = world.made()
        ends(world.setup(typed=YES), 1, "is there, and setup did not make it")
        assert world.made() == before


TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["oss.aliyuncs.com"]}}],
    }
)
