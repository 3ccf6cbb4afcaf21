"""What doctor says of the records: whether keys are accepted, reconcile runs, and records flow."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest

from oss_oms_sync.clock import Deadline
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.doctor import records as of_records
from oss_oms_sync.ledger.closing import Closing
from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.instance import Instance
from system.doctor.project import (
    HOUR,
    PASSES,
    STRIKE,
    a_day_of_work,
    deploy,
    examine,
    installed_long_ago,
    keep,
    lost_to_the_trigger,
    says,
    states,
    the_check,
)

DAY = 24 * HOUR
RIGHT = "right oms:synctask:createEvent"


def closing(box: Sandbox) -> Closing:
    return Closing(Instance(box).invocation())


def accepted(*keys: str) -> list[tuple[str, bytes]]:
    return [(f"success_object/{key}", b"-") for key in keys]


def failed(reason: str, *keys: str) -> list[tuple[str, bytes]]:
    return [(f"failed_object/{key}", json.dumps({"key": key, "reason": reason}).encode()) for key in keys]


def in_hand(reason: str) -> list[tuple[str, bytes]]:
    """The run file of a replay."""
    run = {"busy_until": "", "keys": [{"key": "k", "reason": reason}]}
    return [("replay/oss-oms-sync/1.json", json.dumps(run).encode())]


MANY = [f"a{number:04}" for number in range(1001)]

# The records from the oldest, what is to be said of the right to createEvent.
RECORDS = {
    "the last key failed for want of it": ([accepted("a"), failed("FORBIDDEN", "b")], "fault"),
    "it stands behind a page of others": ([accepted(*MANY), failed("FORBIDDEN", "z")], "fault"),
    "it failed before others on another page": ([failed("FORBIDDEN", "z"), failed("TIMEOUT", *MANY[:150])], "unknown"),
    "none was ever accepted": ([failed("FORBIDDEN", "a")], "fault"),
    "none was ever accepted, for another reason": ([failed("REFUSED", "a")], "unknown"),
    "one was accepted since": ([failed("FORBIDDEN", "a"), accepted("b")], "ok"),
    "one was accepted since, on another page": ([accepted(*MANY), failed("FORBIDDEN", "a"), accepted("z")], "ok"),
    "one was accepted in the same second": ([failed("FORBIDDEN", "a") + accepted("b")], "unknown"),
    "the last failed for another reason": ([accepted("a"), failed("TIMEOUT", "b")], "ok"),
    "it failed for want of it, then for another": ([failed("FORBIDDEN", "a"), failed("TIMEOUT", "b")], "unknown"),
    "replay has it in hand": ([accepted("a"), in_hand("FORBIDDEN")], "unknown"),
    "replay had it in hand": ([in_hand("FORBIDDEN"), accepted("a")], "ok"),
    "replay has others in hand": ([accepted("a"), in_hand("TIMEOUT")], "ok"),
    "the record tells no reason": ([accepted("a"), [("failed_object/b", b"")]], "unknown"),
    "the key is long": ([accepted("a"), [("failed_object_long/0", b'{"reason": "FORBIDDEN"}')]], "fault"),
    "not all failures were read": ([failed("FORBIDDEN", "z"), failed("TIMEOUT", *MANY[:201])], "unknown"),
    "not all were read, and one was accepted since": (
        [failed("FORBIDDEN", "z"), accepted("a"), failed("TIMEOUT", *MANY[:200])],
        "ok",
    ),
    "there are none": ([], "skipped"),
    **{
        f"there is only what a console makes of the folder {folder}": ([[(folder, b"")]], "skipped")
        for folder in ("success_object/", "success_object_long/", "failed_object/", "replay/")
    },
}


@pytest.mark.parametrize("what", RECORDS)
def test_the_right_to_submit_is_told_from_the_last_that_failed_for_want_of_it(box, handler, what):
    ages, state = RECORDS[what]
    for records in ages:
        box.later(60)
        keep(box, records)
    report = handler(box)
    is_well = state in ("ok", "skipped")
    assert says(report, RIGHT, state, fix="" if is_well else "createEvent")
    assert report["ok"] == is_well


def test_records_of_another_project_do_not_tell_of_this_ones_right(box, handler):
    keep(box, accepted("mine/a"))
    box.later(60)
    keep(box, failed("FORBIDDEN", "another/b", "mine/c.txt"))
    assert says(handler(box, OBJECT_PREFIX="mine/", OBJECT_SUFFIX="a"), RIGHT, "ok")


@pytest.mark.parametrize("kind", ["failed", "success"])
def test_records_that_there_was_no_time_to_look_at_are_not_taken_for_none(box, handler, mocker, kind):
    # GIVEN more records than there is time for
    keep(box, [*accepted("a"), *failed("FORBIDDEN", "b")])
    if kind == "success":
        times = iter([of_records._SCAN_SECONDS])
        mocker.patch.object(
            of_records, "_scan_deadline", lambda context: Deadline(next(times, 0), context.invocation.clock)
        )
    else:
        mocker.patch.object(of_records, "_SCAN_SECONDS", 0)

    # WHEN doctor looks, THEN it says so
    report = handler(box)
    assert not report["ok"]
    assert states(report, "unknown") == [RIGHT]
    assert "more records than could be checked" in the_check(report, RIGHT)["seen"]
    assert "of the first 0 names" in the_check(report, "records flow")["seen"]


def test_where_every_key_failed_it_does_not_say_that_all_is_well(box, tmp_path, handler):
    deploy(box, tmp_path)
    handler(box)
    installed_long_ago(box)
    box.oms.faults.add(Fault.status(400))
    a_day_of_work(box)
    box.oms.faults.clear()
    report = handler(box)
    assert not report["ok"]
    assert report["text"] == "Some checks could not run"
    assert states(report, "unknown") == [RIGHT]
    assert "(REFUSED)" in the_check(report, RIGHT)["seen"]
    assert says(report, "records flow", "warning")


@pytest.mark.parametrize("job", PASSES)
def test_a_job_that_dies_whenever_its_timer_strikes_is_a_warning(box, handler, in_process, job):
    # GIVEN a project that was just deployed, and whose job lacks a right at each tick
    box.oss.deny("oss:ListObjects", box.source_bucket)
    for _ in range(3):
        assert says(handler(box), job, "skipped")
        with pytest.raises(StorageError):
            in_process(box, job, STRIKE)
        box.later(600)
    assert says(handler(box), job, "warning", fix=f"s {job} logs")


@pytest.mark.parametrize("job", PASSES)
def test_passes_are_overdue_as_status_says_it_whatever_was_looked_at_by_hand_since(box, handler, in_process, job):
    # GIVEN a whole pass, and long after that one of a folder
    in_process(box, job, STRIKE)
    assert says(handler(box), job, "ok")
    box.later(10 * DAY)
    in_process(box, job, {"prefix": "a/"})
    # THEN the next is long due, unless the project is closed, in which no timer begins any
    assert says(handler(box), job, "warning", "long due")
    closing(box).close("Li Lei")
    assert says(handler(box), job, "skipped", "closed")
    # AND nobody blames the timer for it where it was just opened, nor while a pass goes on
    closing(box).open()
    assert says(handler(box), job, "skipped")
    box.later(30 * 60)
    assert says(handler(box), job, "warning")
    with patch("oss_oms_sync.passes.store.PassStore.write_total"):
        in_process(box, job, STRIKE)
    assert says(handler(box), job, "skipped", "under way")


def test_a_comparison_after_which_obs_changed_is_a_warning(box, handler, in_process):
    box.oss.put(box.source_bucket, "a", b"A")
    box.obs.put(box.destination_bucket, "a", b"A")
    box.later(HOUR)
    for asked in ({}, {"standstill": True}):
        in_process(box, "compare", asked)
        assert says(handler(box), "compare", "ok")
        box.later(60)
    box.obs.put(box.destination_bucket, "a", b"B")
    in_process(box, "compare", {"standstill": True, "restart": True})
    assert says(handler(box), "compare", "warning", "OBS has changed", "python3 ops.py compare")


def test_in_a_closed_project_nobody_waits_for_what_came_after_the_close_to_be_sent(box, handler):
    closing(box).close("Li Lei")
    keep(box, failed("CLOSED", "a"))
    report = handler(box)
    assert report["ok"]
    # Nor is anybody asked to upload anything, which would be an alarm.
    assert all(says(report, name, "skipped", "closed") for name in (RIGHT, "records flow"))


def test_records_that_reconcile_made_do_not_make_a_dead_trigger_look_well(box, handler, in_process):
    # GIVEN an object of which no event told
    lost_to_the_trigger(box, box.environment())
    assert says(handler(box), "records flow", "fault")

    # WHEN reconcile has sent it, THEN doctor does not say that records flow
    assert in_process(box, "reconcile")["submitted"]
    report = handler(box)
    assert not report["ok"]
    assert states(report, "unknown") == ["records flow"]


def test_what_replay_resent_after_an_outage_of_oms_shows_that_records_flow(box, tmp_path, handler, in_process):
    # GIVEN an OMS that was down for all writes of the day
    deploy(box, tmp_path)
    handler(box)
    installed_long_ago(box)
    box.oms.faults.add(Fault.status(503))
    a_day_of_work(box)
    assert says(handler(box), "records flow", "warning")

    # WHEN replay has resent them, THEN no upload is needed to show that forward ran
    box.oms.faults.clear()
    assert in_process(box, "replay")["accepted"] == 3
    assert says(handler(box), "records flow", "ok", "3 written in the last day were accepted, 0 failed")


def test_a_failure_that_reconcile_recorded_does_not_show_that_events_arrive(box, handler, in_process):
    lost_to_the_trigger(box, box.environment())
    box.oms.faults.add(Fault.status(503))
    assert in_process(box, "reconcile")["failed"]
    box.oms.faults.clear()
    assert in_process(box, "replay")["accepted"]
    assert states(handler(box), "unknown") == ["records flow"]


def test_a_frozen_source_shows_that_events_arrive_by_an_object_that_nothing_counts(box, tmp_path, handler, in_process):
    # GIVEN a day of which reconcile has sent all, after the trigger was mended
    deploy(box, tmp_path)
    lost_to_the_trigger(box, box.environment())
    in_process(box, "reconcile")
    check = the_check(handler(box), "records flow")
    assert check["state"] == "unknown"

    # WHEN an object is uploaded where doctor says, THEN its record shows that events arrive
    key = ".oss-oms-sync-canary/flow"
    assert f"If the source is frozen, upload it as {key}: " in check["fix"]
    box.oss.lose_events(lambda key: False)
    box.bucket(box.source_bucket).put_object(key, b"contents")
    box.wait_idle(60)
    assert says(handler(box), "records flow", "ok", "3 written in the last day were accepted")


def test_what_was_written_while_the_project_was_closed_does_not_make_its_trigger_look_dead(box, handler):
    closing(box).close("Li Lei")
    lost_to_the_trigger(box, box.environment())
    closing(box).open()
    box.later(HOUR)
    assert says(handler(box), "records flow", "skipped")
    # What is written later does.
    a_day_of_work(box)
    assert says(handler(box), "records flow", "fault")


def test_keys_that_replay_has_in_hand_are_not_called_lost(box, handler):
    installed_long_ago(box)
    entry = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
    run = {"busy_until": "", "keys": [{"key": "a", **entry, "held": False}]}
    keep(box, [("replay/oss-oms-sync/1.json", json.dumps(run).encode())])
    box.oss.put(box.source_bucket, "a", b"contents")
    box.later(HOUR)
    assert says(handler(box), "records flow", "warning")


def test_the_triggers_on_the_log_bucket_are_seen_to_wake_reconcile_and_compare(deployed):
    assert says(examine(deployed), "pass triggers", "ok")
    deployed.wait_idle(60)
    assert not [name for name in deployed.oss.objects(deployed.log_bucket) if "/ping-" in name]


def test_a_closed_project_is_a_warning_with_who_closed_it_and_how_it_is_opened(box, handler):
    closing(box).close("Li Lei")
    assert says(
        handler(box), "project open", "warning", "(Li Lei): nothing is submitted. To open it: python3 ops.py open"
    )
    closing(box).open()
    assert says(handler(box), "project open", "ok")


def test_other_projects_of_the_task_that_a_cutover_would_wait_for_are_named(box, handler):
    closed = json.dumps({"closed": True, **dict.fromkeys(("at", "by", "why", "run", "opened", "first"), "")}).encode()
    marks = {"open": b'{"closed": false}', "torn": b"{", "closed": closed}
    keep(box, [(f"state/closed-{name}.json", body) for name, body in marks.items()])
    assert says(handler(box), "other projects", "warning", ": open, torn")
    keep(box, [(f"state/closed-{name}.json", closed) for name in marks])
    assert says(handler(box), "other projects", "ok")
