"""Events that are queued: retries, destinations, and what is given up."""

import json

import pytest

PATIENCE = 20


def test_a_failed_event_is_tried_again_until_it_succeeds(box, create, outcomes):
    create(
        """
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            if calls < 3: raise RuntimeError(calls)
        """
    )

    box.fc.submit("f", b"")
    box.fc.wait_idle(PATIENCE)

    assert outcomes() == [("f", 1, "raised"), ("f", 2, "raised"), ("f", 3, "returned")]
    assert len({one.request_id for one in box.fc.invocations}) == 1


def test_an_event_that_failed_for_good_goes_to_its_destination_in_an_envelope(box, create, outcomes):
    create("def handler(event, context): raise RuntimeError('no good')", max_retries=1, on_failure="g")
    create("def handler(event, context): return event.decode()", name="g")

    box.fc.submit("f", '{"events": ["照片"]}'.encode())
    box.fc.wait_idle(PATIENCE)

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
    assert box.fc.dropped == []


def test_waiting_for_silence_ends(box, create):
    create("import time\ndef handler(event, context): time.sleep(1000)")
    box.fc.submit("f", b"")

    with pytest.raises(TimeoutError):
        box.fc.wait_idle(0.01)


def test_an_asynchronous_payload_over_128_kb_is_refused(box, create):
    create("def handler(event, context): return len(event)")

    with pytest.raises(ValueError, match="128 KB"):
        box.fc.submit("f", b"x" * (128 * 1024 + 1))
    assert box.fc.invoke("f", b"x" * (1024 * 1024)).value == 1024 * 1024
