"""What waits in the log bucket, as status counts it in the sandbox."""

from __future__ import annotations

import json

from sandbox.server.faults import Fault
from support.uploads import upload


def test_counting_is_bounded_and_says_at_least(project, in_process, mocker):
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_COUNTED", 5)
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_READ", 3)
    project.oms.faults.add(Fault.status(400))
    upload(project, *(f"{number:02}" for number in range(7)))
    report = in_process(project, "status")
    assert (report["backlog"]["failed"], report["backlog"]["read"], report["backlog"]["at_least"]) == (5, 3, True)
    assert "Behind by at least 5" in report["verdict"]["text"]


LONG = "最" * 330


def part(project, prefix: str = "b/") -> dict[str, str]:
    """The settings of another project for the same task, which forwards only a part."""
    return {**project.environment(), "OBJECT_PREFIX": prefix}


def test_failures_outside_the_filter_are_told_apart(project, in_process):
    # GIVEN failures of another project for the same task, or of before the filter was narrowed
    project.oms.refuse(lambda key: True)
    upload(project, "a/1", f"a/{LONG}", "b/1", f"b/{LONG}", "c/1")

    # WHEN a project that forwards a part asks
    backlog = in_process(project, "status", environment=part(project))["backlog"]

    # THEN its own waits, and the others are only counted
    assert (backlog["failed"], {one["key"] for one in backlog["keys"]}) == (2, {"b/1", f"b/{LONG}"})
    assert backlog["outside"] == 3


def test_many_failures_of_another_project_do_not_hide_ones_own(project, in_process, mocker):
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_COUNTED", 3)
    project.oms.refuse(lambda key: True)
    upload(project, "a/1", "a/2", "a/3", "a/4", "b/1", "b/2")
    report = in_process(project, "status", environment=part(project))
    assert (report["backlog"]["failed"], report["backlog"]["outside"]) == (2, 3)
    assert report["verdict"]["state"] == "behind"


def test_where_not_all_could_be_counted_it_is_not_green(project, in_process, mocker):
    mocker.patch("oss_oms_sync.ledger.failed_records._MOST_LISTED", 3)
    project.oms.refuse(lambda key: True)
    upload(project, *(f"{number}.jpg" for number in range(5)))
    report = in_process(project, "status", environment={**project.environment(), "OBJECT_SUFFIX": ".png"})
    assert (report["backlog"]["failed"], report["backlog"]["at_least"]) == (0, True)
    assert report["verdict"]["state"] == "behind"


def test_another_projects_pass_and_replay_are_not_ones_own(project, in_process):
    # GIVEN another project for the same task that has ended a pass and a replay
    for job in ("reconcile", "replay"):
        in_process(project, job, environment=part(project, "a/"))

    # WHEN this one is asked, THEN it does not claim them
    report = in_process(project, "status", environment=part(project))
    assert (report["reconcile"], report["replay"]) == ({"last": None, "open": []}, None)
    assert in_process(project, "status", environment=part(project, "a/"))["replay"]


def test_run_files_count_as_waiting(project, in_process):
    entry = {"key": "a", "event_name": "", "event_time": "", "etag": "", "first_failure": "2020-01-01T00:00:00Z"}
    run = {"busy_until": "", "keys": [{**entry, "reason": "", "held": False}]}
    name = f"oms_source_record/{project.task_id}/replay/oss-oms-sync/20200101T000000Z-0.json"
    project.oss.put(project.log_bucket, name, json.dumps(run).encode())
    project.oss.put(project.log_bucket, f"{name[:-5]}x.json", b"unreadable")
    report = in_process(project, "status")
    assert (report["backlog"]["run_files"], report["backlog"]["in_run_files"]) == (2, 1)
    assert report["backlog"]["oldest"] == "2020-01-01T00:00:00Z"
    assert in_process(project, "status", {"key": "a"})["story"] == "It failed, and replay has it in hand."
