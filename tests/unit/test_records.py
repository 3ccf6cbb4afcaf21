"""The log bucket: the users' guide's layout, long keys, and what happens when a record cannot be written."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone

import pytest

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.reasons import Failure, Reason
from oss_oms_sync.records import Record, failed_record, record_name, success_record
from oss_oms_sync.retry import Deadline
from virtual import DRIP, DROP_AFTER, DROP_BEFORE, HANG, TASK, World

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PREFIX = f"oms_source_record/{TASK}/"


@pytest.fixture
def world() -> World:
    return World()


def write(world: World, *records: Record, seconds: float = 30) -> list[str]:
    return world.records.write(records, Deadline(seconds, world.clock))


def test_names_are_the_users_guides():
    assert record_name(TASK, "success", "a/山 b.txt") == f"{PREFIX}success_object/a/山 b.txt"
    assert record_name(TASK, "failed", "a") == f"{PREFIX}failed_object/a"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_key_too_long_for_the_prefix_is_named_by_its_hash(state):
    room = 1023 - len(f"{PREFIX}{state}_object/")
    fits, too_long = "é" * (room // 2), "é" * (room // 2 + 1)
    assert record_name(TASK, state, fits).endswith(fits)
    name = record_name(TASK, state, too_long)
    assert name == f"{PREFIX}{state}_object_long/{hashlib.sha256(too_long.encode()).hexdigest()}"


def test_a_success_record_names_the_accepted_version_and_is_never_empty():
    assert success_record(TASK, ObjectChange("a", etag="ABC")).body == b"ABC"
    assert success_record(TASK, ObjectChange("a")).body == b"-"


def test_a_long_keys_success_record_holds_the_key_and_keeps_the_etag_as_metadata():
    key = "海" * 341
    record = success_record(TASK, ObjectChange(key, etag="ABC"))
    assert record.body.decode() == key
    assert record.headers["x-oss-meta-etag"] == "ABC"


@pytest.mark.parametrize("key", ["a", "k" * 1023])
def test_a_failed_record_says_everything_that_is_known(key):
    change = ObjectChange(key, "ObjectCreated:PutObject", "2026-01-01T00:00:00.000Z", "ABC")
    record = failed_record(TASK, change, Failure(Reason.THROTTLED, 429, "APIGW.0308", "too fast"), NOW)
    assert json.loads(record.body) == {
        "key": key,
        "reason": "THROTTLED",
        "status": 429,
        "error_code": "APIGW.0308",
        "message": "too fast",
        "event_name": "ObjectCreated:PutObject",
        "event_time": "2026-01-01T00:00:00.000Z",
        "etag": "ABC",
        "first_failure": "2026-01-02T03:04:05Z",
        "last_failure": "2026-01-02T03:04:05Z",
    }


def test_records_are_written_with_v4_signatures_of_the_region(world):
    assert write(world, Record(f"{PREFIX}success_object/a b", b"ABC")) == [""]
    headers = world.oss.headers[f"{PREFIX}success_object/a b"]
    assert headers["Authorization"].startswith("OSS4-HMAC-SHA256 Credential=FAKEID/")
    assert "/cn-hangzhou/oss/aliyun_v4_request" in headers["Authorization"]
    assert headers["x-oss-security-token"] == "faketoken"


@pytest.mark.parametrize("fault", [500, 502, 503, 504, 429, DROP_BEFORE, DROP_AFTER, HANG])
def test_a_passing_fault_is_retried(world, fault):
    world.oss.schedule = [fault]
    assert write(world, Record("a", b"x")) == [""]
    assert world.oss.objects == {"a": b"x"}


def test_a_lost_connection_is_retried_at_once_on_a_new_one(world):
    world.oss.schedule = [DROP_BEFORE]
    write(world, Record("a", b"x"))
    assert world.clock.seconds == pytest.approx(2 * world.oss.round_trip)
    assert world.oss.closed == 1


def test_a_connection_that_was_idle_too_long_is_not_used_again(world):
    write(world, Record("a", b"x"))
    world.clock.sleep(31)
    write(world, Record("a", b"x"))
    assert world.oss.closed == 1


@pytest.mark.parametrize(
    ("status", "fix"), [(403, "oss:PutObject"), (404, "LOG_BUCKET names a bucket that does not exist")]
)
def test_a_lasting_refusal_is_not_retried_and_says_what_to_do(world, status, fix):
    world.oss.schedule = [status] * 9
    (problem,) = write(world, Record("a", b"x"))
    assert fix in problem
    assert world.oss.puts == 0
    assert len(world.oss.schedule) == 8


@pytest.mark.parametrize("fault", [HANG, DRIP, 503, DROP_BEFORE])
def test_writing_ends_by_the_deadline_and_every_unwritten_record_has_a_problem(world, fault):
    world.oss.schedule = [fault] * 1000
    records = [Record(f"k{number}", b"x") for number in range(10)]
    problems = write(world, *records, seconds=7)
    assert len(problems) == 10
    assert all(problems)
    assert world.clock.seconds <= 7


def test_no_write_is_begun_after_the_deadline(world):
    assert write(world, Record("a", b"x"), seconds=0) == ["the invocation's time was up"]
    assert world.oss.timeouts == []


def test_every_write_gets_the_smaller_of_five_seconds_and_what_is_left(world):
    write(world, Record("a", b"x"), seconds=30)
    write(world, Record("a", b"x"), seconds=2)
    assert world.oss.timeouts == [(5.0, 5.0), (2.0, 2.0)]


def test_trouble_that_oss2_lets_pass_is_a_problem_not_an_exception(world, mocker):
    import requests

    mocker.patch("oss2.Bucket.put_object", side_effect=requests.exceptions.ChunkedEncodingError("cut\nshort"))
    assert write(world, Record("a", b"x")) == ["cut short"]
