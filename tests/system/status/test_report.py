"""The report of status in the sandbox: its numbers are what the clouds counted."""

from __future__ import annotations

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
