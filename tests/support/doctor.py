"""Misconfigured projects in the sandbox, and readers of doctor's answers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.log_bucket import LogBucket
from tools.render import render

HOUR = 3600
# Host names are resolved in a single attempt with a short timeout.
QUICK = {"RES_OPTIONS": "attempts:1 timeout:1"}
PASSES = ("reconcile", "compare")
# The event of a timer.
TIMER_EVENT = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"}

Environment = dict[str, str]
Change = Callable[[Sandbox, Environment], object]


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def deploy(box: Sandbox, folder: Path, **settings: str) -> None:
    """Deploy the project in `folder`, which is rendered unless it is already there."""
    if not (folder / "s.yaml").exists():
        render(box.answers(), folder)
    box.deploy_project(folder, environment={**box.environment(), **settings})


def invoke_doctor(box: Sandbox) -> dict[str, Any]:
    invocation = box.fc.invoke("doctor", b"")
    assert invocation.outcome == "returned", invocation.error_message
    return dict(invocation.value)


def states(report: dict[str, Any], *wanted: str) -> list[str]:
    return [check["name"] for check in report["checks"] if check["state"] in wanted]


def find_check(report: dict[str, Any], name: str) -> dict[str, Any]:
    (check,) = (check for check in report["checks"] if check["name"] == name)
    return dict(check)


def verify_check(report: dict[str, Any], name: str, state: str, text: str = "", fix: str = "") -> None:
    """Assert that a check has this state, `text` in its text, and `fix` in its remedy.

    A check that passed or was skipped must have no remedy.
    """
    check = find_check(report, name)
    assert check["state"] == state, check
    assert text in check["actual"]
    assert fix in check["fix"]
    assert state not in ("ok", "skipped") or not check["fix"]


def store_timer_events(box: Sandbox) -> None:
    """Store the objects that show doctor that each job's timer has fired recently."""
    for job in ("replay", *PASSES, "status"):
        LogBucket(box).add_json(f"state/{job}-timer-oss-oms-sync.json", {})


def work_an_hour(box: Sandbox) -> None:
    """Upload objects, and advance an hour in which all timers fire."""
    for number in range(3):
        box.bucket(box.source_bucket).put_object(f"object {number}", b"contents")
    box.wait_idle(60)
    box.advance(HOUR)
    store_timer_events(box)


def install_long_ago(box: Sandbox) -> None:
    LogBucket(box).add_installation(datetime(2020, 1, 1, tzinfo=timezone.utc))


def lose_events_of_a_day(box: Sandbox) -> None:
    box.oss.lose_events(lambda key: True)
    install_long_ago(box)
    work_an_hour(box)


def set_variables(**changes: str) -> Change:
    return lambda box, environment: environment.update(changes)


def replace_in_url(new: str, old: str = "") -> Change:
    """Return a change of SYNC_URL that replaces the text `old`, by default OMS's address."""
    return lambda box, environment: environment.update(SYNC_URL=box.task.sync_url.replace(old or box.oms.endpoint, new))


def add_oms_fault(fault: Fault) -> Change:
    return lambda box, environment: box.oms.faults.add(fault)


def shift_clocks(seconds: float, *names: str) -> Change:
    return lambda box, environment: [setattr(getattr(box, name), "clock_offset", seconds) for name in names]


def verify_only_fault(box: Sandbox, report: dict[str, Any], name: str, fix: str) -> None:
    """Assert that only the check `name` failed, and that its remedy or its finding contains `fix`.

    No other check may have a remedy, and the report may show no secret.
    """
    assert report["text"] == "Setup has faults"
    assert not report["ok"]
    assert states(report, "fault") == [name]
    # The remedy of the fault comes first.
    assert [check["name"] for check in report["checks"] if check["state"] == "unknown" and check["fix"]] == []
    check = find_check(report, name)
    assert fix in check["fix"] + check["actual"]
    assert [key for key in (*box.huawei_credentials, *box.function_credentials) if key in str(report)] == []
