"""The command `ops.py setup --remove`, which deletes what setup created except buckets, and nothing of other users."""

import json

import pytest

from sandbox.iam.identities import Arguments
from support.administrator import draw_interruptions
from unit.ops.setup.setup_world import NAME, OTHER, YES, SetupWorld, expect_exit, expect_success, set_variables

NO_RESOURCES = {
    "roles": {},
    "users": {},
    "policies": {},
    "iam users": [],
    "iam policies": [],
    "tasks": [],
    "secrets": [],
}


@pytest.fixture
def world(world):
    """Return a world in which the project is set up."""
    world.set_up()
    return world


def remove(world, *phrases, code=0):
    return expect_exit(world.setup("--remove", typed="yes\n"), code, *phrases)


def remaining_resources(world):
    return {kind: names for kind, names in world.resources().items() if kind != "buckets"}


def test_setup_with_remove_leaves_only_the_buckets_and_their_objects(world):
    world.oss.put(world.log_bucket, "oms_source_record/t/success_object/a", b"-")
    buckets = world.resources()["buckets"]
    remove(world, "First remove the functions and triggers: s remove -y", "to remove, 1 to do by hand")
    assert world.resources() == {**NO_RESOURCES, "buckets": buckets}
    assert list(world.oss.objects(world.log_bucket)) == ["oms_source_record/t/success_object/a"]

    # AND a second removal has nothing to do
    output = remove(world, "Setup has nothing to remove. The buckets and their objects are unchanged")
    assert "Type yes" not in output
    assert "s deploy" not in output

    # AND it can be set up again
    expect_success(world.setup(typed=YES))


@pytest.mark.long
@pytest.mark.parametrize("quarter", range(4))
def test_a_repeated_setup_with_remove_completes_an_interrupted_removal(quarter):
    for fate, number in draw_interruptions(range(1, 80))[quarter::4]:
        with SetupWorld() as world:
            world.set_up()
            with world.cut_off(fate, number):
                world.setup("--remove", typed="yes\n")
            # OMS may list a task five minutes late, so setup awaits a task that it deleted without an answer.
            world.advance(300)
            remove(world)
            assert remaining_resources(world) == NO_RESOURCES, (fate, number)


@pytest.mark.parametrize("number", range(4, 81, 19))
def test_setup_with_remove_after_an_interrupted_setup_leaves_no_resource(number):
    with SetupWorld() as world:
        with world.cut_off("dies_after", number):
            world.setup(typed=YES)
        remove(world)
        assert remaining_resources(world) == NO_RESOURCES


def test_setup_with_remove_keeps_and_names_resources_of_others(world):
    # GIVEN a policy of others on a role, a user of theirs, and a task of theirs for the same buckets
    ram = world.ram.entities
    ram.create_policy("other", json.dumps(OTHER))
    ram.attach_policy_to_role("Custom", "other", f"{NAME}-trigger")
    ram.create_user("theirs")
    world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))

    # WHEN setup removes its resources THEN the role that stays is not reported as done
    kept_text = "is kept, because it has policies that setup did not attach: other"
    reason = f"RAM role for trigger: RAM role {NAME}-trigger {kept_text}"
    output = remove(world, f"wait: {reason}", code=3)
    assert "Done: RAM role for trigger" not in output

    # THEN theirs is there
    theirs = {"roles": {f"{NAME}-trigger": ["other"]}, "users": {"theirs": ([], 0)}, "policies": {"other": 1}}
    assert remaining_resources(world) == {**NO_RESOURCES, **theirs, "tasks": [("photos", "photos-obs", True)]}

    # AND the next run names it as well
    output = remove(world, f"wait: {reason}", "detach the policies that setup did not attach", code=3)
    assert "Setup has nothing to remove" not in output


def test_setup_with_remove_deletes_a_policy_whose_user_is_gone(world):
    ram, user = world.ram.entities, world.iam_user("functions")
    ram.roles.clear()
    ram.users.clear()
    del world.iam.users[user["fields"]["user_id"]]
    output = remove(world, f"policy {NAME}-trigger", f"policy {NAME}-oms")
    assert "nothing to remove" not in output
    assert remaining_resources(world) == NO_RESOURCES


def test_setup_with_remove_keeps_a_policy_of_others_and_deletes_all_keys(world):
    # GIVEN things of others that have the policies of setup's
    ram, iam = world.ram.entities, world.iam
    ram.create_user("theirs")
    ram.attach_policy_to_user("Custom", f"{NAME}-oms", "theirs")
    user = iam.create_user(Arguments((), {"name": "theirs"}, {}))["user"]["user_id"]
    (policy,) = world.iam_user("oms")["attached"]
    iam.users[user]["attached"][policy] = 0.0
    reason = f"the policy {NAME}-oms is kept, because it is attached to an identity that setup did not create"
    for _ in range(2):
        # WHEN setup removes its resources, twice THEN each that stays is named
        output = remove(world, f"wait: RAM user with which OMS reads the source: {reason}", reason, code=3)
        assert "nothing to remove" not in output
        theirs = {"users": {"theirs": ([f"{NAME}-oms"], 0)}, "policies": {f"{NAME}-oms": 1}}
        huawei_resources = {"iam users": [("theirs", 1, 0)], "iam policies": [f"{NAME}-oms"]}
        assert remaining_resources(world) == {**NO_RESOURCES, **theirs, **huawei_resources}

    # AND the next removal deletes them after they are detached
    ram.detach_policy_from_user("Custom", f"{NAME}-oms", "theirs")
    iam.users[user]["attached"].clear()
    remove(world)
    assert remaining_resources(world)["policies"] == {}
    assert remaining_resources(world)["iam policies"] == []


def test_setup_with_remove_keeps_a_policy_of_others_with_its_own_name(world):
    user, ram = world.iam_user("oms"), world.ram.entities
    for policy in (world.iam.policies[next(iter(user["attached"]))], ram.policies[f"{NAME}-oms"]):
        policy["fields"] |= {"description": "mine", "Description": "mine"}
    reason = f"is kept, because it has policies that setup did not attach: {NAME}-oms"
    remove(world, f"RAM user {NAME}-oms {reason}", f"IAM user {NAME}-oms {reason}", code=3)
    assert len(user["attached"]) == 1
    assert ram.users[f"{NAME}-oms"]["attached"].keys() == {f"{NAME}-oms"}
    assert user["keys"] == {}
    assert ram.users[f"{NAME}-oms"]["keys"] == {}


def test_setup_with_remove_empties_only_its_own_lines_of_s_yaml(world):
    earlier_variables = world.variables()
    remove(world, "change: s.yaml: empty SYNC_URL, HW_AK, HW_SK")
    assert world.variables() == {**earlier_variables, "SYNC_URL": "", "HW_AK": "", "HW_SK": ""}
    assert json.loads((world.folder / "answers.json").read_text())["SYNC_URL"] == ""


def test_setup_with_remove_keeps_the_address_of_a_task_of_others(world):
    task = world.oms.create_task(world.project_id, "t", lambda key: None, world.obs.bucket(world.destination_bucket))
    set_variables(world, SYNC_URL=task.sync_url)
    remove(world, "change: s.yaml: empty HW_AK, HW_SK")
    assert world.variables()["SYNC_URL"] == task.sync_url


def test_setup_with_remove_deletes_the_address_of_a_deleted_task(world):
    world.oms._tasks.clear()
    world.advance(300)
    remove(world)
    expect_success(world.setup(typed=YES))


@pytest.mark.parametrize("task", ["", "another"])
def test_a_migration_of_another_task_stops_setup_with_remove(world, task):
    # GIVEN the intention of a migration, and an s.yaml with the address of another task, or of none
    address = world.variables()["SYNC_URL"]
    migration = {"run": "r", "begun": "2026-03-10T12:00:00Z", "source": "photos", "destination": "photos-obs"}
    name = f"oms_source_record/{address.split('/')[-2]}/state/migrate-{NAME}.json"
    world.oss.put(world.log_bucket, name, json.dumps({**migration, "prefixes": [""], "kept": []}).encode())
    set_variables(world, SYNC_URL=task and address.replace(address.split("/")[-2], task))
    remove(world, "Restore the previous SYNC_URL in s.yaml", address, code=1)

    # WHEN the address is back THEN the migration can be ended, and everything removed
    set_variables(world, SYNC_URL=address)
    remove(world, "End the migration first: python3 ops.py migrate --remove", code=1)
    expect_success(world.run("migrate", "--remove", typed="yes\n"))
    remove(world)
    assert remaining_resources(world) == NO_RESOURCES
