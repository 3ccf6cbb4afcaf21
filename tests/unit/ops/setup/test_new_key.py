"""The functions' key, and `ops.py setup --new-key`: they get another one, and none that is in use goes."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest

from ops.errors import ToolError
from oss_oms_sync.answers.text import NOTHING, t
from support.migration import Caller
from unit.ops.setup.setup_world import NAME, YES, SetupWorld, ends, well

STORED = f"{NAME}_HW_AK"
DAYS = 86_400


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
    well(world.setup("--new-key", typed="yes\n"), "more than a day later run this again, and the old one goes")
    new = world.secrets[STORED]
    assert list(keys(world)) == [old, new]

    # WHEN that is deployed, and it is run again THEN the old one goes, but not within a day
    use(world)
    ends(world.setup("--new-key", typed="yes\n"), 1, "either may be in use: both were used, or", old)
    assert list(keys(world)) == [old, new]
    world.later(2 * DAYS)
    use(world)
    well(world.setup("--new-key", typed="yes\n"), f"{old} goes: the other one was used later")
    assert list(keys(world)) == [new]
    assert world.secrets[STORED] == new


def test_no_key_is_made_or_goes_where_the_store_does_not_answer(world):
    before = list(keys(world))
    with patch.object(Caller, "secrets", side_effect=ToolError(t("the store is away"), NOTHING)):
        ends(world.setup("--new-key", typed="yes\n"), 1, "the store is away")
    assert list(keys(world)) == before


def test_a_key_that_nobody_used_yet_is_replaced_and_not_the_one_that_works(world):
    use(world)
    old = world.secrets[STORED]
    world.later(60)
    assert world.setup("--new-key", typed="yes\n")[0] == 0
    unused = world.secrets[STORED]
    # Just deployed, it may be in use, and IAM has not noted that yet.
    ends(world.setup("--new-key", typed="yes\n"), 1, "the newer one was made, within a day", unused)
    assert list(keys(world)) == [old, unused]
    world.later(DAYS)
    well(world.setup("--new-key", typed="yes\n"), f"IAM has noted no use of {unused}: a new one takes its place")
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


def test_of_two_machines_the_key_goes_that_was_used_last_longer_ago_whichever_is_newer(world):
    # GIVEN another machine, which deployed once, and the first, which has deployed since
    use(world)
    first = dict(world.secrets)
    world.secrets.clear()
    world.later(60)
    well(world.setup(typed="yes\n"))
    use(world)
    other = world.secrets[STORED]
    world.later(30 * DAYS)
    world.secrets.update(first)
    use(world)

    # WHEN one goes THEN it is not that of the functions
    well(world.setup("--new-key", typed="yes\n"), f"{other} goes: the other one was used later")
    assert list(keys(world)) == [first[STORED]]


def test_an_s_yaml_of_before_setup_gets_a_key_and_none_goes(world):
    # GIVEN a copy of the project whose s.yaml knows of no key, on another machine
    first = world.secrets[STORED]
    forget(world)
    # WHEN it is set up THEN both machines have a key, although that of the first may not be deployed yet
    well(world.setup(typed="yes\n"))
    assert sorted(keys(world)) == sorted([first, world.secrets[STORED]])


def test_a_key_that_was_ever_used_is_none_that_nothing_uses(world):
    use(world)
    first = world.secrets[STORED]
    forget(world)
    world.oms._tasks.clear()
    well(world.setup(typed=YES))
    assert sorted(keys(world)) == sorted([first, world.secrets[STORED]])


def test_a_key_of_a_user_that_was_deleted_is_made_anew(world):
    # GIVEN a machine whose store has what another one has removed
    dead = dict(world.secrets)
    well(world.setup("--remove", typed="yes\n"))
    forget(world)
    world.secrets.update(dead)
    # WHEN setup may not make one THEN that is said at the end
    world.iam.deny("iam:credentials:createCredentialV5")
    ends(world.setup(typed=YES), 3, "wait: access key of the functions: ")
    world.iam._denied.clear()
    # WHEN it is set up there THEN the store has one that works
    well(world.setup(typed=YES), "create: access key of the functions")
    assert list(keys(world)) == [world.secrets[STORED]] != [dead[STORED]]


def forget(world):
    """All that this machine knows of what setup has made."""
    world.secrets.clear()
    file = world.folder / "s.yaml"
    file.write_text(re.sub("(SYNC_URL|HW_AK|HW_SK): .*", r'\1: "" # setup', file.read_text()))


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
            world.later(DAYS)
            well(world.setup("--new-key", typed="yes\n"))
            # The store has one that works, whose twin is the old one or nobody's.
            use(world)
            assert old in keys(world)
            assert len(keys(world)) == 2
