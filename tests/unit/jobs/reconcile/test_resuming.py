"""Passes that stop before their end: the next call continues at the stored position."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from requests import PreparedRequest

from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import InstanceKilled
from support.law import sweep
from support.passes import adds_up, begin_stuck_pass, limit_pages, make_busy_world, missing, slow_down_listings
from support.world import DRIP, FROZEN, NO_RIGHT, OK, ROOT, World


def test_a_pass_stops_before_its_timeout_and_the_timer_continues_it(single_lane):
    single_lane.fill(700)
    single_lane.oms.round_trip, began = 1.0, single_lane.clock.seconds
    result = single_lane.tick("reconcile", timeout=60)
    assert result["finished"] is False
    assert single_lane.clock.seconds - began < 60
    assert 300 < result["accepted"] < 600
    assert single_lane.tick_until_finished(timeout=60)["accepted"] == 700
    assert Counter(single_lane.oms.accepted.values()) == {1: 700}


def test_a_pass_stores_its_progress_at_least_every_piece_seconds():
    # GIVEN 500 objects, submitted at ten a second
    world = World.installed(LANES="1", PIECE_SECONDS="10")
    world.fill(500)
    world.oms.round_trip = 1.0

    # WHEN a call by hand works on them
    kept, begun = [], [world.clock.seconds]

    def note(kind: str, names: list[str]) -> None:
        if kind == "put" and "/r/0" in names[0]:
            (kept if "/passes/" in names[0] else begun).append(world.clock.seconds)

    world.bucket.after = note
    assert world.reconcile()["finished"]

    # THEN a piece is written after PIECE_SECONDS of work, plus at most a batch
    assert max(end - start for start, end in zip(begun, kept, strict=True)) < 12
    # AND because no event arrives, the call soon does the next piece itself
    assert max(later - earlier for earlier, later in pairwise(kept)) < 12 + 13
    assert len(kept) == 5


@pytest.mark.parametrize("everything", [False, True])
@limit_pages(100)
def test_a_pass_stores_its_progress_before_a_failed_listing(single_lane, everything):
    # GIVEN a source bucket whose third page cannot be listed
    pages = count(1)
    single_lane.fill(250)
    single_lane.source.fail(NO_RIGHT, "list", lambda _: next(pages) % 3 == 0)

    # WHEN calls are repeated, THEN the pass continues at its position, and no key is submitted twice
    with pytest.raises(StorageError):
        single_lane.reconcile(all=everything)
    assert len(single_lane.accepted_keys()) > 190
    result = single_lane.reconcile(all=everything)
    assert result["finished"] is True
    assert result["accepted"] == 250
    assert Counter(single_lane.oms.accepted.values()) == {1: 250}


@pytest.mark.parametrize(("bucket", "prefix"), [("source", ""), ("bucket", f"{ROOT}success_object/")])
def test_a_pass_has_time_to_store_its_progress_after_a_slow_listing(single_lane, bucket, prefix):
    single_lane.fill(2)
    getattr(single_lane, bucket).fail(DRIP, "list", lambda name: name.startswith(prefix))
    with pytest.raises(StorageError):
        single_lane.reconcile()
    assert [name for name in single_lane.bucket.objects if "/r/0" in name]


def test_a_pass_stores_its_progress_if_a_listing_for_a_split_is_slow(world, small_pages):
    world.fill(60)
    pages = count(1)
    world.source.fail(DRIP, "list", lambda _: next(pages) > 1)
    with contextlib.suppress(StorageError):
        world.reconcile()
    assert [name for name in world.bucket.objects if "/r/0" in name]


# After five seconds no listing is waited for. Where the ranges split, their names take several pages of these.
@pytest.mark.long
@pytest.mark.parametrize(("lanes", "seconds", "of_log"), [(1, 2.0, 2.0), (1, 4.9, 4.9), (16, 4.0, 0.1)])
@limit_pages(7)
def test_the_timer_finishes_a_pass_with_slow_listings(lanes, seconds, of_log):
    world = World.installed(LANES=str(lanes))
    for number in range(60):
        (world.upload if number % 12 == 0 else world.put_accepted)(f"{number:03}")
    world.advance()
    slow_down_listings(world.source, seconds)
    slow_down_listings(world.bucket, of_log)
    for _ in range(200):
        with contextlib.suppress(StorageError):
            if world.tick("reconcile")["finished"]:
                break
        world.advance(600)
    assert Counter(world.oms.accepted.values()) == {1: 5}


@pytest.mark.part
@pytest.mark.long
# The end of a write is the begin of the next, apart from parallel requests.
@pytest.mark.parametrize("hook", [pytest.param("before_request", marks=pytest.mark.extras), "after_response"])
@limit_pages(4)
def test_the_timer_covers_every_key_after_a_kill_at_any_write(small_pages, hook):
    for step in sweep(count()):
        # GIVEN a call by hand that is killed at this write, to the log bucket or to OMS
        World.close_all()
        world, writes = make_busy_world(12, LANES="2", PIECE_SECONDS="10"), count()

        def strike(
            request: PreparedRequest, step: int = step, writes: Iterator[int] = writes, world: World = world
        ) -> None:
            if request.method in ("PUT", "POST") and next(writes) == step:
                world.die()

        setattr(world.platform.network, hook, strike)
        try:
            world.reconcile()
            break
        except InstanceKilled:
            pass
        setattr(world.platform.network, hook, lambda request: None)

        # WHEN the timer fires
        result = world.tick_until_finished()

        # THEN OMS has all missing keys, and the counts are of a single whole pass
        assert world.accepted_keys() == missing(12)
        assert result["scanned"] == 12
        assert adds_up(result)
    assert step > 15


def test_reconcile_continues_a_pass_whose_option_since_has_a_fraction(world):
    world.fill(30)
    begin_stuck_pass(world, since="2026-01-01T00:00:00.5Z")
    assert world.reconcile(since="2026-01-01T00:00:00.5Z")["accepted"] == 30
    assert len(world.passes()) == 1


def test_reconcile_with_other_options_replaces_the_open_pass(small_pages):
    # GIVEN slow listings, so that a call handles only a part of the objects
    world = World.installed(LANES="2", PIECE_SECONDS="10")
    world.oss.set_latency()
    slow_down_listings(world.source, 4.0)
    world.upload("a/old", minutes_ago=60 * 24 * 30)
    world.lose_events_of(*(f"{folder}/{number:02}" for folder in "ab" for number in range(30)))

    # WHEN calls with different options for the same keys alternate, and no pass has ended meanwhile
    payloads = [{}, {"all": True}, {"since": "1970-01-01"}]
    results = [world.invoke("reconcile", payload, timeout=50) for payload in payloads]
    assert [result["stop"] for result in results] == ["time"] * 3

    # THEN each call has begun a pass, and the same call and the timer continue the last pass
    *_, last = names = [result["pass"] for result in results]
    assert len(set(names)) == 3
    assert world.invoke("reconcile", payloads[-1], timeout=50)["pass"] == last

    # AND the last pass counts all its objects
    result = world.tick_until_finished(timeout=50)
    assert result["pass"] == last
    assert result["scanned"] == 61
    assert adds_up(result)
    assert len(world.accepted_keys()) == 61


@pytest.mark.parametrize(("options", "submitted"), [({}, 25), ({"restart": True}, 6)])
def test_reconcile_starts_an_open_pass_over_only_with_restart(single_lane, options, submitted):
    # GIVEN a pass that has reached the twentieth of 25 objects, and a new object before this position
    single_lane.fill(25)
    single_lane.oms.faults.then(OK, FROZEN)
    assert single_lane.reconcile()["failed"] == 10
    single_lane.upload("00 new", minutes_ago=30)

    # WHEN reconcile is called, THEN it continues at this position, or starts over
    result = single_lane.invoke("reconcile", options)
    assert result["submitted"] == submitted
    assert result["finished"] is True
    assert ("00 new" in single_lane.accepted_keys()) == ("restart" in options)


def test_a_running_call_does_not_end_a_restarted_pass(small_pages):
    # GIVEN a call during which a restarted pass begins, and an object appears before the old pass's position
    world, begun = World.installed(LANES="1"), []
    world.put_accepted(*(f"{number:02}" for number in range(40)))
    world.advance()

    def restart(kind: str, names: object) -> None:
        if world.source.calls["list"] == 4 and not begun:
            begun.append(kind)
            world.upload("10 late", minutes_ago=30)
            begin_stuck_pass(world, restart=True)

    world.source.before = restart

    # WHEN the old call ends, THEN it reports that its pass was superseded
    old = world.tick("reconcile")
    assert old["stop"] == "superseded"
    assert len(begun) == 1
    assert world.accepted_keys() == set()

    # AND the new pass continues at its own position, and finds the object
    world.advance()
    assert world.tick("reconcile")["finished"] is True
    assert world.accepted_keys() == {"10 late"}
