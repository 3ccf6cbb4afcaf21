"""A project in the sandbox, misconfigured or not, and what doctor says of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sandbox import Sandbox
from tools.render import render

HOUR = 3600
# The resolver is asked once, and not waited for long.
QUICK = {"RES_OPTIONS": "attempts:1 timeout:1"}

PASSES = ("reconcile", "compare")
# What a timer sends.
STRIKE = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"}

Environment = dict[str, str]


def deploy(box: Sandbox, folder: Path, **settings: str) -> None:
    """The rendered project, with the sandbox's settings but for these."""
    render(box.answers(), folder)
    box.deploy_project(folder, environment={**box.environment(), **settings})


def examine(box: Sandbox) -> dict:
    invocation = box.fc.invoke("doctor", b"")
    assert invocation.outcome == "returned", invocation.error_message
    return invocation.value


def states(report: dict, *wanted: str) -> list[str]:
    return [check["name"] for check in report["checks"] if check["state"] in wanted]


def the_check(report: dict, name: str) -> dict:
    (check,) = (check for check in report["checks"] if check["name"] == name)
    return check


def says(report: dict, name: str, state: str, text: str = "", fix: str = "") -> bool:
    """Whether a check is in this state, and says that it saw this, and what is to be done; nothing is where all is
    well, or was not looked at."""
    check = the_check(report, name)
    assert check["state"] == state
    assert text in check["seen"]
    assert fix in check["fix"]
    return state not in ("ok", "skipped") or not check["fix"]


def keep(box: Sandbox, records: Iterable[tuple[str, bytes]]) -> None:
    """The log bucket has these below the task's folder."""
    for name, body in records:
        box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/{name}", body)


def a_day_of_work(box: Sandbox) -> None:
    """Objects that were accepted a while ago, and timers that have struck since."""
    for number in range(3):
        box.bucket(box.source_bucket).put_object(f"object {number}", b"contents")
    box.wait_idle(60)
    box.later(HOUR)
    jobs = ("replay", "reconcile", "compare", "status")
    keep(box, [(f"state/{job}-timer-oss-oms-sync.json", b"{}") for job in jobs])


def installed_long_ago(box: Sandbox) -> None:
    keep(box, [("state/installed.json", b'{"at": "2020-01-01T00:00:00Z"}')])


def lost_to_the_trigger(box: Sandbox, environment: Environment) -> None:
    box.oss.lose_events(lambda key: True)
    installed_long_ago(box)
    a_day_of_work(box)
