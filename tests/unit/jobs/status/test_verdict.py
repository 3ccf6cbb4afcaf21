"""What matters most comes first in the verdict, and nothing is green that is not known."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError, Reason
from sandbox.server.faults import Fault
from support.status_world import BEHIND, StatusWorld
from support.world import DROP_BEFORE, ROOT


@pytest.mark.parametrize(("status", "reason"), [(401, "CREDENTIALS"), (403, "FORBIDDEN"), (404, "NO_TASK")])
def test_where_every_key_is_refused_it_is_broken_and_says_what_to_do(world, status, reason):
    # GIVEN a task that OMS does not show, which breaks what keys need as well, unless it is a right to look at it
    world.oms.faults.add(Fault.status(status))
    broken = ("broken", f"{reason}: {Reason[reason].fix.en}")
    assert (world.verdict() == broken) == (reason != "FORBIDDEN")

    # AND a key that it refused for a reason that lasts, after a passing one
    world.fail("b", "DEADLINE")
    world.fail("a", reason)
    assert world.verdict() == broken
    assert world.status()["fixes"][reason]["en"] == Reason[reason].fix.en

    # WHEN it shows it again, THEN the backlog says so still
    world.oms.faults.clear()
    assert world.verdict() == broken


def test_a_stopped_task_is_broken(world):
    world.task.status = "STOPPED"
    assert world.tells("broken", "STOPPED")


@pytest.mark.parametrize("fault", [Fault.status(503, headers={"Retry-After": "60"}), DROP_BEFORE])
def test_with_oms_unreachable_our_half_is_still_told_and_not_green(world, fault):
    world.oms.faults.add(fault)
    assert world.tells(BEHIND, "does not say")
    world.fail("b", "UNAVAILABLE")
    report = world.status()
    assert report["backlog"]["failed"] == 1
    assert report["oms"] is None
    assert report["oms_silence"]["problem"] in ("UNAVAILABLE", "UNREACHABLE")
    assert report["oms_silence"]["fix"]
    assert report["statistics_silence"]["problem"] == report["oms_silence"]["problem"]


def test_without_the_right_to_look_at_the_task_it_is_not_called_broken(world):
    world.oms.deny("oms:synctask:get")
    assert world.tells(BEHIND, "oms:synctask:get")


def test_a_prefix_that_matches_nothing_is_not_in_step_but_not_known():
    # GIVEN objects, and a project whose prefix has a typo
    world = StatusWorld(OBJECT_PREFIX="phots/")
    world.upload("photos/1", minutes_ago=60)

    # WHEN a pass has found nothing to send, THEN that is no success
    world.reconcile()
    assert world.tells("not known", "found no object in scope (prefix 'phots/', suffix '')")


def test_a_pass_over_a_part_does_not_make_it_green():
    world = StatusWorld()
    world.reconcile(prefix="nothing/")
    assert world.verdict()[0] == "not known"


def test_failures_of_the_last_day_count_when_the_month_has_just_turned(world):
    world.counted(60, REQUEST=1, FAILURE=1)
    world.describes(monthly_failure_object=0, monthly_acceptance_request=0)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_an_unreadable_run_file_is_not_green(world):
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"?"))
    assert world.tells("behind", f"cannot be read, and its keys stand nowhere else: {ROOT}replay/oss-oms-sync/1.json.")
    verdict = world.status()["verdict"]
    assert ("python3 ops.py compare" in verdict["text"], verdict["step"]["job"]) == (True, "compare")


def test_numbers_that_do_not_add_up_are_told_with_what_that_means():
    world = StatusWorld()
    world.passed(scanned=5, covered=4)
    first, *_ = world.status()["sums"]
    assert (first["holds"], first["left"], sum(first["right"])) == (False, 5, 4)
    assert "its work is" in first["meaning"]


@pytest.mark.parametrize(
    "asked", [{"key": "a", "hours": 1}, {"acknowledge": 1}, {"keys": ["a"]}, {"hours": 0}, {"hours": 10**9}]
)
def test_a_payload_that_cannot_be_used_is_an_error(world, asked):
    with pytest.raises(PayloadError):
        world.status(**asked)


def test_what_oms_said_of_a_refused_key_is_told(world):
    world.fail("a", "REFUSED", message="the key is invalid")
    (one,) = world.status()["backlog"]["keys"]
    assert (one["key"], one["reason"], one["message"]) == ("a", "REFUSED", "the key is invalid")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"begun": "2026-03-06T00:00:00Z", "group": "g", "run": "r"}, ("2026-03-06T00:00:00Z", "g")),
        ({"something": "else"}, ("", "")),
    ],
)
def test_old_objects_on_their_way_are_named_also_where_what_is_written_of_them_is_not_read(world, written, told):
    world.keep(f"state/migrate-{world.settings.project}.json", written)
    migration = world.status()["migration"]
    assert (migration["begun"], migration["group"]) == told
    # OMS has no such group, or nobody knows of which to ask.
    assert world.verdict()[0] in (BEHIND, "not known")
