"""The main job: what is returned, raised, recorded and logged."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.errors import EventError, Reason, RecordError
from oss_oms_sync.ledger.records import record_name
from sandbox.server.faults import Fault
from support.world import DROP_BEFORE, HANG, PAGE, REDIRECTS, TASK, event, oms_error, oss_error, payload


def test_an_accepted_key_is_recorded_and_true_is_returned(world):
    assert world.forward(payload("a", etag="ABC")) is True
    assert world.record_body("success", "a") == b"ABC"
    assert world.record_body("failed", "a") is None


def test_accepted_and_failed_keys_of_one_event_are_recorded_apart(world):
    world.oms.refuse(lambda key: key == "bad")
    assert world.forward(payload("good", "bad", "fine")) is False
    assert world.record_body("success", "good")
    assert world.record_body("success", "fine")
    assert json.loads(world.record_body("failed", "bad"))["reason"] == "REJECTED"


def test_nothing_to_forward_is_true_and_costs_no_call(world):
    assert world.forward(payload("a", name="ObjectRemoved:DeleteObject")) is True
    assert not world.oms.requests
    assert not world.oss.requests


def test_a_partly_unreadable_payload_raises_once_the_rest_is_sent_and_recorded(world):
    broken = json.dumps({"events": [event("a"), {"eventName": "ObjectCreated:PutObject"}]}).encode()
    with pytest.raises(EventError, match=r"oss\.object\.key"):
        world.forward(broken)
    assert world.oms.accepted == {"a": 1}
    assert world.record_body("success", "a")


@pytest.mark.parametrize("answer", [*REDIRECTS, PAGE])
def test_a_failed_record_that_something_else_than_oss_took_is_none(world, answer):
    world.oms.faults.add(oms_error(404))
    world.bucket.fail(answer, "put")
    with pytest.raises(RecordError, match="1 failed keys are not recorded"):
        world.forward(payload("a"))


def test_a_success_record_that_cannot_be_written_is_an_error_in_the_log_only(world, lines):
    world.bucket.fail(oss_error(404), "put")
    assert world.forward(payload("a")) is True
    line, summary = lines()
    assert "LOG_BUCKET" in line.pop("problem")
    assert line == {"key": "a", "record": record_name(TASK, "success", "a")}
    assert (summary["accepted"], summary["unrecorded"]) == (1, 0)


def test_a_failed_record_that_cannot_be_written_is_told_with_its_key(world, lines):
    world.oms.faults.add(oms_error(404))
    world.bucket.fail(oss_error(403), "put")
    with pytest.raises(RecordError, match=r"1 failed keys are not recorded.*oss:PutObject"):
        world.forward(payload("a"))
    line, _, summary = lines()
    assert "oss:PutObject" in line.pop("problem")
    assert line == {"key": "a", "record": record_name(TASK, "failed", "a")}
    assert (summary["failed"], summary["unrecorded"]) == ({"NO_TASK": 1}, 1)


@pytest.mark.parametrize("timeout", [3, 10, 60, 600])
def test_time_is_kept_for_recording(world, timeout):
    world.oms.faults.add(HANG)
    assert world.forward(payload(*[f"k{number}" for number in range(100)]), timeout) is False
    assert world.bucket.calls["put"] == 100
    assert world.clock.seconds <= timeout


@pytest.mark.parametrize(("keys", "timeout", "begun"), [(1, 20.5, 15), (10, 20.5, 15), (11, 20.5, 10), (100, 60.5, 30)])
def test_a_batch_gets_five_seconds_for_its_records_but_sending_half_of_the_time(world, keys, timeout, begun):
    # GIVEN an OMS that never answers
    world.oms.faults.add(HANG)
    moments = []
    world.bucket.before = lambda kind, _: moments.append(world.clock.seconds) if kind == "put" else None

    # WHEN an event is handled, THEN recording begins while there is time for it
    world.forward(payload(*[f"k{number}" for number in range(keys)]), timeout)
    assert moments[0] == pytest.approx(begun, abs=0.2)


def test_one_line_tells_the_invocation_and_one_each_failed_key(world, lines):
    world.clock.sleep(5)
    world.oms.refuse(lambda key: key == "bad")
    world.oms.round_trip = 2.0
    removed = event("x", "ObjectRemoved:DeleteObject")
    world.forward(json.dumps({"events": [event("ok"), event("bad"), removed]}).encode())
    failure, summary = lines()
    assert failure == {
        "key": "bad",
        "reason": "REJECTED",
        "status": 400,
        "error_code": "OMS.0001",
        "message": "Invalid parameter: object_keys.",
        "fix": Reason.REJECTED.fix.en,
    }
    assert summary == {
        "keys": 2,
        "accepted": 1,
        "failed": {"REJECTED": 1},
        "skipped": {"ObjectRemoved:DeleteObject": 1},
        "unreadable": 0,
        "unrecorded": 0,
        "calls": 3,
        "ms": 6040,
    }


def test_ten_keys_in_a_first_event_cost_a_look_one_call_and_records_side_by_side(world):
    world.forward(payload(*[f"k{number}" for number in range(10)]))
    assert len(world.oms.calls) == 1
    assert world.clock.seconds == pytest.approx(world.oms.round_trip + 2 * world.oss.round_trip)


def test_no_secret_stands_in_records_logs_or_errors(world, lines):
    secrets = list(world.huawei_credentials)
    said = " ".join(secrets)
    world.oms.faults.then(oms_error(401, "APIGW.0301", said), Fault.status(404, said.encode()), DROP_BEFORE)
    for key in ("a", "b", "c"):
        world.forward(payload(key))
    shown = b" ".join(one.body for one in world.bucket.objects.values()).decode() + repr(lines())
    assert not [secret for secret in secrets if secret in shown]
