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
    removes(world, "First remove the functions and triggers: s remove -y")
    assert world.made() == {**NOTHING, "buckets": buckets}
    assert list(world.oss.objects(world.log_bucket)) == ["oms_source_record/t/success_object/a"]

    # AND once more there is nothing to do
    said = removes(world, "Setup has nothing to remove. The buckets and their objects are unchanged")
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
    told = f"RAM role of trigger: RAM role {NAME}-trigger is kept, because setup did not attach other"
    said = removes(world, f"wait: {told}", code=3)
    assert "Done: RAM role of trigger" not in said

    # THEN theirs is there
    theirs = {"roles": {f"{NAME}-trigger": ["other"]}, "users": {"theirs": ([], 0)}, "policies": {"other": 1}}
    assert left(world) == {**NOTHING, **theirs, "tasks": [("photos", "photos-obs", True)]}

    # AND the next run says so as well
    said = removes(world, f"wait: {told}", "Detach the policies that setup did not attach", code=3)
    assert "Setup has nothing to remove" not in said


def test_a_user_of_iam_to_whom_others_attached_something_stays_until_they_take_it_away(world):
    given = {"policy_name": "other", "policy_document": json.dumps({**OTHER, "Version": "5.0"}), "description": ""}
    policy = world.iam.create_policy(Asked((), given, {}))["policy"]["policy_id"]
    attached = world.iam_user("oms")["attached"]
    attached[policy] = 0.0
    told = (
        f"IAM user for OMS to write to the destination: IAM user {NAME}-oms is kept, because setup did not attach other"
    )
    for _ in range(2):
        removes(world, told, "Detach the policies that setup did not attach", code=3)
    del attached[policy]
    removes(world)
    assert left(world) == {**NOTHING, "iam policies": ["other"]}


def test_a_policy_whose_role_or_user_was_deleted_by_hand_goes(world):
    ram, user = world.ram.entities, world.iam_user("functions")
    ram.roles.clear()
    ram.users.clear()
    del world.iam.users[user["fields"]["user_id"]]
    said = removes(world, f"policy {NAME}-trigger", f"policy {NAME}-oms")
    assert ("nothing to remove" in said, left(world)) == (False, NOTHING)


def test_a_policy_of_setup_s_that_others_attached_stays_and_all_keys_go(world):
    # GIVEN things of others that have the policies of setup's
    ram, iam = world.ram.entities, world.iam
    ram.create_user("theirs")
    ram.attach_policy_to_user("Custom", f"{NAME}-oms", "theirs")
    user = iam.create_user(Asked((), {"name": "theirs"}, {}))["user"]["user_id"]
    (policy,) = world.iam_user("oms")["attached"]
    iam.users[user]["attached"][policy] = 0.0
    told = f"the policy {NAME}-oms is kept, because it is attached to an identity that setup did not create"
    for _ in range(2):
        # WHEN all is taken away, and once more THEN what stays is named
        said = removes(world, f"wait: RAM user for OMS to read the source: {told}", told, code=3)
        assert "nothing to remove" not in said
        theirs = {"users": {"theirs": ([f"{NAME}-oms"], 0)}, "policies": {f"{NAME}-oms": 1}}
        there = {"iam users": [("theirs", 1, 0)], "iam policies": [f"{NAME}-oms"]}
        assert left(world) == {**NOTHING, **theirs, **there}

    # AND once they are detached they go
    ram.detach_policy_from_user("Custom", f"{NAME}-oms", "theirs")
    iam.users[user]["attached"].clear()
    removes(world)
    assert (left(world)["policies"], left(world)["iam policies"]) == ({}, [])


def test_a_policy_of_others_with_the_name_on_a_user_of_setup_s_stays_attached(world):
    user, ram = world.iam_user("oms"), world.ram.entities
    for policy in (world.iam.policies[next(iter(user["attached"]))], ram.policies[f"{NAME}-oms"]):
        policy["fields"] |= {"description": "mine", "Description": "mine"}
    told = f"is kept, because setup did not attach {NAME}-oms"
    removes(world, f"RAM user {NAME}-oms {told}", f"IAM user {NAME}-oms {told}", code=3)
    assert (len(user["attached"]), ram.users[f"{NAME}-oms"]["attached"].keys()) == (1, {f"{NAME}-oms"})
    assert (user["keys"], ram.users[f"{NAME}-oms"]["keys"]) == ({}, {})


def test_what_setup_wrote_into_s_yaml_is_taken_back_and_nothing_else(world):
    before = world.variables()
    removes(world, "change: s.yaml: empty SYNC_URL, HW_AK, HW_SK")
    assert world.variables() == {**before, "SYNC_URL": "", "HW_AK": "", "HW_SK": ""}
    assert json.loads((world.folder / "answers.json").read_text())["SYNC_URL"] == ""


def test_an_address_of_a_task_that_somebody_else_made_stays_in_s_yaml(world):
    task = world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))
    to(world, SYNC_URL=task.sync_url)
    removes(world, "change: s.yaml: empty HW_AK, HW_SK")
    assert world.variables()["SYNC_URL"] == task.sync_url


def test_an_address_of_a_task_that_is_gone_is_taken_back(world):
    world.oms._tasks.clear()
    world.later(300)
    removes(world)
    well(world.setup(typed=YES))


@pytest.mark.parametrize("task", ["", "another"])
def test_a_migration_beside_another_task_stops_it_with_the_address_under_which_it_can_be_ended(world, task):
    # GIVEN a migration that is written down, and an s.yaml that says another task since, or none
    address = world.variables()["SYNC_URL"]
    begun = {"run": "r", "begun": "2026-03-10T12:00:00Z", "source": "photos", "destination": "photos-obs"}
    name = f"oms_source_record/{address.split('/')[-2]}/state/migrate-{NAME}.json"
    world.oss.put(world.log_bucket, name, json.dumps({**begun, "prefixes": [""], "kept": []}).encode())
    to(world, SYNC_URL=task and address.replace(address.split("/")[-2], task))
    removes(world, "Restore the previous SYNC_URL in s.yaml", address, code=1)

    # WHEN that is done THEN it can be ended, and all taken away
    to(world, SYNC_URL=address)
    removes(world, "End the migration first: python3 ops.py migrate --remove", code=1)
    well(world.run("migrate", "--remove", typed="yes\n"))
    removes(world)
    assert left(world) == NOTHING
