"""A failure of one version of an object says nothing of another: only what is gone at the source is done unsent."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.inprocess.instance import Killed
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from support.copies_world import CopiesWorld
from support.world import MINUTE, ROOT

OLD = b"version 1"


@pytest.fixture
def world() -> CopiesWorld:
    return CopiesWorld()


def test_another_project_of_the_task_sends_nothing_of_one_that_is_closed():
    # GIVEN a project whose replay died with keys in hand, and that is closed since
    world = CopiesWorld(PROJECT="one", OBJECT_PREFIX="one/")
    world.fail("one/a")
    world.bucket.after = lambda kind, _: kind == "delete" and world.die()
    with pytest.raises(Killed):
        world.replay()
    world.bucket.after = lambda *_: None
    assert world.in_run_files() == {"one/a"}
    world.shut(on=True)

    # WHEN another project's replay works on, an hour later
    world.later(60 * MINUTE)
    world.given = {**world.given, "PROJECT": "another", "OBJECT_PREFIX": "another/"}
    world.start()
    world.fail("another/b")
    world.tick()

    # THEN it sends what is its own, and the closed one's keys stay
    assert world.sent() == ["another/b"]
    assert world.in_run_files() == {"one/a"}


def version_2_fails(world: CopiesWorld) -> None:
    """It is written, its event fails, and a copy of version 1 that OMS began earlier lands."""
    world.later(2)
    world.fail("a")
    world.later(2)
    world.copy("a", data=OLD)


def test_a_version_that_fails_while_replay_has_the_one_before_in_hand_is_sent(world):
    # GIVEN version 1, which OMS failed to copy
    world.upload("a", data=OLD)
    world.list_failed("a")
    asked: list[int] = []

    def meanwhile(kind: str, _: object) -> None:
        if kind == "delete" and not asked:
            asked.append(len(world.oms.requests))
            version_2_fails(world)

    # WHEN version 2 fails between replay's reading of that record and its delete
    world.bucket.before = meanwhile
    world.tick()

    # THEN OMS is asked for it
    assert world.asked(asked[0]) | world.failed() == {"a"}


def test_a_version_whose_failed_record_a_late_delete_takes_is_sent(world):
    # GIVEN a delete whose answer is lost, of the record of version 1
    world.upload("a", data=OLD)
    world.list_failed("a")
    world.bucket.fail(Fault.lands_late(50), "delete", where=lambda name: "failed_object" in name)
    world.tick()
    world.bucket.heal()

    # WHEN it takes the record of version 2 with it
    version_2_fails(world)
    world.later(50)
    assert world.failed() == set()
    world.sent()

    # THEN version 2 is sent by a run that takes over the key
    world.later(2 * MINUTE)
    world.tick()
    assert world.sent() == ["a"]


def test_a_version_does_not_wait_for_the_rest_of_the_one_before(world):
    # GIVEN version 1, which OMS has failed to copy ten times
    world.upload("a", data=OLD)
    text, headers = f"{etag_of(OLD)} again", {"x-oss-meta-copy-attempts": "10"}
    world.bucket.add(StoredObject(f"{ROOT}success_object/a", text.encode(), headers))
    world.later(5 * MINUTE)
    world.list_failed("a")

    # WHEN its failed record comes after that of version 2, and over it
    def meanwhile(kind: str, names: list[str]) -> None:
        if kind == "put" and names == [f"{ROOT}failed_object/a"]:
            world.bucket.before = lambda *_: None
            world.later(2)
            world.fail("a")

    world.bucket.before = meanwhile
    world.tick()

    # THEN version 2 is sent at once
    assert world.sent() == ["a"]


@pytest.mark.parametrize("there", [b"contents", b"something else"], ids=["the same contents", "others"])
def test_what_oms_says_it_failed_is_sent_again_whatever_is_in_obs(world, there):
    world.upload("a")
    world.list_failed("a")
    world.copy("a", data=there)
    world.tick()
    assert world.sent() == ["a"]


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
