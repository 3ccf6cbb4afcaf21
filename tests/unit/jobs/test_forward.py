"""The job forward: its return values, errors, records and log lines, in open and in closed projects."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.errors import EventError, Reason, RecordError
from oss_oms_sync.ledger.closing import ProjectState
from sandbox.server.faults import Fault
from support.world import (
    DROP_BEFORE,
    HANG,
    OSS_HEADERS,
    PAGE,
    REDIRECTS,
    TASK,
    World,
    event,
    oms_error,
    oss_error,
    payload,
    reads_mark,
)


def read_failed_record(world: World, key: str) -> dict[str, Any]:
    """Return the contents of a key's failed record; without a record, return an empty mapping."""
    return json.loads(world.bucket.record_body("failed", key) or b"{}")


def test_forward_records_an_accepted_key_and_returns_true(world):
    assert world.forward(payload("a", etag="ABC")) is True
    assert world.bucket.record_body("success", "a") == b"ABC"
    assert world.bucket.record_body("failed", "a") is None


def test_forward_records_accepted_and_failed_keys_of_an_event_separately(world):
    world.oms.refuse(lambda key: key == "bad")
    assert world.forward(payload("good", "bad", "fine")) is False
    assert [bool(world.bucket.record_body("success", key)) for key in ("good", "bad", "fine")] == [True, False, True]
    assert [read_failed_record(world, key).get("reason") for key in ("good", "bad", "fine")] == [None, "REJECTED", None]


def test_forward_returns_true_for_an_event_without_keys(world):
    assert world.forward(payload("a", name="ObjectRemoved:DeleteObject")) is True
    assert not [*world.oms.requests, *world.oss.requests]


def test_forward_submits_the_keys_of_a_partly_unreadable_event_then_raises(world):
    broken = json.dumps({"events": [event("a"), {"eventName": "ObjectCreated:PutObject"}]}).encode()
    with pytest.raises(EventError, match=r"oss\.object\.key"):
        world.forward(broken)
    assert world.oms.accepted == {"a": 1}
    assert world.bucket.record_body("success", "a")


def test_forward_logs_a_success_record_that_it_cannot_write(world, lines):
    world.bucket.fail(oss_error(404), "put")
    assert world.forward(payload("a")) is True
    line, summary = lines()
    assert "LOG_BUCKET" in line.pop("problem")
    assert line == {"key": "a", "record": record_name(TASK, "success", "a")}
    assert summary["accepted"] == 1
    assert summary["unrecorded"] == 0


@pytest.mark.parametrize("answer", [oss_error(403), *REDIRECTS, PAGE])
def test_forward_raises_and_logs_the_key_of_an_unwritten_failed_record(world, lines, answer):
    world.oms.faults.add(oms_error(404))
    world.bucket.fail(answer, "put")
    with pytest.raises(RecordError, match="1 failed keys are not recorded") as raised:
        world.forward(payload("a"))
    line, _, summary = lines()
    problem = line.pop("problem")
    assert problem in str(raised.value)
    assert "oss:PutObject" in problem or answer.code != 403
    assert line == {"key": "a", "record": record_name(TASK, "failed", "a")}
    assert summary["failed"] == {"NO_TASK": 1}
    assert summary["unrecorded"] == 1


@pytest.mark.parametrize("timeout", [3, 10, 60, 600])
def test_forward_reserves_time_to_record_its_failed_keys(world, timeout):
    world.oms.faults.add(HANG)
    assert world.forward(payload(*[f"k{number}" for number in range(100)]), timeout) is False
    assert world.bucket.calls["put"] == 100
    assert world.clock.seconds <= timeout


@pytest.mark.parametrize(
    ("keys", "timeout", "recording_start"), [(1, 20.5, 15), (10, 20.5, 15), (11, 20.5, 10), (100, 60.5, 30)]
)
def test_forward_reserves_five_seconds_a_batch_or_half_its_time(world, keys, timeout, recording_start):
    # GIVEN an OMS that never answers
    world.oms.faults.add(HANG)
    write_times = []
    world.bucket.before = lambda kind, _: write_times.append(world.clock.seconds) if kind == "put" else None

    # WHEN an event is handled, THEN recording begins while there is time for it
    world.forward(payload(*[f"k{number}" for number in range(keys)]), timeout)
    assert write_times[0] == pytest.approx(recording_start, abs=0.2)


def test_forward_logs_its_invocation_and_each_failed_key(world, lines):
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


def test_forward_makes_twelve_requests_for_its_first_event_of_ten_keys(world):
    world.forward(payload(*[f"k{number}" for number in range(10)]))
    took = pytest.approx(world.oms.round_trip + 2 * world.oss.round_trip)
    assert len(world.oms.calls) == 1
    assert world.clock.seconds == took


def test_forward_writes_no_secret_to_records_logs_or_errors(world, lines):
    secrets = list(world.huawei_credentials)
    secret_text = " ".join(secrets)
    world.oms.faults.then(
        oms_error(401, "APIGW.0301", secret_text), Fault.status(404, secret_text.encode()), DROP_BEFORE
    )
    for key in ("a", "b", "c"):
        world.forward(payload(key))
    shown = b" ".join(stored.body for stored in world.bucket.objects.values()).decode() + repr(lines())
    assert not [secret for secret in secrets if secret in shown]


# A closed project: it submits nothing, records every key, and reads the mark once a minute.

KEYS = [f"{number:02}" for number in range(30)]
UNREADABLE = {
    "no right": oss_error(403),
    "no answer": HANG,
    "lost": DROP_BEFORE,
    "server errors": oss_error(500),
    "something else than OSS": PAGE,
    "something else that has no such page": Fault.status(404, PAGE.body),
    "a mark that is none": Fault.status(200, b"[]", OSS_HEADERS),
}


def closing(world: World) -> ProjectState:
    return ProjectState(world.invocation())


def count_mark_reads(world: World) -> int:
    return sum(map(reads_mark, world.oss.requests))


def submitted_keys(world: World) -> list[list[str]]:
    return [call.keys for call in world.oms.calls]


def test_forward_reads_the_closed_mark_once_a_minute(world):
    # GIVEN a new instance, an instance that read the mark less than a minute ago, and an instance that read it earlier
    for key, pause, due in [("a", 0, 1), ("b", 59, 0), ("c", 1, 1), ("d", 1, 0)]:
        world.clock.sleep(pause)
        began, looked = world.clock.seconds, count_mark_reads(world)

        # WHEN it gets an event, THEN it waits for the mark only if a read is due
        assert world.forward(payload(key)) is True
        took = world.clock.seconds - began
        assert took == pytest.approx(world.oms.round_trip + (1 + due) * world.oss.round_trip)
        assert count_mark_reads(world) - looked == due
        assert submitted_keys(world)[-1] == [key]
    assert len(world.oms.calls) == world.bucket.calls["put"] == 4


def test_forward_records_every_key_of_a_closed_project_in_a_new_instance(world):
    closing(world).close("Li Lei")
    assert world.forward(payload("a", "b")) is False
    assert not world.oms.requests
    assert [read_failed_record(world, key)["reason"] for key in "ab"] == ["CLOSED", "CLOSED"]
    assert "closed since 2026-01-02T00:00:00Z (Li Lei)" in read_failed_record(world, "a")["message"]


def test_forward_counts_the_minute_from_its_request_for_the_closed_mark(world):
    world.oss.round_trip = 4.0
    assert world.forward(payload("a")) is True
    closing(world).close()
    world.clock.sleep(60 - world.clock.seconds)
    assert world.forward(payload("b")) is False
    assert submitted_keys(world) == [["a"]]


@pytest.mark.parametrize(("monotonic", "wall"), [(0, 60), (0, -61), (60, 0)])
def test_a_frozen_instance_of_forward_reads_the_mark_after_it_resumes(world, monotonic, wall):
    world.forward(payload("a"))
    closing(world).close()
    world.clock.sleep(monotonic)
    world.clock.ahead = timedelta(seconds=wall - monotonic)
    assert world.forward(payload("b")) is False
    assert submitted_keys(world) == [["a"]]


def test_forward_submits_nothing_after_a_close_if_its_clock_is_set_back(world):
    world.forward(payload("a"))
    closing(world).close()
    for ahead in (2, 0):
        world.clock.ahead = timedelta(minutes=ahead)
        assert world.forward(payload("b")) is False
    assert submitted_keys(world) == [["a"]]


def test_forward_records_batches_after_a_close_during_a_long_event(world):
    # GIVEN an instance that is frozen for a minute while it handles a batch, and a project that is closed meanwhile
    def close_meanwhile(request):
        if "/events" in request.url:
            world.platform.network.before_request = lambda _: None
            closing(world).close()
            world.clock.ahead += timedelta(minutes=1)

    world.platform.network.before_request = close_meanwhile

    # WHEN the instance continues, THEN it submits no further key, and records the remaining keys
    assert world.forward(payload(*KEYS)) is False
    assert submitted_keys(world) == [KEYS[:10]]
    assert [read_failed_record(world, key).get("reason") for key in KEYS] == [None] * 10 + ["CLOSED"] * 20


def test_forward_submits_an_event_at_once_after_the_project_opens(world):
    closing(world).close()
    world.forward(payload("a"))
    closing(world).open()
    assert world.forward(payload("b")) is True
    looked = count_mark_reads(world)
    world.forward(payload("c"))
    assert count_mark_reads(world) == looked


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_forward_records_the_keys_if_it_cannot_read_the_closed_mark(world, fault):
    world.oss.faults.add(fault, where=reads_mark)
    assert world.forward(payload("a")) is False
    assert [*world.oms.requests] == []
    assert read_failed_record(world, "a")["reason"] == "MARK_UNREAD"
    assert read_failed_record(world, "a")["message"].startswith("Unknown whether")
    assert world.clock.seconds < 6

    # The next event reads the mark again.
    world.oss.faults.clear()
    assert world.forward(payload("b")) is True


def test_a_failed_record_names_the_missing_permission_to_read_the_mark(world):
    world.oss.deny("oss:GetObject", world.log_bucket)
    world.forward(payload("a"))
    assert "lacks oss:GetObject on photos-oms-log: grant it" in read_failed_record(world, "a")["message"]
