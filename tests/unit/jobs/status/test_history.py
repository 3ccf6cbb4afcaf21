"""The history of one key."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.status_world import StatusWorld
from support.world import NO_RIGHT, ROOT

UNKNOWN = "Whether replay has it in hand is not known: not all of replay's run files could be read."
HELD = {"busy_until": "", "keys": [{"key": "a", "held": False}]}


@pytest.fixture
def world() -> StatusWorld:
    one = StatusWorld()
    one.obs.faults.add(NO_RIGHT)  # so that nothing is known of OBS
    return one


@pytest.mark.parametrize("there", [True, False], ids=["object", "no object"])
def test_a_story_does_not_deny_what_an_unreadable_run_file_may_hold(world, there):
    # GIVEN a key without a record, and a run file that cannot be read
    if there:
        world.upload("a", minutes_ago=60, accepted=False)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))

    # WHEN its story is told, THEN it does not say that there is no record
    told = world.status(key="a")
    assert UNKNOWN in told["story"]
    assert "log" in told["next"]

    # AND what another run file says is still found
    world.keep("replay/oss-oms-sync/2.json", HELD)
    assert world.status(key="a")["story"] == "It failed, and replay has it in hand."


def test_a_history_without_the_right_to_read_run_files_says_so(world):
    world.upload("a", minutes_ago=60, accepted=False)
    world.keep("replay/oss-oms-sync/1.json", HELD)
    world.bucket.fail(NO_RIGHT, "get", lambda name: "/replay/" in name)
    assert UNKNOWN in world.status(key="a")["story"]


def test_what_oms_accepted_is_told_whatever_run_files_say(world):
    world.upload("a", minutes_ago=60)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))
    assert world.status(key="a")["story"] == "OMS accepted this version."


def test_what_replay_has_in_hand_is_not_there_because_one_of_its_size_is(world):
    # GIVEN an accepted version in parts, which OMS failed to copy, and an older one of its size in OBS
    world.obs.faults.clear()
    world.upload("a", minutes_ago=60)
    world.there.add(StoredObject("a", b"b"))
    etag = "0123456789ABCDEF0123456789ABCDEF-2"
    world.source.add(StoredObject("a", b"a", {"etag": etag}))
    world.bucket.add(StoredObject(f"{ROOT}success_object/a", etag.encode()))
    assert world.status(key="a")["story"].startswith("It is in OBS, with the same size")
    world.keep("replay/oss-oms-sync/1.json", HELD)
    assert world.status(key="a")["story"] == "It failed, and replay has it in hand."


def test_why_oms_failed_to_copy_what_it_accepted_is_told_with_what_to_do(world):
    # GIVEN an object that OMS accepted, and of which its list said that it failed to copy it
    world.upload("a", minutes_ago=60)
    world.copy_failed("a", "INIT_DST_OBJ_MULTIPART_FAILURE")
    told = world.status(key="a")
    assert told["story"] == (
        "OMS accepted this version, and failed to copy it: INIT_DST_OBJ_MULTIPART_FAILURE, no message."
    )
    assert "set another Content-Type at the source. Replay sends it again, at its next run." in told["next"]

    # AND once it was accepted again, that is over
    world.later(60)
    world.upload("a", minutes_ago=0)
    assert world.status(key="a")["story"] == "OMS accepted this version."
