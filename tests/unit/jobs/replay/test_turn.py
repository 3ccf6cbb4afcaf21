"""A tick of replay's timer leaves a run alone that is still at work."""

from __future__ import annotations

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.replay import give_turn_back, take_turn
from support.world import NO_RIGHT
from unit.jobs.replay.copies_world import CopiesWorld
from unit.jobs.replay.replay_world import many

BUSY = "an earlier run is still sending"


@pytest.fixture
def world() -> CopiesWorld:
    world = CopiesWorld()
    world.fail(*many(5))
    return world


def test_a_tick_that_finds_a_run_at_work_sends_nothing_and_says_so(world):
    assert take_turn(world.invocation(240))
    result = world.tick()
    assert (result["taken"], result["finished"], result["stop"], result["stopped"]) == (0, False, "busy", BUSY)
    assert world.sent() == []
    assert world.failed() == set(many(5))


def test_the_tick_after_a_run_sends_again(world):
    assert world.tick()["accepted"] == 5
    world.fail("one more")
    assert world.tick()["accepted"] == 1


def test_a_call_by_hand_does_not_wait_for_its_turn(world):
    assert take_turn(world.invocation(240))
    assert world.replay({})["accepted"] == 5


def test_after_a_run_that_died_ticks_wait_until_it_would_have_been_over(world):
    # GIVEN a run that is gone without a word
    assert take_turn(world.invocation(240))

    # WHEN the next ticks strike, THEN the first that may sends all
    world.later(239)
    assert world.tick()["stopped"] == BUSY
    world.later(2)
    assert world.tick()["finished"]
    assert set(world.sent()) == set(many(5))


def test_a_run_that_fails_gives_its_turn_back(world):
    world.bucket.fail(NO_RIGHT, where=lambda name: "/replay/" in name)
    with pytest.raises(StorageError):
        world.tick()
    world.bucket.heal()
    assert world.tick()["accepted"] == 5


def test_a_turn_that_cannot_be_given_back_is_logged_and_ends_by_itself(world, problems):
    assert take_turn(world.invocation(240))
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "/state/turn" in name)
    give_turn_back(world.invocation(240))
    (told,) = problems()
    assert told["state"] == "not stored"
    assert "oss:PutObject" in told["problem"]
    world.bucket.heal()
    world.later(241)
    assert world.tick()["accepted"] == 5
