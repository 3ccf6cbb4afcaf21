"""The share of events that forward leaves to replay while OMS throttles calls. No key is lost."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs import replay
from oss_oms_sync.ledger.closing import ProjectState
from support.law import RETURNED_FALSE, RETURNED_TRUE, check, schedules
from support.world import OK, ROOT, World, oms_error, payload

BUSY = oms_error(429)


@pytest.fixture
def world() -> World:
    world = World()
    random.seed(17)
    world.oms.round_trip, world.oss.round_trip = 0.001, 0.0
    return world


def count_calls(world: World, events: int) -> int:
    """Pass forward this number of events; return the number of its calls to OMS."""
    before = len(world.oms.requests)
    for number in range(events):
        world.forward(payload(f"later {number}"))
    return len(world.oms.requests) - before


def throttle(world: World, events: int) -> int:
    """Let OMS throttle every attempt until `events` events were submitted; return the number of attempts."""
    before, throttled = len(world.oms.requests), 0
    world.oms.faults.add(BUSY)
    while throttled < events:
        throttled += count_calls(world, 1) > 0
    world.oms.faults.clear()
    return len(world.oms.requests) - before


def test_forward_submits_every_event_without_throttling(world):
    assert count_calls(world, 40) == 40


def test_forward_submits_all_events_after_a_short_spike_of_throttling(world):
    world.oms.faults.then(BUSY, BUSY, OK)
    assert world.forward(payload("in a spike"))
    assert count_calls(world, 40) == 40


def test_forward_leaves_events_to_replay_without_a_call_after_throttling(world):
    throttle(world, 8)
    key = next(f"key {number}" for number in range(100) if not world.forward(payload(f"key {number}", etag="ABC")))
    record = json.loads(world.bucket.record_body("failed", key))
    message = "not submitted: OMS throttled earlier calls; replay resends the key"
    assert record == {**record, "reason": "THROTTLED", "status": None, "etag": "ABC", "message": message}
    assert key not in world.oms.accepted


@pytest.mark.parametrize(
    ("throttled", "events", "least", "most"),
    # Some events are submitted, however many were throttled.
    [(2, 50, 15, 35), (4, 50, 2, 15), (20, 100, 1, 15)],
)
def test_each_throttled_event_halves_the_share_that_forward_submits(world, throttled, events, least, most):
    throttle(world, throttled)
    world.oms.round_trip = 0
    assert least <= count_calls(world, events) <= most


def test_forward_submits_all_events_a_minute_after_throttling(world):
    throttle(world, 10)
    world.clock.sleep(60)
    assert count_calls(world, 40) == 40


def test_forward_retries_throttled_calls_only_while_it_submits_all_events(world):
    throttle(world, 1)
    assert throttle(world, 1) > 1
    throttle(world, 6)
    assert throttle(world, 1) == 1


def test_forward_records_the_reason_closed_despite_earlier_throttling(world):
    throttle(world, 10)
    ProjectState(world.invocation()).close()
    world.clock.ahead = timedelta(minutes=1)  # a frozen instance reads the mark again
    for key in map(str, range(20)):
        world.forward(payload(key))
        assert json.loads(world.bucket.record_body("failed", key))["reason"] == "CLOSED"


events = st.tuples(
    st.sampled_from([1, 1, 2, 11]),
    st.sampled_from([0.0, 0.01, 1.0, 20.0, 90.0]),
    st.lists(st.sampled_from([BUSY, OK, oms_error(429, Retry_After="1")]), max_size=8),
)


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(3))
@given(arriving=st.lists(events, min_size=1, max_size=15), replays=st.lists(st.sampled_from([BUSY, OK]), max_size=40))
def test_law1_forward_loses_no_key_under_any_throttling(count_schedule, arriving, replays):
    # GIVEN events of some keys each, after pauses, and an OMS that throttles by a schedule
    World.close_all()
    world = World(OMS_RATE="20")
    keys: list[str] = []
    for number, (size, pause, schedule) in enumerate(arriving):
        world.clock.sleep(pause)
        world.oms.faults.clear()
        world.oms.faults.then(*schedule)
        mine = [f"{number} {key}" for key in range(size)]
        keys += mine
        for key in mine:
            world.source.add(StoredObject(key, b"contents"))

        # WHEN each is handled, THEN its keys are accepted or recorded as failed
        outcome = world.forward(payload(*mine))
        state = check(
            outcome, mine, world.oms.accepted, lambda state, key: world.bucket.record_body(state, key) is not None
        )
        assert state in (RETURNED_TRUE, RETURNED_FALSE)

    # AND replay submits the remaining keys, throttled as well, until all are accepted
    world.oms.faults.clear()
    world.oms.faults.then(*replays)
    waiting = [f"{ROOT}failed_object/", f"{ROOT}replay/"]
    for _ in range(60):
        if any(map(world.bucket.names, waiting)):
            world.within(lambda: replay.run("", world.invocation(240)))
    assert set(keys) == set(world.oms.accepted)
    assert not any(map(world.bucket.names, waiting))
    count_schedule("of throttling", "every key accepted in the end")
