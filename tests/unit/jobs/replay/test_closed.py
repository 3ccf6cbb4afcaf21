"""While the project is closed replay sends nothing, and every key stays where it is until it is opened again."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.errors import Failure, Reason, RecordError
from oss_oms_sync.ledger.closing import Closing
from support.world import NO_RIGHT, ROOT, TICK, event
from unit.jobs.replay.replay_world import ReplayWorld, many

OPEN_IT = "To open it: python3 ops.py open"
ENVELOPE = {"requestContext": {}, "requestPayload": {"events": [event("a"), event("b")]}}


@pytest.fixture
def closed(world) -> ReplayWorld:
    Closing(world.invocation()).close("Li Lei")
    return world


def closing(world: ReplayWorld) -> Closing:
    return Closing(world.invocation())


def reasons(world: ReplayWorld) -> set[str]:
    return {
        json.loads(world.bucket.objects[name].body)["reason"] for name in world.bucket.names(f"{ROOT}failed_object")
    }


@pytest.mark.parametrize(
    "asked", [None, {"limit": 1}, {"prefix": "key"}, {"reason": "THROTTLED"}, {"keys": ["key 00000", "by hand"]}]
)
def test_records_and_run_files_stay_and_the_run_says_how_to_open_the_project(closed, asked):
    closed.fail(*many(3))
    closed.run_file("a", "b")
    before = dict(closed.bucket.objects)
    result = closed.replay(asked)
    assert (result["taken"], result["accepted"], result["finished"]) == (0, 0, False)
    assert OPEN_IT in result["stopped"]
    assert not closed.oms.calls
    assert {name: closed.bucket.objects[name] for name in before} == before
    assert closed.in_run_files() == {"a", "b"}


def test_opened_again_it_sends_everything(closed):
    closed.fail(*many(3))
    closed.replay()
    closing(closed).open()
    assert closed.replay()["accepted"] == 3
    assert closed.failed() == set()


def test_nothing_to_send_is_finished_as_ever(closed):
    assert (closed.replay()["finished"], closed.replay()["stopped"]) == (True, None)


def test_a_dry_run_is_as_ever(closed):
    closed.fail(*many(3))
    result = closed.replay({"dry_run": True})
    assert (result["taken"], result["by_reason"], result["stopped"]) == (3, {"THROTTLED": 3}, None)


def test_the_keys_of_an_envelope_are_recorded(closed):
    result = closed.replay(ENVELOPE)
    assert (result["failed"], result["by_reason"]) == (2, {"CLOSED": 2})
    assert OPEN_IT in result["stopped"]
    assert closed.failed() == {"a", "b"}
    assert reasons(closed) == {"CLOSED"}
    assert not closed.oms.calls


def test_closed_just_after_it_asked_an_envelopes_keys_stand_somewhere_all_the_same(world, mocker):
    # GIVEN a run that asks once while the project is open, and after that when it is closed
    mocker.patch.object(Closing, "refusal", side_effect=[None, *[Failure(Reason.CLOSED, message="closed")] * 9])
    world.replay(ENVELOPE)

    # THEN the only copy of its keys is not lost
    assert not world.oms.calls
    assert world.failed() | world.in_run_files() == {"a", "b"}


def test_closed_between_two_halves_of_a_batch_nothing_more_is_sent_and_the_keys_stay(world):
    # GIVEN a batch of which OMS refuses some keys, slowly, and a project that is closed at the first call
    world.fail(*many(10))
    world.oms.refuse(lambda key: key < "key 00005")
    world.oms.round_trip = 9

    def close(request):
        if request.url.startswith("https://oms."):
            world.ground.network.after = lambda _: None
            closing(world).close()

    world.ground.network.after = close

    # WHEN it goes on, THEN the last call begins within a minute of the closing
    began = world.clock.seconds
    result = world.replay()
    posts = [one.time - world.ground.EPOCH - began for one in world.oms.requests if one.method == "POST"]
    assert max(posts) <= 60 + 9 + 1
    assert OPEN_IT in result["stopped"]
    assert set(many(10)) == world.failed() | world.in_run_files() | world.succeeded()


def test_an_envelope_whose_keys_cannot_be_recorded_stays_with_function_compute(closed):
    closed.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(RecordError):
        closed.replay(ENVELOPE)


def test_if_it_is_not_known_whether_it_is_closed_everything_stays(world):
    world.fail(*many(3))
    world.bucket.fail(NO_RIGHT, where=lambda name: "/state/closed" in name)
    stopped = world.replay()["stopped"]
    assert stopped.startswith("It is not known whether the project is closed, so nothing is sent: the function's role")
    assert (world.failed(), world.in_run_files(), world.oms.calls) == (set(many(3)), set(), [])
    assert world.replay(ENVELOPE)["failed"] == 2
    assert world.failed() == {*many(3), "a", "b"}


def test_closed_in_the_midst_of_a_run_the_rest_of_the_page_is_kept_in_the_run_file():
    # GIVEN a run that sends a batch in ten seconds, during which the project is closed
    world = ReplayWorld(OMS_RATE="0.1")
    world.fail(*many(200))

    def close(kind: str, names: object) -> None:
        if kind == "put" and len(world.oms.calls) == 3:
            world.bucket.after = lambda *_: None
            closing(world).close()

    world.bucket.after = close

    # WHEN it goes on, THEN it ends within a minute, and no key is lost
    result = world.replay()
    assert OPEN_IT in result["stopped"]
    assert len(world.oms.calls) == 6
    assert world.in_run_files() == set(many(200)[60:])
    closing(world).open()
    world.clock.sleep(400)
    while not world.replay()["finished"]:
        world.clock.sleep(400)
    assert world.oms.accepted.keys() == set(many(200))


def test_a_tick_writes_that_the_project_is_open_where_nothing_says_so(world):
    name = closing(world).name
    del world.bucket.objects[name]
    world.replay({})
    assert name not in world.bucket.objects
    world.replay(TICK)
    assert name in world.bucket.objects
