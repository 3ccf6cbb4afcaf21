"""Forward in a closed project: what it sends until it knows, what it records, and that its good path costs no more."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from oss_oms_sync.errors import RecordError
from oss_oms_sync.ledger.closing import Closing
from support.fake_clouds import DROP_BEFORE, HANG, PAGE, World, payload

OLD = "2026-01-01T23:44:59.000Z"
OF_UNKNOWN_AGE = [
    "",
    "soon",
    "2026-01-02",
    "20260102T000000Z",
    "2026-01-02 00:00:00Z",
    "2026-01-02T00:00:00",
    "2026-01-02T00:00:00+08:00",
    "2026-01-02T00:15:01Z",
]
UNREADABLE = {
    "no right": [403],
    "no answer": [HANG] * 9,
    "lost": [DROP_BEFORE] * 9,
    "server errors": [500] * 9,
    "something else than OSS": [PAGE] * 9,
    "a mark that is none": [(200, {"x-oss-request-id": "5D12"}, "[]")],
}


@pytest.fixture
def world() -> World:
    one = World()
    one.oms.round_trip = 0.1
    return one


def closing(world: World) -> Closing:
    return Closing(world.invocation())


def reason(world: World, key: str) -> str | None:
    body = world.record_body("failed", key)
    return json.loads(body)["reason"] if body else None


def took(world: World, key: str, **parts: str) -> float:
    """How long the event of a key takes, and nothing else."""
    began = world.clock.seconds
    assert world.forward(payload(key, **parts)) is True
    return world.clock.seconds - began


def test_the_good_path_costs_one_call_one_record_and_no_more_time_whether_it_looks_or_not(world):
    # GIVEN a new instance, then one that looked less than a minute ago, then one that looked longer ago
    for key, pause, looks in [("a", 0, 1), ("b", 50, 1), ("c", 10, 2), ("d", 1, 2)]:
        world.clock.sleep(pause)

        # WHEN it is given an event of now, THEN looking goes on beside the call to OMS
        now = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert took(world, key, time=now) == pytest.approx(world.oms.round_trip + world.oss.round_trip)
        assert (world.oss.looks, world.oms.calls[-1]) == (looks, [key])
    assert len(world.oms.calls) == world.oss.puts == 4


def test_an_event_that_may_have_waited_in_the_queue_is_sent_once_the_project_is_known_to_be_open(world):
    for key in "ab":
        assert took(world, key, time=OLD) == pytest.approx(world.oms.round_trip + 2 * world.oss.round_trip)
    assert world.oss.looks == 2


@pytest.mark.parametrize("time", [OLD, *OF_UNKNOWN_AGE])
def test_while_closed_an_old_event_is_recorded_and_so_is_one_whose_age_is_not_known(world, time):
    closing(world).close("Li Lei")
    assert world.forward(payload("a", "b", time=time)) is False
    assert world.oms.calls == []
    assert (reason(world, "a"), reason(world, "b")) == ("CLOSED", "CLOSED")
    assert "closed since 2026-01-02T00:00:00Z (Li Lei)" in json.loads(world.record_body("failed", "a"))["message"]


def test_one_old_change_makes_the_whole_event_wait(world):
    closing(world).close()
    both = json.loads(payload("new"))["events"] + json.loads(payload("old", time=OLD))["events"]
    assert world.forward(json.dumps({"events": both}).encode()) is False
    assert world.oms.calls == []


def test_a_new_instance_sends_the_event_that_woke_it_and_knows_better_from_then_on(world):
    closing(world).close()
    assert world.forward(payload("a")) is True
    for key in "bc":
        assert world.forward(payload(key)) is False
        assert reason(world, key) == "CLOSED"
    assert world.oms.calls == [["a"]]


def test_an_instance_that_works_on_sends_for_a_minute_after_the_closing_and_one_event_more(world):
    world.forward(payload("a"))
    closing(world).close()
    sent = []
    for second in range(10, 100, 10):
        world.clock.sleep(10)
        world.forward(payload(f"{second}"))
        sent.append(len(world.oms.calls) > len(sent) + 1)
    assert sent == [True] * 6 + [False] * 3


def test_an_instance_that_was_frozen_looks_when_it_is_thawed(world):
    world.forward(payload("a"))
    closing(world).close()
    world.clock.ahead = timedelta(days=1)
    now = "2026-01-03T00:00:00.000Z"
    assert world.forward(payload("b", time=now)) is True
    assert world.forward(payload("c", time=now)) is False


def test_of_a_large_event_the_batches_after_the_first_are_recorded(world):
    closing(world).close()
    assert world.forward(payload(*(f"{number:02}" for number in range(30)))) is False
    assert len(world.oms.calls) == 1
    assert [reason(world, f"{number:02}") for number in (9, 10, 29)] == [None, "CLOSED", "CLOSED"]


def test_what_comes_after_the_opening_is_sent_at_once(world):
    closing(world).close()
    world.forward(payload("a", time=OLD))
    closing(world).open()
    assert world.forward(payload("b")) is True
    looks = world.oss.looks
    world.forward(payload("c"))
    assert world.oss.looks == looks


@pytest.mark.parametrize("faults", UNREADABLE.values(), ids=UNREADABLE)
def test_an_old_event_is_recorded_if_it_is_not_known_whether_the_project_is_closed(world, faults):
    world.oss.look_schedule = list(faults)
    assert world.forward(payload("a", time=OLD)) is False
    assert world.oms.calls == []
    assert reason(world, "a") == "CLOSED"
    assert json.loads(world.record_body("failed", "a"))["message"].startswith("It is not known whether")
    assert world.clock.seconds < 6

    # It is tried again at the next event.
    world.oss.look_schedule = []
    assert world.forward(payload("b")) is True


def test_a_role_that_may_not_read_the_mark_is_told_so_in_the_records(world):
    world.oss.look_schedule = [403]
    world.forward(payload("a", time=OLD))
    assert "lacks oss:GetObject on photos-oms-log: grant it" in json.loads(world.record_body("failed", "a"))["message"]


@pytest.mark.parametrize("faults", UNREADABLE.values(), ids=UNREADABLE)
def test_on_the_good_path_an_unreadable_mark_makes_the_next_event_wait_for_it(world, faults):
    # GIVEN a mark that cannot be read beside the call to OMS: that event is sent
    world.oss.look_schedule = list(faults)
    assert world.forward(payload("a")) is True

    # WHEN it still cannot be, THEN the next is recorded, and once it can, all is as before
    world.oss.look_schedule = list(faults)
    assert world.forward(payload("b")) is False
    assert reason(world, "b") == "CLOSED"
    world.oss.look_schedule = []
    assert world.forward(payload("c")) is True
    assert world.oms.calls == [["a"], ["c"]]


def test_a_key_that_can_be_neither_sent_nor_recorded_stays_with_function_compute(world):
    closing(world).close()
    world.oss.schedule = [403]
    with pytest.raises(RecordError, match="1 failed keys are not recorded"):
        world.forward(payload("a", time=OLD))
    assert world.oms.calls == []


def test_an_event_of_nothing_to_send_does_not_look(world):
    world.forward(payload("a", name="ObjectRemoved:DeleteObject"))
    assert world.oss.looks == 0
