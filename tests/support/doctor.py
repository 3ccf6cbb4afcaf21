"""Doctor in the sandbox: a misconfigured project, and what its answer says."""

from __future__ import annotations

import socket
from pathlib import Path

from sandbox import Sandbox
from tools.render import render

HOUR = 3600
# The resolver is asked once, and not waited for long.
QUICK = {"RES_OPTIONS": "attempts:1 timeout:1"}

Environment = dict[str, str]


def deploy(box: Sandbox, folder: Path, environment: Environment) -> None:
    render(box.answers(), folder)
    box.deploy_project(folder, environment=environment)


def examine(box: Sandbox) -> dict:
    invocation = box.fc.invoke("doctor", b"")
    assert invocation.outcome == "returned", invocation.error_message
    return invocation.value


def states(report: dict, *wanted: str) -> list[str]:
    return [check["name"] for check in report["checks"] if check["state"] in wanted]


def the_check(report: dict, name: str) -> dict:
    (check,) = (check for check in report["checks"] if check["name"] == name)
    return check


def a_day_of_work(box: Sandbox) -> None:
    """Objects that were accepted a while ago, and timers that have struck since."""
    bucket = box.bucket(box.source_bucket)
    for number in range(3):
        bucket.put_object(f"object {number}", b"contents")
    box.wait_idle(60)
    box.later(HOUR)
    for job in ("replay", "reconcile", "compare", "status"):
        box.oss.put(box.log_bucket, f"oms_source_record/{box.task_id}/state/{job}-timer-oss-oms-sync.json", b"{}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed_long_ago(box: Sandbox) -> None:
    name = f"oms_source_record/{box.task_id}/state/installed.json"
    box.oss.put(box.log_bucket, name, b'{"at": "2020-01-01T00:00:00Z"}')


def lost_to_the_trigger(box: Sandbox, environment: Environment) -> None:
    box.oss.lose_events(lambda key: True)
    installed_long_ago(box)
    a_day_of_work(box)
