"""`ops.py setup --new-key`: the functions get another key, and none that is in use goes."""

from __future__ import annotations

import pytest

from unit.ops.setup.setup_world import NAME, SetupWorld, well

STORED = f"{NAME}_HW_AK"


@pytest.fixture
def world():
    with SetupWorld() as made:
        assert made.setup(typed="yes\nagree\n")[0] == 0
        yield made


def keys(world):
    (user,) = [one for one in world.iam.users.values() if one["told"]["user_name"] == f"{NAME}-functions"]
    return user["keys"]


def use(world):
    """What the functions do once they are deployed with what the store has."""
    assert world.obs.credential(world.secrets[STORED]).secret == world.secrets[f"{NAME}_HW_SK"]


def test_the_old_key_goes_once_the_new_one_is_used(world):
    # GIVEN functions that use their key
    use(world)
    old = world.secrets[STORED]

    # WHEN they get another one THEN the old one goes on working
    world.later(60)
    well(world.setup("--new-key", typed="yes\n"), "then run this again, and the old one goes")
    new = world.secrets[STORED]
    assert list(keys(world)) == [old, new]

    # WHEN that is deployed, and it is run again THEN only the old one goes
    use(world)
    well(world.setup("--new-key", typed="yes\n"), f"{old} goes: a newer one is used")
    assert list(keys(world)) == [new]
    assert world.secrets[STORED] == new


def test_a_key_that_nobody_used_yet_is_replaced_and_not_the_one_that_works(world):
    use(world)
    old = world.secrets[STORED]
    world.later(60)
    assert world.setup("--new-key", typed="yes\n")[0] == 0
    unused = world.secrets[STORED]
    well(world.setup("--new-key", typed="yes\n"), f"{unused} was never used: a new one takes its place")
    assert sorted(keys(world)) == sorted([old, world.secrets[STORED]])
    assert unused not in keys(world)


def test_a_plan_of_it_changes_nothing(world):
    before = world.made(), dict(world.secrets)
    well(world.setup("--new-key", "--plan"), "create: access key of the functions")
    assert world.setup("--new-key", typed="no\n")[0] == 2
    assert (world.made(), world.secrets) == before


def test_a_third_machine_is_told_that_there_are_two_and_deletes_neither(world):
    for _ in range(2):
        use(world)
        world.secrets.clear()
        world.later(60)
        code, said = world.setup(typed="yes\n")
    assert code == 1
    assert f"{NAME}-functions has two, the most that a user may have" in said
    assert "python3 ops.py setup --new-key" in said
    assert len(keys(world)) == 2


@pytest.mark.long
@pytest.mark.parametrize("fate", ["dies_after", "loses"])
def test_interrupted_at_a_request_and_begun_again_a_key_in_use_is_never_lost(fate):
    with SetupWorld() as whole:
        assert whole.setup(typed="yes\nagree\n")[0] == 0
        before = whole.asked
        assert whole.setup("--new-key", typed="yes\n")[0] == 0
        requests = whole.asked - before
    for number in range(1, requests + 1, 4):
        with SetupWorld() as world:
            assert world.setup(typed="yes\nagree\n")[0] == 0
            use(world)
            old = world.secrets[STORED]
            world.later(60)
            with world.cut_off(fate, number):
                world.setup("--new-key", typed="yes\n")
            assert old in keys(world), number
            well(world.setup("--new-key", typed="yes\n"))
            # The store has one that works, whose twin is the old one or nobody's.
            use(world)
            assert old in keys(world)
            assert len(keys(world)) == 2
