"""Where a run begins: after the last one, unless only some keys are asked for."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.fake_bucket import NO_RIGHT, ROOT
from support.replay_world import many


def test_the_next_run_resumes_after_the_last_one_and_comes_round(world):
    # GIVEN a run whose time ends after its first page
    world.fail(*many(1500), "z" * 1000)
    world.oms.round_trip = 0.9
    world.replay(timeout=110)
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state["after"] == f"{ROOT}failed_object/{many(1000)[-1]}"

    # WHEN a record comes before that place and one at it, and the next run has time
    world.fail("a first", many(1000)[-1])
    world.oms.round_trip = 0.001
    world.replay()

    # THEN both sides of it have gone out
    assert world.failed() == world.in_run_files() == set()
    assert json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)["after"] == ""


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ({"prefix": "key 00"}, ["key%2000"]),
        ({"limit": 3}, ["key%2000"]),
        ({"reason": "THROTTLED"}, ["key%2000"]),
        ({"keys": ["z"]}, ["z"]),
        ({"dry_run": True}, []),
    ],
)
def test_a_run_of_some_keys_begins_at_the_front_and_moves_no_position(world, asked, first):
    # GIVEN a whole run that did not get further than its first page, and a failure before that place
    world.fail(*many(1500))
    world.oms.round_trip = 0.9
    world.replay(timeout=110)
    state = world.bucket.objects[f"{ROOT}state/replay.json"]
    assert json.loads(state.body)["after"].endswith(many(1000)[-1])
    world.fail("key 00")
    world.oms.calls.clear()

    # WHEN a part is asked for
    world.clock.sleep(1)
    world.oms.round_trip = 0.001
    world.replay(asked)

    # THEN it begins with that one, and the next whole run where it would have
    assert [call[0] for call in world.oms.calls[:1]] == first
    assert world.bucket.objects[f"{ROOT}state/replay.json"] == state


def test_a_run_keeps_how_it_ended_for_status_to_report(world):
    world.fail("a")
    result = world.replay()
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state == {"after": "", "rejected": {}, "due": {}, "last": {"at": "2026-01-02T00:00:00Z", "result": result}}


def test_state_that_cannot_be_stored_or_read_costs_no_key(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}state/replay.json", b"?"))
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" and "/state/" in name else None
    world.fail("a")
    assert world.replay()["accepted"] == 1
    assert [record.msg for record in caplog.records] == [
        {"state": "replay", "problem": "unreadable, so it begins anew"},
        {"state": "not stored", "problem": "no"},
    ]
