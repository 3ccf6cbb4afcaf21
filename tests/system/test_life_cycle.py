"""Changes in a project's life: another sync task, a second project, closing and opening."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oss_oms_sync.ledger.closing import ProjectState
from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.instance import Instance
from support.uploads import PATIENCE, records, upload
from support.world import HOUR, payload
from tools.render import render


@pytest.fixture
def deploy(box: Sandbox, tmp_path: Path):
    """Return a function that deploys a project with changed answers to `s init`, or deploys it again."""

    def deploy(called: str = "", **answers: str) -> None:
        folder = tmp_path / f"project {called}"
        render({**box.answers(), "functionName": f"{called.strip() or 'the'}-sync", **answers}, folder)
        box.deploy_project(folder, called, retry_delay=0.001)

    return deploy


def test_each_sync_task_of_a_project_has_its_own_records(box, deploy):
    # GIVEN a project with an accepted and a failed key
    deploy()
    upload(box, "accepted")
    box.oms.faults.add(Fault.status(401), times=1)
    upload(box, "failed")
    other = box.add_task("the-other-task")

    # WHEN it is deployed for another task
    deploy(SYNC_URL=other.sync_url)
    upload(box, "new")
    box.tick("replay")

    # THEN the failed record stays with the old task; a backfill submits the other keys to the new task
    assert set(other.destination) == {"new"}
    assert records(box, "failed_object/").keys() == {"failed"}
    box.advance(HOUR)
    box.fc.invoke("reconcile", b'{"since": "1970-01-01"}')
    box.wait_idle(PATIENCE)
    assert set(other.destination) == {"accepted", "failed", "new"}


def test_two_projects_each_submit_their_own_keys(box, deploy):
    # GIVEN two projects for the same task and bucket
    deploy("one ", objectPrefix="a/")
    deploy("two ", objectPrefix="b/")

    # WHEN there are uploads, failures and lost events on both sides
    upload(box, "a/1", "b/1", "c/1")
    box.oms.faults.add(Fault.status(401), times=2)
    upload(box, "a/2", "b/2")
    box.oss.lose_events(lambda key: key.endswith("3"))
    upload(box, "a/3", "b/3")
    box.advance(HOUR)
    for job in ("replay", "reconcile"):
        for called in ("one ", "two "):
            box.tick(called + job)

    # THEN all keys of both projects are copied
    box.wait_idle(PATIENCE)
    assert set(box.task.destination) == {f"{folder}/{number}" for folder in "ab" for number in (1, 2, 3)}
    assert records(box, "failed_object/") == {}


CLOSED = "and submits nothing. For the next step: python3 ops.py status"


@pytest.fixture(params=["python3.12", "python3.10"])
def project(request, box, tmp_path) -> Sandbox:
    """Return a project with a single instance of each function, which therefore handles all calls of a test.

    An instance remembers for a minute whether the project is closed.
    """
    render(box.answers() | {"runtime": request.param}, tmp_path)
    box.deploy_project(tmp_path, instances=1)
    return box


def closing(box: Sandbox) -> ProjectState:
    return ProjectState(Instance(box).invocation())


def reasons(box: Sandbox) -> dict[str, str]:
    """Return the reasons in the failed records, by key."""
    return {key: json.loads(body)["reason"] for key, body in records(box, "failed_object/").items()}


def test_a_closed_project_submits_no_key_until_it_is_open(project):
    box = project
    # GIVEN a closed project, and an event that waited in the queue
    box.oss.lose_events(lambda key: key == "lost")
    closing(box).close("Li Lei", "cut over")
    assert box.fc.invoke("forward", payload("waited")).value is False

    # WHEN objects are uploaded, and all jobs run
    upload(box, "a", "b", "lost")
    box.advance(HOUR)
    asked = [("replay", b""), ("replay", b'{"keys": ["a"]}'), ("reconcile", b"{}")]
    stopped = [box.fc.invoke(job, payload).value["stopped"] for job, payload in asked]
    box.wait_idle(PATIENCE)

    # THEN OMS is not called, each key is recorded, and each job reports the closed project
    assert box.oms.calls == []
    assert reasons(box) == dict.fromkeys(["waited", "a", "b"], "CLOSED")
    assert all(CLOSED in answer for answer in stopped)
    verdict = box.fc.invoke("status", b"").value["verdict"]
    assert verdict["state"] == "closed"
    assert "(Li Lei: cut over)" in verdict["text"]

    # WHEN it is opened, THEN all keys are submitted, and the destination equals the source
    closing(box).open("Li Lei")
    assert box.tick("replay").value["accepted"] == 3
    assert box.fc.invoke("reconcile", b"{}").value["accepted"] == 1
    box.wait_idle(PATIENCE)
    assert box.task.destination.keys() == box.oss.objects(box.source_bucket).keys()
    assert reasons(box) == {}
    assert box.fc.invoke("forward", payload("after")).value is True
