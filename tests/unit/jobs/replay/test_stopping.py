"""When a run stops, why, and at what pace it goes until then."""

from __future__ import annotations

import dataclasses
import json

import pytest

from oss_oms_sync.errors import StorageError
from support.replay_world import ReplayWorld, many
from support.world import DROP_BEFORE, HANG, OK, UNAUTHORIZED, oms_error


def test_five_wholly_refused_batches_end_a_run_and_the_next_resumes_after_them(world):
    # GIVEN hundreds of bad keys at the front
    bad, good = many(200), [f"later {n}" for n in range(10)]
    world.fail(*bad, *good)
    world.oms.refuse(set(bad).__contains__)

    # WHEN runs follow each other
    first = world.replay()
    assert first["failed"] == 50
    assert not first["finished"]
    assert len(world.oms.calls) <= 19 + 4
    for _ in range(6):
        world.replay()

    # THEN the good ones behind them have gone out, and nothing was marked REJECTED
    assert set(good) <= world.oms.accepted.keys()
    reasons = {json.loads(o.body)["reason"] for n, o in world.bucket.objects.items() if "/failed_object/" in n}
    assert reasons <= {"REFUSED", "THROTTLED"}


def test_a_refused_account_ends_a_run_at_once(world):
    world.fail(*many(100))
    world.oms.faults.add(UNAUTHORIZED)
    result = world.replay()
    assert len(world.oms.requests) == 1
    assert (result["failed"], result["left"], result["finished"]) == (10, 90, False)
    world.oms.faults.clear()
    assert world.replay()["accepted"] == 100
    assert world.failed() == set()


def test_a_run_reports_the_reason_that_stopped_it_and_not_the_first_one_seen(world):
    # GIVEN a batch of which OMS refuses the first half, and before the second the account
    world.fail(*many(20))
    world.oms.faults.then(*[oms_error(400, "OMS.0001")] * 10, UNAUTHORIZED)

    # WHEN it is replayed, THEN the account is named
    result = world.replay()
    assert result["by_reason"]["REFUSED"] > 0
    assert result["stopped"].startswith("OMS refuses every key: CREDENTIALS. Check HW_AK and HW_SK")


def test_a_run_reports_why_it_went_no_further(world):
    world.fail(*many(100))
    world.oms.faults.add(oms_error(500))
    assert world.replay()["stopped"] == "OMS took nothing of 5 batches in a row, the last: UNAVAILABLE"
    world.oms.faults.clear()
    world.oms.faults.add(HANG)
    assert world.replay(timeout=60)["stopped"] == "the time is up"
    world.oms.faults.clear()
    world.oms.faults.then(UNAUTHORIZED)
    assert "OMS refuses every key: CREDENTIALS" in world.replay()["stopped"]
    world.oms.faults.clear()
    world.clock.sleep(600)
    assert world.replay()["stopped"] is None


def test_dropped_connections_do_not_stop_a_run(world):
    world.fail(*many(100))
    world.oms.faults.then(*[DROP_BEFORE, OK] * 20)
    assert world.replay()["accepted"] == 100


def test_batches_that_stay_throttled_fail_again_and_the_others_go():
    world = ReplayWorld()
    world.fail(*many(200))
    world.oms.faults.then(*[oms_error(429)] * 10)
    result = world.replay()
    assert result["accepted"] + result["by_reason"]["THROTTLED"] == 200
    assert 0 < result["by_reason"]["THROTTLED"] <= 30
    assert len(world.failed()) == result["by_reason"]["THROTTLED"]


def test_a_slow_rate_ends_with_the_time_not_in_the_middle_of_a_wait():
    world = ReplayWorld()
    world.settings = dataclasses.replace(world.settings, oms_rate=0.02)
    world.fail(*many(40))
    result = world.replay(timeout=120)
    assert (result["accepted"], result["left"]) == (30, 10)
    assert world.clock.seconds <= 120


@pytest.mark.parametrize(
    ("timeout", "left", "begun"), [(60, 15.5, True), (60, 14.5, False), (240, 21, True), (240, 19, False)]
)
def test_no_further_page_is_begun_with_20_seconds_or_a_quarter_of_the_time_left(world, mocker, timeout, left, begun):
    # GIVEN two pages, of which the first takes so long
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 10)
    world.fail(*many(15))
    world.hold_up(timeout - left)

    # WHEN it is done, THEN the second is begun only while there is time for it
    result = world.replay(timeout=timeout)
    assert (result["accepted"], result["finished"]) == ((15, True) if begun else (10, False))


def test_the_time_that_is_up_leaves_the_rest_in_the_run_file(world):
    world.fail(*many(500))
    world.oms.faults.add(HANG)
    result = world.replay(timeout=60)
    assert world.clock.seconds <= 60
    assert result["left"] == len(world.in_run_files()) > 0
    assert world.failed() | world.in_run_files() == set(many(500))


def test_a_run_whose_time_is_up_before_it_begins_leaves_everything(world):
    world.fail("a")
    with pytest.raises(StorageError, match="time was up"):
        world.replay(timeout=0.05)
    assert world.failed() == {"a"}
