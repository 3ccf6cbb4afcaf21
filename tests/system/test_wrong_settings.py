"""What a user gets wrong, and the one line that tells: which setting, and what to do. Never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from oss_oms_sync.clock import Clock, timestamp
from sandbox import Sandbox
from sandbox.fc.logs import said
from support.world import payload

CODE = Path(__file__).parents[2] / "template" / "code"


def told(box: Sandbox, event: bytes | None = None, **environment: str) -> tuple[str, str]:
    """How the invocation ends, and the only line of its log that says what to do."""
    settings = {**box.environment(), **environment}
    box.deploy(CODE, environment=settings)
    invocation = box.fc.invoke("forward", event or payload("a", time=timestamp(Clock().now())))
    output = "\n".join([*invocation.logs, invocation.error_message, *map(str, invocation.stack_trace)])
    secrets = [settings["HW_AK"], settings["HW_SK"], *box.huawei_credentials, *box.function_credentials]
    assert not [secret for secret in secrets if secret and secret in output]
    lines = [said(line) for line in invocation.logs]
    (line,) = [line for line in lines if line.get("level") in ("WARNING", "ERROR")]
    ending = str(invocation.value) if invocation.outcome == "returned" else invocation.error_type
    return ending, " ".join(str(line.get(name, "")) for name in ("reason", "fix", "error", "message", "problem"))


def test_wrong_keys_of_huawei_cloud(box):
    ending, line = told(box, HW_SK="WRONGKEYWRONGKEY0001")
    assert ending == "False"
    assert line.startswith("CREDENTIALS Check HW_AK and HW_SK")


def test_a_task_that_does_not_exist(box):
    ending, line = told(box, SYNC_URL=box.task.sync_url.replace(box.task_id, "ffffffff-0000"))
    assert ending == "False"
    assert line.startswith("NO_TASK Check SYNC_URL")


def test_a_stopped_task(box):
    box.task.status = "STOPPED"
    ending, line = told(box)
    assert ending == "False"
    assert line.startswith("REFUSED")
    assert "check in the OMS console that it is synchronizing" in line


def test_a_clock_that_is_twenty_minutes_off(box):
    box.oms.clock_offset = 20 * 60
    ending, line = told(box)
    assert ending == "False"
    assert line.startswith("CLOCK")


@pytest.mark.parametrize(
    ("settings", "region", "message"),
    [
        ({"LOG_BUCKET": "no-such-bucket"}, "cn-hangzhou", "LOG_BUCKET names a bucket that does not exist"),
        ({}, "cn-beijing", "OSS_ENDPOINT may name another region"),
    ],
    ids=["no such bucket", "another region"],
)
def test_a_log_bucket_that_cannot_be_read_says_not_whether_the_project_is_closed_so_the_event_stays_queued(
    box, settings, region, message
):
    box.oss.region = region
    box.deploy(CODE, environment={**box.environment(), **settings})
    invocation = box.fc.invoke("forward", payload("a", time=timestamp(Clock().now())))
    assert invocation.error_type == "RecordError"
    assert message in invocation.error_message
    assert box.oms.calls == []


def test_a_log_bucket_that_is_the_source_bucket(box):
    ending, line = told(box, LOG_BUCKET=box.source_bucket)
    assert ending == "SettingsError"
    assert "LOG_BUCKET is the source bucket" in line


def test_a_malformed_sync_url_is_refused_before_anything_is_sent(box):
    ending, line = told(box, SYNC_URL=box.task.sync_url + "/")
    assert ending == "SettingsError"
    assert "SYNC_URL " in line
    assert "OMS console" in line
    assert box.oms.calls == []


def test_an_unreadable_event(box):
    ending, line = told(box, b"not json")
    assert ending == "EventError"
    assert "neither JSON nor base64" in line
