"""The access keys of the sync task, which setup keeps while it does not know whether OMS has created the task."""

from __future__ import annotations

import json

import pytest

from sandbox.server.faults import Fault
from unit.ops.setup.setup_world import NAME, YES, expect_exit, expect_success, request_number

NOTE = f"oms_source_record/setup/{NAME}-task.json"
LOST_ANSWERS = {"lost": Fault.drop_after(), "504": Fault.status_after(504)}
REQUEST_TEXT = "the sync task was requested at "


def is_creation(request):
    path = request.url if hasattr(request, "url") else request.raw_path
    return request.method == "POST" and path.endswith("/sync-tasks")


def keys(world):
    """Return the ids of the access keys of OMS's RAM user and IAM user."""
    return [*world.ram.entities.users[f"{NAME}-oms"]["keys"], *world.iam_user("oms")["keys"]]


def keys_at_oms(world):
    """Return, for each sync task, the ids of the two access keys that OMS uses."""
    return [[task_keys["src_ak"], task_keys["dst_ak"]] for task_keys in world.oms._request_bodies.values()]


@pytest.mark.parametrize("answer", LOST_ANSWERS)
def test_setup_waits_for_a_task_whose_creation_response_is_lost(world, answer):
    # GIVEN an OMS that creates the task without an answer, and lists it 30 seconds later
    world.oms.visibility_delay = 30.0
    world.oms.faults.add(LOST_ANSWERS[answer], times=1, where=is_creation)
    # WHEN it is set up THEN that is the task, with keys that exist
    expect_success(world.setup(typed=YES), "Setup is complete. ")
    (task,) = world.oms.tasks
    assert world.variables()["SYNC_URL"] == task.sync_url
    assert keys_at_oms(world) == [keys(world)]
    assert json.loads(world.oss.objects(world.log_bucket)[NOTE].data)["task"] == task.task_id
    # AND nothing is left to do
    assert "create" not in expect_success(world.setup("--plan"), "All resources exist.")


def test_setup_waits_for_the_task_that_a_killed_setup_may_have_created(world):
    # GIVEN an administrator whose machine dies before OMS's answer
    world.oms.visibility_delay = 30.0
    number = request_number(is_creation)
    with world.cut_off("dies_after", number, away=0):
        world.setup(typed=YES)
    request_count = remove_lock(world)
    assert (len(world.oms.tasks), len(request_count)) == (1, 2)

    # WHEN it is run again at once THEN the plan names the keys, and deletes none
    output = expect_success(
        world.setup(typed=YES),
        f"create: sync task: {REQUEST_TEXT}",
        "Setup waits up to five minutes for OMS to list the task",
        *request_count,
    )
    assert "remove: " not in output
    assert keys_at_oms(world) == [request_count]
    assert keys(world) == request_count


def remove_lock(world):
    """Remove the lock of a killed setup; return the access keys that this setup created."""
    del world.oss.buckets[world.log_bucket].objects[f"oms_source_record/setup/{NAME}.json"]
    return keys(world)


def test_setup_asks_before_it_deletes_access_keys_of_an_unlisted_task(world):
    # GIVEN an OMS that creates a task without an answer, and lists no task for an hour
    world.oms.visibility_delay = 3600.0
    world.oms.faults.add(Fault.drop_after(), times=1, where=is_creation)
    start_time = world.platform.now()
    later_text = "Run the command again: the plan then lists the access keys to delete"
    expect_exit(world.setup(typed=YES), 3, f"wait: sync task: {REQUEST_TEXT}", later_text)
    assert 300 <= world.platform.now() - start_time < 330
    keys_of_unlisted_task = keys(world)
    # WHEN the answer is no THEN the keys of this task still stay
    output = expect_exit(
        world.setup(typed="no\n"),
        2,
        f"unused access keys of RAM user {NAME}-oms: {REQUEST_TEXT}",
        *keys_of_unlisted_task,
    )
    assert output.count("remove: unused access keys of ") == 2
    assert keys(world) == keys_of_unlisted_task
    # WHEN the answer is yes THEN another task has new keys
    expect_success(world.setup(typed=YES))
    assert keys_at_oms(world)[1] == keys(world)
    assert set(keys(world)) & set(keys_of_unlisted_task) == set()

    # AND the first task, which OMS lists later, is not mistaken for the project's
    world.advance(3600)
    world.oms.visibility_delay = 0.0
    first_task, second_task = world.oms.tasks
    assert world.variables()["SYNC_URL"] == second_task.sync_url
    world.forget()
    expect_success(
        world.setup("--plan"), "by hand: sync task: OMS has other sync tasks that setup created", first_task.sync_url
    )


def test_setup_deletes_no_access_key_that_its_plan_did_not_show(world):
    # GIVEN a plan that is shown before the five minutes are over, and a yes that comes after them
    number = request_number(is_creation)
    world.oms.visibility_delay = 3600.0
    with world.cut_off("dies_after", number, away=0):
        world.setup(typed=YES)
    request_count = remove_lock(world)
    world.meanwhile[world.asked + 48] = lambda: world.advance(400)
    expect_exit(world.setup(typed=YES), 3, f"unchanged: unused access keys of RAM user {NAME}-oms: {REQUEST_TEXT}")
    assert keys(world) == request_count
    assert len(world.oms.tasks) == 1


def test_setup_with_remove_waits_for_a_task_that_oms_may_have_created(world):
    with world.cut_off("dies_after", request_number(is_creation), away=0):
        world.oms.visibility_delay = 30.0
        world.setup(typed=YES)
    request_count = remove_lock(world)
    expect_exit(
        world.setup("--remove", typed="yes\n"),
        1,
        f"stop: sync task: {REQUEST_TEXT}",
        "Run the command again five minutes after",
    )
    assert keys(world) == request_count
    # THEN the task goes as well
    world.advance(300)
    expect_success(world.setup("--remove", typed="yes\n"))
    assert world.oms.tasks == []
    assert world.ram.entities.users == {}


def test_setup_accepts_its_new_sync_task_before_oms_lists_the_task(world):
    world.oms.visibility_delay = 30.0
    expect_success(world.setup(typed=YES), "Setup is complete. ")
    (task,) = world.oms.tasks
    assert world.variables()["SYNC_URL"] == task.sync_url
    world.forget()
    expect_success(world.setup("--plan"), "unchanged: sync task: OMS has created the sync task requested at ")


@pytest.mark.parametrize("cloud", ["RAM", "IAM"])
def test_the_plan_of_setup_reports_a_task_whose_access_key_was_deleted(world, resources, cloud):
    ram_key, iam_key = keys(world)
    if cloud == "RAM":
        world.ram.entities.delete_access_key(f"{NAME}-oms", ram_key)
    else:
        world.iam_user("oms")["keys"].clear()
    lost_key = ram_key if cloud == "RAM" else iam_key
    reason = f"stop: sync task: the task copies nothing, because its access keys no longer exist: {lost_key}"
    expect_exit(world.setup(typed=YES), 1, reason, "-> Delete the task in the OMS console, and empty SYNC_URL")


def test_setup_deletes_the_access_keys_of_a_task_that_oms_refused(world):
    world.oms.faults.add(Fault.status(400, b'{"error_code": "OMS.0001"}'), times=1, where=is_creation)
    expect_exit(world.setup(typed=YES), 1, "400 OMS.0001")
    assert NOTE not in world.oss.objects(world.log_bucket)
    assert keys(world) == []
