"""Compare and reconcile during an OMS task group, and with more missing objects than a pass submits.

A task group copies existing objects. Without a group, there can be too many missing objects to submit them ten keys a
call.
"""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from oss_oms_sync.answers.task_group import LISTED_OBJECTS_PER_SECOND, max_submissions
from oss_oms_sync.clock import timestamp
from support.passes import classes
from support.task_group import DONE, FAILED, PAUSED, answer_group, begin_migration
from support.world import HOUR, MINUTE, World


@pytest.fixture
def world() -> World:
    """Return simulated clouds with two objects from the day before the task group began, and an object written later.

    OSS sent no event for these objects.
    """
    world = World.holding_copies(RECONCILE_PERIOD="1d")
    for key in ("old/1", "old/2", "new"):
        world.upload(key, minutes_ago=(40 if key == "new" else 1500))
    return world


ALL = {"missing": ["new", "old/1", "old/2"]}


def ask(world: World, job: str) -> dict[str, object]:
    """Advance the time by a second, then run a new pass over objects of any age; return the job's answer."""
    world.advance(1)
    return world.invoke(job, {"since": "1970-01-01", "restart": True})


def compare(world: World) -> dict[str, object]:
    return ask(world, "compare")


def test_compare_leaves_objects_older_than_a_task_group_to_that_group(world):
    begin_migration(world)
    result = compare(world)
    assert classes(result) == {"migrating": ["old/1", "old/2"], "missing": ["new"]}
    assert world.accepted_keys() == {"new"}
    assert result["finished"] is True
    assert result["stop"] is None
    assert result["is_migration_unknown"] is False

    # WHEN the group has copied an object and is finished, THEN the other object is submitted
    world.write("old/1", "A")
    world.bucket.add_ended_migration("done")
    assert "old/2" in classes(compare(world))["missing"]
    assert world.accepted_keys() == {"new", "old/2"}


def test_reconcile_leaves_older_objects_to_a_task_group(world):
    begin_migration(world)
    result = ask(world, "reconcile")
    assert result["migrating"] == 2
    assert result["submitted"] == 1
    assert world.accepted_keys() == {"new"}
    world.bucket.add_ended_migration("done")
    result = ask(world, "reconcile")
    assert result["migrating"] == 2
    assert result["covered"] == 1
    assert result["submitted"] == 0

    # AND the result is the same if replay has failed records of the failed copies
    world.bucket.add_ended_migration("resent", failed=1)
    assert ask(world, "reconcile")["submitted"] == 0

    # AND the option `all` submits all of them
    assert world.reconcile(all=True)["accepted"] == 3


@pytest.mark.parametrize(("how", "failed"), [("removed", 0), ("refused", 0), ("done", 1)])
def test_reconcile_submits_objects_that_an_ended_task_group_may_lack(world, how, failed):
    world.bucket.add_ended_migration(how, failed=failed)
    assert ask(world, "reconcile")["submitted"] == 3
    world.oms.accepted.clear()
    world.advance(2 * HOUR)
    compare(world)
    assert world.accepted_keys() == {"old/1", "old/2", "new"}


@pytest.mark.parametrize("status", [PAUSED, FAILED, DONE, 4, 7, 8, 9])
def test_compare_leaves_no_object_to_a_task_group_that_is_not_copying(world, status):
    begin_migration(world, status)
    assert classes(compare(world)) == ALL
    assert len(world.accepted_keys()) == 3


@pytest.mark.parametrize("unknown", ["no right", "no group", "no answer", "no id", "no text"])
def test_compare_submits_all_objects_if_the_task_groups_state_is_unknown(world, unknown):
    begin_migration(world, **({"group": ""} if unknown == "no id" else {}))
    match unknown:
        case "no group":
            world.oms.faults.clear()
        case "no right":
            world.oms.faults.clear()
            world.oms.deny("oms:taskgroup:get")
        case "no answer":
            answer_group(world, {"group_id": "g", "status": 77})
        case "no text":
            world.bucket.add_json(f"state/migrate-{world.settings.project}.json", "what?")
    result = compare(world)
    assert classes(result) == ALL
    assert result["is_migration_unknown"] is True
    assert len(world.accepted_keys()) == 3


def test_a_recheck_reads_the_state_of_the_task_group_again(world):
    begin_migration(world)
    assert "migrating" in classes(compare(world))
    world.bucket.add_ended_migration("done")
    world.advance(1)
    assert classes(world.compare(again=True))["missing"] == ["old/1", "old/2"]


def test_compare_counts_a_group_copy_without_a_source_object_as_deleted(world):
    for key, ago in (("gone", 30 * MINUTE), ("theirs", 2 * HOUR)):
        world.write(key, "A")
        world.destination.modified[key] -= int(ago)
    nothing, both, deleted = "0" * 64, {"unknown": ["gone", "theirs"]}, {"deleted_at_source": ["gone"]}
    for digest, expected in (("", both), (nothing, deleted)):
        begin_migration(world, digest_without_extra=digest)
        assert expected.items() <= classes(compare(world)).items()
    # The objects arrived during a group that is finished now, or after its end.
    for minutes, expected in ((0, deleted), (45, both)):
        world.bucket.add_ended_migration(
            "done", digest_without_extra=nothing, ended=timestamp(world.clock.now() - timedelta(minutes=minutes))
        )
        assert expected.items() <= classes(compare(world)).items()


@pytest.mark.parametrize("job", ["compare", "reconcile"])
def test_a_pass_with_too_many_missing_objects_advises_a_migration(job, mocker):
    # GIVEN a limit of 20 objects, which a single piece exceeds
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=20)
    world = World.holding_copies(OMS_RATE="0.5", PIECE_SECONDS="10", LANES="1")
    world.fill(90, minutes_ago=1500)
    result = ask(world, job)
    assert result["finished"] is True
    assert result["stop"] == "too_many"
    assert result["accepted"] + result["unsent"] == 90
    assert 20 <= result["accepted"] <= 60
    assert result["step"] == {"job": "migrate", "options": {}}

    # THEN the next pass submits as many
    next_result = ask(world, job)
    assert len(world.accepted_keys()) > result["accepted"]
    assert next_result["unsent"] < result["unsent"]

    # AND the other step in the answer submits all of them
    step = result["all_the_same"]
    result = world.invoke(step["job"], step["options"])
    assert result["finished"] is True
    assert result["stop"] is None
    assert len(world.accepted_keys()) == 90


def test_a_pass_with_many_missing_objects_advises_to_continue_a_migration(mocker):
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=0)
    world = World.holding_copies()
    world.upload("old", minutes_ago=1500)
    begin_migration(world, PAUSED)
    assert compare(world)["step"] == {"job": "migrate", "options": {"go_on": True}}
    assert world.accepted_keys() == set()


def test_a_pass_submits_any_number_of_objects_that_no_group_can_copy(mocker):
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=0)
    world = World.holding_copies(OBJECT_SUFFIX=".jpg")
    world.upload("old.jpg", minutes_ago=1500)
    assert compare(world)["stop"] is None
    assert world.accepted_keys() == {"old.jpg"}


def test_a_pass_advises_a_migration_only_if_it_is_faster_than_submissions():
    objects = max_submissions(200)
    assert objects / 200 == pytest.approx(1800 + objects / LISTED_OBJECTS_PER_SECOND)
    assert math.isinf(max_submissions(LISTED_OBJECTS_PER_SECOND))
