"""Passes whose workers are killed, work at the same time, or find unreadable or deleted objects.

A worker is an invocation that works on a range of keys.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.passes.pieces import PASS_NAME_PATTERN, identity_prefix
from support.world import HOUR
from unit.passes.pass_world import PREFIX, PassWorld, pass_world

KEYS = [f"{letter}{number}" for number in range(4) for letter in "abc"]


@pytest.fixture
def world():
    """Yield simulated clouds with twelve objects in listing pages of five, all in one range."""
    with pass_world({"other": KEYS[:5], "photos": KEYS}, lanes=1, page=5) as made:
        slow_down(made, 0)
        yield made


def slow_down(world: PassWorld, seconds_a_page: float = 1.2) -> None:
    """Make listing pages so slow that a pass needs several calls."""
    world.listings_take(seconds_a_page)


@pytest.fixture
def pass_name(world) -> str:
    """Fire the timer, and return the name of the finished pass."""
    world.fire_timer()
    return find_only_pass(world)


def find_only_pass(world: PassWorld) -> str:
    """Return the name of the only pass."""
    (name,) = world.store.iter_names()
    return name


def call_by_hand(world: PassWorld, **asked: object) -> dict:
    world.advance(0.001)
    return world.within(lambda: reconcile.run(json.dumps(asked), world.invocation()))


def list_written(world: PassWorld) -> list[str]:
    """Return the names of all stored objects of passes, without the name of the pass."""
    return [name.removeprefix(PREFIX).partition("/")[2] for name in world.bucket.names(PREFIX)]


def stop_worker(world: PassWorld, before: str) -> None:
    """Stop a worker of the timer's pass before it writes this object."""
    world.fire_timer(stops_before=before)
    world.die(0)


@pytest.mark.parametrize("before", ["/r/0000", "/r/end", "/total"])
def test_calls_by_the_timer_finish_a_pass_whose_worker_was_killed(world, before):
    stop_worker(world, before)
    assert world.finish(events=False)
    world.check()


def test_a_pass_whose_progress_was_deleted_blocks_no_new_pass(world):
    # GIVEN a timer's pass that lacks only the total, and then also its last piece
    slow_down(world)
    world.fire_timer()
    world.event(0, stops_before="/total")
    world.die(0)
    lost_name = find_only_pass(world)
    del world.bucket.objects[[*world.bucket.names(f"{PREFIX}{lost_name}/r/0")][-1]]

    # WHEN the timer calls again on the same day, THEN this call begins another pass, which ends
    world.advance()
    assert world.finish(events=True, ticks=1)
    assert [name.split("/")[-2] == lost_name for name, *_ in world.totals] == [False]
    world.check()


def test_a_pass_with_an_unreadable_total_does_not_block_the_next_pass(world, pass_name):
    world.oss.fill(world.log_bucket, [f"{PREFIX}{pass_name}/total"], size=1)
    world.advance(timedelta(days=1).total_seconds())
    world.fire_timer()
    assert len({name for name, *_ in world.totals}) == 2


def test_the_store_of_passes_ignores_foreign_objects(world, pass_name):
    prefix = identity_prefix(pass_name)
    for name in ("", "foreign", prefix, prefix.removesuffix("-"), f"{pass_name}/é", f"{pass_name}/r/é", "z/z", "/"):
        world.bucket.add(StoredObject(f"{PREFIX}{name}", b""))
    assert [*world.store.iter_names()] == [pass_name]
    assert world.store.find_newest_name(pass_name) == pass_name
    assert PASS_NAME_PATTERN.fullmatch(pass_name)
    assert world.store.read_state(pass_name).ended


def test_a_pass_stores_its_progress_no_more_often_than_its_limit(world, mocker):
    # GIVEN a pass that has the maximum number of pieces
    for module in ("work", "states"):
        mocker.patch(f"oss_oms_sync.passes.{module}.MAX_PIECES", 1)
    slow_down(world)
    world.fire_timer()

    # WHEN its events and timer calls arrive, THEN nothing more is written
    for _ in [*world.events]:
        world.event(0)
    world.advance(600)
    world.fire_timer()
    assert list_written(world) == ["r/0000"]

    # AND a manual call reports this and begins no other pass, until the user asks for it
    result = call_by_hand(world)
    assert result["stop"] == "too_large"
    assert result["next"].endswith("python3 ops.py reconcile --restart")
    assert list_written(world) == ["r/0000"]
    assert call_by_hand(world, restart=True)["stop"] == "too_large"
    assert list_written(world) == ["r/0000"] * 2

    # AND the timer's next pass begins when it is due
    world.advance(25 * HOUR)
    world.fire_timer()
    assert list_written(world) == ["r/0000"] * 3


def test_the_step_after_a_too_large_pass_over_all_objects_has_a_prefix(world, mocker):
    """A restart would submit the same objects again, and end at the same limit."""
    for module in ("work", "states"):
        mocker.patch(f"oss_oms_sync.passes.{module}.MAX_PIECES", 1)
    slow_down(world)
    result = call_by_hand(world, all=True)
    assert result["stop"] == "too_large"
    assert result["next"].endswith("python3 ops.py reconcile --all --prefix PREFIX")


def test_a_worker_whose_pass_was_deleted_stops_and_stores_no_progress(world):
    # GIVEN a worker in the middle of a pass, after two newer passes have ended
    world.lose_events_of(*(f"d{number}" for number in range(7)))
    slow_down(world, 2.0)
    world.fire_timer()
    old_name = find_only_pass(world)
    world.event(0, stops_before="/r/0001")
    slow_down(world, 0)
    for _ in range(2):
        call_by_hand(world, restart=True)
    assert old_name not in world.store.iter_names()

    # WHEN the worker continues, THEN its piece calls no other worker
    world.run(0)
    assert world.bucket.names(f"{PREFIX}{old_name}") == [f"{PREFIX}{old_name}/r/0001"]
    totals = [*world.totals]
    for _ in [*world.events]:
        world.event(0)
    assert world.totals == totals

    # AND the next pass deletes the piece
    call_by_hand(world, restart=True)
    assert not world.bucket.names(f"{PREFIX}{old_name}")


def test_a_worker_stops_if_the_stored_progress_is_unreadable(world):
    # GIVEN a worker, and an unreadable object in place of the progress that it is about to store
    slow_down(world)
    world.fire_timer()
    unreadable_name = f"{PREFIX}{find_only_pass(world)}/r/0001"
    world.event(0, stops_before="/r/0001")
    world.oss.fill(world.log_bucket, [unreadable_name], size=1)

    # WHEN the worker continues, THEN it ends neither its range nor the pass
    world.run(0)
    assert list_written(world) == ["r/0000", "r/0001"]
    assert world.totals == []

    # AND a restart submits all keys
    slow_down(world, 0)
    call_by_hand(world, restart=True)
    world.check()


def test_a_pass_older_than_an_existing_pass_does_not_begin(world):
    """The first instance has a clock that is five minutes fast."""
    world.clock.ahead = timedelta(minutes=5)
    call_by_hand(world)
    world.clock.ahead = timedelta()
    assert call_by_hand(world, restart=True)["stop"] == "superseded"
    assert find_only_pass(world)


def test_a_call_that_waits_for_a_pass_ends_when_a_newer_pass_begins(world):
    slow_down(world)
    world.by_hand(0, 60)
    world.by_hand(1)
    before = world.clock.seconds
    world.run(0)
    assert world.actors == []
    assert world.clock.seconds - before < 30
    world.check()
