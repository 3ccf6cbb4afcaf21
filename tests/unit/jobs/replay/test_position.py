"""Where a run begins: after the last one, unless only some keys are asked for."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.world import NO_RIGHT, ROOT
from unit.jobs.replay.replay_world import many

pytestmark = pytest.mark.usefixtures("_small_pages")


def test_the_next_run_resumes_after_the_last_one_and_comes_round(world):
    # GIVEN a run whose time ends after its first page
    world.fail(*many(150), "z" * 1000)
    world.hold_up(95)
    world.replay(timeout=110)
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state["after"] == f"{ROOT}failed_object/{many(100)[-1]}"

    # WHEN a record comes before that place and one at it, and the next run has time
    world.fail("a first", many(100)[-1])
    world.replay()

    # THEN both sides of it have gone out
    assert world.failed() == world.in_run_files() == set()
    assert json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)["after"] == ""


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ({"prefix": "key 00"}, ["key 00"]),
        ({"limit": 3}, ["key 00"]),
        ({"reason": "THROTTLED"}, ["key 00"]),
        ({"keys": ["z"]}, ["z"]),
        ({"dry_run": True}, []),
    ],
)
def test_a_run_of_some_keys_begins_at_the_front_and_moves_no_position(world, asked, first):
    # GIVEN a whole run that did not get further than its first page, and a failure before that place
    world.fail(*many(150))
    world.hold_up(95)
    world.replay(timeout=110)
    state = world.bucket.objects[f"{ROOT}state/replay.json"]
    assert json.loads(state.body)["after"].endswith(many(100)[-1])
    world.fail("key 00")
    before = len(world.oms.calls)

    # WHEN a part is asked for
    world.later(1)
    world.replay(asked)

    # THEN it begins with that one, and the next whole run where it would have
    assert [call.keys[0] for call in world.oms.calls[before : before + 1]] == first
    assert world.bucket.objects[f"{ROOT}state/replay.json"] == state


def test_a_run_keeps_how_it_ended_for_status_to_report(world):
    world.fail("a")
    result = world.replay()
    state = json.loads(world.bucket.objects[f"{ROOT}state/replay.json"].body)
    assert state == {"after": "", "resting": {}, "last": {"at": "2026-01-02T00:00:00Z", "result": result}}


def test_state_that_cannot_be_stored_or_read_costs_no_key(world, problems):
    world.bucket.add(StoredObject(f"{ROOT}state/replay.json", b"?"))
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "/state/" in name)
    world.fail("a")
    assert world.replay()["accepted"] == 1
    unread, unwritten = problems()
    assert unread == {"state": "replay", "problem": "unreadable, so it begins anew"}
    assert unwritten["state"] == "not stored"
    assert "oss:PutObject" in unwritten["problem"]
