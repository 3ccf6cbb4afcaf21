"""Objects that OMS may still copy according to its counts; other objects that OBS lacks are missing."""

from __future__ import annotations

import pytest

from oss_oms_sync.comparison.oms_progress import OmsProgress, query_progress
from sandbox.oms.copier import CopyFailure, CopyFault
from support.world import DAY, HOUR, MINUTE, World


@pytest.fixture
def world() -> World:
    return World.installed()


def accept(world: World, *keys: str, fault: CopyFault | None = None) -> None:
    """Let OMS accept objects twenty minutes after an application wrote them."""
    for key in keys:
        world.task.copy_faults.then(fault or CopyFault.withheld())
        world.put(key, "1")
        world.source.modified[key] -= 20 * MINUTE


def copy_first(world: World) -> None:
    """Let OMS copy the first object that it accepted."""
    copy = world.task.withheld_copies[0]
    world.task.begin(copy)
    world.task.end(copy)


def find_class(world: World, key: str) -> str:
    """Run a comparison that submits nothing; return the object class of the key."""
    classes = world.compare(dry_run=True)["classes"]
    return next(name for name, object_class in classes.items() if key in object_class["keys"])


def test_compare_classifies_a_finished_object_that_obs_lacks_as_missing(world):
    world.task.failures.then(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
    accept(world, "a", fault=CopyFault.late(1))
    # Counts of the last ten minutes are not trusted.
    for minutes, class_name in ((9, "in_flight"), (2, "missing")):
        world.advance(minutes * MINUTE)
        assert find_class(world, "a") == class_name


def test_oms_progress_allows_ten_minutes_for_the_copy_of_an_object():
    finished = OmsProgress(HOUR, max_unfinished=0, oldest_unfinished=HOUR, last_finished=HOUR)
    assert [finished.may_still_copy(HOUR - 10 * MINUTE - more) for more in (0, 1)] == [True, False]


def test_compare_classifies_an_object_as_in_flight_while_oms_is_busy(world):
    accept(world, "1", "2", "3", "a")
    for _ in range(3):
        world.advance(25 * MINUTE)
        copy_first(world)
        assert find_class(world, "a") == "in_flight"
    # After half an hour in which OMS finishes nothing, the object counts as lost.
    world.advance(40 * MINUTE)
    assert find_class(world, "a") == "missing"


@pytest.mark.parametrize(("gigabytes", "minutes"), [(0, 30), (90, 120)])
def test_oms_progress_allows_a_minute_more_for_each_gb_of_an_object(gigabytes, minutes):
    counts = OmsProgress(now=1e9, max_unfinished=1, oldest_unfinished=0, last_finished=0)
    accepted = 1e9 - minutes * MINUTE
    assert [counts.may_still_copy(accepted + more, gigabytes * 10**9) for more in (1, -1)] == [True, False]


def test_late_copies_of_other_objects_do_not_hide_an_unfinished_object(world):
    # GIVEN objects that OMS accepted yesterday, and finishes now
    accept(world, *"abc")
    world.advance(DAY + HOUR)
    world.copy_all()
    world.advance(20 * MINUTE)

    # WHEN another object is accepted, THEN it is unfinished, although the sums of the counts are equal
    accept(world, "d")
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).max_unfinished == 1
    assert find_class(world, "d") == "in_flight"
    world.copy_all()
    assert query_progress(world.invocation()).max_unfinished == 0


def test_hourly_counts_do_not_show_that_oms_has_no_work_left(world):
    world.task.step = "ONE_HOUR"
    accept(world, "a")
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).max_unfinished is None
    assert find_class(world, "a") == "in_flight"


@pytest.mark.parametrize(("minutes", "class_name"), [(59, "in_flight"), (61, "missing")])
def test_compare_waits_an_hour_for_an_object_without_statistics_of_oms(world, minutes, class_name):
    world.oms.deny("oms:synctask:statistics")
    accept(world, "a")
    world.advance(minutes * MINUTE)
    assert find_class(world, "a") == class_name


@pytest.mark.parametrize(
    ("fails", "is_more", "minutes"),
    [(False, False, 0), (True, False, 5), (False, True, 5)],
    ids=["no object is left", "a failure whose list comes late", "an object is left"],
)
def test_oms_counts_as_busy_after_its_last_copy_only_if_objects_are_left(world, fails, is_more, minutes):
    accept(world, *("ab" if is_more else "a"))
    world.advance(HOUR)
    began = world.clock.now().timestamp() // 300 * 300
    if fails:
        world.task.failures.then(CopyFailure("UPLOAD_DST_OBJ_FAILURE"))
    copy_first(world)
    world.advance(20 * MINUTE)
    assert query_progress(world.invocation()).last_busy == began + minutes * MINUTE
