"""A closed project as it runs: nothing reaches OMS, whatever is written and whoever is asked, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.ledger.closing import Closing
from sandbox import Sandbox
from support.instance import Instance
from support.uploads import upload
from support.world import payload
from tools.render import render

TIMEOUT = 60
HOUR = 3600
OPEN_IT = "To open it: python ops.py open"


@pytest.fixture(params=["python3.12", "python3.10"])
def project(request, box, tmp_path) -> Sandbox:
    """One instance of each function: what it sees counts for all that follows."""
    render(box.answers() | {"runtime": request.param}, tmp_path)
    box.deploy_project(tmp_path, instances=1)
    return box


def closing(box: Sandbox) -> Closing:
    return Closing(Instance(box).invocation())


def reasons(box: Sandbox) -> dict[str, str]:
    """The failed records: key to reason."""
    root = f"oms_source_record/{box.task_id}/failed_object/"
    found = box.oss.objects(box.log_bucket).items()
    return {name.removeprefix(root): json.loads(one.data)["reason"] for name, one in found if name.startswith(root)}


def test_in_a_closed_project_nothing_reaches_oms_and_opened_again_replay_sends_it(project):
    box = project
    # GIVEN a project that is closed, and an event that waited in the queue
    box.oss.lose_events(lambda key: key == "lost")
    closing(box).close("Li Lei", "cut over")
    assert box.fc.invoke("forward", payload("waited")).value is False

    # WHEN objects are uploaded, and all jobs have their turn
    upload(box, "a", "b", "lost")
    box.later(HOUR)
    asked = [("replay", b""), ("replay", b'{"keys": ["a"]}'), ("reconcile", b"{}")]
    stopped = [box.fc.invoke(job, payload).value["stopped"] for job, payload in asked]
    box.wait_idle(TIMEOUT)

    # THEN OMS is not called, each key is recorded, and everybody says why
    assert box.oms.calls == []
    assert reasons(box) == dict.fromkeys(["waited", "a", "b"], "CLOSED")
    assert all(OPEN_IT in one for one in stopped)
    verdict = box.fc.invoke("status", b"").value["verdict"]
    assert (verdict["state"], "(Li Lei: cut over)" in verdict["text"]) == ("closed", True)

    # WHEN it is opened, THEN all is sent, and the destination equals the source
    closing(box).open("Li Lei")
    assert box.tick("replay").value["accepted"] == 3
    assert box.fc.invoke("reconcile", b"{}").value["accepted"] == 1
    box.wait_idle(TIMEOUT)
    assert box.task.destination.keys() == box.oss.objects(box.source_bucket).keys()
    assert reasons(box) == {}
    assert box.fc.invoke("forward", payload("after")).value is True
