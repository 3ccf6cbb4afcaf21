"""Doctor's checks of the records and passes: accepted keys, overdue passes, and the arrival of events."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.doctor import records as of_records
from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import (
    HOUR,
    PASSES,
    TIMER_EVENT,
    deploy,
    find_check,
    install_long_ago,
    lose_events_of_a_day,
    states,
    verify_check,
    work_an_hour,
)
from support.log_bucket import LogBucket

DAY = 24 * HOUR
RIGHT = "permission oms:synctask:createEvent"


def close_project(box: Sandbox) -> None:
    LogBucket(box).add_mark(closed=True, by="Li Lei")


def open_project(run_job) -> None:
    run_job("certify", {"open": True})


def keep(box: Sandbox, records: list[tuple[str, bytes]]) -> None:
    """Store objects in the sync task's folder of the log bucket, in any form."""
    bucket = LogBucket(box)
    for name, body in records:
        bucket.add(StoredObject(f"{bucket.root}{name}", body))


def make_success_records(*keys: str) -> list[tuple[str, bytes]]:
    return [(f"success_object/{key}", b"-") for key in keys]


def make_failed_records(reason: str, *keys: str) -> list[tuple[str, bytes]]:
    return [(f"failed_object/{key}", json.dumps({"key": key, "reason": reason}).encode()) for key in keys]


def make_run_file(reason: str) -> list[tuple[str, bytes]]:
    """Return the name and the contents of a run file with one key that failed for this reason."""
    run = {"busy_until": "", "keys": [{"key": "k", "reason": reason}]}
    return [("replay/oss-oms-sync/1.json", json.dumps(run).encode())]


MANY = [f"a{number:04}" for number in range(1001)]

# The records from the oldest, and the state of the permission's check.
RECORDS = {
    "the last key failed without the permission": (
        [make_success_records("a"), make_failed_records("FORBIDDEN", "b")],
        "fault",
    ),
    "the failed record follows a page of other records": (
        [make_success_records(*MANY), make_failed_records("FORBIDDEN", "z")],
        "fault",
    ),
    "the key failed before others of another page": (
        [make_failed_records("FORBIDDEN", "z"), make_failed_records("TIMEOUT", *MANY[:150])],
        "unknown",
    ),
    "no key was ever accepted": ([make_failed_records("FORBIDDEN", "a")], "fault"),
    "no key was ever accepted for another reason": ([make_failed_records("REFUSED", "a")], "unknown"),
    "a key was accepted later": ([make_failed_records("FORBIDDEN", "a"), make_success_records("b")], "ok"),
    "a key of another page was accepted later": (
        [make_success_records(*MANY), make_failed_records("FORBIDDEN", "a"), make_success_records("z")],
        "ok",
    ),
    "a key was accepted in the same second": (
        [make_failed_records("FORBIDDEN", "a") + make_success_records("b")],
        "unknown",
    ),
    "the last key failed for another reason": ([make_success_records("a"), make_failed_records("TIMEOUT", "b")], "ok"),
    "a key failed without the permission, then another for another reason": (
        [make_failed_records("FORBIDDEN", "a"), make_failed_records("TIMEOUT", "b")],
        "unknown",
    ),
    "a run file has a key that failed without the permission": (
        [make_success_records("a"), make_run_file("FORBIDDEN")],
        "unknown",
    ),
    "a key was accepted after the run file": ([make_run_file("FORBIDDEN"), make_success_records("a")], "ok"),
    "a run file has a key that failed for another reason": (
        [make_success_records("a"), make_run_file("TIMEOUT")],
        "ok",
    ),
    "the record has no reason": ([make_success_records("a"), [("failed_object/b", b"")]], "unknown"),
    "the record is of a long key": (
        [make_success_records("a"), [("failed_object_long/0", b'{"reason": "FORBIDDEN"}')]],
        "fault",
    ),
    "some failed records are unread": (
        [make_failed_records("FORBIDDEN", "z"), make_failed_records("TIMEOUT", *MANY[:201])],
        "unknown",
    ),
    "some failed records are unread and a key was accepted later": (
        [make_failed_records("FORBIDDEN", "z"), make_success_records("a"), make_failed_records("TIMEOUT", *MANY[:200])],
        "ok",
    ),
    "no record": ([], "skipped"),
    **{
        f"only a folder marker of {folder}": ([[(folder, b"")]], "skipped")
        for folder in ("success_object/", "success_object_long/", "failed_object/", "replay/")
    },
}


@pytest.mark.parametrize("case", RECORDS)
def test_doctor_judges_the_permission_to_submit_by_the_last_records(box, run_doctor, case):
    ages, state = RECORDS[case]
    for records in ages:
        box.advance(60)
        keep(box, records)
    report = run_doctor()
    is_well = state in ("ok", "skipped")
    verify_check(report, RIGHT, state, fix="" if is_well else "createEvent")
    assert report["ok"] == is_well


def test_doctor_sorts_the_reasons_of_the_last_failures_by_name(box, run_doctor):
    keep(
        box,
        [
            *make_failed_records("TIMEOUT", "a"),
            *make_failed_records("FORBIDDEN", "b"),
            *make_failed_records("REFUSED", "c"),
        ],
    )
    verify_check(run_doctor(), RIGHT, "unknown", "(FORBIDDEN, REFUSED, TIMEOUT)", "createEvent")


def test_doctor_ignores_failed_records_of_another_project(box, run_doctor):
    keep(box, make_success_records("mine/a"))
    box.advance(60)
    keep(box, make_failed_records("FORBIDDEN", "another/b", "mine/c.txt"))
    verify_check(run_doctor(OBJECT_PREFIX="mine/", OBJECT_SUFFIX="a"), RIGHT, "ok")


@pytest.mark.parametrize("kind", ["failed", "success"])
def test_doctor_does_not_judge_the_permission_to_submit_by_some_records(box, run_doctor, mocker, kind):
    # GIVEN more records than doctor has time to read
    keep(box, [*make_success_records("a"), *make_failed_records("FORBIDDEN", "b")])
    if kind == "success":
        times = iter([of_records._SCAN_SECONDS])
        mocker.patch.object(
            of_records, "_compute_scan_deadline", lambda context: Deadline(next(times, 0), context.invocation.clock)
        )
    else:
        mocker.patch.object(of_records, "_SCAN_SECONDS", 0)

    # THEN doctor says so
    report = run_doctor()
    assert not report["ok"]
    assert states(report, "unknown") == [RIGHT]
    assert "too many records to check all of them" in find_check(report, RIGHT)["actual"]
    assert "(the first 0 keys checked)" in find_check(report, "arrival of records")["actual"]


@pytest.mark.parametrize("job", PASSES)
def test_doctor_warns_of_a_job_that_fails_at_each_timer_event(box, run_doctor, run_job, job):
    # GIVEN a project that was just deployed, and a job without a permission
    box.oss.deny("oss:ListObjects", box.source_bucket)
    for _ in range(3):
        verify_check(run_doctor(), job, "skipped")
        with pytest.raises(StorageError):
            run_job(job, TIMER_EVENT)
        box.advance(600)
    verify_check(run_doctor(), job, "warning", fix=f"s {job} logs")


@pytest.mark.parametrize("job", PASSES)
def test_doctor_warns_of_an_overdue_full_pass_despite_a_pass_of_a_folder(box, run_doctor, run_job, job):
    # GIVEN a whole pass, and long after it a pass of a folder
    run_job(job, TIMER_EVENT)
    verify_check(run_doctor(), job, "ok")
    box.advance(10 * DAY)
    run_job(job, {"prefix": "a/"})
    # THEN the next pass is overdue, except in a closed project, where no timer begins a pass
    verify_check(run_doctor(), job, "warning", "overdue")
    close_project(box)
    verify_check(run_doctor(), job, "skipped", "closed")
    # AND it is not overdue just after the opening, nor during a pass
    open_project(run_job)
    verify_check(run_doctor(), job, "skipped")
    box.advance(30 * 60)
    verify_check(run_doctor(), job, "warning")
    with patch("oss_oms_sync.passes.store.PassStore.write_total"):
        run_job(job, TIMER_EVENT)
    verify_check(run_doctor(), job, "skipped", "another pass is running")


def test_doctor_warns_if_obs_changed_after_the_last_comparison(box, run_doctor, run_job):
    box.oss.put(box.source_bucket, "a", b"A")
    box.obs.put(box.destination_bucket, "a", b"A")
    box.advance(HOUR)
    for options in ({}, {"standstill": True}):
        run_job("compare", options)
        verify_check(run_doctor(), "compare", "ok")
        box.advance(60)
    box.obs.put(box.destination_bucket, "a", b"B")
    run_job("compare", {"standstill": True, "restart": True})
    verify_check(run_doctor(), "compare", "warning", "later changes in OBS", "python3 ops.py compare")


def test_doctor_reports_no_fault_for_writes_to_a_closed_project(box, run_doctor):
    close_project(box)
    keep(box, make_failed_records("CLOSED", "a"))
    report = run_doctor()
    assert report["ok"]
    # No remedy asks for an upload, which would raise an alarm.
    for name in (RIGHT, "arrival of records"):
        verify_check(report, name, "skipped", "closed")


def test_doctor_takes_failed_records_that_replay_resent_as_signs_of_events(box, project_folder, run_doctor, run_job):
    # GIVEN an OMS that was down during all writes of the day
    deploy(box, project_folder)
    run_doctor()
    install_long_ago(box)
    box.oms.faults.add(Fault.status(503))
    work_an_hour(box)
    verify_check(run_doctor(), "arrival of records", "warning")

    # WHEN replay has resent the keys, THEN no further upload is needed
    box.oms.faults.clear()
    assert run_job("replay")["accepted"] == 3
    verify_check(run_doctor(), "arrival of records", "ok", "3 accepted, 0 failed")


def test_doctor_does_not_take_failures_of_reconcile_for_arriving_events(box, run_doctor, run_job):
    lose_events_of_a_day(box)
    box.oms.faults.add(Fault.status(503))
    assert run_job("reconcile")["failed"]
    box.oms.faults.clear()
    assert run_job("replay")["accepted"]
    assert states(run_doctor(), "unknown") == ["arrival of records"]


def test_doctor_takes_a_record_in_the_canary_folder_as_a_sign_of_events(box, project_folder, run_doctor, run_job):
    # GIVEN a frozen source, whose objects reconcile has submitted
    deploy(box, project_folder)
    lose_events_of_a_day(box)
    run_job("reconcile")
    check = find_check(run_doctor(), "arrival of records")
    assert check["state"] == "unknown"

    # WHEN an object is uploaded under the key that doctor names, THEN its record shows that events arrive
    key = ".oss-oms-sync-canary/flow"
    assert f"If the source is frozen, upload the object as {key}: " in check["fix"]
    box.oss.lose_events(lambda key: False)
    box.bucket(box.source_bucket).put_object(key, b"contents")
    box.wait_idle(60)
    verify_check(run_doctor(), "arrival of records", "ok", ": 3 accepted, 0 failed")


def test_doctor_expects_no_events_for_objects_written_while_closed(box, run_doctor, run_job):
    close_project(box)
    lose_events_of_a_day(box)
    open_project(run_job)
    box.advance(HOUR)
    verify_check(run_doctor(), "arrival of records", "skipped")
    # AND objects that are written later make the trigger look dead
    work_an_hour(box)
    verify_check(run_doctor(), "arrival of records", "fault")


def test_doctor_does_not_count_a_key_in_a_run_file_as_a_lost_event(box, run_doctor):
    install_long_ago(box)
    LogBucket(box).add_run_file("a")
    box.oss.put(box.source_bucket, "a", b"contents")
    box.advance(HOUR)
    verify_check(run_doctor(), "arrival of records", "warning")


def test_doctor_warns_of_a_closed_project_and_prints_the_open_command(box, run_doctor, run_job):
    close_project(box)
    verify_check(
        run_doctor(),
        "project state",
        "warning",
        "(Li Lei) and submits nothing. To open the project: python3 ops.py open",
    )
    open_project(run_job)
    verify_check(run_doctor(), "project state", "ok")


def test_doctor_names_other_open_projects_of_the_same_sync_task(box, run_doctor):
    LogBucket(box, "open").add_mark(closed=False)
    LogBucket(box, "closed").add_mark(closed=True)
    keep(box, [("state/closed-torn.json", b"{")])
    verify_check(run_doctor(), "other projects", "warning", ": open, torn")
    for name in ("open", "torn"):
        LogBucket(box, name).add_mark(closed=True)
    verify_check(run_doctor(), "other projects", "ok")
