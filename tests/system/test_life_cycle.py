"""What happens to a project in its life: another task, another project beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.uploads import upload
from tools.render import render

HOUR = 3600


@pytest.fixture
def deploy(box: Sandbox, tmp_path: Path):
    """Deploys a project with other answers than the sandbox's usual ones, or deploys it again."""

    def deploy(called: str = "", **answers: str) -> None:
        folder = tmp_path / f"project {called}"
        render({**box.answers(), "functionName": f"{called.strip() or 'the'}-sync", **answers}, folder)
        box.deploy_project(folder, called, retry_delay=0.001)

    return deploy


def failed(box: Sandbox) -> set[str]:
    folder = f"oms_source_record/{box.task_id}/failed_object/"
    return {name.removeprefix(folder) for name in box.oss.objects(box.log_bucket) if name.startswith(folder)}


def test_another_task_begins_with_records_of_its_own(box, deploy):
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

    # THEN what failed for the old one stays there; a backfill brings all that the new one has not
    assert set(other.destination) == {"new"}
    assert failed(box) == {"failed"}
    box.later(HOUR)
    box.fc.invoke("reconcile", b'{"since": "1970-01-01"}')
    box.wait_idle(60)
    assert set(other.destination) == {"accepted", "failed", "new"}


def test_two_projects_side_by_side_each_do_their_own_part(box, deploy):
    # GIVEN two projects for one task and bucket
    deploy("one ", objectPrefix="a/")
    deploy("two ", objectPrefix="b/")

    # WHEN there are uploads, failures and lost events on both sides
    upload(box, "a/1", "b/1", "c/1")
    box.oms.faults.add(Fault.status(401), times=2)
    upload(box, "a/2", "b/2")
    box.oss.lose_events(lambda key: key.endswith("3"))
    upload(box, "a/3", "b/3")
    box.later(HOUR)
    for job in ("replay", "reconcile"):
        for called in ("one ", "two "):
            box.tick(called + job)

    # THEN all that belongs to either is there
    box.wait_idle(60)
    assert set(box.task.destination) == {f"{folder}/{number}" for folder in "ab" for number in (1, 2, 3)}
    assert failed(box) == set()
