"""Resending of all failures, including events that forward could not process; and the reasons to stop a run."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import quote

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import EventError, StorageError
from support.law import HOSTILE
from support.world import HANG, MINUTE, UNAUTHORIZED, event, oms_error, record_name
from unit.jobs.replay.replay_world import ReplayWorld, many


def test_replay_finishes_at_once_without_failed_records(world):
    assert world.replay() == {
        "taken": 0,
        "accepted": 0,
        "failed": 0,
        "resolved": 0,
        "left": 0,
        "oldest_failure": None,
        "by_reason": {},
        "finished": True,
        "stop": None,
        "stopped": None,
        "copies": None,
        "dry_run": False,
        "whole": True,
        "unreadable": [],
    }
    assert not world.oms.calls


@pytest.mark.long
def test_replay_resends_twelve_pages_of_failed_records_at_a_bounded_cost(mocker):
    # GIVEN failed records of all kinds: with hostile and long keys, and the empty records of the vendor's handler
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 20)
    world = ReplayWorld(OMS_RATE="20")
    keys = [*HOSTILE, *(f"{key}{number}" for number in range(2) for key in HOSTILE[:11]), *many(200)]
    world.put_failed(*keys)
    for key in many(200)[::10]:
        world.bucket.add(StoredObject(record_name("failed", key), b""))

    # WHEN replay runs until it is finished
    runs = [world.replay()]
    while not runs[-1]["finished"]:
        runs.append(world.replay())

    # THEN no record is left, each key is accepted and recorded, and the calls are few
    assert sum(result["accepted"] for result in runs) == len(keys)
    assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set()
    assert world.bucket.succeeded_keys() == set(keys)
    assert world.oms.accepted == Counter(keys)
    assert sum(len(call.keys) < 10 for call in world.oms.calls) <= 3 * len(runs)
    pages = len(keys) // 20 + len(runs) + 1
    calls = world.bucket.calls
    assert calls["put"] <= len(keys) + 2 * pages + len(runs)  # records, run files written and shrunk, state
    assert calls["list"] <= pages + 3 * len(runs)
    in_no_xml = sum("\r" in key or "\x01" in key for key in keys)
    assert calls["delete"] <= 2 * pages + in_no_xml  # the records', the run file's, and those that are deleted alone


def test_a_failed_record_keeps_the_first_failure_of_a_key_that_fails_again(world):
    world.put_failed("a", first="2020-01-01T00:00:00Z")
    world.oms.faults.then(UNAUTHORIZED)
    result = world.replay()
    summary = (result["failed"], result["by_reason"], result["oldest_failure"])
    assert summary == (1, {"CREDENTIALS": 1}, "2020-01-01T00:00:00Z")
    body = world.bucket.failed_record("a")
    assert body["first_failure"] == "2020-01-01T00:00:00Z"
    assert body["reason"] == "CREDENTIALS"
    assert body["etag"] == "ABC"
    assert body["last_failure"] > body["first_failure"]


@pytest.mark.parametrize(
    ("options", "version"),
    [(None, b"ABC"), ({"requestContext": {}, "requestPayload": {"events": [event("a", etag="DEF")]}}, b"DEF")],
    ids=["the version of the failed record", "the newer version of a failed event"],
)
def test_the_success_record_of_a_resent_key_names_the_version_that_failed(world, options, version):
    world.put_failed("a")
    world.invoke("replay", options)
    assert world.bucket.record_body("success", "a") == version
    assert world.bucket.failed_keys() == set()


def test_replay_submits_no_key_twice_in_a_run(world):
    world.put_failed("a")
    world.oms.faults.add(HANG)
    world.replay(timeout=60)
    world.oms.faults.clear()
    world.oms.faults.add(oms_error(404))
    result = world.replay()
    assert result["taken"] == 1
    assert result["failed"] == 1


def test_replay_reports_the_oldest_failure_of_failed_and_remaining_keys(world):
    # GIVEN thirty failures, whose oldest is among the keys submitted last
    for number in range(30):
        world.put_failed(f"{number:02}", first=f"{1996 if number == 22 else 2000 + number}-01-01T00:00:00Z")

    # WHEN the account is refused at the first batch, THEN the oldest remains and is reported
    world.oms.faults.then(UNAUTHORIZED)
    assert world.replay()["oldest_failure"] == "1996-01-01T00:00:00Z"

    # AND after all keys are accepted, there is no oldest failure
    assert world.replay()["oldest_failure"] is None


@pytest.mark.parametrize("payload", [None, {"dry_run": True}, {"keys": ["a"]}, {"limit": 1}])
def test_each_run_of_replay_logs_its_answer(world, lines, payload):
    world.put_failed("a", "b")
    assert [world.invoke("replay", payload)] == lines()


def test_replay_submits_keys_that_forward_gave_up_through_a_run_file(world):
    envelope = {"requestContext": {}, "requestPayload": json.dumps({"events": [event("a"), event("b")]})}
    world.oms.faults.then(UNAUTHORIZED)
    for what, failed in (("failed", {"a", "b"}), ("accepted", set())):
        assert world.invoke("replay", envelope)[what] == 2
        assert world.bucket.failed_keys() == failed


def test_replay_submits_the_keys_of_a_partly_unreadable_event_then_raises(world):
    envelope = {"requestContext": {}, "requestPayload": {"events": [event("a"), {}]}}
    with pytest.raises(EventError):
        world.invoke("replay", envelope)
    assert world.oms.accepted.keys() == {"a"}


@pytest.mark.parametrize("status", [403, 422, 500])
def test_a_key_that_oms_always_refuses_delays_no_other_key(world, status):
    # GIVEN a key for which OMS, or its gateway, refuses the whole batch with an error that causes no bisection
    world.put_failed(*many(20))
    bad = quote("key 00004").encode()
    world.oms.faults.add(oms_error(status), where=lambda request: bad in request.body)

    # WHEN the timer runs replay, THEN in the end only this key is left
    for _ in range(20):
        world.tick("replay")
        world.advance(MINUTE)
    assert world.bucket.failed_keys() == {"key 00004"}


def test_replay_ends_at_once_if_oms_refuses_the_access_key(world):
    world.put_failed(*many(100))
    world.oms.faults.add(UNAUTHORIZED)
    result = world.replay()
    summary = (result["failed"], result["left"], result["finished"], len(world.oms.requests))
    assert summary == (10, 90, False, 1)
    world.oms.faults.clear()
    assert world.replay()["accepted"] == 100
    assert world.bucket.failed_keys() == set()


@pytest.mark.parametrize(
    ("timeout", "left", "is_begun"), [(60, 15.5, True), (60, 14.5, False), (240, 21, True), (240, 19, False)]
)
def test_replay_begins_no_page_in_the_last_quarter_of_its_time(world, mocker, timeout, left, is_begun):
    # GIVEN two pages, the first with this duration
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 10)
    world.put_failed(*many(15))
    world.hold_up(timeout - left)

    # WHEN the first is done, THEN the second begins only if enough time remains
    result = world.replay(timeout=timeout)
    assert (result["accepted"], result["finished"]) == ((15, True) if is_begun else (10, False))


def test_replay_leaves_keys_in_the_run_file_at_the_end_of_its_time(world):
    world.put_failed(*many(500))
    world.oms.faults.add(HANG)
    result = world.replay(timeout=60)
    assert world.clock.seconds <= 60
    assert result["left"] == len(world.bucket.keys_in_run_files()) > 0
    assert world.bucket.failed_keys() | world.bucket.keys_in_run_files() == set(many(500))


def test_replay_without_time_keeps_all_failed_records(world):
    world.put_failed("a")
    with pytest.raises(StorageError, match="time limit was reached"):
        world.replay(timeout=0.05)
    assert world.bucket.failed_keys() == {"a"}
