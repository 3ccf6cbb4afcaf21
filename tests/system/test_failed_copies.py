"""What OMS accepts and fails to copy, in the rendered project: replay's timer sends it again."""

from __future__ import annotations

import json

import pytest

from sandbox import Sandbox
from sandbox.oms.task import CopyFailure
from support.uploads import PATIENCE, upload
from tools.render import render

NO = CopyFailure("UPLOAD_DST_OBJ_FAILURE", "timed out, or so")


@pytest.fixture
def project(box, tmp_path):
    """The project, whose replay ran once."""
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path, instances=2)
    box.tick("replay")
    return box


def tick(box: Sandbox) -> dict:
    told = box.tick("replay").value
    box.wait_idle(PATIENCE)
    return told


def failed(box: Sandbox) -> dict[str, dict]:
    prefix = f"oms_source_record/{box.task_id}/failed_object"
    found = box.oss.objects(box.log_bucket)
    bodies = [json.loads(one.data) for name, one in found.items() if name.startswith(prefix)]
    return {body["key"]: body for body in bodies}


def test_what_oms_failed_to_copy_is_in_obs_after_the_next_tick_on_each_runtime(deployed):
    # GIVEN objects that OMS accepts and fails to copy, once each
    keys = ["a,b", "山/照片 1.jpg", "100%+", "最" * 341]
    deployed.tick("replay")
    deployed.task.failures.add(NO, times=len(keys))
    upload(deployed, *keys)
    assert deployed.task.destination.keys() == set()

    # WHEN replay's timer strikes
    told = tick(deployed)

    # THEN they are sent again, and arrive
    assert (told["copies"]["recorded"], told["copies"]["unread"], told["copies"]["stopped"]) == (len(keys), 0, None)
    assert deployed.task.destination.keys() == set(keys)
    assert failed(deployed) == {}

    # AND a listing tells that it was not the first time
    record = deployed.oss.objects(deployed.log_bucket)[f"oms_source_record/{deployed.task_id}/success_object/a,b"]
    assert record.data.endswith(b" again")
    assert tick(deployed)["copies"]["lists"] == 0


def test_status_accounts_for_each_failure_and_keeps_none_open_that_was_dealt_with(project):
    # GIVEN objects that OMS fails to copy once, for ever because of their Content-Type, and that are gone by then
    project.task.failures.add(NO, where=lambda key: key == "once", times=1)
    project.task.failures.add(CopyFailure("INIT_DST_OBJ_MULTIPART_FAILURE"), where=lambda key: key == "form")
    project.task.failures.add(NO, where=lambda key: key == "gone")
    upload(project, "once", "form", "gone")
    project.bucket(project.source_bucket).delete_object("gone")

    def failures() -> dict[str, int]:
        found = project.fc.invoke("status", b"").value["copying"]["failures"]
        return {name: number for name, number in found.items() if number and name != "codes"}

    # WHEN nobody has read its lists, THEN no more is known than how many
    assert failures() == {"counted": 3, "unknown": 3}

    # WHEN replay has, THEN only what fails again is open, and it is said that it does not pass by itself
    tick(project)
    assert failures() == {"counted": 4, "done": 3, "unknown": 1}
    tick(project)
    assert failures() == {"counted": 4, "done": 3, "stuck": 1}
    verdict = project.fc.invoke("status", b"").value["verdict"]
    assert "INIT_DST_OBJ_MULTIPART_FAILURE" in verdict["text"]
    assert "Content-Type" in verdict["text_zh"]


def test_a_list_that_comes_late_is_read_when_it_is_there(project):
    project.task.lists.separator = "\t"
    project.task.lists.held = True
    project.task.failures.add(NO, times=1)
    upload(project, "a")
    assert tick(project)["copies"]["recorded"] == 0
    project.task.lists.held = False
    project.task.lists.write(project.obs.now())
    assert tick(project)["copies"]["recorded"] == 1
    assert project.task.destination.keys() == {"a"}


def test_a_key_that_never_works_is_sent_once_more_and_then_rests(project):
    project.task.failures.add(NO)
    upload(project, "a")
    for _ in range(4):
        tick(project)
    # By its event, by the first tick, and not by the others.
    assert project.oms.accepted["a"] == 2
    record = failed(project)["a"]
    assert (record["reason"], record["error_code"], record["message"]) == ("COPY_FAILED", NO.code, NO.message)
    assert (record["copy_attempts"], record["not_before"] > record["last_failure"]) == (2, True)


def test_what_is_gone_at_the_source_keeps_nothing_open(project):
    upload(project, "a")
    project.task.failures.add(NO)
    upload(project, "b")
    project.bucket(project.source_bucket).delete_object("b")
    told = tick(project)
    assert (told["copies"]["gone"], told["taken"]) == (1, 0)
    assert failed(project) == {}


def test_what_is_newer_in_obs_does_not_keep_a_failed_copy_from_being_sent_again(project):
    project.task.failures.add(NO, times=1)
    upload(project, "a")
    project.obs.put(project.destination_bucket, "a", b"an older version, copied late")
    told = tick(project)
    assert (told["copies"]["recorded"], told["accepted"]) == (1, 1)
    source = project.oss.objects(project.source_bucket)["a"]
    assert project.task.destination["a"].data == source.data


def test_a_list_in_a_form_that_nobody_knows_loses_nothing_and_is_said(project):
    # GIVEN lists with a line that nobody can read, and one that is nothing else
    project.task.lists.broken = True
    project.task.failures.add(NO, times=1)
    upload(project, "a")
    folder = f"oms/sync_task/{project.task_id}/failed_object_lists/9"
    project.obs.put(project.destination_bucket, f"{folder}/1.failed_list.txt", b'{"failed": ["b", 1]}\n')

    # WHEN replay reads them, THEN it sends what it can read, and shows what it cannot
    told = tick(project)
    assert (told["copies"]["recorded"], told["copies"]["unread"]) == (1, 2)
    assert told["copies"]["unread_example"]
    assert project.task.destination.keys() == {"a"}
    assert tick(project)["copies"]["unread_in_all"] >= 2


@pytest.mark.parametrize("action", ["obs:bucket:ListBucket", "obs:object:GetObject"])
def test_without_right_to_read_the_destination_replay_works_as_before(project, action):
    project.obs.deny(action)
    project.task.failures.add(NO, times=1)
    upload(project, "a")
    project.oms.refuse(lambda key: key == "b")
    upload(project, "b")
    project.oms.refuse(None)
    invocation = project.tick("replay")
    told = invocation.value
    assert invocation.outcome == "returned"
    assert action in told["copies"]["stopped"]
    assert (told["accepted"], told["finished"], told["stopped"]) == (1, True, None)


@pytest.mark.parametrize("there", [b"x", b"longer"], ids=["same size, another MD5", "another size"])
def test_a_failed_copy_that_something_newer_in_obs_hides_is_not_in_step(project, there):
    # GIVEN three objects, one of which OMS fails to copy each time
    project.task.failures.add(NO, where=lambda key: key == "c")
    upload(project, "a", "b", "c")

    # WHEN OBS has something newer by the time that replay reads OMS's lists
    project.obs.put(project.destination_bucket, "c", there)
    for _ in range(2):
        tick(project)

    # THEN it waits, and is not in step
    report = project.fc.invoke("status", b"").value
    assert failed(project).keys() == {"c"}
    assert (report["copying"]["failures"]["waiting"], report["verdict"]["state"]) == (1, "behind")
