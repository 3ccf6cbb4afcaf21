"""Forward in a closed project: it sends nothing, it records every key, and its good path costs one look a minute."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from oss_oms_sync.errors import RecordError
from oss_oms_sync.ledger.closing import Closing
from sandbox.server.faults import Fault
from support.world import DROP_BEFORE, HANG, KNOWN, PAGE, World, is_look, oss_error, payload

UNREADABLE = {
    "no right": oss_error(403),
    "no answer": HANG,
    "lost": DROP_BEFORE,
    "server errors": oss_error(500),
    "something else than OSS": PAGE,
    "something else that has no such page": Fault.status(404, PAGE.body),
    "a mark that is none": Fault.status(200, b"[]", KNOWN),
}


@pytest.fixture
def world() -> World:
    one = World()
    one.oms.round_trip = 0.1
    return one


def closing(world: World) -> Closing:
    return Closing(world.invocation())


def looks(world: World) -> int:
    return sum(map(is_look, world.oss.requests))


def sent(world: World) -> list[list[str]]:
    return [call.keys for call in world.oms.calls]


def reason(world: World, key: str) -> str | None:
    body = world.record_body("failed", key)
    return json.loads(body)["reason"] if body else None


def test_the_good_path_costs_one_call_and_one_record_and_a_look_beyond_that_once_a_minute(world):
    # GIVEN a new instance, then one that asked less than a minute ago, then one that asked longer ago
    for key, pause, due in [("a", 0, 1), ("b", 59, 0), ("c", 1, 1), ("d", 1, 0)]:
        world.clock.sleep(pause)
        began, looked = world.clock.seconds, looks(world)

        # WHEN it is given an event, THEN it waits for a look where one is due, and for nothing else
        assert world.forward(payload(key)) is True
        took = world.clock.seconds - began
        assert took == pytest.approx(world.oms.round_trip + (1 + due) * world.oss.round_trip)
        assert (looks(world) - looked, sent(world)[-1]) == (due, [key])
    assert len(world.oms.calls) == world.bucket.calls["put"] == 4


def test_a_new_instance_sends_nothing_and_records_every_key_with_the_reason(world):
    closing(world).close("Li Lei")
    assert world.forward(payload("a", "b")) is False
    assert not world.oms.requests
    assert (reason(world, "a"), reason(world, "b")) == ("CLOSED", "CLOSED")
    assert "closed since 2026-01-02T00:00:00Z (Li Lei)" in json.loads(world.record_body("failed", "a"))["message"]


def test_an_instance_that_works_on_sends_until_a_minute_after_it_asked(world):
    world.forward(payload("a"))
    closing(world).close()
    for second in range(10, 100, 10):
        world.clock.sleep(10)
        world.forward(payload(f"{second}"))
    assert sent(world) == [["a"], ["10"], ["20"], ["30"], ["40"], ["50"]]


def test_the_minute_counts_from_the_question_however_late_the_answer_comes(world):
    world.oss.round_trip = 4.0
    assert world.forward(payload("a")) is True
    closing(world).close()
    world.clock.sleep(60 - world.clock.seconds)
    assert world.forward(payload("b")) is False
    assert sent(world) == [["a"]]


@pytest.mark.parametrize(("monotonic", "wall"), [(0, 60), (0, -61), (60, 0)])
def test_an_instance_that_was_frozen_sends_nothing_whichever_of_its_clocks_went_on(world, monotonic, wall):
    world.forward(payload("a"))
    closing(world).close()
    world.clock.sleep(monotonic)
    world.clock.ahead = timedelta(seconds=wall - monotonic)
    assert world.forward(payload("b")) is False
    assert sent(world) == [["a"]]


def test_an_instance_that_was_told_that_it_is_closed_does_not_forget_it_when_a_clock_is_set_back(world):
    world.forward(payload("a"))
    closing(world).close()
    for ahead in (2, 0):
        world.clock.ahead = timedelta(minutes=ahead)
        assert world.forward(payload("b")) is False
    assert sent(world) == [["a"]]


def test_of_a_large_event_all_is_recorded_after_one_look(world):
    closing(world).close()
    looked = looks(world)
    assert world.forward(payload(*(f"{number:02}" for number in range(30)))) is False
    assert (sent(world), looks(world) - looked) == ([], 1)
    assert {reason(world, f"{number:02}") for number in range(30)} == {"CLOSED"}


def test_closed_in_the_midst_of_a_long_event_the_batches_after_it_are_recorded(world):
    # GIVEN an instance that is frozen for a minute while it handles a batch, and a project that is closed meanwhile
    def closed_meanwhile(request):
        if "/events" in request.url:
            world.ground.network.before = lambda _: None
            closing(world).close()
            world.clock.ahead += timedelta(minutes=1)

    world.ground.network.before = closed_meanwhile

    # WHEN it goes on with the event, THEN it sends nothing more, and records the rest
    assert world.forward(payload(*(f"{number:02}" for number in range(30)))) is False
    assert len(world.oms.calls) == 1
    assert [reason(world, f"{number:02}") for number in (9, 10, 29)] == [None, "CLOSED", "CLOSED"]


def test_what_comes_after_the_opening_is_sent_at_once(world):
    closing(world).close()
    world.forward(payload("a"))
    closing(world).open()
    assert world.forward(payload("b")) is True
    looked = looks(world)
    world.forward(payload("c"))
    assert looks(world) == looked


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_an_event_is_recorded_if_it_is_not_known_whether_the_project_is_closed(world, fault):
    world.oss.faults.add(fault, where=is_look)
    assert world.forward(payload("a")) is False
    assert not world.oms.requests
    assert reason(world, "a") == "MARK_UNREAD"
    assert json.loads(world.record_body("failed", "a"))["message"].startswith("It is not known whether")
    assert world.clock.seconds < 6

    # It is tried again at the next event.
    world.oss.faults.clear()
    assert world.forward(payload("b")) is True


def test_a_role_that_may_not_read_the_mark_is_told_so_in_the_records(world):
    world.oss.deny("oss:GetObject", world.log_bucket)
    world.forward(payload("a"))
    assert "lacks oss:GetObject on photos-oms-log: grant it" in json.loads(world.record_body("failed", "a"))["message"]


def test_a_key_that_can_be_neither_sent_nor_recorded_stays_with_function_compute(world):
    closing(world).close()
    world.oss.deny("oss:PutObject", world.log_bucket)
    with pytest.raises(RecordError, match="1 failed keys are not recorded"):
        world.forward(payload("a"))
    assert not world.oms.requests


def test_an_event_of_nothing_to_send_does_not_look(world):
    world.forward(payload("a", name="ObjectRemoved:DeleteObject"))
    assert looks(world) == 0
