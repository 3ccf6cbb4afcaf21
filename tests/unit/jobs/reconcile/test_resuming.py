"""A pass that ends anywhere before its end is resumed there."""

from __future__ import annotations

import contextlib

import pytest

from oss_oms_sync.clouds.objects import StorageFailure
from oss_oms_sync.errors import StorageError
from support.fake_bucket import NO_RIGHT, Died
from support.reconcile_world import HOUR, MISSING, adds_up, busy_world


def test_when_the_time_is_up_it_stops_early_enough_and_the_next_tick_resumes(world):
    for number in range(2000):
        world.upload(f"{number:04}")
    world.later()
    world.oms.round_trip = 1.0
    result = world.tick(timeout=60)
    assert not result["finished"]
    assert 300 < result["accepted"] < 600
    assert world.clock.seconds - HOUR < 60
    while not result["finished"]:
        result = world.tick(timeout=60)
    assert (result["accepted"], max(world.oms.accepted.values())) == (2000, 1)


@pytest.mark.parametrize("everything", [False, True])
def test_what_was_done_before_a_listing_failed_is_kept(world, everything):
    # GIVEN a source bucket whose third page cannot be listed
    for one in range(2500):
        world.upload(f"{one:04}")
    world.later()
    seen = []

    def third(kind: str, name: str) -> StorageFailure | None:
        seen.append(kind)
        return NO_RIGHT if len(seen) % 3 == 0 else None

    world.source.problem = third

    # WHEN it is tried until it goes well, THEN it goes on where it was, and nothing is sent twice
    with pytest.raises(StorageError):
        world.reconcile({"all": everything})
    assert len(world.sent()) > 1900
    assert world.reconcile({"all": everything})["finished"]
    assert max(world.oms.accepted.values()) == 1


@pytest.mark.parametrize("seconds", [5, 25])  # longer no listing is tried
def test_however_slow_the_listings_every_tick_gets_further(world, mocker, seconds):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for one in range(200):
        (world.upload if one % 20 == 0 else world.in_step)(f"{one:03}")
    world.later()
    world.source.seconds_a_page = world.bucket.seconds_a_page = float(seconds)
    for _ in range(200):
        with contextlib.suppress(StorageError):
            if world.tick()["finished"]:
                break
    assert len(world.sent()) == 10
    assert max(world.oms.accepted.values()) == 1


@pytest.mark.parametrize("hook", ["before", "after"])
def test_killed_at_any_call_the_next_ticks_cover_every_key(small_pages, hook):
    step, killed = 0, True
    while killed:
        # GIVEN a tick that is killed at this one of its calls
        world, seen = busy_world(), []

        def strike(kind: str, names: object, step: int = step, seen: list[str] = seen) -> None:
            seen.append(kind)
            if len(seen) == step + 1:
                raise Died

        for bucket in (world.bucket, world.source):
            setattr(bucket, hook, strike)
        try:
            world.tick()
            killed = False
        except Died:
            step += 1
        for bucket in (world.bucket, world.source):
            setattr(bucket, hook, lambda kind, names: None)

        # WHEN the next ones come
        result = world.until_finished()

        # THEN all that was missing is in OMS, and the counts are of one whole pass
        assert world.sent() == MISSING
        assert result["scanned"] == 60
        assert adds_up(result)
    assert step > 60


def test_a_pass_is_kept_twice_and_every_half_minute_between(world, small_pages):
    world.in_step(*(f"{number:03}" for number in range(100)))
    world.source.seconds_a_page = 0.0
    world.later()
    kept = []
    world.bucket.after = lambda kind, names: kept.append(names) if kind == "put" else None
    world.reconcile()
    assert len(kept) == 2
    world.source.seconds_a_page = 4.5  # the fixture makes the half minute four seconds
    kept.clear()
    world.reconcile()
    assert len(kept) == 2 + 15  # pages


def test_a_pass_since_a_moment_between_two_seconds_is_resumed(world):
    for number in range(30):
        world.upload(f"{number:02}")
    world.later()
    for _ in range(3):
        world.reconcile({"since": "2026-01-01T00:00:00.5Z", "limit": 10})
    assert len(world.sent()) == 30


def test_passes_of_different_payloads_do_not_disturb_each_other(world, small_pages):
    world.upload("a/old", minutes_ago=60 * 24 * 30)
    keys = {f"{folder}/{number:02}" for folder in "ab" for number in range(30)}
    for key in keys:
        world.upload(key)
    world.later()
    payloads = [{}, {"prefix": "a/"}, {"prefix": "b/"}, {"all": True}, {"since": "1970-01-01"}]
    scanned = {}
    while len(scanned) < len(payloads):
        for number, payload in enumerate(payloads):
            result = world.reconcile({**payload, "limit": 7})
            assert adds_up(result)
            if result["finished"]:
                scanned.setdefault(number, result["scanned"])
    assert world.sent() == keys | {"a/old"}
    assert scanned == {0: 60, 1: 30, 2: 30, 3: 61, 4: 61}


def test_restart_begins_an_open_pass_anew(world):
    for number in range(15):
        world.upload(f"{number:02}")
    world.later()
    world.reconcile({"limit": 10})
    world.upload("00 new", minutes_ago=30)
    assert world.reconcile({"restart": True})["submitted"] == 6
    assert "00 new" in world.sent()


def test_a_restart_beside_a_running_tick_is_not_ended_by_it(world, small_pages):
    # GIVEN a tick in the midst of which a restarted pass is begun, and an object appears behind the old one
    for number in range(40):
        world.in_step(f"{number:02}")
    world.later()
    begun = []

    def restart(kind: str, names: object) -> None:
        if len(world.oms.calls) == 0 and world.source.calls["list"] == 4 and not begun:
            world.source.before = lambda kind, names: None
            world.upload("10 late", minutes_ago=30)
            world.begin(restart=True)
            begun.append(kind)

    world.source.before = restart

    # WHEN the old tick comes to its end
    old = world.tick()

    # THEN the new pass goes on from its own place and finds that object
    assert begun
    assert old["finished"]
    assert "10 late" not in world.sent()
    assert world.tick()["finished"]
    assert world.sent() == {"10 late"}
