"""When a run stops, why, and at what pace it goes until then."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.errors import StorageError
from support.replay_world import many
from support.world import HANG, UNAUTHORIZED


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
