"""Tests of events in the queue of a simulated function: retries, destinations, and timers."""

import json

import pytest

from sandbox.fc.timers import Timer

TIMEOUT = 20


def test_the_simulated_fc_sends_an_event_that_failed_to_its_destination(box, create, outcomes):
    create("def handler(event, context): raise RuntimeError('no good')", max_retries=1, on_failure="g")
    create("def handler(event, context): return event.decode()", name="g")

    box.fc.submit("f", '{"events": ["照片"]}'.encode())
    box.fc.wait_idle(TIMEOUT)

    assert outcomes() == [("f", 1, "raised"), ("f", 2, "raised"), ("g", 1, "returned")]
    envelope = json.loads(box.fc.invocations[2].value)
    assert envelope.keys() == {
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    }
    assert envelope["requestPayload"] == '{"events": ["照片"]}'
    assert envelope["requestContext"]["requestId"] == box.fc.invocations[0].request_id
    assert envelope["requestContext"]["approximateInvokeCount"] == 2
    assert json.loads(envelope["responsePayload"])["errorMessage"] == "no good"
    assert box.fc.dropped_events == []


def test_the_simulated_fc_refuses_an_asynchronous_payload_over_128_kb(box, create):
    create("def handler(event, context): return len(event)")

    with pytest.raises(ValueError, match="128 KB"):
        box.fc.submit("f", b"x" * (128 * 1024 + 1))
    assert box.fc.invoke("f", b"x" * (1024 * 1024)).value == 1024 * 1024


TRIGGER = {
    "triggerName": "period",
    "triggerType": "timer",
    "triggerConfig": {"cronExpression": "@every 1m", "enable": True, "payload": '{"asked": true}'},
}


@pytest.fixture
def timer_box(box, tmp_path):
    """Deploy a function `f` that returns its event, with a timer of one minute; return the sandbox."""
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


def test_a_timer_of_the_simulated_fc_fires_repeatedly(timer_box, eventually):
    timer_box.start_timers(speed=600)

    eventually(lambda: len(timer_box.fc.invocations) >= 3)

    event = timer_box.fc.invocations[0].value
    assert event["triggerName"] == "period"
    assert json.loads(event["payload"]) == {"asked": True}


@pytest.mark.parametrize(("expression", "seconds"), [("@every 5m", 300), ("@every 60m", 3600), ("@every 2h", 7200)])
def test_a_simulated_timer_converts_its_period_to_seconds(expression, seconds):
    assert Timer("t", expression, "{}").period == seconds


@pytest.mark.parametrize("expression", ["0 0 2 * * *", "@every 0m", "@every 5", "every 5m"])
def test_a_simulated_timer_refuses_an_unsupported_period(expression):
    with pytest.raises(ValueError, match="@every 5m"):
        _ = Timer("t", expression, "{}").period
