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
