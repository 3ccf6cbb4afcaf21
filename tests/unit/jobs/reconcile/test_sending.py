"""Submissions of a pass in whole batches, their records, and the events that invoke the next instance."""

from __future__ import annotations

import json
from collections import deque

import pytest

from support.passes import adds_up, limit_pages
from support.world import FROZEN, HANG, NO_RIGHT, ROOT, World, payload


def read_position(world: World) -> str:
    """Return the position that the only open pass has reached in its first range."""
    *_, last = (name for name in world.bucket.names("oms_source_record/passes/") if "/r/0" in name)
    position: str = json.loads(world.bucket.objects[last].body)["after"]
    return position


def test_reconcile_submits_keys_of_several_listing_pages_in_one_batch(small_pages):
    world = World.installed(LANES="1")
    world.put_accepted(*(f"{number:02}/there" for number in range(40)))
    world.lose_events_of(*(f"{number:02}/missing" for number in range(40)))
    assert world.reconcile()["accepted"] == 40
    assert [len(call.keys) for call in world.oms.calls] == [10] * 4


def test_a_timer_event_submits_one_batch_while_oms_refuses_the_account(world):
    world.fill(30)
    world.oms.faults.then(FROZEN, FROZEN)
    first = world.tick("reconcile")
    assert first["submitted"] == 10
    assert first["failed"] == 10
    assert first["finished"] is False
    assert first["stopped"].startswith("OMS refuses every key: ACCOUNT")
    assert len(world.oms.requests) == 1
    assert read_position(world) == "09"
    world.advance(600)
    assert world.tick("reconcile")["failed"] == 20
    world.advance(600)
    last = world.tick("reconcile")
    assert last["accepted"] == 10
    assert last["failed"] == 20
    assert last["finished"] is True
    assert adds_up(last)
    assert world.accepted_keys() | world.bucket.failed_keys() == {f"{number:02}" for number in range(30)}


@pytest.mark.parametrize("bad", [0, 9, 24])
def test_a_pass_stops_at_a_key_that_it_can_neither_submit_nor_record(world, bad):
    # GIVEN an OMS that refuses a key, whose failed record the log bucket refuses
    keys = [f"{number:02}" for number in range(25)]
    world.put_accepted(*(f"{key} covered" for key in keys))
    world.lose_events_of(*keys)
    key = keys[bad]
    world.oms.refuse(lambda other_key: other_key == key)
    world.bucket.fail(NO_RIGHT, where=lambda name: name == f"{ROOT}failed_object/{key}")

    # WHEN the timer fires, THEN the pass stays before this key, and reports the reason
    for _ in range(3):
        result = world.tick("reconcile")
        assert result["finished"] is False
        assert result["stopped"] == "the log bucket does not accept the records of some keys"
        assert read_position(world) < key
        assert adds_up(result)
        world.advance(600)
    world.bucket.heal()
    last = world.tick("reconcile")
    assert adds_up(last)
    assert last["finished"] is True
    assert last["scanned"] == 50
    assert world.bucket.failed_keys() == {key}


class TriggerEvents:
    """The events that the trigger on the log bucket has to deliver, in the order of the writes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: deque[bytes] = deque()
        self.invocations = 0
        created = ["oss:ObjectCreated:PutObject"]
        world.oss.add_trigger("passes", world.log_bucket, created, world.store.prefix, "", self._events.append)

    def deliver_all(self) -> list[dict]:
        """Deliver all events, including the events of writes that the calls make; return the answers."""
        answers = []
        while self._events:
            self.invocations += 1
            answers.append(self._world.invoke("reconcile", self._events.popleft()))
            assert self.invocations < 10_000
        return answers


def make_world(number: int, **environment: str) -> tuple[World, TriggerEvents]:
    world = World.installed(**environment)
    world.fill(number)
    return world, TriggerEvents(world)


@pytest.mark.parametrize("lanes", ["1", "4"])
@limit_pages(20)
def test_the_trigger_finishes_a_pass_that_a_timer_event_began(lanes):
    world, trigger = make_world(160, LANES=lanes, PIECE_SECONDS="10")
    world.oms.round_trip = 1.0
    assert not world.tick("reconcile")["finished"]
    trigger.deliver_all()
    result = world.reconcile(look=True)
    assert result["finished"] is True
    assert result["scanned"] == 160
    assert result["accepted"] == 160
    assert max(world.oms.accepted.values()) == 1


@limit_pages(20)
def test_reconcile_answers_an_event_of_a_range_with_its_counts(lines):
    world, trigger = make_world(60, LANES="2")
    name = world.tick("reconcile")["pass"]
    answers = trigger.deliver_all()
    done = {key: value for answer in answers for key, value in answer["pieces"].items()}
    # When the left half is done a lane is free, so the right half splits.
    assert [done[f"{name}/{half}"] for half in ("r0", "r1")] == ["done", "split"]
    assert [line for line in lines() if "pieces" in line] == answers


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (FROZEN, "OMS refuses every key: ACCOUNT"),
        (HANG, "OMS accepted nothing until the time limit was reached: TIMEOUT"),
    ],
)
@limit_pages(20)
def test_reconcile_answers_why_a_range_of_a_pass_stopped_early(fault, reason):
    world, trigger = make_world(60, LANES="2", PIECE_SECONDS="30")
    world.tick("reconcile")
    world.oms.faults.add(fault)
    (stopped,) = {answer["stopped"] for answer in trigger.deliver_all() if answer["stopped"]}
    assert stopped.startswith(reason)


@pytest.mark.parametrize("name", [f"{ROOT}success_object/a", "oms_source_record/passes/other-reconcile/x/y/r/0000"])
def test_reconcile_ignores_an_event_of_another_object_of_the_log_bucket(world, name):
    world.lose_events_of("a")
    assert world.invoke("reconcile", payload(name)) == {"pieces": {}, "stop": None, "stopped": None}
    assert world.oms.calls == []
    assert [*world.store.iter_names()] == []


@limit_pages(20)
def test_a_pass_with_many_lanes_makes_few_calls_while_oms_refuses_all_keys():
    # GIVEN far more objects than a batch for each range, and an OMS that refuses all
    world, trigger = make_world(160, LANES="4")
    world.oms.faults.add(FROZEN)

    # WHEN a pass begins, THEN each range stops after a batch, and calls no further instance
    world.tick("reconcile")
    trigger.deliver_all()
    ranges = 2 * 4
    assert len(world.oms.requests) <= ranges
    # A first piece for each range, and a piece whose outcome is `rest`.
    assert trigger.invocations <= 2 * 2 * ranges

    # AND another timer event submits a batch, whose piece calls another instance without work
    calls, invocations = len(world.oms.requests), trigger.invocations
    world.advance(600)
    world.tick("reconcile")
    trigger.deliver_all()
    assert (len(world.oms.requests) - calls, trigger.invocations - invocations) == (1, 1)
