"""Timers that strike by themselves."""

import asyncio
import json

import pytest

from sandbox.fc.timers import Timer

TRIGGER = {
    "triggerName": "period",
    "triggerType": "timer",
    "triggerConfig": {"cronExpression": "@every 1m", "enable": True, "payload": '{"asked": true}'},
}


@pytest.fixture
def deployed(box, tmp_path):
    """A function `f` that a timer wakes every minute, and that gives its event back."""
    (tmp_path / "index.py").write_text("import json\ndef handler(event, context): return json.loads(event)")
    props = {
        "functionName": "f",
        "runtime": "python3.12",
        "handler": "index.handler",
        "code": ".",
        "timeout": 10,
        "environmentVariables": {},
        "triggers": [TRIGGER],
    }
    box.deploy_resource("f", props, tmp_path)
    return box


def test_a_timer_strikes_again_and_again(deployed, eventually):
    deployed.start_timers(times_as_often=600)

    eventually(lambda: len(deployed.fc.invocations) >= 3)

    event = deployed.fc.invocations[0].value
    assert (event["triggerName"], json.loads(event["payload"])) == ("period", {"asked": True})


def test_a_timer_that_was_removed_strikes_no_more(deployed, mocker, eventually):
    strikes = mocker.spy(deployed.fc, "submit")
    deployed.start_timers(times_as_often=600)
    eventually(lambda: strikes.call_count)

    deployed.remove_triggers("f")

    eventually(lambda: "_strike" not in str(asyncio.all_tasks(deployed._ground.loop)))


@pytest.mark.parametrize(("expression", "seconds"), [("@every 5m", 300), ("@every 60m", 3600), ("@every 2h", 7200)])
def test_a_period_is_read(expression, seconds):
    assert Timer("t", expression, "{}").period == seconds


@pytest.mark.parametrize("expression", ["0 0 2 * * *", "@every 0m", "@every 5", "every 5m"])
def test_what_is_no_period_is_refused(expression):
    with pytest.raises(ValueError, match="@every 5m"):
        _ = Timer("t", expression, "{}").period
