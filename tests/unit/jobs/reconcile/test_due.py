"""The choice of a pass: a call continues the open pass, or starts a new one.

A manual call may start a pass at any time, and the timer once per period.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import methodcaller

import pytest

from support.passes import begin_stuck_pass, counts
from support.world import HOUR, World


@pytest.mark.parametrize(
    "begin", [methodcaller("tick", "reconcile"), World.reconcile], ids=["a pass by the timer", "a pass by hand"]
)
def test_reconcile_begins_a_pass_one_period_after_the_last_pass_began(single_lane, begin):
    single_lane.lose_events_of("a")
    first, lists = begin(single_lane), single_lane.source.calls["list"]
    single_lane.lose_events_of("b")
    single_lane.advance(21 * HOUR)
    idle = single_lane.tick("reconcile")
    assert idle["accepted"] == 1
    assert idle["finished"] is True
    assert idle["stopped"] is None
    assert idle["pass"] == first["pass"]
    assert single_lane.source.calls["list"] == lists
    single_lane.advance(2 * HOUR)
    assert single_lane.tick("reconcile")["accepted"] == 1
    assert single_lane.accepted_keys() == {"a", "b"}


def test_reconcile_counts_its_period_from_the_start_of_the_last_pass(single_lane):
    single_lane.fill(20)
    begin_stuck_pass(single_lane)
    single_lane.advance(20 * HOUR)
    single_lane.tick("reconcile")
    single_lane.upload("new", minutes_ago=30)
    single_lane.advance(5 * HOUR)
    single_lane.tick("reconcile")
    assert "new" in single_lane.accepted_keys()


def test_the_timer_of_reconcile_without_a_period_only_resumes_passes():
    world = World.installed(RECONCILE_PERIOD="off")
    world.fill(25)
    idle = world.tick("reconcile")
    assert counts(idle) == {}
    assert idle["finished"] is False
    assert idle["stop"] == "period_off"
    assert idle["next"] == "No pass over this scope has started yet."
    begin_stuck_pass(world)
    world.advance()
    assert world.tick("reconcile")["accepted"] == 25
    assert world.tick("reconcile")["accepted"] == 25
    world.upload("new")
    world.advance(100 * HOUR)
    world.tick("reconcile")
    assert "new" not in world.accepted_keys()


@pytest.mark.parametrize("since", ["1970-01-01", "0999-12-31T23:59:59.9Z"])
def test_the_timer_resumes_a_pass_over_old_objects_begun_by_hand(single_lane, since):
    single_lane.fill(130, minutes_ago=60 * 24 * 30)
    single_lane.oms.round_trip = 10.0
    assert not single_lane.reconcile(since=since, timeout=120)["finished"]
    for _ in range(5):
        single_lane.advance(600)
        single_lane.tick("reconcile", timeout=120)
    assert Counter(single_lane.oms.accepted.values()) == {1: 130}


@pytest.mark.parametrize("first", ["a", "b"])
def test_the_timer_finishes_the_older_of_two_passes_over_old_objects(world, first):
    # GIVEN two passes begun in succession
    for prefix in (first, "b" if first == "a" else "a"):
        begin_stuck_pass(world, prefix=prefix, since="1970-01-01")
        world.advance()

    # WHEN the timer has no pass of its own to do
    world.tick("reconcile")
    world.tick("reconcile")

    # THEN the older pass ends, and an event calls an instance for the other pass
    older, newer = sorted((pass_ for pass_ in world.passes() if pass_.scope.since), key=lambda pass_: pass_.started)
    assert older.scope.key_filter.prefix == first
    assert bool(older.ended)
    assert not bool(newer.ended)
    wakes = [name for name in world.bucket.names("oms_source_record/passes/") if "/r/wake-" in name]
    assert {name.split("/")[-3] for name in wakes} == {newer.of.name}
    assert [name.rpartition("/")[0] for name in world.bucket.objects if "/wake-" in name] == [
        f"{world.store.prefix}{newer.of.name}/r"
    ]


@pytest.mark.parametrize(
    ("period", "options", "minutes_ago"), [("1d", {"since": "1970-01-01"}, 60 * 24 * 30), ("off", {}, 0)]
)
def test_the_timer_continues_a_pass_by_hand_but_no_call_with_a_limit(period, options, minutes_ago):
    world = World.installed(RECONCILE_PERIOD=period, LANES="1")
    world.fill(60, minutes_ago=minutes_ago)
    # WHEN the timer fires, THEN it continues no call with a limit, but a pass that was begun by hand
    for begin, sent in (
        (partial(world.reconcile, limit=10, **options), 10),
        (partial(begin_stuck_pass, world, **options), 60),
    ):
        begin()
        for _ in range(3):
            world.advance(600)
            world.tick("reconcile")
        assert len(world.accepted_keys()) == sent


def test_a_timer_event_with_a_limit_submits_keys_and_stores_no_pass(world):
    world.fill(60)
    for sent in (10, 20, 30):
        world.tick("reconcile", '{"limit": 10}')
        assert Counter(world.oms.accepted.values()) == {1: sent}
    assert world.passes() == []
    assert world.tick("reconcile")["scanned"] == 60
    assert len(world.accepted_keys()) == 60


@pytest.mark.parametrize(
    "filters",
    [({"OBJECT_PREFIX": "a/"}, {"OBJECT_PREFIX": "b/"}), ({"OBJECT_SUFFIX": ".jpg"}, {"OBJECT_SUFFIX": ".png"})],
)
def test_the_timer_does_not_resume_the_open_pass_of_another_project(filters):
    # GIVEN two projects for the same task, and an open pass of the second
    first = World.installed(**filters[0])
    second = first.other_project(**filters[1])
    keys = [f"{folder}/{number:02}{end}" for folder in "ab" for number in range(15) for end in (".jpg", ".png")]
    first.lose_events_of(*keys)
    begin_stuck_pass(second)
    first.advance()

    # WHEN the first project's timer fires until its pass is finished
    for _ in range(3):
        first.tick("reconcile")
        first.advance(600)

    # THEN the second project's pass is at the same position, and finds all of its objects
    assert first.accepted_keys() < set(keys)
    second.tick("reconcile")
    assert second.accepted_keys() == {
        key for key in keys if first.settings.key_filter.matches(key) or second.settings.key_filter.matches(key)
    }
