"""What OMS accepts and fails to copy, in the rendered project: replay's timer sends it again."""

from __future__ import annotations

import json

from sandbox import Sandbox
from sandbox.oms.task import CopyFailure
from support.uploads import PATIENCE, upload

NO = CopyFailure("UPLOAD_DST_OBJ_FAILURE", "timed out, or so")


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
