"""Verdicts of a closed project: they name the close first, and count the waiting keys by reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Reason, StorageError
from oss_oms_sync.ledger.closing import ProjectState
from support.status import IN_STEP, read_verdict, shows_verdict
from support.world import NO_RIGHT, ROOT


def test_the_verdict_closed_names_its_time_and_the_open_command(world):
    world.bucket.add_mark(closed=True, by="Li Lei", why="cut over")
    report = world.status()
    assert report["verdict"] == {
        "state": "closed",
        "alarm": False,
        "text": "The project has been closed since 2026-03-10T12:00:00Z (Li Lei: cut over) and submits nothing."
        " To open the project: python3 ops.py open.",
        "text_zh": "项目自 2026-03-10T12:00:00Z 起已关闭（Li Lei: cut over），不提交任何对象。如需重新打开项目："
        "python3 ops.py open。",
        "text_steps": [{"job": "open", "options": {}}],
        "step": {"job": "open", "options": {}},
    }
    assert report["closed"] == {"since": "2026-03-10T12:00:00Z", "by": "Li Lei", "why": "cut over", "run": "", "go": ""}


def test_after_a_go_status_names_no_step_to_open_the_project(world, mocker):
    # GIVEN a GO of the present close, and no change after the close
    world.bucket.add_mark(closed=True)
    folder = "oms_source_record/certificates/oss-oms-sync/"
    go = {"document": "go", "verdict": "GO", "made": "2026-03-10T12:00:00Z", "closed": {"opened": ""}}
    name = f"{folder}{world.settings.task.task_id}/0001-20260310T120000Z-go.json"
    world.bucket.add(StoredObject(name, json.dumps(go).encode()))
    verdict = world.status()["verdict"]
    assert verdict["alarm"] is False
    assert verdict["step"] is None
    assert world.status()["closed"]["go"] == "go"
    assert "so writes to OSS since the GO are not recorded" in verdict["text"]
    assert "ops.py open" not in str(world.status())

    # WHEN the trigger exists again, and an object changes, THEN the step is to acknowledge the change
    world.bucket.add_failed_records("late", reason="CLOSED")
    verdict = world.status()["verdict"]
    assert verdict["alarm"] is True
    assert verdict["step"]["options"] == {"acknowledge": True}
    assert (
        "Copy the objects that OBS needs by hand, then acknowledge the changes: python3 ops.py status --acknowledge."
        in verdict["text"]
    )
    for answer in (world.status(), world.status(key="late"), world.invoke("doctor", {})):
        assert "ops.py open" not in str(answer)
        assert "open the project" not in str(answer)

    # WHEN the project was opened after this GO, THEN the GO is not valid
    go["closed"]["opened"] = "2026-03-09T00:00:00Z"
    world.bucket.add(StoredObject(name, json.dumps(go).encode()))
    assert world.status()["verdict"]["step"] == {"job": "open", "options": {}}


def test_the_verdict_closed_precedes_broken_and_counts_waiting_keys(world):
    world.bucket.add_mark(closed=True)
    world.bucket.add_failed_records("a", reason="CLOSED")
    world.bucket.add_failed_records("b", reason="CREDENTIALS")
    world.bucket.add_failed_records("c", reason="MARK_UNREAD")
    report = world.status()
    verdict = report["verdict"]
    # A key with MARK_UNREAD may have come after the close as well.
    assert verdict["state"] == "closed"
    assert verdict["alarm"] is True
    assert "ALARM: 2 objects changed" in verdict["text"]
    assert verdict["text"].endswith(" Recorded but not submitted: 3 object keys.")
    assert verdict["text_zh"].endswith("。已记录但未提交：3 个对象。")
    assert report["fixes"]["CLOSED"]["en"] == Reason.CLOSED.fix.en
    # All of these keys are resent after the project is opened, which a user has to do.
    assert report["backlog"]["by_reason"] == dict.fromkeys(sorted(report["lasting"]), 1)
    assert {*report["lasting"]} == {"CLOSED", "CREDENTIALS", "MARK_UNREAD"}


@pytest.mark.parametrize(
    ("file", "body", "named"),
    [("oss-oms-sync/1.json", b"?", "oss-oms-sync/1.json"), ("gone/20260301T000000Z.json", b"[]", "gone/")],
)
def test_status_names_unreadable_run_files_of_a_closed_project(world, file, body, named):
    world.bucket.add_mark(closed=True)
    world.bucket.add(StoredObject(f"{ROOT}replay/{file}", body))
    world.advance(25 * 60 * 60)
    text = read_verdict(world)[1]
    assert "Recorded but not submitted" not in text
    assert (
        f"or belong to projects that no longer run, so objects may still wait in them: {ROOT}replay/{named}. To list"
        in text
    )
    assert "delete" not in text


def test_status_says_at_least_if_its_count_of_waiting_keys_is_incomplete(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RUN_FILES_READ", 0)
    world.bucket.add_mark(closed=True)
    world.bucket.add_run_file("a")
    assert read_verdict(world)[1].endswith(" Recorded but not submitted: at least 0 object keys.")


def test_waiting_keys_make_the_verdict_behind_after_a_project_reopens(world):
    world.bucket.add_mark(closed=True)
    world.bucket.add_mark(closed=False)
    report = world.status()
    assert report["verdict"]["state"] == IN_STEP
    assert report["closed"] is None
    world.bucket.add_failed_records("a", reason="CLOSED")
    world.bucket.add_failed_records("b", reason="REJECTED")
    assert read_verdict(world)[1].startswith("2 objects have been waiting to be resent since")
    assert world.status()["lasting"] == ["REJECTED"]


def test_status_raises_an_error_if_the_closed_mark_is_unreadable(world):
    world.bucket.add(StoredObject(f"{ROOT}state/closed-oss-oms-sync.json", b"?"))
    with pytest.raises(StorageError, match="unreadable"):
        world.status()


CLOSE, OPEN, PAUSE = ("close",), ("open",), ("advance", 60)
LATE, DOUBTFUL = ("fail", "CLOSED"), ("fail", "MARK_UNREAD")
MANY = [("fail_to_copy", f"c{number}") for number in range(201)]
# Events, and the time of the last change after the close.
HAPPENED: dict[str, tuple[list[tuple[Any, ...]], str]] = {
    "a change after the close, before many failures": ([CLOSE, LATE, PAUSE, *MANY], "12:00"),
    "a failure before the close": ([DOUBTFUL, PAUSE, CLOSE], ""),
    "a change after the first of two closes": ([CLOSE, LATE, PAUSE, CLOSE], "12:00"),
    "a change with an unreadable mark after the first of two closes": ([CLOSE, PAUSE, DOUBTFUL, PAUSE, CLOSE], "12:01"),
    "a change after the first of two closes, before many failures": (
        [CLOSE, LATE, PAUSE, *MANY, PAUSE, CLOSE],
        "12:00",
    ),
    "a change with an unreadable mark while the project was open": ([CLOSE, OPEN, PAUSE, DOUBTFUL, PAUSE, CLOSE], ""),
}


@pytest.mark.parametrize("case", HAPPENED)
def test_status_raises_an_alarm_for_changes_after_the_close(world, case):
    happened, last = HAPPENED[case]
    for name, *details in happened:
        match name:
            case "fail":
                world.bucket.add_failed_records("late", reason=details[0])
            case "fail_to_copy":
                world.bucket.add_copy_failed_record(*details)
            case "advance":
                world.advance(*details)
            case _:
                getattr(ProjectState(world.invocation()), name)()
    verdict = world.status()["verdict"]
    alarm = f"ALARM: 1 object changed after the close, the last at 2026-03-10T{last}:00Z"
    assert verdict["alarm"] == (alarm in verdict["text"]) == bool(last)


UNKNOWN = "ALARM: it is unknown whether any object changed after the close"


def test_unread_records_after_the_close_raise_an_alarm_until_acknowledged(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_READ", 2)
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_LATE_RECORDS_READ", 3)
    world.bucket.add_copy_failed_record("before")
    world.advance(60)
    world.bucket.add_mark(closed=True)
    for number in range(3):
        world.bucket.add_copy_failed_record(f"{number}")
    assert not world.status()["verdict"]["alarm"]

    # WHEN more records exist, or a record cannot be read
    world.bucket.add_copy_failed_record("3")
    assert shows_verdict(world, "closed", UNKNOWN)
    world.bucket.objects.pop(f"{ROOT}failed_object/3")
    world.bucket.fail(NO_RIGHT, "get", lambda name: name.endswith("/failed_object/0"))
    verdict = world.status()["verdict"]
    assert verdict["alarm"] is True
    assert UNKNOWN in verdict["text"]

    # THEN the alarm ends with the acknowledgement, and later changes raise another alarm
    world.advance(1)
    assert not world.status(acknowledge=True)["verdict"]["alarm"]
    world.advance(1)
    world.bucket.add_failed_records("late", reason="CLOSED")
    assert "ALARM: 1 object changed" in read_verdict(world)[1]


def test_changes_after_the_close_are_unknown_if_records_are_unlisted(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_COUNTED", 2)
    for key in "ab":
        world.bucket.add_failed_records(key, reason="THROTTLED")
    world.advance(60)
    world.bucket.add_mark(closed=True)
    assert not world.status()["verdict"]["alarm"]
    world.bucket.add_failed_records("last", reason="CLOSED")
    assert UNKNOWN in read_verdict(world, acknowledge=True)[1]
    world.bucket.add_failed_records("0", reason="CLOSED")
    assert "ALARM: at least 1 object changed" in read_verdict(world)[1]


def test_an_acknowledged_change_after_the_close_hides_no_copy_failure(world):
    world.count_objects(240, REQUEST=3, FAILURE=3)
    world.bucket.add_mark(closed=True)
    world.advance(60)
    world.bucket.add_failed_records("late", reason="CLOSED")
    world.advance(60)
    assert not world.status(acknowledge=True)["verdict"]["alarm"]

    # WHEN the project is opened, and has resent the new keys, THEN the three failures still count
    world.bucket.add_mark(closed=False)
    world.bucket.objects.pop(f"{ROOT}failed_object/late")
    assert shows_verdict(world, "behind", "OMS failed to copy 3 objects")


def test_a_change_in_the_second_of_an_acknowledgement_raises_an_alarm(world):
    world.bucket.add_mark(closed=True)
    world.advance(60)
    world.bucket.add_failed_records("late", reason="CLOSED")
    world.status(acknowledge=True)
    world.bucket.add_failed_records("later", reason="CLOSED")
    assert world.status()["verdict"]["alarm"]
    world.advance(1)
    assert not world.status(acknowledge=True)["verdict"]["alarm"]
