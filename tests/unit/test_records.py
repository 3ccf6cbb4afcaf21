"""The records: the users' guide's layout, and long keys."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone

import pytest

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.reasons import Failure, Reason
from oss_oms_sync.records import FailedKey, failed_record, record_name, success_record
from virtual import TASK

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PREFIX = f"oms_source_record/{TASK}/"


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
    record = failed_record(TASK, FailedKey(change), Failure(Reason.THROTTLED, 429, "APIGW.0308", "too fast"), NOW)
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
