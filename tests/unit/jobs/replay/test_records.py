"""The failed records: which of them name a key, and those that cannot be read or deleted."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.replay_world import many
from support.world import NO_RIGHT, ROOT, oss_error


def test_the_objects_that_consoles_make_of_folders_are_neither_records_nor_run_files(world, problems):
    for folder in ("failed_object/", "failed_object_long/", "replay/", "replay/oss-oms-sync/"):
        world.bucket.add(StoredObject(f"{ROOT}{folder}", b""))
    world.fail("a")
    for payload in (None, {}, {"limit": 5}):
        assert world.replay(payload)["finished"]
    assert world.oms.accepted.keys() == {"a"}
    assert problems() == []


def test_a_failed_folder_of_the_source_bucket_is_a_record_like_any_other(world):
    world.fail("photos/")
    world.replay()
    assert world.oms.accepted.keys() == {"photos/"}


def test_a_record_that_cannot_be_read_is_left_where_it_is(world, problems):
    world.fail("a", "b")
    world.bucket.fail(NO_RIGHT, "get", where=lambda name: name.endswith("/a"))
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, False)
    assert world.failed() == {"a"}
    (told,) = problems()
    assert told["record"] == f"{ROOT}failed_object/a"
    assert "oss:GetObject" in told["problem"]


@pytest.mark.parametrize("body", [b"?", b'{"key": "other"}'])
def test_a_long_record_that_names_no_key_or_another_is_reported_and_left(world, problems, body):
    name = f"{ROOT}failed_object_long/{'0' * 64}"
    world.bucket.add(StoredObject(name, body))
    assert world.replay()["taken"] == 0
    problem = "names no key: look at it, and delete it when done"
    assert problems() == [{"record": name, "problem": problem}]
    assert world.bucket.names(name)


def test_a_record_that_another_run_took_meanwhile_is_passed_over(world):
    world.fail("a", "b")
    world.bucket.fail(oss_error(404, "NoSuchKey"), "get", where=lambda name: name.endswith("/a"))
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, True)


@pytest.mark.usefixtures("_small_pages")
def test_records_that_cannot_be_deleted_are_logged_and_never_stop_a_run(world, problems):
    world.fail(*many(210))
    world.bucket.fail(NO_RIGHT, "delete", where=lambda name: "failed_object" in name)
    assert world.replay()["accepted"] == 210
    assert [one["records_not_deleted"] for one in problems()] == [100, 100, 10]
    assert all("oss:DeleteObject" in one["problem"] for one in problems())
    assert len(world.failed()) == 210
    assert world.in_run_files() == set()
