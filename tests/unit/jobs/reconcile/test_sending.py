"""What a pass sends: in whole batches, recorded, and never past a key that is neither."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import etag_of
from support.reconcile_world import ReconcileWorld, adds_up
from support.world import FROZEN, NO_RIGHT, ROOT


def test_batches_fill_across_pages(small_pages):
    world = ReconcileWorld(LANES="1")
    for number in range(40):
        world.upload(f"{number:02}/missing")
        world.in_step(f"{number:02}/there")
    world.later()
    assert world.reconcile()["accepted"] == 40
    assert [len(call.keys) for call in world.oms.calls] == [10] * 4


def test_what_it_sends_is_recorded_with_the_version_it_saw(world):
    world.upload("a", "B")
    world.later()
    world.reconcile()
    assert world.bucket.objects[f"{ROOT}success_object/a"].body == etag_of("B").encode()


def test_while_oms_refuses_the_account_each_tick_stops_after_a_batch_and_the_next_goes_on(world):
    for number in range(30):
        world.upload(f"{number:02}")
    world.later()
    world.oms.faults.then(FROZEN, FROZEN)
    first = world.tick()
    assert (first["submitted"], first["failed"], first["finished"]) == (10, 10, False)
    assert first["stopped"].startswith("OMS refuses every key: ACCOUNT")
    assert (len(world.oms.requests), world.position()) == (1, "09")
    world.later(600)
    assert world.tick()["failed"] == 20
    world.later(600)
    last = world.tick()
    assert (last["accepted"], last["failed"], last["finished"]) == (10, 20, True)
    assert adds_up(last)
    assert world.sent() | world.failed() == {f"{number:02}" for number in range(30)}


@pytest.mark.parametrize("bad", [0, 3, 9, 10, 24])
def test_a_key_that_is_neither_accepted_nor_recorded_holds_the_pass_back(world, bad):
    # GIVEN an OMS that refuses one key, of which the log bucket takes no failed record
    for one in range(25):
        world.upload(f"{one:02}")
        world.in_step(f"{one:02} covered")
    world.later()
    key = f"{bad:02}"
    world.oms.refuse(lambda one: one == key)
    world.bucket.fail(NO_RIGHT, where=lambda name: name == f"{ROOT}failed_object/{key}")

    # WHEN ticks come, THEN the pass is kept before that key, and says why
    for _ in range(3):
        result = world.tick()
        assert not result["finished"]
        assert world.position() < key
        assert result["stopped"] == "the log bucket takes no record of some keys"
        assert adds_up(result)
        world.later(600)
    world.bucket.heal()
    last = world.tick()
    assert last["finished"]
    assert adds_up(last)
    assert last["scanned"] == 50
    assert world.failed() == {key}
