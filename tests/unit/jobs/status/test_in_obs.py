"""Status about objects in OBS: only accepted without a comparison, and the comparison's result otherwise.

Status also shows the progress of a migration of existing objects, and the step that continues a stopped migration.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from ops.shell import command
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.passes.tally import ClassCount, Side, Tally
from support.ops import OPS
from support.status import (
    BEHIND,
    EARLY,
    IN_STEP,
    NOW,
    change_description,
    make_status_world,
    read_verdict,
    shows_verdict,
)
from support.task_group import answer_group

LACKING = "found 3 of 8 objects missing in OBS, or present in another version"
ALL_THERE = (
    "All objects written before 2026-03-10T12:00:00Z were in OBS at 2026-03-10T12:00:00Z. Of 7 objects, 7 count"
    " as equal: 5 proven equal, 2 not proven equal."
)
# Counts of a comparison, the verdict, and parts of its text.
COMPARISONS = {
    "equal objects and the time of the comparison": ({"equal_contents": 5, "equal_version": 2}, IN_STEP, [ALL_THERE]),
    "equal objects among others": (
        {"equal_contents": 5, "equal_size": 2, "in_flight": 1, "failed_before": 3, "outside": 9},
        IN_STEP,
        ["Of 11 objects, 7 count as equal: 5 proven equal", "Other objects: 3 failed_before, 1 in_flight."],
    ),
    "an object in flight": (
        {"oldest": int((NOW - timedelta(hours=3)).timestamp()), "equal_contents": 5, "in_flight": 1},
        IN_STEP,
        ["before 2026-03-10T09:00:00Z were in OBS at 2026-03-10T12:00:00Z"],
    ),
    **{name: ({"equal_contents": 5, name: 3}, BEHIND, [LACKING]) for name in ("missing", "older", "overwritten")},
    "an object with another MD5": (
        {"equal_contents": 2, "suspicious": 1},
        BEHIND,
        ["(3 objects): 1 object has the same size in OBS but a different MD5", "python3 ops.py compare --deep"],
    ),
}


@pytest.mark.parametrize("case", COMPARISONS)
def test_the_last_comparison_decides_the_verdict_of_status(world, case):
    counts, state, words = COMPARISONS[case]
    world.bucket.add_comparison(**counts)
    assert shows_verdict(world, state, *words)
    assert ("Other objects: " in read_verdict(world)[1]) == ("in_flight" in counts)


# Objects that the last comparison found lacking, its submissions, and the command that resolves them.
LACKED = {
    "objects older than the submitted objects": (
        {"missing": 3},
        {"oldest": -10},
        "compare --restart --since 2026-02-28T12:00:00Z",
    ),
    "submitted objects and older objects": (
        {"missing": 3, "overwritten": 1},
        {"oldest": -10, "submitted": 3},
        "compare --again",
    ),
    "a comparison while the project was closed": ({"older": 3}, {}, "compare --restart"),
    "submitted objects": ({"missing": 3}, {"submitted": 3}, "compare --again"),
    "objects that the user has to decide": ({"overwritten": 3}, {"submitted": 1}, "compare --overwrite --restart"),
}


@pytest.mark.parametrize("case", LACKED)
def test_status_prints_the_command_that_submits_missing_objects(world, case):
    counts, sent_counts, ends = LACKED[case]
    oldest = NOW + timedelta(days=sent_counts.get("oldest", -1))
    classes = {name: ClassCount(Side(number, number)) for name, number in counts.items()}
    sent = Counter(submitted=sent_counts.get("submitted", 0))
    world.bucket.add_pass(job="compare", tally=Tally(sent, classes=classes, oldest_not_there=int(oldest.timestamp())))
    verdict = world.status()["verdict"]
    assert verdict["text"].endswith(f": python3 ops.py {ends}")
    assert command(from_json(Step, verdict["step"])) == f"{OPS} {ends}"


def test_status_ignores_comparisons_if_oms_reports_no_destination_bucket(world):
    world.bucket.add_comparison(equal_contents=2, missing=3)
    assert read_verdict(world)[0] == BEHIND
    change_description(world, dst_bucket=None)
    assert shows_verdict(world, "unknown", "python3 ops.py doctor")


@pytest.mark.parametrize(("period", "days"), [("off", 3), ("1d", 2), ("7d", 8)])
def test_status_does_not_judge_the_objects_in_obs_by_an_old_comparison(period, days):
    # GIVEN a comparison, and recent passes of reconcile
    world = make_status_world(COMPARE_PERIOD=period)
    world.bucket.add_comparison(equal_contents=7)
    world.advance_to(NOW + timedelta(days=days))
    world.bucket.add_pass(scanned=7)
    assert read_verdict(world)[0] == IN_STEP

    # WHEN the comparison is older than three days, or than its period and a day
    world.advance_to(NOW + timedelta(days=days, seconds=2))

    # THEN the verdict is unknown until the next comparison
    state, text = read_verdict(world)
    assert state == "unknown"
    assert "python3 ops.py compare" in text
    assert "python3 ops.py reconcile" not in text
    assert world.status()["overdue"] == ["compare"]
    world.bucket.add_comparison(equal_contents=7)
    assert read_verdict(world)[0] == IN_STEP


def test_status_is_in_step_without_comparisons_if_compare_period_is_off():
    world = make_status_world(COMPARE_PERIOD="off")
    world.advance_to(NOW + timedelta(days=20))
    world.bucket.add_pass(scanned=7)
    assert shows_verdict(world, IN_STEP, "no comparison has checked OBS yet")


def test_status_reports_an_open_comparison(world):
    world.bucket.add_comparison(ended=False, equal_contents=5)
    shown = world.status()["compare"]
    assert shown["last"] is None
    assert [comparison["started"] for comparison in shown["open"]] == ["2026-03-10T12:00:00Z"]


def test_a_comparison_without_differences_resolves_earlier_copy_failures(world):
    # GIVEN failures early in the month, of which OMS reports only the number
    world.count_objects(EARLY, REQUEST=9, SUCCESS=7, FAILURE=2)
    assert read_verdict(world)[0] == BEHIND

    # WHEN a comparison finds all objects in OBS
    world.bucket.add_comparison(equal_contents=7)

    # THEN the failures are resolved without an acknowledgement, and the next step is a rehearsal
    verdict = world.status()["verdict"]
    assert verdict["state"] == IN_STEP
    assert verdict["step"] == {"job": "cutover", "options": {"rehearse": True}}
    assert read_verdict(world)[0] == IN_STEP


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        pytest.param(0, "unknown", id="only OBS changed"),
        pytest.param(1, IN_STEP, id="the source and OBS changed"),
    ],
)
def test_status_ignores_a_comparison_that_a_standstill_pass_contradicts(world, state, verdict):
    # GIVEN failures of unknown objects, and a comparison that found all objects in OBS
    world.bucket.add_comparison(equal_contents=7)
    world.advance(1)
    world.bucket.add_standstill(state=0, twin=0)
    assert shows_verdict(world, IN_STEP, "Of 7 objects, 7 count as equal")
    world.count_objects(EARLY, REQUEST=9, SUCCESS=9)

    # WHEN a standstill pass finds a change, THEN the next step is a comparison, and not a rehearsal
    world.advance(1)
    world.bucket.add_standstill(state=state, twin=1)
    assert shows_verdict(world, verdict, "standstill", "python3 ops.py compare")
    assert "Of 7 objects" not in read_verdict(world)[1]
    assert world.status()["verdict"]["step"] == {"job": "compare", "options": {}}
    assert world.status()["compare"]["last"]["stood_still"] is False

    # AND the next comparison counts again
    world.advance(1)
    world.bucket.add_comparison(equal_contents=7)
    assert shows_verdict(world, IN_STEP, "Of 7 objects, 7 count as equal")


def test_status_keeps_copy_failures_after_a_contradicted_comparison(world):
    world.count_objects(EARLY, REQUEST=9, SUCCESS=7, FAILURE=2)
    world.bucket.add_comparison(equal_contents=7)
    world.advance(1)
    world.bucket.add_standstill(state=0, twin=1)
    assert shows_verdict(world, BEHIND, "OMS failed to copy 2 objects")


@pytest.mark.parametrize(
    ("minutes_later", "counts"),
    [
        pytest.param(90, {"equal_contents": 7}, id="a failure after the comparison"),
        pytest.param(-30, {"equal_contents": 7}, id="a failure during the comparison"),
        pytest.param(-480, {"equal_contents": 6, "suspicious": 1}, id="a suspicious object"),
        pytest.param(-480, {"equal_contents": 6, "equal_size": 1}, id="an object of equal size"),
        pytest.param(-480, {"equal_contents": 6, "failed_before": 1}, id="a key that waited for its resend"),
    ],
)
def test_status_keeps_copy_failures_until_a_comparison_resolves_them(world, minutes_later, counts):
    world.bucket.add_comparison(**counts)
    world.count_objects(-minutes_later, REQUEST=2, FAILURE=2)
    world.advance(2 * 3600)
    assert shows_verdict(world, BEHIND, "OMS failed to copy 2 objects")


def test_each_object_class_has_its_own_title():
    assert len({object_class.title for object_class in ObjectClass}) == len(ObjectClass)


# A migration of the old objects.

GROUP = {"group_id": "g", "total_num": 200, "success_num": 90, "skip_num": 8, "fail_num": 2}
LISTS = "oms/task_group/g/failed_object_lists/"
LOOK, AGAIN, GO_ON, REMOVE = ({"look": True}, {"retry": True}, {"go_on": True}, {"remove": True})


def begin_group(world, group=None):
    """Begin a migration, and let OMS describe the migration's task group as `group`."""
    world.bucket.add_migration(begun="2026-03-06T00:00:00Z", group="g")
    if group:
        answer_group(world, group)


def test_status_shows_the_progress_and_failures_of_a_migration(world):
    begin_group(world, {**GROUP, "status": 2, "failed_object_record": {"result": True, "list_file_key": LISTS}})
    answer = world.status()
    shown, verdict = answer["old_objects"], answer["verdict"]
    counts = {"total": 200, "copied": 90, "skipped": 8, "failed": 2}
    assert shown == {**shown, "state": "copying", **counts, "lists": LISTS}
    assert verdict["state"] == IN_STEP
    assert verdict["text"].endswith(
        " The migration of the existing objects is running: 50.0% of 200 objects are finished. For details: python3"
        " ops.py migrate --look."
    )


def test_status_names_a_running_migration_after_a_worse_problem(world):
    begin_group(world, {**GROUP, "status": 2})
    world.bucket.add_comparison(missing=5)
    assert shows_verdict(world, BEHIND, "compare --restart. The migration of the existing objects is running")


@pytest.mark.parametrize(
    ("group", "words", "step"),
    [
        ({**GROUP, "status": 3}, "is paused", GO_ON),
        ({**GROUP, "status": 5}, "2 of 200 objects failed", AGAIN),
        ({"group_id": "g", "status": 5}, "because their migration failed", REMOVE),
        ({"group_id": "g", "status": 4, "error_reason": {"error_msg": "no"}}, "because their migration failed", REMOVE),
        ({**GROUP, "status": 9}, "because their migration failed", REMOVE),
        (None, "was deleted", REMOVE),
    ],
)
def test_a_stopped_migration_makes_the_verdict_behind_and_names_a_step(world, group, words, step):
    begin_group(world, group)
    verdict = world.status()["verdict"]
    assert verdict["state"] == BEHIND
    assert words in verdict["text"]
    assert verdict["step"] == {"job": "migrate", "options": step}

    # AND a more important problem comes first
    world.bucket.add_failed_records("a", reason="CREDENTIALS")
    assert read_verdict(world)[0] == "broken"


@pytest.mark.parametrize(
    "group",
    [
        {"group_id": "g", "status": 77},
        {"group_id": "another", "status": 6},
        {"sync_task_id": "g", "status": "SYNCHRONIZING"},
        {"group_id": "g", "status": 2, "total_num": "many"},
    ],
)
def test_status_is_not_green_if_it_cannot_read_the_task_group(world, group):
    begin_group(world, group)
    answer = world.status()
    assert answer["old_objects"] is None
    assert answer["old_objects_failure"]["problem"] == "UNEXPECTED"
    assert answer["verdict"]["state"] == "unknown"
    assert answer["verdict"]["step"] == {"job": "migrate", "options": LOOK}


def test_status_asks_to_end_a_finished_migration(world):
    begin_group(world, {**GROUP, "status": 6})
    assert shows_verdict(world, IN_STEP, "The existing objects have been copied. To end their migration")


def test_status_reports_objects_of_an_ended_migration_as_unknown(world):
    world.bucket.add_comparison(migrating=5, equal_contents=7)
    begin_group(world, {**GROUP, "status": 2})
    assert read_verdict(world)[0] == IN_STEP
    world.bucket.add_ended_migration("removed")
    verdict = world.status()["verdict"]
    assert verdict["state"] == "unknown"
    assert verdict["step"]["job"] == "compare"


@pytest.mark.parametrize("job", ["reconcile", "compare"])
def test_status_asks_for_a_migration_after_a_pass_with_too_many_objects(world, job):
    world.advance(60)
    world.bucket.add_pass(job=job, unsent=5, scanned=9)
    verdict = world.status()["verdict"]
    assert verdict["state"] == BEHIND
    assert verdict["step"] == {"job": "migrate", "options": {}}
    assert "did not submit 5 objects" in verdict["text"]
