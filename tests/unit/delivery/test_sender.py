"""The sender of replay, which resends keys in batches at a limited rate, and records each outcome."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import Reason, RecordError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey
from support.world import HANG, OK, TASK, World, oms_error, oss_error

BAD, FROZEN = oms_error(400, "OMS.0001", "bad key"), oms_error(400, "OMS.0202", "frozen")
DOWN, BUSY = oms_error(500), oms_error(429)
KEYS = [f"k{number}" for number in range(10)]


class SenderWorld(World):
    """A world with the sender of a replay, in which OSS answers without delay."""

    def __init__(self, timeout: float = 600, rate: float = 20.0, round_trip: float = 0.02) -> None:
        super().__init__()
        self.oms.round_trip, self.oss.round_trip = round_trip, 0.0
        self.settings = dataclasses.replace(self.settings, oms_rate=rate)
        self.sender = Sender(self.invocation(timeout))

    def send(self, *keys: str, doubtful_keys: tuple[str, ...] = (), **details: str) -> list[str]:
        """Submit keys; return the keys that remain to be submitted or recorded."""
        failed = [FailedKey(ObjectChange(key), **details) for key in keys]
        return [key.key for key in self.sender.send(failed, doubtful_keys)]

    def measure_seconds(self, number: int) -> float:
        """Submit this number of keys, and return the seconds that this took."""
        begun = self.clock.seconds
        assert self.send(*(f"{place:03}" for place in range(number))) == []
        return self.clock.seconds - begun

    def recorded_keys(self, state: str) -> set[str]:
        prefix = record_name(TASK, state, "")
        return {name.removeprefix(prefix) for name in self.bucket.names(prefix)}


@pytest.fixture
def world() -> SenderWorld:
    return SenderWorld()


def test_the_sender_returns_the_unsubmitted_keys_at_the_end_of_its_time():
    # GIVEN an OMS so slow that the time is up while a batch is bisected
    world = SenderWorld(timeout=20, round_trip=3.0)
    world.oms.refuse("k9".__eq__)

    # WHEN a batch is sent, THEN each key is returned, accepted or recorded as failed; the doubtful key is returned once
    assert world.send(*KEYS, doubtful_keys=("k8",)) == ["k8", "k7", "k9"]
    assert world.recorded_keys("success") == {"k0", "k1", "k2", "k3", "k4"}
    assert world.recorded_keys("failed") == {"k5", "k6"}
    assert world.sender.accepted == 5
    assert world.sender.failed == {"TIMEOUT": 2}

    # AND the next batch is not submitted, and the run has the reason
    assert world.send("other") == ["other"]
    assert world.sender.stopped.why == "the time is up"


def test_the_sender_reports_the_end_of_its_time_and_not_a_refusal_by_oms():
    # GIVEN an OMS that refuses all keys, and is so slow that the time is up while a batch is bisected
    world = SenderWorld(timeout=20, round_trip=3.0)
    world.oms.refuse(KEYS.__contains__)
    # THEN each key is returned or recorded as failed, and the run has the reason
    remaining_keys = world.send(*KEYS)
    assert remaining_keys
    assert {*remaining_keys, *world.recorded_keys("failed")} == {*KEYS}
    assert world.sender.stopped.why == "the time is up"


def test_the_sender_records_no_key_whose_record_may_be_deleted_late(world):
    # GIVEN keys whose records may still be deleted: OMS accepts the first and refuses the second
    world.oms.refuse(lambda key: key.startswith("bad"))
    keys_in_doubt = ["good and held", "bad and held"]
    assert world.send(*keys_in_doubt, "good", "bad", doubtful_keys=(*keys_in_doubt,)) == keys_in_doubt
    assert world.recorded_keys("success") == {"good", "good and held"}
    assert world.recorded_keys("failed") == {"bad"}


def test_the_sender_returns_only_failed_keys_that_it_could_not_record(world, lines):
    world.oms.refuse(["k1", "k2"].__contains__)
    world.bucket.fail(oss_error(403), "put")
    assert world.send("k0", "k1", "k2") == ["k1", "k2"]
    problems = [line for line in lines() if "oss:PutObject" in line.pop("problem", "")]
    assert problems == [
        {"key": "k0", "record": record_name(TASK, "success", "k0")},
        {"key": "k1", "record": record_name(TASK, "failed", "k1")},
        {"key": "k2", "record": record_name(TASK, "failed", "k2")},
    ]


@pytest.mark.parametrize(("timeout", "recorded_at"), [(12, 6), (18, 9), (60, 50)])
def test_the_sender_reserves_ten_seconds_or_half_its_time_for_records(timeout, recorded_at):
    world = SenderWorld(timeout=timeout)
    world.oms.faults.add(HANG)
    moments = []
    world.bucket.before = lambda kind, names: moments.append(world.clock.seconds)
    world.send(*(f"{number:02}" for number in range(100)))
    assert moments[-1] == pytest.approx(recorded_at, abs=0.2)


@pytest.mark.parametrize(
    ("reason", "again", "calls"), [("UNAVAILABLE", False, 3), ("UNAVAILABLE", True, 4), ("REFUSED", True, 3)]
)
def test_the_sender_divides_keys_differently_after_whole_batches_failed(world, reason, again, calls):
    last = "2026-01-02T00:00:00Z" if again else ""
    world.send(*(f"{number:02}" for number in range(30)), reason=reason, last_failure=last)
    assert len(world.oms.calls) == calls
    assert len(world.recorded_keys("success")) == 30


@pytest.mark.parametrize(("rate", "calls"), [(4, 8), (0.5, 3)])
def test_the_sender_keeps_its_calls_within_the_rate(rate, calls):
    world = SenderWorld(rate=rate, round_trip=0.001)
    assert world.measure_seconds(10 * calls) == pytest.approx((calls - 1) / rate, abs=0.02)


def test_the_sender_halves_its_rate_after_a_throttled_batch():
    world = SenderWorld(rate=4, round_trip=0.001)
    at_full_rate = world.measure_seconds(100)
    for _ in range(4):  # another would stop the run
        world.oms.faults.then(*[BUSY] * 5)
        world.send(*KEYS)
    slowed, *_, later = (world.measure_seconds(100) for _ in range(4))
    assert [at_full_rate, later] == pytest.approx([9 / 4, 10 / 4], abs=0.3)
    assert 2 * at_full_rate < slowed < 10


def test_the_sender_compensates_for_at_most_two_seconds_of_waiting():
    for waited, made_up in ((1, 1), (60, 2)):
        world = SenderWorld(rate=10, round_trip=0.001)
        world.send(*KEYS)
        world.clock.sleep(waited)
        assert world.measure_seconds(250) == pytest.approx(25 / 10 - made_up, abs=0.2)


def test_the_sender_makes_parallel_calls_to_reach_its_rate():
    world = SenderWorld(rate=100, round_trip=0.2)
    assert world.measure_seconds(200) == pytest.approx(20 * 0.2 / 5, abs=0.2)
    assert len(world.recorded_keys("success")) == 200


def test_the_sender_records_the_keys_of_an_abandoned_submission_as_failed(world, mocker):
    mocker.patch.object(Sender, "_begin_submission").return_value.result.return_value = None
    assert world.send("a", "b") == []
    assert world.recorded_keys("failed") == {"a", "b"}
    assert world.sender.failed == {"TIMEOUT": 2}


def test_the_sender_stops_after_five_refused_batches_in_a_row(world):
    world.oms.faults.then(*[DOWN] * 20, OK, *[DOWN] * 20)
    for _ in range(9):
        assert world.send(*KEYS) == []
    assert world.sender.stopped is None
    world.oms.faults.then(*[DOWN] * 5)
    world.send(*KEYS)
    assert world.sender.stopped.why == "OMS accepted no key of 5 batches in a row, the last: UNAVAILABLE"
    assert world.send(*KEYS) == KEYS


def test_the_sender_bisects_rejected_keys_again_only_after_a_success(world):
    world.oms.faults.then(*[BAD] * 20, OK, BAD)
    for calls in (19, 20):
        world.send(*KEYS, reason="REJECTED")
        assert len(world.oms.requests) == calls
    world.send(*KEYS, reason="REJECTED")
    world.send(*KEYS, reason="REJECTED")
    assert len(world.oms.requests) > 22


def test_the_sender_does_not_stop_for_keys_that_were_rejected_before(world):
    world.oms.faults.add(BAD)
    for _ in range(6):
        world.send(*KEYS, reason="REJECTED")
    assert world.sender.stopped is None
    assert world.sender.failed == {"REJECTED": 60}
    assert json.loads(world.bucket.objects[record_name(TASK, "failed", "k0")].body)["reason"] == "REJECTED"


def test_the_sender_remembers_the_records_of_the_latest_rejected_keys(world, mocker):
    mocker.patch("oss_oms_sync.delivery.sender.MAX_REMEMBERED_REJECTIONS", 2)
    world = SenderWorld()
    world.oms.refuse(["k1", "k2", "k3"].__contains__)
    world.send(*KEYS)
    assert [record.name for record in world.sender.rejected] == [record_name(TASK, "failed", f"k{n}") for n in (2, 3)]


def test_the_sender_reports_the_oldest_failure_of_keys_that_failed_again(world):
    world.oms.faults.then(FROZEN)
    ages = ["2025", "2023", "2024", ""]
    world.sender.send([FailedKey(ObjectChange(f"k{n}"), f"{age}-01-01" if age else "") for n, age in enumerate(ages)])
    assert world.sender.oldest_failure == "2023-01-01"


def test_the_sender_logs_and_stops_at_an_error_that_concerns_all_keys(world, lines):
    world.oms.faults.then(FROZEN)
    assert world.send(*KEYS, "another") == ["another"]
    assert {"key": "k0", "reason": "ACCOUNT", "message": "frozen"} in lines()
    assert world.sender.stopped.why == f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"


def test_the_sender_submits_no_key_in_a_closed_project(world):
    ProjectState(world.invocation()).close("Li Lei", "cut over")
    assert world.send(*KEYS, "another") == [*KEYS, "another"]
    assert not world.oms.requests
    assert not world.recorded_keys("failed")
    assert world.sender.stopped.why == (
        "The project has been closed since 2026-01-02T00:00:00Z (Li Lei: cut over) and submits nothing. For the"
        " next step: python3 ops.py status"
    )


def test_the_sender_stops_if_the_project_closes_while_a_batch_is_bisected():
    # GIVEN an OMS that refuses all keys, and takes longer for a batch than the sender trusts an open mark
    world = SenderWorld(round_trip=4.0)
    world.oms.refuse(lambda _: world.bucket.add_mark(closed=True) is None)
    # THEN each key is returned or recorded as failed, and a returned key gets the reason CLOSED
    remaining_keys = world.send(*KEYS)
    assert remaining_keys
    assert {*remaining_keys, *world.recorded_keys("failed")} == {*KEYS}
    assert world.sender.stopped.stop is Stop.CLOSED
    world.sender.record_unsent([FailedKey(ObjectChange(key)) for key in remaining_keys])
    assert world.sender.failed["CLOSED"] == len(remaining_keys)


def test_the_sender_submits_no_key_if_it_cannot_read_the_closed_mark(world):
    world.bucket.fail(oss_error(403), "get")
    assert world.send(*KEYS) == KEYS
    assert not world.oms.requests
    unknown = r"Unknown whether the project is closed, so nothing is submitted: .*oss:GetObject"
    assert re.match(unknown, world.sender.stopped.why)


def test_the_sender_records_unsent_keys_or_raises_an_error(world):
    ProjectState(world.invocation()).close()
    keys = [FailedKey(ObjectChange(key)) for key in KEYS]
    assert not world.sender.may_send()
    world.sender.record_unsent(keys)
    assert world.recorded_keys("failed") == set(KEYS)
    body = json.loads(world.bucket.objects[record_name(TASK, "failed", "k0")].body)
    assert body["reason"] == "CLOSED"
    assert body["message"] == world.sender.stopped.why
    world.bucket.fail(oss_error(403))
    with pytest.raises(RecordError, match=r"10 failed keys are not recorded: .*oss:PutObject"):
        world.sender.record_unsent(keys)
