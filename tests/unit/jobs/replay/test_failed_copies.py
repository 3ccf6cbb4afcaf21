"""Objects that OMS failed to copy: replay resends their keys after a check of the source."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.oss.objects import etag_of
from support.law import HOSTILE
from support.world import HOUR, MINUTE, NO_RIGHT, OK, ROOT, UNAUTHORIZED, oms_error, oss_error, record_name
from unit.jobs.replay.replay_world import CODE, ReplayWorld

ETAG = etag_of(b"contents")


def test_replay_resends_the_objects_that_oms_lists_as_failed(world):
    keys = ["a", *(key for key in HOSTILE if len(key.encode()) <= 1023)]
    world.put_old(*keys)
    assert world.count_lines() == {}
    world.list_failed(*keys)
    answer = world.tick("replay")
    assert answer["copies"]["recorded"] == len(keys)
    assert answer["accepted"] == len(keys)
    assert answer["left"] == 0
    assert sorted(world.take_sent_keys()) == sorted(keys)
    assert world.bucket.failed_keys() == set()
    assert world.count_lines() == {}
    assert world.take_sent_keys() == []


def test_a_failed_record_has_the_error_of_oms_and_the_source_version(world):
    world.fail_to_copy("a")
    world.bucket.fail(NO_RIGHT, "list", where=lambda name: "/replay/" in name)
    with pytest.raises(StorageError):
        world.tick("replay")
    expected = {"reason": "COPY_FAILED", "error_code": CODE, "message": "timed out", "etag": ETAG, "copy_attempts": 1}
    record = world.bucket.failed_record("a")
    assert record == {**record, **expected}
    assert "not_before" not in record


def test_a_failed_copy_never_replaces_a_failed_record_with_reason_closed(world):
    # GIVEN a version written after the close, and a failed copy of the previous version
    world.fail_to_copy("a")
    world.bucket.add_mark(closed=True)
    world.put_failed("a", reason="CLOSED")
    # THEN reading OMS's list leaves its record as it is
    assert world.count_lines()["recorded"] == 1
    assert world.bucket.failed_record("a")["reason"] == "CLOSED"


@pytest.mark.parametrize("key", ["a", "k" * 1000])
def test_the_success_record_of_a_resent_copy_counts_its_attempts(world, key):
    world.fail_to_copy(key)
    world.tick("replay")
    record = world.bucket.objects[record_name("success", key)]
    etag = record.headers.get("x-oss-meta-etag", record.body.decode())
    assert etag == f"{ETAG} again"
    assert record.headers["x-oss-meta-copy-attempts"] == "1"


def test_replay_counts_a_refused_resend_of_a_failed_copy_as_a_resend(world):
    world.fail_to_copy("a")
    world.oms.faults.then(OK, UNAUTHORIZED)
    world.tick("replay")
    assert world.bucket.failed_record("a")["reason"] == "CREDENTIALS"
    world.oms.faults.clear()
    world.tick("replay")
    assert world.bucket.record_body("success", "a").endswith(b" again")


def delete_object(world: ReplayWorld) -> None:
    del world.source.objects["a"]


def write_link(world: ReplayWorld) -> None:
    world.source.add(StoredObject("a", b"b", {"x-oss-object-type": "Symlink"}))


def accept_again(world: ReplayWorld) -> None:
    world.bucket.modified[f"{ROOT}success_object/a"] += 24 * HOUR


@pytest.mark.parametrize(
    ("prepare", "outcome"),
    [
        (delete_object, "gone"),
        (write_link, "symlinks"),
        (accept_again, "accepted_again"),
    ],
)
def test_replay_does_not_record_a_failed_copy_that_needs_no_resend(world, prepare, outcome):
    world.fail_to_copy("a")
    prepare(world)
    assert world.count_lines() == {"lists": 1, outcome: 1}
    assert world.bucket.failed_keys() == set()
    assert world.take_sent_keys() == []


def test_replay_resends_a_copy_that_failed_in_the_second_of_acceptance(world):
    # The record is written when OMS has answered; meanwhile it may have failed to copy the object.
    world.fail_to_copy("a")
    world.bucket.modified[f"{ROOT}success_object/a"] = int(world.clock.now().timestamp()) + 60
    assert world.send_by_tick() == ["a"]


def test_replay_resends_a_failed_copy_whose_time_has_another_zone(world):
    # A time in UTC is read as eight hours too early, before the last acceptance.
    world.put_old("a")
    text = world.line("a").replace("2026-01-02 08:00", "2026-01-02 00:00")
    world.list_failed(text=text)
    assert world.send_by_tick() == ["a"]


def test_replay_resends_no_failed_copy_of_another_project():
    world = ReplayWorld(OBJECT_PREFIX="mine/")
    world.put_old("mine/a", "theirs/a")
    world.list_failed("mine/a", "theirs/a", "oms_source_record/x")
    counts = world.count_lines()
    assert counts["recorded"] == 1
    assert counts["outside"] == 2
    assert world.take_sent_keys() == ["mine/a"]


def test_replay_counts_unreadable_lines_of_a_list_and_resends_the_others(world):
    world.put_old("a")
    world.list_failed(text=f"{world.line('a')}UPLOAD_DST_OBJ_FAILURE;2026;x\n")
    totals = {"unread_in_all": 1, "unread_example": "UPLOAD_DST_OBJ_FAILURE;2026;x"}
    assert world.count_lines() == {"lists": 1, "recorded": 1, "unread": 1, **totals}
    assert world.take_sent_keys() == ["a"]
    # AND the counts stay stored, so that status can show them
    assert world.count_lines() == totals


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_replay_counts_unreadable_lists_once_and_reads_the_other_lists(world, code):
    world.put_old("a", "b")
    refused = [world.list_failed("a", sub=sub) for sub in ("01", "02")]
    world.list_failed("b", sub="03")
    world.destination.fail(oss_error(403, code), "get", lambda name: name in refused)
    counts = world.count_lines()
    assert counts["unread"] == 2
    assert counts["recorded"] == 1
    assert counts.get("stopped") is None
    assert world.take_sent_keys() == ["b"]
    assert code in counts["unread_example"]
    world.advance(60)
    assert world.count_lines()["unread_in_all"] == 2


def test_replay_retries_an_unreadable_list_of_failed_copies_each_hour(world):
    # GIVEN a list that is refused while others can be read, because a grant takes effect
    world.put_old("a", "b")
    others = [world.list_failed("b", sub=sub) for sub in ("01", "02", "03")]
    refused = world.list_failed("a", sub="04")
    world.destination.fail(oss_error(403), "get", lambda name: name == refused)
    for is_asked in (True, False, True):
        before = world.destination.calls["get"]
        assert world.count_lines()["unread_in_all"] == 1
        assert (world.destination.calls["get"] > before) == is_asked
        world.advance(31 * MINUTE)

    # WHEN the other lists are refused as well, THEN a new list is still read
    world.put_old("c")
    world.list_failed("c", sub="05")
    world.destination.fail(oss_error(403), "get", lambda name: name in others)
    world.advance(HOUR)
    world.take_sent_keys()
    assert world.send_by_tick() == ["c"]

    # WHEN the list can be read, THEN it is read, and no line counts as unread
    world.destination.heal()
    world.advance(HOUR)
    assert world.count_lines() == {"lists": 1, "recorded": 1}
    assert world.take_sent_keys() == ["a"]


def test_replay_ignores_lists_of_oms_older_than_the_installation(world):
    world.put_old("a")
    world.destination.modified[world.list_failed("a")] -= 3 * HOUR
    for seconds in (0, 2 * HOUR):
        world.advance(seconds)
        assert world.count_lines() == {}


def test_replay_reads_lists_that_oms_wrote_while_obs_refused_the_search(world):
    del world.bucket.objects[f"{ROOT}state/installed.json"]
    world.destination.fail(oss_error(403))
    world.tick("replay")
    world.fail_to_copy("a")
    world.advance(3 * HOUR)
    world.tick("replay")
    world.destination.heal()
    assert world.send_by_tick() == ["a"]


@pytest.mark.parametrize(
    ("kind", "right"), [("list", "obs:bucket:ListBucket"), ("get", "obs:object:GetObject")], ids=["list", "get"]
)
def test_replay_resends_records_without_the_permission_to_read_lists(world, caplog, problems, kind, right):
    world.destination.fail(oss_error(403), kind)
    world.fail_to_copy("a")
    world.list_failed("deleted", sub="02")
    world.put_failed("b")
    for _ in range(2):
        answer = world.tick("replay")
        assert right in answer["copies"]["stopped"]
        assert answer["finished"] is True
        assert answer["stopped"] is None
    assert world.take_sent_keys() == ["b"]
    assert sum("failed_copies" in record.msg for record in caplog.records) == 1
    assert problems() == []

    # AND when the permission is granted, no list was skipped
    world.destination.heal()
    assert world.send_by_tick() == ["a"]


@pytest.mark.parametrize(
    ("bucket", "kind", "object_name"),
    [
        ("source", "find", "a"),
        ("bucket", "get", f"{ROOT}success_object/a"),
        ("bucket", "put", f"{ROOT}failed_object/a"),
    ],
)
def test_replay_reads_lines_again_that_it_could_not_check_or_record(world, bucket, kind, object_name):
    world.put_old("a", "b")
    world.list_failed("a")
    world.advance(1)
    world.list_failed("b")
    refusing_bucket = getattr(world, bucket)
    refusing_bucket.fail(oss_error(409, "Busy"), kind, where=lambda name: name == object_name)
    assert "answered 409 Busy" in world.count_lines()["stopped"]
    assert world.take_sent_keys() == []
    refusing_bucket.heal()
    assert world.send_by_tick() == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "answer", "reason"),
    [
        ({"SOURCE_BUCKET": ""}, OK, "SOURCE_BUCKET is empty"),
        ({}, oms_error(404), "OMS does not report the destination bucket: NO_TASK"),
    ],
    ids=["no source bucket", "no destination"],
)
def test_replay_reports_why_it_read_no_list_of_oms_and_resends_records(settings, answer, reason):
    world = ReplayWorld(**settings)
    world.put_failed("b")
    world.oms.faults.then(answer)
    assert reason in world.tick("replay")["copies"]["stopped"]
    assert world.take_sent_keys() == ["b"]


def test_replay_leaves_most_of_its_time_to_resending_records(world):
    # GIVEN lists that take long to read, and a failed record
    for number in range(20):
        world.list_failed(f"gone {number}", name=f"{number:03}")
    world.put_failed("b")
    world.destination.before = lambda kind, _: kind == "get" and world.advance(5)

    # WHEN a run has four minutes, THEN it reads lists for one minute, and then submits keys
    first = world.tick("replay", timeout=240)["copies"]
    assert first["stop"] == "time"
    assert world.take_sent_keys() == ["b"]
    assert 10 <= first["gone"] <= 14


@pytest.mark.parametrize("payload", [{}, {"prefix": "a"}, {"keys": ["b"]}, {"dry_run": True}])
def test_only_replay_by_the_timer_reads_lists_and_never_writes_to_obs(world, payload):
    world.fail_to_copy("a")
    assert world.invoke("replay", payload)["copies"] is None
    assert not world.destination.calls
    world.tick("replay")
    assert world.destination.calls.keys() == {"list", "get"}
