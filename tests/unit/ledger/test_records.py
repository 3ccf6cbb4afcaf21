"""Records of keys: their names, which the users' guide documents, and their contents."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.objects import StoredObject, etag_of
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import (
    FailedKey,
    failed_record,
    first_outcome_time,
    parse_failed_record,
    success_etag,
    success_record,
    write_time,
)
from support.world import TASK

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
EVERYTHING = FailedKey(ObjectChange("a/山", "ObjectCreated:PutObject", "2026-01-01", "ABC"), "2025-12-31", "REFUSED")
PREFIX = f"oms_source_record/{TASK}/"


def test_the_record_names_equal_those_in_the_users_guide():
    assert record_name(TASK, "success", "a/山 b.txt") == f"{PREFIX}success_object/a/山 b.txt"
    assert record_name(TASK, "failed", "a") == f"{PREFIX}failed_object/a"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_the_record_of_a_long_key_is_named_by_a_hash(state):
    room = 1023 - len(f"{PREFIX}{state}_object/")
    fits, too_long = "é" * (room // 2), "é" * (room // 2 + 1)
    assert record_name(TASK, state, fits).endswith(fits)
    name = record_name(TASK, state, too_long)
    assert name == f"{PREFIX}{state}_object_long/{hashlib.sha256(too_long.encode()).hexdigest()}"


TEXT, LONG = {"Content-Type": "text/plain"}, "海" * 341
ROOM = 1023 - len(f"{PREFIX}success_object/")


@pytest.mark.parametrize(
    ("key", "etag", "body", "headers"),
    [
        ("a", "ABC", "ABC", TEXT),
        ("a", "", "-", TEXT),
        ("k" * ROOM, "ABC", "ABC", TEXT),
        (LONG, "ABC", LONG, {"Content-Type": "text/plain; charset=utf-8", "x-oss-meta-etag": "ABC"}),
        (LONG, "", LONG, {"Content-Type": "text/plain; charset=utf-8", "x-oss-meta-etag": "-"}),
    ],
)
def test_a_success_record_contains_the_version_and_a_long_key(key, etag, body, headers):
    record = success_record(TASK, FailedKey(ObjectChange(key, etag=etag)))
    assert record == StoredObject(record_name(TASK, "success", key), body.encode(), headers)
    assert success_etag(record) == (etag or "-")


@pytest.mark.parametrize("key", ["a", LONG])
def test_the_success_record_of_a_resent_key_has_its_first_failure_time(key):
    written = {"last-modified": "Fri, 02 Jan 2026 09:00:00 GMT"}
    record = success_record(TASK, FailedKey(ObjectChange(key, etag="ABC"), first_failure="2026-01-02T03:04:05Z"))
    as_read = StoredObject(record.name, record.body, {**record.headers, **written})
    assert first_outcome_time(as_read) == NOW.timestamp()
    record = success_record(TASK, FailedKey(ObjectChange(key, etag="ABC")))
    as_read = StoredObject(record.name, record.body, {**record.headers, **written})
    assert first_outcome_time(as_read) == write_time(as_read)


@pytest.mark.parametrize(("body", "etag"), [(b"", ""), (b"\xff", "\ufffd")])
def test_success_etag_returns_no_version_of_a_foreign_record(body, etag):
    assert success_etag(StoredObject("x", body)) == etag


@pytest.mark.parametrize(
    ("headers", "time"),
    [
        ({"last-modified": "Fri, 02 Jan 2026 03:04:05 GMT"}, NOW.timestamp()),
        ({"last-modified": "soon"}, 0),
        ({}, 0),
    ],
)
def test_write_time_returns_the_last_modified_time_of_a_record(headers, time):
    assert write_time(StoredObject("x", b"", headers)) == time


@pytest.mark.parametrize("body", [b"\xe5\xb1\xb1", "山"])
def test_etag_of_returns_the_md5_of_a_body(body):
    assert etag_of(body) == "86FA9C82D812904E41897B4D4B2A1C8F"


@pytest.mark.parametrize("key", ["a", "k" * 1023, "海" * 341])
def test_a_failed_record_of_a_key_of_any_length_is_read_back_equal(key):
    record = failed_record(TASK, replace(EVERYTHING, change=ObjectChange(key)), Failure(Reason.TIMEOUT, 408), NOW)
    assert record.name == record_name(TASK, "failed", key)
    assert record.headers == {"Content-Type": "application/json"}
    assert json.loads(record.body)["status"] == 408
    read_key = FailedKey(ObjectChange(key), "2025-12-31", "TIMEOUT", "2026-01-02T03:04:05Z")
    assert parse_failed_record(TASK, record) == read_key


@pytest.mark.parametrize("fields", [{}, {"key": 7}, {"key": ""}, None, [], "a"])
def test_an_entry_of_a_run_file_without_a_key_is_ignored(fields):
    assert FailedKey.from_json(fields) is None


@pytest.mark.parametrize("fields", [{"key": "a"}, {"key": "a", "etag": 7, "reason": None, "first_failure": []}])
def test_missing_fields_of_an_entry_of_a_run_file_are_empty(fields):
    assert FailedKey.from_json(fields) == FailedKey(ObjectChange("a", "", "", ""), "", "")


@pytest.mark.parametrize("body", [b"", b"?", b"[]", b'{"key": "another"}'])
def test_the_key_of_a_failed_record_is_read_from_its_name(body):
    assert parse_failed_record(TASK, StoredObject(f"{PREFIX}failed_object/a", body)) == FailedKey(ObjectChange("a"))


@pytest.mark.parametrize("body", [b"", b"?", b"{}", b'{"key": "another"}', json.dumps({"key": "k" * 1000}).encode()])
def test_a_failed_record_of_a_long_key_without_that_key_is_ignored(body):
    assert parse_failed_record(TASK, StoredObject(f"{PREFIX}failed_object_long/{'0' * 64}", body)) is None
