"""The functions' access key, and `ops.py setup --new-key`, which deletes no access key in use."""

from unittest.mock import patch

import pytest

from ops.errors import ToolError
from oss_oms_sync.answers.text import NOTHING, t
from support.administrator import KilledError, draw_interruptions
from support.migration import Caller
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, expect_exit, expect_success

STORED_NAME = f"{NAME}_HW_AK"
DAYS = 86_400
# The number of requests of `setup --new-key`.
RENEWAL_REQUESTS = 33


@pytest.fixture
def world(world):
    """Return a world in which the project is set up."""
    world.set_up()
    return world


def keys(world):
    return [*world.iam_user("functions")["keys"]]


def use_stored_key(world):
    """Use the stored access key as the deployed functions do; return its id."""
    assert world.obs.find_credential(world.secrets[STORED_NAME]).secret == world.secrets[f"{NAME}_HW_SK"]
    return world.secrets[STORED_NAME]


def renew(world, *phrases, code=0):
    """Run `setup --new-key`; return the id of the stored access key."""
    expect_exit(world.setup("--new-key", typed="yes\n"), code, *phrases)
    return world.secrets[STORED_NAME]


def test_setup_deletes_the_old_access_key_after_the_new_key_was_used(world):
    # GIVEN functions that use their key
    old_key = use_stored_key(world)

    # WHEN they get a new key THEN the old key still works
    world.advance(60)
    new_key = renew(world, "run setup --new-key again, which deletes the old access key")
    assert keys(world) == [old_key, new_key]

    # WHEN the new key is deployed, and the command runs again THEN the old key goes, but not within a day
    use_stored_key(world)
    renew(world, "either access key may be in use: the last uses of", old_key, code=1)
    assert keys(world) == [old_key, new_key]
    world.advance(2 * DAYS)
    use_stored_key(world)
    assert renew(world, f"{old_key} will be deleted: the other access key was used more recently") == new_key
    assert keys(world) == [new_key]


def test_setup_changes_no_access_key_if_the_secret_store_does_not_answer(world):
    earlier_keys = keys(world)
    with patch.object(Caller, "secrets", side_effect=ToolError(t("the store is away"), NOTHING)):
        renew(world, "the store is away", code=1)
    assert keys(world) == earlier_keys


def test_setup_replaces_an_unused_new_access_key_and_keeps_the_used_key(world):
    old_key = use_stored_key(world)
    world.advance(60)
    unused_key = renew(world)
    # The new key may be in use since a deployment that IAM has not recorded yet.
    renew(world, "the newer key is less than a day old", unused_key, code=1)
    assert keys(world) == [old_key, unused_key]
    world.advance(DAYS)
    new_key = renew(world, f"IAM has recorded no use of the access key {unused_key}, so setup replaces it by a new key")
    assert new_key != unused_key
    assert keys(world) == [old_key, new_key]


@pytest.mark.parametrize("half", ["HW_AK", "HW_SK"])
@pytest.mark.parametrize("command", ["setup --new-key", "secrets"])
def test_setup_replaces_a_stored_access_key_without_its_secret(world, half, command):
    # GIVEN a machine that dies before it stores half of a new pair, beside an old pair
    old_key, pair = use_stored_key(world), {f"{NAME}_HW_AK": "an-access-key", f"{NAME}_HW_SK": "its-secret"}
    world.advance(60)
    really = Caller.keep_secret

    def keep(self, name, value):
        if name.endswith(half):
            raise KilledError
        really(self, name, value)

    with patch.object(Caller, "keep_secret", keep), pytest.raises(KilledError):
        variables = {name.removeprefix(f"{NAME}_"): value for name, value in pair.items()}
        world.setup("--new-key", typed="yes\n") if command != "secrets" else world.run("secrets", keys=variables)
    assert len([name for name in pair if name in world.secrets]) == 1

    # WHEN setup runs after an hour THEN the plan has no key, and the command makes another
    world.advance(3600)
    assert "unchanged: access key for the functions" not in world.setup("--plan")[1]
    renew(world)
    use_stored_key(world)
    assert old_key in keys(world)


def test_setup_deletes_neither_of_two_access_keys_on_a_third_machine(world):
    for _ in range(2):
        use_stored_key(world)
        world.secrets.clear()
        world.advance(60)
        result = world.setup(typed="yes\n")
    expect_exit(
        result,
        1,
        f"{NAME}-functions already has two access keys, which is the maximum",
        "python3 ops.py setup --new-key",
    )
    assert len(keys(world)) == 2


def test_setup_deletes_the_access_key_whose_last_use_is_older(world):
    # GIVEN another machine, which deployed once, and the first, which has deployed since
    use_stored_key(world)
    first_secrets = dict(world.secrets)
    world.secrets.clear()
    world.advance(60)
    expect_success(world.setup(typed="yes\n"))
    other_key = use_stored_key(world)
    world.advance(30 * DAYS)
    world.secrets.update(first_secrets)
    use_stored_key(world)

    # WHEN a key is deleted THEN the functions' key stays
    renew(world, f"{other_key} will be deleted: the other access key was used more recently")
    assert keys(world) == [first_secrets[STORED_NAME]]


@pytest.mark.parametrize("is_used", [False, True], ids=["a key not used yet", "a used key of a deleted task"])
def test_setup_creates_an_access_key_for_an_s_yaml_and_deletes_no_key(world, is_used):
    # GIVEN a key that may be in use, although neither IAM nor a task shows that
    first_key = world.secrets[STORED_NAME]
    if is_used:
        use_stored_key(world)
        world.oms._tasks.clear()
    # WHEN a copy of the project without a key in s.yaml is set up on another machine THEN both machines have a key
    world.forget()
    expect_success(world.setup(typed=YES))
    assert keys(world) == [first_key, world.secrets[STORED_NAME]]


def test_setup_replaces_the_access_key_of_a_deleted_user(world):
    # GIVEN a machine whose store has a key that another machine removed
    dead = dict(world.secrets)
    expect_success(world.setup("--remove", typed="yes\n"))
    world.forget()
    world.secrets.update(dead)
    # WHEN setup has no permission to make a key THEN the output ends with this step
    world.iam.deny("iam:credentials:createCredentialV5")
    expect_exit(world.setup(typed=YES), 3, "wait: access key for the functions: ")
    world.iam._denied_actions.clear()
    # WHEN setup has the permission THEN the store has a key that works
    expect_success(world.setup(typed=YES), "create: access key for the functions")
    assert keys(world) == [world.secrets[STORED_NAME]] != [dead[STORED_NAME]]


@pytest.mark.long
def test_an_interrupted_setup_with_new_key_loses_no_access_key_in_use():
    for fate, number in draw_interruptions(range(1, RENEWAL_REQUESTS + 1)):
        with SetupWorld() as world:
            world.set_up()
            old_key = use_stored_key(world)
            world.advance(60)
            with world.cut_off(fate, number):
                world.setup("--new-key", typed="yes\n")
            assert old_key in keys(world), (fate, number)
            world.advance(DAYS)
            renew(world)
            # The stored key works, and the old key exists.
            use_stored_key(world)
            assert old_key in keys(world)
            assert len(keys(world)) == 2
