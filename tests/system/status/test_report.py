"""The report of status in the sandbox: its numbers are what the clouds counted."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from sandbox.server.faults import Fault
from support.totals import change_total
from support.uploads import upload

HOUR = 3600
TIMEOUT = 60


def test_after_a_bad_day_every_number_is_what_the_sandbox_counted(deployed):
    # GIVEN uploads that were accepted, refused and lost, and passes of replay and reconcile
    upload(deployed, *(f"good/{number}" for number in range(12)))
    deployed.oss.lose_events(lambda key: key.startswith("lost/"))
    upload(deployed, *(f"lost/{number}" for number in range(3)))
    deployed.later(HOUR)
    passed = deployed.tick("reconcile").value
    deployed.oms.refuse(lambda key: key.startswith("bad/"))
    upload(deployed, *(f"bad/{number}" for number in range(4)))
    replayed = deployed.tick("replay").value
    deployed.wait_idle(TIMEOUT)

    # WHEN status is asked
    report = deployed.fc.invoke("status", b"").value

    # THEN its numbers are theirs
    task = deployed.task
    assert report["oms"]["month"] == {
        "requests": task.acceptance_request,
        "copied": task.success_object,
        "failed": task.failure_object,
        "skipped": task.skip_object,
        "bytes": task.size,
    }
    series = report["statistics"]["series"]
    assert sum(number for _, number in series["REQUEST"]) == task.acceptance_request
    assert sum(number for _, number in series["SIZE"]) == task.size
    backlog = report["backlog"]
    assert (backlog["failed"], backlog["at_least"], backlog["by_reason"]) == (4, False, {"REFUSED": 4})
    assert [one["key"] for one in backlog["keys"]] == [f"bad/{number}" for number in range(4)]
    assert (report["replay"]["result"], report["replay"]["result"]["failed"]) == (replayed, 4)
    last = report["reconcile"]["last"]
    assert {name: last[name] for name in ("scanned", "covered", "submitted", "accepted")} == {
        name: passed[name] for name in ("scanned", "covered", "submitted", "accepted")
    }
    assert all(one["holds"] for one in report["sums"])
    assert len(report["sums"]) == 4
    assert report["verdict"]["state"] == "behind"
    assert report["verdict"]["text"].startswith("Behind by 4 since 20")
    assert report["fixes"]["REFUSED"]["zh"]


def test_an_open_pass_is_told(project, in_process):
    # GIVEN a backfill that OMS refuses after a batch
    upload(project, *(f"{number:02}" for number in range(15)))
    project.later(HOUR)
    project.oms.faults.add(Fault.status(401))
    name = in_process(project, "reconcile", {"all": True})["pass"]

    # WHEN status is asked, THEN it names the pass and how far it is
    (one,) = in_process(project, "status")["reconcile"]["open"]
    assert (one["pass"], one["all"], one["submitted"], one["ended"]) == (name, True, 10, None)
    assert one["ranges"] == {"open": 1, "done": 0}


@pytest.mark.parametrize("fault", [Fault.status(503, headers={"Retry-After": "60"}), Fault.drop_before()])
def test_with_oms_unreachable_our_half_is_still_told(project, in_process, fault):
    upload(project, "a")
    project.oms.faults.add(fault)
    upload(project, "b")
    report = in_process(project, "status")
    assert report["backlog"]["failed"] == 1
    assert report["oms"]["problem"] in ("UNAVAILABLE", "UNREACHABLE")
    assert report["oms"]["fix"]["en"]
    assert report["statistics"]["problem"] == report["oms"]["problem"]
    project.oms.faults.clear()
    in_process(project, "replay")
    project.oms.faults.add(fault)
    verdict = in_process(project, "status")["verdict"]
    assert (verdict["state"], "does not say" in verdict["text"]) == ("behind", True)


def test_without_the_right_to_statistics_the_rest_is_told(project, in_process):
    project.oms.deny("oms:synctask:statistics")
    report = in_process(project, "status")
    assert report["statistics"]["problem"] == "FORBIDDEN"
    assert report["oms"]["status"] == "SYNCHRONIZING"
    copying = report["copying"]
    assert (copying["failed"], copying["failures"]["counted"], copying["unfinished"]) == (0, 0, None)


def test_numbers_that_do_not_add_up_are_told_with_what_that_means(project, in_process):
    in_process(project, "reconcile")
    change_total(project, lambda total: total["tally"].update(counts={"scanned": 5, "covered": 4}))
    first, *_ = in_process(project, "status")["sums"]
    assert (first["holds"], first["left"], sum(first["right"])) == (False, 5, 4)
    assert "its work is" in first["meaning"]


def test_the_window_of_the_statistics_can_be_chosen(project, in_process):
    upload(project, "a")
    report = in_process(project, "status", {"hours": 1})
    assert report["statistics"]["step"] == "FIVE_MINUTES"
    start = datetime.fromisoformat(report["statistics"]["from"].replace("Z", "+00:00"))
    assert (datetime.now(timezone.utc) - start).total_seconds() == pytest.approx(HOUR, abs=60)


@pytest.mark.parametrize(
    "payload", [{"key": "a", "hours": 1}, {"acknowledge": 1}, {"keys": ["a"]}, {"hours": 0}, {"hours": 10**9}]
)
def test_a_payload_that_cannot_be_used_is_an_error(project, payload):
    assert project.fc.invoke("status", json.dumps(payload).encode()).error_type == "PayloadError"
