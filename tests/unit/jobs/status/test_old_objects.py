"""How far a migration of the old objects is, and what to do where it does not go on by itself."""

from __future__ import annotations

import pytest

from support.status_world import BEHIND, IN_STEP, Watched
from support.task_group import over, says

GROUP = {"group_id": "g", "total_num": 200, "success_num": 90, "skip_num": 8, "fail_num": 2}
LISTS = "oms/task_group/g/failed_object_lists/"
LOOK, AGAIN, GO_ON, REMOVE = ({"look": True}, {"retry": True}, {"go_on": True}, {"remove": True})


def begun(world, group="g"):
    world.keep(f"state/migrate-{world.settings.project}.json", {"begun": "2026-03-06T00:00:00Z", "group": group})


def test_how_far_it_is_and_where_the_failed_are_listed(world):
    begun(world)
    says(world, {**GROUP, "status": 2, "failed_object_record": {"result": True, "list_file_key": LISTS}})
    answer = world.status()
    shown = answer["old_objects"]
    assert (shown["state"], shown["total"], shown["copied"], shown["skipped"]) == ("copying", 200, 90, 8)
    assert (shown["failed"], shown["lists"]) == (2, LISTS)
    assert answer["verdict"]["state"] == IN_STEP
    assert answer["verdict"]["text"].endswith(
        " Old objects are still on their way, 50.0 % of 200: python3 ops.py migrate --look."
    )


def test_that_is_said_beside_whatever_is_worse(world):
    begun(world)
    says(world, {**GROUP, "status": 2})
    world.compared(missing=5)
    assert world.tells(BEHIND, "compare --restart. Old objects are still on their way")


@pytest.mark.parametrize(
    ("told", "words", "step"),
    [
        ({**GROUP, "status": 3}, "is paused", GO_ON),
        ({**GROUP, "status": 5}, "of 200 objects 2 failed", AGAIN),
        ({"group_id": "g", "status": 5}, "came to nothing", REMOVE),
        ({"group_id": "g", "status": 4, "error_reason": {"error_msg": "no"}}, "came to nothing", REMOVE),
        ({**GROUP, "status": 9}, "came to nothing", REMOVE),
    ],
)
def test_one_that_does_not_go_on_by_itself_is_behind_with_its_step(world, told, words, step):
    begun(world)
    says(world, told)
    verdict = world.status()["verdict"]
    assert (verdict["state"], words in verdict["text"]) == (BEHIND, True)
    assert verdict["step"] == {"job": "migrate", "options": step}

    # AND what matters more comes first
    world.fail("a", "CREDENTIALS")
    assert world.verdict()[0] == "broken"


def test_one_that_somebody_deleted_is_behind(world):
    begun(world)
    verdict = world.status()["verdict"]
    assert (verdict["state"], verdict["step"]["options"]) == (BEHIND, REMOVE)
    assert "Somebody has deleted" in verdict["text"]


@pytest.mark.parametrize(
    "told",
    [
        {"group_id": "g", "status": 77},
        {"group_id": "another", "status": 6},
        {"sync_task_id": "g", "status": "SYNCHRONIZING"},
        {"group_id": "g", "status": 2, "total_num": "many"},
    ],
)
def test_what_is_not_that_group_is_not_known_and_never_green(world, told):
    begun(world)
    says(world, told)
    answer = world.status()
    assert (answer["verdict"]["state"], answer["old_objects"]) == ("not known", None)
    assert answer["verdict"]["step"] == {"job": "migrate", "options": LOOK}
    assert answer["old_objects_silence"]["problem"] == "UNEXPECTED"


def test_without_the_right_it_is_not_known_and_says_which(world):
    begun(world)
    world.oms.deny("oms:taskgroup:get")
    answer = world.status()
    assert answer["verdict"]["state"] == "not known"
    assert "oms:taskgroup:get" in answer["verdict"]["text"]
    assert "oms:taskgroup:get" in answer["old_objects_silence"]["fix"]


def test_one_that_is_done_asks_for_its_end(world):
    begun(world)
    says(world, {**GROUP, "status": 6})
    assert world.tells(IN_STEP, "The old objects are copied. To end their migration")


def test_what_was_left_to_one_that_is_over_is_not_known_to_be_there(world):
    world.compared(migrating=5, equal_contents=7)
    begun(world)
    says(world, {**GROUP, "status": 2})
    assert world.verdict()[0] == IN_STEP
    over(world, "removed")
    verdict = world.status()["verdict"]
    assert (verdict["state"], verdict["step"]["job"]) == ("not known", "compare")


@pytest.mark.parametrize("job", ["reconcile", "compare"])
def test_too_much_to_be_sent_is_behind_and_asks_for_a_migration(world, job):
    world.later(60)
    world.passed(job=job, unsent=5, scanned=9)
    verdict = world.status()["verdict"]
    assert (verdict["state"], verdict["step"]) == (BEHIND, {"job": "migrate", "options": {}})
    assert "has not sent 5 objects" in verdict["text"]


def test_a_failed_one_is_told_to_the_webhook_once():
    # GIVEN all is in step, and OMS copies old objects
    world = Watched()
    begun(world)
    says(world, {**GROUP, "status": 2})
    world.ticks(3)
    assert world.states == [IN_STEP]

    # WHEN that ends, and something failed
    says(world, {**GROUP, "status": 5})
    world.ticks(5)

    # THEN that is told, once
    assert world.states == [IN_STEP, BEHIND]
    assert "python3 ops.py migrate --retry" in world.told[-1]["text"]
