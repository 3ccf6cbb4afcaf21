"""Wrong settings: a log line names the setting and the remedy, and contains no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from oss_oms_sync.clock import from_epoch, timestamp
from sandbox import Sandbox
from sandbox.fc.logs import parse_line
from support.world import payload

CODE = Path(__file__).parents[2] / "template" / "code"


def invoke(box: Sandbox, event: bytes | None = None, **environment: str) -> tuple[str, str]:
    """Invoke forward with these environment variables; return its result, and the only log line with a remedy."""
    settings = {**box.environment(), **environment}
    box.deploy(CODE, environment=settings)
    invocation = box.fc.invoke("forward", event or payload("a", time=timestamp(from_epoch(box.now()))))
    output = "\n".join([*invocation.logs, invocation.error_message, *map(str, invocation.stack_trace)])
    secrets = [settings["HW_AK"], settings["HW_SK"], *box.huawei_credentials, *box.function_credentials]
    assert not [secret for secret in secrets if secret and secret in output]
    (line,) = [line for line in map(parse_line, invocation.logs) if line.get("level") in ("WARNING", "ERROR")]
    ending = str(invocation.value) if invocation.outcome == "returned" else invocation.error_type
    return ending, " ".join(str(line.get(name, "")) for name in ("reason", "fix", "error", "message", "problem"))


@pytest.mark.parametrize(
    ("settings", "region", "message"),
    [
        ({"LOG_BUCKET": "no-such-bucket"}, "cn-hangzhou", "LOG_BUCKET names a bucket that does not exist"),
        ({}, "cn-beijing", "OSS_ENDPOINT may name another region"),
    ],
    ids=["no such bucket", "another region"],
)
def test_an_event_stays_queued_if_forward_cannot_read_the_log_bucket(box, settings, region, message):
    box.oss.region = region
    box.deploy(CODE, environment={**box.environment(), **settings})
    invocation = box.fc.invoke("forward", payload("a", time=timestamp(from_epoch(box.now()))))
    assert invocation.error_type == "RecordError"
    assert message in invocation.error_message
    assert box.oms.calls == []


NO_TASK = "/sync-tasks/ffffffff-0000/events"
# The wrong settings, the result of the invocation, and words of its line.
WRONG = {
    "keys of Huawei Cloud": ({"HW_SK": "WRONGKEYWRONGKEY0001"}, "False", "CREDENTIALS Huawei Cloud rejects"),
    "another task": ({"SYNC_URL": NO_TASK}, "False", "NO_TASK Check SYNC_URL"),
    "a stopped task": ({}, "False", "check in the OMS console that the task is synchronizing"),
    "a clock that is off": ({}, "False", "CLOCK"),
    "the source as log bucket": ({"LOG_BUCKET": Sandbox.source_bucket}, "SettingsError", "LOG_BUCKET is the source"),
    "a malformed address": ({"SYNC_URL": "/"}, "SettingsError", "OMS console"),
    "an unreadable event": ({}, "EventError", "neither JSON nor base64"),
}


@pytest.mark.parametrize("what", WRONG)
def test_one_log_line_of_forward_names_a_wrong_setting_and_its_remedy(box, what):
    settings, ends, says = WRONG[what]
    box.task.status = "STOPPED" if what == "a stopped task" else "SYNCHRONIZING"
    box.oms.clock_offset = 20 * 60 * (what == "a clock that is off")
    if path := settings.get("SYNC_URL"):
        kept = box.task.sync_url if path == "/" else box.task.sync_url.partition("/sync-tasks/")[0]
        settings = {"SYNC_URL": kept + path}
    ending, line = invoke(box, b"not json" if what == "an unreadable event" else None, **settings)
    assert ending == ends, line
    assert says in line
    assert ends == "False" or box.oms.calls == []
