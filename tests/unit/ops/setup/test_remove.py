"""`ops.py setup --remove`: nothing is left of what setup made but the buckets, and nothing of others' goes."""

import json

import pytest

from sandbox.iam.identities import Asked
from unit.ops.setup.setup_world import NAME, OTHER, YES, SetupWorld, ends, to, well

NOTHING = {"roles": {}, "users": {}, "policies": {}, "iam users": [], "iam policies": [], "tasks": [], "secrets": []}
# Of the requests of a run one in so many is where it ends.
EACH = 12


@pytest.fixture
def world(world):
    """The project is set up."""
    well(world.setup(typed=YES))
    return world


def removes(world, *told, code=0):
    return ends(world.setup("--remove", typed="yes\n"), code, *told)


def left(world):
    return {name: found for name, found in world.made().items() if name != "buckets"}


def test_nothing_is_left_but_the_buckets_and_their_objects(world):
    world.oss.put(world.log_bucket, "oms_source_record/t/success_object/a", b"-")
    buckets = world.made()["buckets"]
    removes(world, "Remove them first: s remove -y")
    assert world.made() == {**NOTHING, "buckets": buckets}
    assert list(world.oss.objects(world.log_bucket)) == ["oms_source_record/t/success_object/a"]

    # AND once more there is nothing to do
    said = removes(world, "Setup has nothing to remove. The buckets are still there")
    assert ("Type yes" in said, "s deploy" in said) == (False, False)

    # AND it can be set up again
    well(world.setup(typed=YES))


def test_a_plan_of_it_removes_nothing(world):
    before = world.made()
    well(world.setup("--remove", "--plan"))
    ends(world.setup("--remove", typed="no\n"), 2)
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
            removes(world)
            assert left(world) == NOTHING, number


@pytest.mark.parametrize("number", range(4, 81, 19))
def test_after_half_a_setup_nothing_is_left_either(number):
    with SetupWorld() as world:
        with world.cut_off("dies_after", number):
            world.setup(typed=YES)
        removes(world)
        assert left(world) == NOTHING


def test_what_others_made_or_attached_stays_and_is_named(world):
    # GIVEN a policy of somebody else on a role, a user of theirs, and a task of theirs for the same buckets
    ram = world.ram.entities
    ram.create_policy("other", json.dumps(OTHER))
    ram.attach_policy_to_role("Custom", "other", f"{NAME}-trigger")
    ram.create_user("theirs")
    world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))

    # WHEN all of setup's is taken away THEN what stays is not told as done
    told = f"RAM role of trigger: RAM role {NAME}-trigger stays, because setup did not attach other"
    said = removes(world, f"wait: {told}", code=3)
    assert "Done: RAM role of trigger" not in said

    # THEN theirs is there
    theirs = {"roles": {f"{NAME}-trigger": ["other"]}, "users": {"theirs": ([], 0)}, "policies": {"other": 1}}
    assert left(world) == {**NOTHING, **theirs, "tasks": [("photos", "photos-obs", True)]}

    # AND the next run says so as well
    said = removes(world, f"wait: {told}", "Detach in the console what setup did not attach", code=3)
    assert "Setup has nothing to remove" not in said


def test_a_user_of_iam_to_whom_others_attached_something_stays_until_they_take_it_away(world):
    given = {"policy_name": "other", "policy_document": json.dumps({**OTHER, "Version": "5.0"}), "description": ""}
    policy = world.iam.create_policy(Asked((), given, {}))["policy"]["policy_id"]
    attached = world.iam_user("oms")["attached"]
    attached[policy] = 0.0
    told = f"wait: IAM user with whose key OMS writes to the destination: IAM user {NAME}-oms stays, because setup did not"
    for _ in range(2):
        removes(world, told, "Detach in the console what setup did not attach", code=3)
    del attached[policy]
    removes(world)
    assert left(world) == {**NOTHING, "iam policies": ["other"]}


@pytest.mark.parametrize("task", ["", "another"])
def test_a_migration_beside_another_task_stops_it_with_the_address_under_which_it_can_be_ended(world, task):
    # GIVEN a migration that is written down, and an s.yaml that says another task since, or none
    address = world.variables()["SYNC_URL"]
    begun = {"run": "r", "begun": "2026-03-10T12:00:00Z", "source": "photos", "destination": "photos-obs"}
    name = f"oms_source_record/{address.split('/')[-2]}/state/migrate-{NAME}.json"
    world.oss.put(world.log_bucket, name, json.dumps({**begun, "prefixes": [""], "kept": []}).encode())
    to(world, SYNC_URL=task and address.replace(address.split("/")[-2], task))
    removes(world, "Write SYNC_URL back into s.yaml as it was", address, code=1)

    # WHEN that is done THEN it can be ended, and all taken away
    to(world, SYNC_URL=address)
    removes(world, "End it first: python3 ops.py migrate --remove", code=1)
    well(world.run("migrate", "--remove", typed="yes\n"))
    removes(world)
    assert left(world) == NOTHING
