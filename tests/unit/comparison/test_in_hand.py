"""Objects that OMS may still copy, by its counts; only other missing objects count as lost."""

from __future__ import annotations

import pytest

from oss_oms_sync.comparison.in_hand import OmsProgress, query_progress
from sandbox.oms.copier import CopyFailure, CopyFault
from support.certify_world import CertifyWorld
from support.world import DAY, HOUR, MINUTE


@pytest.fixture
def world() -> CertifyWorld:
    return CertifyWorld()


def accept(world: CertifyWorld, *keys: str, fault: CopyFault | None = None) -> None:
    """Let OMS accept objects, twenty minutes after they were written."""
    for key in keys:
        world.task.copies.then(fault or CopyFault.withheld())
        world.put(key, "1", fate="copied")
        world.source.modified[key] -= 20 * MINUTE


def copy_first(world: CertifyWorld) -> None:
    """Let OMS copy the first object that it accepted."""
    copy = world.task.withheld[0]
    world.task.begin(copy)
    world.task.end(copy)


def class_of(world: CertifyWorld, key: str) -> str:
    """Return the class of a key in a comparison that submits nothing."""
    classes = world.compare(dry_run=True, restart=False)["classes"]
    return next(name for name, object_class in classes.items() if key in object_class["keys"])


def test_a_finished_object_that_is_not_in_obs_is_missing(world):
    world.task.failures.then(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
    accept(world, "a", fault=CopyFault.late(1))
    # Counts of the last ten minutes are not trusted.
    for minutes, class_name in ((9, "in_flight"), (2, "missing")):
        world.advance(minutes * MINUTE)
        assert class_of(world, "a") == class_name


def test_an_acceptance_of_ten_minutes_ago_may_be_uncounted():
    finished = OmsProgress(HOUR, left=0, oldest=HOUR, finished=HOUR)
    assert [finished.may_still_copy(HOUR - 10 * MINUTE - more) for more in (0, 1)] == [True, False]


def test_an_object_accepted_before_the_oldest_open_step_is_missing(world):
    accept(world, "a", fault=CopyFault.late(1))
    world.advance(12 * MINUTE)
    world.remove("a")
    accept(world, "b")
    # OMS has been quiet for less than half an hour, which would let it have both.
    world.advance(12 * MINUTE)
    assert class_of(world, "a") == "missing"
    assert class_of(world, "b") == "in_flight"


def test_unfinished_objects_count_while_oms_finishes_any_object(world):
    accept(world, "1", "2", "3", "a")
    for _ in range(3):
        world.advance(25 * MINUTE)
        copy_first(world)
        assert class_of(world, "a") == "in_flight"
    # After half an hour without anything, it is lost.
    world.advance(40 * MINUTE)
    assert class_of(world, "a") == "missing"


@pytest.mark.parametrize(("gigabytes", "minutes"), [(0, 30), (90, 120)])
def test_a_large_object_has_a_minute_more_for_each_gb(gigabytes, minutes):
    counts = OmsProgress(now=1e9, left=1, oldest=0, finished=0)
    accepted = 1e9 - minutes * MINUTE
    assert [counts.may_still_copy(accepted + more, gigabytes * 10**9) for more in (1, -1)] == [True, False]


def test_late_copies_of_earlier_objects_do_not_mask_an_unfinished_object(world):
    # GIVEN copies that OMS accepted yesterday, and now finishes
    accept(world, *"abc")
    world.advance(DAY + HOUR)
    world.copy_all()
    world.advance(20 * MINUTE)

    # WHEN an object is accepted after that, THEN it is unfinished, in spite of the sum
    accept(world, "d")
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).left == 1
    assert class_of(world, "d") == "in_flight"
    world.copy_all()
    assert query_progress(world.invocation()).left == 0


def test_hourly_counts_show_unfinished_objects_but_no_idle_oms(world):
    world.task.step = "ONE_HOUR"
    accept(world, "a")
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).left is None
    assert class_of(world, "a") == "in_flight"


@pytest.mark.parametrize(("minutes", "class_name"), [(59, "in_flight"), (61, "missing")])
def test_without_statistics_an_object_is_in_flight_for_an_hour(world, minutes, class_name):
    world.oms.deny("oms:synctask:statistics")
    accept(world, "a")
    world.advance(minutes * MINUTE)
    assert class_of(world, "a") == class_name


def test_an_acceptance_of_another_version_does_not_count(world):
    accept(world, "a")
    world.advance(HOUR // 2)
    world.put("a", "2", fate="lost")
    world.advance(20 * MINUTE)
    assert class_of(world, "a") == "missing"


@pytest.mark.parametrize(
    ("fails", "is_more", "minutes"),
    [(False, False, 0), (True, False, 5), (False, True, 5)],
    ids=["nothing is left: from when it began", "its lists of failures come late", "something is left"],
)
def test_oms_is_busy_to_the_end_of_the_step_only_if_objects_are_left(world, fails, is_more, minutes):
    accept(world, *("ab" if is_more else "a"))
    world.advance(HOUR)
    began = world.clock.now().timestamp() // 300 * 300
    if fails:
        world.task.failures.then(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
    copy_first(world)
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).busy == began + minutes * MINUTE
