"""Status as a deployed function: its numbers equal the clouds' counts, and its alarm reaches a webhook over sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sandbox.fc.logs import parse_line
from sandbox.robots import Robots
from sandbox.server.faults import Fault
from support.settings import rewrite
from support.uploads import PATIENCE, upload
from support.world import HOUR
from tools.render import render


def test_the_numbers_of_status_equal_the_clouds_counts(deployed):
    # GIVEN uploads that were accepted, refused and lost, and passes of replay and reconcile
    upload(deployed, *(f"good/{number}" for number in range(12)))
    deployed.oss.lose_events(lambda key: key.startswith("lost/"))
    upload(deployed, *(f"lost/{number}" for number in range(3)))
    deployed.advance(HOUR)
    passed = deployed.tick("reconcile").value
    deployed.oms.refuse(lambda key: key.startswith("bad/"))
    upload(deployed, *(f"bad/{number}" for number in range(4)))
    replayed = deployed.tick("replay").value
    deployed.wait_idle(PATIENCE)

    # WHEN status is asked
    report = deployed.fc.invoke("status", b"").value

    # THEN its numbers are the clouds', of the current month alone, which can begin during the test
    task = deployed.task
    month = task.describe(deployed.now())
    assert report["oms"]["month"] == {
        "requests": month["monthly_acceptance_request"],
        "copied": month["monthly_success_object"],
        "failed": month["monthly_failure_object"],
        "skipped": month["monthly_skip_object"],
        "bytes": month["monthly_size"],
    }
    sums = {kind: sum(number for _, number in some) for kind, some in report["statistics"]["series"].items()}
    assert sums["REQUEST"] == task.acceptance_request
    assert sums["SIZE"] == task.size
    backlog = report["backlog"]
    assert backlog["failed"] == 4
    assert not backlog["at_least"]
    assert backlog["by_reason"] == {"REFUSED": 4}
    assert [record["key"] for record in backlog["keys"]] == [f"bad/{number}" for number in range(4)]
    assert report["replay"]["result"] == replayed
    assert report["replay"]["result"]["failed"] == 4
    for name in ("scanned", "covered", "submitted", "accepted"):
        assert report["reconcile"]["last"][name] == passed[name], name
    assert [total["holds"] for total in report["sums"]] == [True] * 4
    assert report["verdict"]["state"] == "behind"
    assert report["verdict"]["text"].startswith("4 objects have been waiting to be resent since 20")
    assert report["fixes"]["REFUSED"]["zh"]


TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def hook(box) -> Iterator[Robots]:
    robots = Robots()
    robots.start(box._platform)
    yield robots
    robots.stop()


@pytest.fixture
def broken_project(box, tmp_path, hook):
    """Return a project whose verdict is "broken", and whose s.yaml names a webhook."""
    render(box.answers(), tmp_path)
    named = "ALERT_WEBHOOK: ${secret('oss-oms-sync_ALERT_WEBHOOK')}"
    rewrite(tmp_path / "s.yaml", {'\n  ALERT_WEBHOOK: ""\n': f"\n  {named}\n"})
    box.deploy_project(tmp_path, secrets={"ALERT_WEBHOOK": f"{hook.endpoint}/hook?key={TOKEN}"})
    box.oms.faults.add(Fault.status(401))
    upload(box, "a")
    yield box
    # The address is a secret, too (law 5).
    made = [
        json.dumps([invocation.logs, invocation.body, invocation.error_message]) for invocation in box.fc.invocations
    ]
    made += [stored.data.decode("utf-8", "replace") for stored in box.oss.objects(box.log_bucket).values()]
    assert not [text for text in made if TOKEN in text]


def test_status_by_the_timer_sends_one_alarm_of_a_broken_project(broken_project, hook):
    broken_project.tick("status")
    (body,) = hook.messages
    alarm = json.loads(body)
    assert alarm["project"] == "oss-oms-sync"
    assert alarm["verdict"] == "broken"
    assert alarm["waiting"] == 1
    assert "store HW_AK and HW_SK again" in alarm["message"]
    lines = [parse_line(line) for line in broken_project.fc.invocations[-1].logs]
    for name in ("verdict", "alert"):
        assert [line[name] for line in lines if name in line] == ["broken"]

    # AND it is not repeated, neither by the timer nor by a manual call
    broken_project.tick("status")
    broken_project.fc.invoke("status", b"{}")
    assert len(hook.messages) == 1

    # AND closing the project is reported once
    broken_project.fc.invoke("certify", b'{"close": true}')
    broken_project.tick("status")
    broken_project.tick("status")
    assert [json.loads(body)["verdict"] for body in hook.messages] == ["broken", "closed"]
