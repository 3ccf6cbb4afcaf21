"""Changes in a project's life: another sync task, and a second project."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.uploads import PATIENCE, records, upload
from support.world import HOUR
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
