"""The timer lets rejected keys rest for a day."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from support.copies_world import CopiesWorld
from support.world import ROOT


@pytest.fixture
def world() -> CopiesWorld:
    return CopiesWorld()


def test_a_rejected_key_is_attempted_once_a_day(world):
    world.fail("bad", "good")
    world.oms.refuse(lambda key: key == "bad")
    world.tick()
    calls = len(world.oms.calls)
    assert json.loads(world.bucket.objects[f"{ROOT}failed_object/bad"].body)["reason"] == "REJECTED"
    for hours in (0, 12, 11.99):
        world.clock.ahead += timedelta(hours=hours)
        world.tick()
        assert len(world.oms.calls) == calls
    world.clock.ahead += timedelta(hours=0.01)
    world.tick()
    assert len(world.oms.calls) > calls


def test_a_new_failure_of_a_rejected_key_is_attempted_at_once(world):
    world.fail("bad", "good")
    world.oms.refuse(lambda key: key == "bad")
    world.tick()
    world.oms.refuse(None)
    world.fail("bad")
    assert world.tick()["accepted"] == 1


def test_rejected_keys_with_no_good_ones_left_among_them_rest_again(world):
    # GIVEN sixty keys that OMS refuses alone, and no good ones left among them a day later
    bad = [f"bad {number:02}" for number in range(60)]
    world.fail(*[f"{key}{kind}" for key in bad for kind in ("", " good")])
    world.oms.refuse(set(bad).__contains__)
    assert world.tick()["by_reason"] == {"REJECTED": 60}
    world.clock.ahead += timedelta(hours=25)

    # WHEN they are tried again
    again = world.tick()

    # THEN that is no reason to stop, and they rest for another day
    assert (again["by_reason"], again["finished"]) == ({"REJECTED": 60}, True)
    calls = len(world.oms.calls)
    world.tick()
    assert len(world.oms.calls) == calls


def test_of_more_rejected_keys_than_are_kept_in_mind_the_latest_rest(world, mocker):
    # GIVEN room for two, and four that were rejected, two an hour after the others
    mocker.patch("oss_oms_sync.jobs.replay.resting._MOST", 2)
    world.oms.refuse({"a1", "a2", "z1", "z2"}.__contains__)
    for keys in (("z1", "z2", "good"), ("a1", "a2", "good")):
        world.fail(*keys)
        world.tick()
        world.clock.ahead += timedelta(hours=1)

    # WHEN the next run comes, THEN it tries the older ones only
    before = len(world.oms.requests)
    world.tick()
    assert world.asked(before) == {"z1", "z2"}


def test_what_is_remembered_of_a_rejected_key_is_short_however_long_the_key(world):
    # Ten thousand of them have to fit into what is read of one object.
    long = "海" * 300
    world.fail(long, "good")
    world.oms.refuse({long}.__contains__)
    world.tick()
    (state,) = world.bucket.names(f"{ROOT}state/replay.json")
    ((name, _),) = json.loads(world.bucket.objects[state].body)["resting"].items()
    assert len(name) == 32
