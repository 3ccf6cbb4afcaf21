"""Where a range splits is known from the other job's pass, too: both walk through the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from oss_oms_sync.passes import work
from support.compare_world import CompareWorld, pages_of
from support.reconcile_world import slow
from support.world import DAY, HOUR


@contextmanager
def copied(number: int, **environment: str) -> Iterator[CompareWorld]:
    """So many objects, which were copied an hour ago, in pages of ten, each page worth a range of its own."""
    world = CompareWorld(**environment)
    for one in range(number):
        world.put(f"{one:03}", "1", fate="copied")
    world.later(HOUR)
    with patch.object(work, "WORTH_SPLITTING", 2), pages_of(10):
        yield world


def first_look(world: CompareWorld, job: str) -> dict:
    """What a tick's first pass of a job shows where each page takes 20 seconds."""
    world.later(DAY)
    slow(world.source, 4.0)
    return world.reconcile(timeout=20) if job == "reconcile" else world.compare(timeout=20)


@pytest.mark.parametrize("lanes", [3, 4, 6])
def test_one_worker_begins_as_many_ranges_as_there_are_lanes(lanes):
    # GIVEN the marks of a pass over forty objects
    with copied(40, LANES=str(lanes)) as world:
        assert world.reconcile()["finished"]
        # WHEN the next one begins, and has no time but for its first piece
        result = first_look(world, "reconcile")
        # THEN all lanes have their range, and each object still counts once
        assert result["ranges"] == {"open": lanes, "done": 0}
        slow(world.source, 0.0)
        world.later(HOUR)
        assert world.reconcile()["scanned"] == 40


@pytest.mark.parametrize(("first", "second"), [("reconcile", "compare"), ("compare", "reconcile")])
def test_a_first_pass_splits_by_the_marks_of_the_other_jobs(first, second):
    # GIVEN a pass of one job that ended
    with copied(100, LANES="2") as world:
        done = world.reconcile() if first == "reconcile" else world.compare()
        assert done["finished"], done
        # WHEN the other job's first pass begins, THEN it splits before it walks anywhere
        result = first_look(world, second)
    assert result["ranges"]["open"] >= 2, result
    assert result["objects_per_minute"] == 0, result


@pytest.mark.parametrize(("asked", "ranges"), [({"all": True}, 2), ({"all": True, "since": "2020-01-01"}, 8)])
def test_where_everything_is_sent_a_pass_has_no_more_lanes_than_use_up_the_rate(asked, ranges):
    # GIVEN marks, and a rate of ten calls a second
    with copied(40, LANES="8", OMS_RATE="10") as world:
        assert world.reconcile()["finished"]
        world.later(DAY)
        slow(world.source, 4.0)
        # WHEN a pass over all objects begins THEN
        assert world.reconcile(asked, timeout=20)["ranges"]["open"] == ranges
