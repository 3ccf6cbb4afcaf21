"""A failure of one version of an object says nothing of another: only what is gone at the source is done unsent."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.inprocess.instance import Killed
from sandbox.oss.objects import etag_of
from support.world import MINUTE, ROOT
from unit.jobs.replay.copies_world import CopiesWorld

OLD = b"version 1"


@pytest.fixture
def world() -> CopiesWorld:
    return CopiesWorld()


@pytest.mark.parametrize("there", [b"contents", b"something else"], ids=["the same contents", "others"])
def test_what_oms_says_it_failed_is_sent_again_whatever_is_in_obs(world, there):
    world.fail_to_copy("a")
    world.copy("a", data=there)
    assert world.sent_by_tick() == ["a"]


def test_a_failure_to_copy_is_recorded_over_the_record_that_is_there_and_keeps_its_first_failure(world):
    world.upload("a")
    world.fail("a", first="2026-01-01T00:00:00Z")
    world.list_failed("a")
    world.bucket.before = lambda kind, names: kind == "list" and "failed_object" in names[0] and world.die()
    with pytest.raises(Killed):
        world.tick()
    record = json.loads(world.bucket.objects[f"{ROOT}failed_object/a"].body)
    assert (record["reason"], record["first_failure"]) == ("COPY_FAILED", "2026-01-01T00:00:00Z")


def test_whoever_calls_by_hand_has_sent_what_rests(world):
    # GIVEN a key that OMS rejects, and one that it failed to copy twice: both rest
    world.oms.refuse({"bad"}.__contains__)
    world.fail("bad", "good")
    world.upload("a")
    for _ in range(2):
        world.list_failed("a")
        world.tick()
        world.later(4 * MINUTE)
    assert world.failed() == {"a", "bad"}

    # WHEN somebody sends what failed, THEN both are sent, and the timer lets them rest on
    world.sent()
    before = len(world.oms.requests)
    world.replay({})
    assert world.asked(before) == {"a", "bad"}
    before = len(world.oms.requests)
    world.tick()
    assert world.asked(before) == set()


@pytest.mark.parametrize("way", ["gone", "a symbolic link"])
def test_only_what_the_source_has_no_more_is_done_without_being_sent(world, way):
    world.fail("a", "b", first="2026-01-01T00:00:00Z")
    del world.source.objects["a"]
    if way != "gone":
        world.source.add(StoredObject("a", b"b", {"x-oss-object-type": "Symlink"}))
    told = world.tick()
    assert (told["resolved"], told["accepted"], world.sent()) == (1, 1, ["b"])
    assert world.failed() == world.in_run_files() == set()


def test_how_often_oms_failed_a_version_does_not_count_for_the_next(world):
    # GIVEN version 1, which rests for the second time
    world.upload("a", data=OLD)
    for _ in range(3):
        world.list_failed("a")
        world.tick()
        world.later(11 * MINUTE)
    assert world.failed() == {"a"}

    # WHEN Function Compute gave up on the event of version 2, THEN its acceptance is its first
    world.upload("a", accepted=False)
    event = {"eventName": "ObjectCreated:PutObject", "oss": {"bucket": {"name": "photos"}, "object": {"key": "a"}}}
    event["oss"]["object"]["eTag"] = etag_of(b"contents")
    world.replay({"requestContext": {}, "requestPayload": {"events": [event]}})
    record = world.bucket.objects[f"{ROOT}success_object/a"]
    assert (record.body.decode(), record.headers.get("x-oss-meta-copy-attempts")) == (etag_of(b"contents"), None)
