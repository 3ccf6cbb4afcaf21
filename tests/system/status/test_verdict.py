"""The verdict of status in the sandbox: it means what the clouds did, and is never green for what is not known."""

from __future__ import annotations

import json
import re

import pytest

from sandbox.server.faults import Fault
from support.totals import change_total
from support.uploads import upload

HOUR = 3600
TIMEOUT = 60


def test_when_all_is_well_it_is_in_step(project, in_process):
    upload(project, "a", "b")
    project.later(HOUR)
    in_process(project, "reconcile")
    verdict = in_process(project, "status")["verdict"]
    assert verdict["state"] == "in step"
    assert "found 0 of 2 objects to send" in verdict["text"]


def test_what_oms_failed_to_copy_is_never_green(project, in_process):
    upload(project, "a")
    project.oss.lose_events(lambda key: True)
    in_process(project, "replay", {"keys": ["nowhere"]})
    project.wait_idle(TIMEOUT)
    project.later(HOUR)
    in_process(project, "reconcile")
    report = in_process(project, "status")
    assert report["oms"]["month"]["failed"] == 1
    assert report["verdict"]["state"] == "behind"
    assert "OMS failed to copy 1 object." in report["verdict"]["text"]

    # AND once somebody has seen to it, it is
    assert in_process(project, "status", {"acknowledge": True})["verdict"]["state"] == "in step"
    assert in_process(project, "status")["verdict"]["state"] == "in step"


def test_a_prefix_that_matches_nothing_is_not_in_step_but_not_known(project, in_process):
    # GIVEN objects, and a project whose prefix has a typo
    upload(project, "photos/1")
    project.later(HOUR)
    environment = {**project.environment(), "OBJECT_PREFIX": "phots/"}

    # WHEN a pass has found nothing to send, THEN that is no success
    in_process(project, "reconcile", environment=environment)
    verdict = in_process(project, "status", environment=environment)["verdict"]
    assert verdict["state"] == "not known"
    assert "found no object in scope (prefix 'phots/', suffix '')" in verdict["text"]


def test_without_a_finished_pass_it_does_not_claim_to_be_in_step(project, in_process):
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "not known"
    assert "no reconcile pass over everything has ended" in report["verdict"]["text"]
    assert report["reconcile"] == {"last": None, "open": []}
    assert report["replay"] is None


def test_a_pass_that_is_long_due_is_not_relied_on(project, in_process):
    in_process(project, "reconcile")
    change_total(project, lambda total: total["pass"].update(started="2020-01-01T00:00:00Z"))
    assert "has ended lately" in in_process(project, "status")["verdict"]["text"]


BROKEN = {
    "wrong key": (401, "CREDENTIALS"),
    "no right": (403, "FORBIDDEN"),
    "no task": (404, "NO_TASK"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_where_every_key_is_refused_it_is_broken_and_says_what_to_do(project, in_process, what):
    status, reason = BROKEN[what]
    project.oms.faults.add(Fault.status(status))
    upload(project, "a")
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "broken"
    assert reason in report["verdict"]["text"]
    assert report["fixes"][reason]["en"] in report["verdict"]["text"]
    project.oms.faults.clear()
    assert in_process(project, "status")["verdict"]["state"] == "broken"  # the backlog says so still


def test_a_stopped_task_is_broken(project, in_process):
    project.task.status = "STOPPED"
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "STOPPED" in verdict["text"]) == ("broken", True)


def green(project, in_process) -> dict:
    """A report of a project in step."""
    upload(project, "a")
    project.later(HOUR)
    in_process(project, "reconcile")
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "in step"
    return report


def answering(project, **changes: object) -> None:
    """OMS's description of the task in this month, changed; None takes a field away."""
    real = project.task.description
    now = project.oms.now()
    description = {name: value for name, value in {**real(now), **changes}.items() if value is not None}
    project.task.description = lambda time: description if time >= now else real(time)


NOT_GREEN = {
    "OMS has a backlog": ({"monthly_acceptance_request": 100_000}, "Behind at OMS: it has not worked on 99,999"),
    "failures as text": ({"monthly_failure_object": "3"}, "OMS failed to copy 3"),
    "no counter of failures": ({"monthly_failure_object": None}, "lacks some of its counters"),
}


@pytest.mark.parametrize("what", NOT_GREEN)
def test_what_oms_says_otherwise_is_never_green(project, in_process, what):
    changes, words = NOT_GREEN[what]
    green(project, in_process)
    answering(project, **changes)
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], words in verdict["text"]) == ("behind", True), verdict


def test_failures_of_the_last_day_count_when_the_month_has_just_turned(project, in_process):
    green(project, in_process)
    in_process(project, "replay", {"keys": ["nowhere"]})
    project.wait_idle(TIMEOUT)
    answering(project, monthly_failure_object=0, monthly_acceptance_request=0)
    assert "OMS failed to copy 1" in in_process(project, "status")["verdict"]["text"]


def test_without_the_right_to_look_at_the_task_it_is_not_called_broken(project, in_process):
    green(project, in_process)
    project.oms.deny("oms:synctask:get")
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "oms:synctask:get" in verdict["text"]) == ("behind", True)


def test_a_pass_over_a_part_does_not_make_it_green(project, in_process):
    in_process(project, "reconcile", {"prefix": "nothing/"})
    assert in_process(project, "status")["verdict"]["state"] == "not known"


def test_an_open_pass_does_not_hide_the_one_that_ended_before_it(project, in_process):
    green(project, in_process)
    # Another that stopped at its first piece.
    (name,) = (name for name in project.oss.objects(project.log_bucket) if name.endswith("/r/0000"))
    piece = json.loads(project.oss.objects(project.log_bucket)[name].data)
    piece["follows"] |= {"kind": "rest", "why": "OMS refuses every key"}
    later = re.sub("-20[0-9]{6}T[0-9]{12}Z/", "-29990101T000000000000Z/", name)
    project.oss.put(project.log_bucket, later, json.dumps(piece).encode())
    report = in_process(project, "status")
    assert report["verdict"]["state"] == "in step"
    assert (report["reconcile"]["last"]["scanned"], len(report["reconcile"]["open"])) == (1, 1)


def test_an_unreadable_run_file_is_not_green(project, in_process):
    green(project, in_process)
    name = f"oms_source_record/{project.task_id}/replay/oss-oms-sync/1.json"
    project.oss.put(project.log_bucket, name, b"?")
    assert "unreadable" in in_process(project, "status")["verdict"]["text"]


def test_a_lasting_reason_is_told_before_a_passing_one(project, in_process):
    for number, reason in enumerate(["DEADLINE", "CREDENTIALS"]):
        name = f"oms_source_record/{project.task_id}/failed_object/{number}"
        project.oss.put(project.log_bucket, name, json.dumps({"reason": reason}).encode())
    assert in_process(project, "status")["verdict"]["text"].startswith("Broken, CREDENTIALS")


def test_odd_points_of_the_statistics_are_left_out_and_never_green(project, in_process):
    green(project, in_process)
    real = project.task.statistics

    def odd(*arguments: object) -> dict:
        answer = real(*arguments)
        answer["statistic_datas"] += [{"data_type": "SKIP", "data": [{"statistic_num": 1}]}, {"data_type": "NEW"}, 7]
        return answer

    project.task.statistics = odd
    report = in_process(project, "status")
    series = report["statistics"]["series"]
    assert (sum(number for _, number in series["REQUEST"]), report["statistics"]["unread"]) == (1, 2)
    assert len(series["SKIP"]) == len(series["REQUEST"])
    assert "lacks some of its counters" in report["verdict"]["text"]
