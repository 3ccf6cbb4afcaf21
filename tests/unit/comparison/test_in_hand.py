"""What OMS may still have in hand, by its statistics: only what is older counts as missing."""

from __future__ import annotations

import pytest

from support.compare_world import CompareWorld

MINUTE = 60


@pytest.fixture
def world() -> CompareWorld:
    world = CompareWorld(LANES="1")
    world.later(86_400)
    return world


def accept(world: CompareWorld, key: str, minutes_ago: float) -> None:
    """OMS accepts an object that is twenty minutes older, and so many minutes pass."""
    world.put(key, "1")
    world.later(20 * MINUTE)
    world.deliver()
    world.later(minutes_ago * MINUTE)


def class_of(world: CompareWorld, key: str) -> str:
    classes = world.compare()["classes"]
    return next(name for name, found in classes.items() if key in found["keys"])


def test_what_oms_has_not_finished_is_in_flight_however_long_it_takes(world):
    accept(world, "a", 5 * 60)
    assert class_of(world, "a") == "in_flight"


def test_what_oms_has_finished_and_is_not_there_is_missing(world):
    accept(world, "a", 30)
    world.fail_copy()
    assert class_of(world, "a") == "missing"


def test_what_was_accepted_before_the_oldest_unfinished_step_is_missing(world):
    accept(world, "a", 10)
    accept(world, "b", 30)
    world.begin_copy()
    world.end_copy()
    world.remove("a")
    assert class_of(world, "a") == "missing"


def test_counters_of_the_last_ten_minutes_are_not_trusted(world):
    accept(world, "a", 9)
    world.fail_copy()
    assert class_of(world, "a") == "in_flight"


@pytest.mark.parametrize(("minutes", "found"), [(59, "in_flight"), (61, "missing")])
def test_where_oms_does_not_tell_an_hour_counts(world, minutes, found):
    accept(world, "a", minutes)
    world.oms.deny("oms:synctask:statistics")
    assert class_of(world, "a") == found


def test_another_version_that_was_accepted_is_not_this_one(world):
    accept(world, "a", 5)
    world.put("a", "2", "md5", "lost")
    world.source.modified["a"] -= 20 * MINUTE
    assert class_of(world, "a") == "missing"
