"""Delays before replay resends a key: a day for a rejected key, and longer after each attempt for a failed copy.

Replay resolves the failure of a deleted object without a resend.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs.replay.resting import compute_pause_seconds
from sandbox.inprocess.instance import InstanceKilled
from sandbox.oss.objects import etag_of
from support.world import DROP_BEFORE, HANG, MINUTE, NO_RIGHT, OK, REDIRECTS, ROOT, UNAUTHORIZED, event
from unit.jobs.replay.replay_world import CONTENTS, ReplayWorld


def reject(world: ReplayWorld) -> None:
    """Let OMS reject the first of two failed keys."""
    world.put_failed("bad", "good")
    world.oms.refuse(lambda key: key == "bad")
    world.tick("replay")


def test_replay_submits_a_rejected_key_once_a_day(world):
    reject(world)
    assert world.bucket.failed_record("bad")["reason"] == "REJECTED"
    for hours, attempted in ((0, False), (12, False), (11.99, False), (0.01, True)):
        calls = len(world.oms.calls)
        world.clock.ahead += timedelta(hours=hours)
        world.tick("replay")
        assert (len(world.oms.calls) > calls) == attempted


def test_replay_resends_a_new_failure_of_a_rejected_key_at_once(world):
    reject(world)
    world.oms.refuse(None)
    world.put_failed("bad")
    assert world.tick("replay")["accepted"] == 1


def test_replay_finishes_despite_keys_that_oms_rejects_again(world):
    # GIVEN sixty keys that OMS refuses alone, and no good keys left among them a day later
    bad = [f"bad {number:02}" for number in range(60)]
    world.put_failed(*[f"{key}{kind}" for key in bad for kind in ("", " good")])
    world.oms.refuse(set(bad).__contains__)
    assert world.tick("replay")["by_reason"] == {"REJECTED": 60}
    world.clock.ahead += timedelta(hours=25)

    # WHEN the keys are resent
    again = world.tick("replay")

    # THEN the run does not stop, and the keys rest for another day
    assert again["by_reason"] == {"REJECTED": 60}
    assert again["finished"] is True
    world.take_sent_keys()
    assert world.send_by_tick() == []


def test_replay_delays_only_the_latest_of_too_many_rejected_keys(world, mocker):
    # GIVEN a limit of two pauses, and four rejected keys, two of them an hour later than the others
    mocker.patch("oss_oms_sync.jobs.replay.resting._MAX_PAUSES", 2)
    world.oms.refuse({"a1", "a2", "z1", "z2"}.__contains__)
    for keys in (("z1", "z2", "good"), ("a1", "a2", "good")):
        world.put_failed(*keys)
        world.tick("replay")
        world.clock.ahead += timedelta(hours=1)

    # WHEN the next run starts, THEN it only resends the older keys
    before = len(world.oms.requests)
    world.tick("replay")
    assert world.requested_keys(before) == {"z1", "z2"}


def test_replay_stores_a_short_hash_for_a_long_rejected_key(world):
    # The state of ten thousand keys must not exceed the maximum size of an object that is read.
    long = "海" * 300
    world.put_failed(long, "good")
    world.oms.refuse({long}.__contains__)
    world.tick("replay")
    assert [len(name) for name in world.bucket.job_state()["resting"]] == [32]


def test_the_pauses_between_attempts_of_a_key_double_up_to_a_day():
    minutes = [compute_pause_seconds(attempt) / 60 for attempt in range(1, 11)]
    assert minutes == [0, 10, 20, 40, 80, 160, 320, 640, 1280, 1440]
    assert compute_pause_seconds(10**6) == 24 * 60 * 60


def test_replay_submits_other_keys_while_a_failed_copy_is_delayed(world):
    world.put_old("a", "b")
    world.list_failed("a")
    world.tick("replay")
    world.advance(4 * MINUTE)
    world.list_failed("a", "b")
    world.take_sent_keys()
    assert world.send_by_tick() == ["b"]
    assert world.bucket.failed_record("a")["not_before"] == "2026-01-02T00:10:00Z"
    reads = world.bucket.calls["get"]
    world.tick("replay")
    # The run only reads the states of replay and of the lists, the mark, and the lease.
    assert world.bucket.calls["get"] - reads <= 4
    world.advance(6 * MINUTE)
    assert world.send_by_tick() == ["a"]


def fail_again(world: ReplayWorld, *keys: str) -> None:
    """Write failed records of keys that failed several times, for another reason than a failed copy."""
    world.put_failed(*keys, first="2026-01-01T00:00:00Z")


def test_replay_resends_a_key_that_failed_once_without_a_head_request(world):
    world.put_failed("a")
    world.replay()
    assert world.source.calls["find"] == 0


@pytest.mark.parametrize("problem", [NO_RIGHT, HANG])
def test_replay_resends_a_key_whose_source_object_cannot_be_read(world, problem):
    fail_again(world, "a")
    del world.source.objects["a"]
    world.source.fail(problem)
    assert world.replay()["accepted"] == 1


def test_replay_keeps_a_failure_recorded_while_it_reads_the_object(world):
    # GIVEN an object that is deleted when replay checks it, and written again immediately with a failing event
    fail_again(world, "a")
    del world.source.objects["a"]
    world.source.after = lambda kind, _: world.put_failed("a") if kind == "find" else None
    world.replay()
    assert world.bucket.failed_keys() == {"a"}


def test_a_key_stays_in_its_run_file_if_its_record_may_be_deleted_late(world):
    fail_again(world, "a")
    del world.source.objects["a"]
    world.bucket.fail(DROP_BEFORE, "delete")
    answer = world.replay()
    assert answer["left"] == 1
    assert world.bucket.keys_in_run_files() == {"a"}
    assert world.take_sent_keys() == []


def test_failed_copies_stay_recorded_if_oms_answers_with_a_redirect(world):
    world.fail_to_copy("a")
    for answers, failed in (((OK, REDIRECTS[0], UNAUTHORIZED), {"a"}), ((), set())):
        world.oms.faults.clear()
        world.oms.faults.then(*answers)
        world.tick("replay")
        assert world.bucket.failed_keys() == failed


# A failure of a version says nothing about another version.


@pytest.mark.parametrize(
    "there", ["contents", "something else"], ids=["equal contents in OBS", "other contents in OBS"]
)
def test_replay_resends_a_failed_copy_even_if_obs_has_the_object(world, there):
    world.fail_to_copy("a")
    world.copy("a", data=there)
    assert world.send_by_tick() == ["a"]


def test_a_copy_failure_keeps_the_first_failure_of_the_record_it_replaces(world):
    world.put_old("a")
    world.put_failed("a", first="2026-01-01T00:00:00Z")
    world.list_failed("a")
    world.bucket.before = lambda kind, names: kind == "list" and "failed_object" in names[0] and world.die()
    with pytest.raises(InstanceKilled):
        world.tick("replay")
    record = world.bucket.failed_record("a")
    assert record["reason"] == "COPY_FAILED"
    assert record["first_failure"] == "2026-01-01T00:00:00Z"


def test_replay_by_hand_resends_keys_before_their_delay_ends(world):
    # GIVEN a key that OMS rejects, and a key that it failed to copy twice: both rest
    world.oms.refuse({"bad"}.__contains__)
    world.put_failed("bad", "good")
    world.put_old("a")
    for _ in range(2):
        world.list_failed("a")
        world.tick("replay")
        world.advance(4 * MINUTE)
    assert world.bucket.failed_keys() == {"a", "bad"}

    # WHEN a user resends failures, THEN both are submitted, and the timer's runs still skip them
    for run, keys in ((world.replay, {"a", "bad"}), (partial(world.tick, "replay"), set())):
        before = len(world.oms.requests)
        run()
        assert world.requested_keys(before) == keys


@pytest.mark.parametrize("way", ["gone", "a symbolic link"])
def test_replay_resolves_only_keys_of_deleted_objects_without_a_resend(world, way):
    world.put_failed("a", "b", first="2026-01-01T00:00:00Z")
    del world.source.objects["a"]
    if way != "gone":
        world.source.add(StoredObject("a", b"b", {"x-oss-object-type": "Symlink"}))
    answer = world.tick("replay")
    assert answer["resolved"] == 1
    assert answer["accepted"] == 1
    assert world.take_sent_keys() == ["b"]
    assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set()


def test_failed_attempts_of_a_version_do_not_delay_the_next_version(world):
    # GIVEN version 1, which rests for the second time
    world.put_old("a", data="version 1")
    for _ in range(3):
        world.list_failed("a")
        world.tick("replay")
        world.advance(11 * MINUTE)
    assert world.bucket.failed_keys() == {"a"}

    # WHEN Function Compute gave up on the event of version 2, THEN its acceptance is its first
    world.upload("a", CONTENTS, minutes_ago=3)
    etag = etag_of(b"contents")
    world.replay(requestContext={}, requestPayload={"events": [event("a", etag=etag)]})
    record = world.bucket.objects[f"{ROOT}success_object/a"]
    assert record.body.decode() == etag
    assert record.headers.get("x-oss-meta-copy-attempts") is None
