"""Limits of a pass: pauses without progress, the maximum size, and the number of its key ranges."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from oss_oms_sync.answers.step import Step
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.passes import work
from support.passes import limit_pages, slow_down_listings
from support.world import DAY, HOUR, NO_RIGHT, TICK, World


def reconcile(world: World, event: object = None) -> dict[str, Any]:
    """Advance the time by a few seconds, then call reconcile with `event`, or by hand without an event."""
    world.advance(5)
    return world.invoke("reconcile", {} if event is None else event)


def count_pieces_while_stuck(world: World, event: object, times: int) -> int:
    """Call reconcile every ten minutes while OSS refuses listings; return how often the calls stored their progress."""

    def count_pieces() -> int:
        return sum(name.rpartition("/")[2].isdecimal() for name in world.bucket.names(world.store.prefix))

    before = count_pieces()
    for _ in range(times):
        world.advance(600)
        with contextlib.suppress(Exception):
            reconcile(world, event)
    return count_pieces() - before


def test_a_range_of_a_pass_without_progress_pauses_until_the_next_day(world):
    world.upload("a")
    world.source.fail(NO_RIGHT, "list")
    assert count_pieces_while_stuck(world, TICK, 30) == 10
    answer = reconcile(world, {"look": True})
    assert answer["finished"] is False
    assert "the next attempt is tomorrow" in answer["stopped"]
    assert count_pieces_while_stuck(world, {}, 1) == 1
    world.source.heal()
    world.advance(26 * HOUR)
    assert reconcile(world, TICK)["finished"]


def test_a_pass_that_would_be_too_large_needs_a_prefix_or_a_restart(world):
    # GIVEN a bucket with the marks of an earlier pass
    world.fill(10)
    assert reconcile(world)["finished"]
    (total,) = (name for name in world.bucket.names(world.store.prefix) if name.endswith("/total"))
    stored_total = json.loads(world.bucket.objects[total].body)
    stored_total["passed"]["marks"] = [["9", 10**12]]
    world.bucket.add(StoredObject.of_json(total, stored_total))

    # WHEN all objects are requested, THEN the answer advises a migration, or one prefix at a time
    world.oms.accepted.clear()
    refusal = reconcile(world, {"all": True})
    assert refusal["stop"] == "too_large"
    assert f"({Step('migrate')})" in refusal["stopped"]
    assert refusal["stopped"].endswith("python3 ops.py reconcile --all --prefix PREFIX")
    assert world.accepted_keys() == set()

    # AND a pass over a prefix begins, like a pass over recent objects and a restarted pass
    assert reconcile(world, {"all": True, "prefix": "0"})["accepted"] == 1
    assert reconcile(world, {"all": True, "since": "2026-01-01T00:00:00Z"})["accepted"] == 10
    assert reconcile(world, {"all": True, "restart": True})["accepted"] == 10


@contextlib.contextmanager
def world_with_copies(number: int, **environment: str) -> Iterator[World]:
    """Yield simulated clouds with this number of objects, which OMS copied an hour ago.

    A listing page has ten objects, and a range with one page of objects is large enough to split.
    """
    world = World.holding_copies(**environment)
    for place in range(number):
        world.put(f"{place:03}", "1")
    world.advance(HOUR)
    with patch.object(work, "MIN_SPLIT_OBJECTS", 2), patch.object(work, "UNKNOWN_RANGE_SECONDS", 3.0), limit_pages(10):
        yield world


def show_first_state(world: World, job: str, **asked: object) -> dict:
    """Begin a job's next pass while each page takes a second; return the answer after the first stored progress."""
    world.advance(DAY)
    slow_down_listings(world.source, 1.0)
    return world.invoke(job, asked, timeout=20)


@pytest.mark.parametrize("lanes", [3, 6])
def test_a_pass_begins_as_many_ranges_as_there_are_lanes(lanes):
    # GIVEN the marks of a pass over forty objects
    with world_with_copies(40, LANES=str(lanes)) as world:
        assert world.reconcile()["finished"]
        # WHEN the next pass begins, with time only for its first piece
        result = show_first_state(world, "reconcile")
        # THEN each lane has a range, and each object still counts once
        assert result["ranges"] == {"open": lanes, "done": 0}
        slow_down_listings(world.source, 0.0)
        world.advance(HOUR)
        assert world.reconcile()["scanned"] == 40


@pytest.mark.parametrize(("first", "second"), [("reconcile", "compare"), ("compare", "reconcile")])
def test_the_first_pass_of_a_job_splits_by_sampled_keys_of_the_other_job(first, second):
    # GIVEN a finished pass of a job
    with world_with_copies(100, LANES="2") as world:
        assert world.invoke(first)["finished"]
        # WHEN the other job's first pass begins, THEN it splits before it counts any key
        result = show_first_state(world, second)
    assert result["ranges"]["open"] >= 2, result
    assert result["objects_per_minute"] == 0, result
