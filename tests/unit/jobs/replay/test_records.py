"""The failed records: which of them name a key, and those that cannot be read or deleted."""

from __future__ import annotations

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from support.fake_bucket import NO_RIGHT, ROOT
from support.replay_world import many


def test_the_objects_that_consoles_make_of_folders_are_neither_records_nor_run_files(world, caplog):
    for folder in ("failed_object/", "failed_object_long/", "replay/"):
        world.bucket.add(StoredObject(f"{ROOT}{folder}", b""))
    world.fail("a")
    for payload in (None, {}, {"limit": 5}):
        assert world.replay(payload)["finished"]
    assert world.oms.accepted.keys() == {"a"}
    assert caplog.records == []


def test_a_failed_folder_of_the_source_bucket_is_a_record_like_any_other(world):
    world.fail("photos/")
    world.replay()
    assert world.oms.accepted.keys() == {"photos/"}


def test_a_record_that_cannot_be_read_is_left_where_it_is(world, caplog):
    world.fail("a", "b")
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "get" and name.endswith("/a") else None
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, False)
    assert world.failed() == {"a"}
    assert {"record": f"{ROOT}failed_object/a", "problem": "no"} in [record.msg for record in caplog.records]


def test_a_long_record_that_names_no_key_is_reported_and_left(world, caplog):
    name = f"{ROOT}failed_object_long/{'0' * 64}"
    world.bucket.add(StoredObject(name, b"?"))
    world.replay()
    problem = "names no key: look at it, and delete it when done"
    assert [record.msg for record in caplog.records] == [{"record": name, "problem": problem}]
    assert world.bucket.names(name)


def test_a_long_record_that_names_another_key_is_reported_and_left(world):
    world.bucket.add(StoredObject(f"{ROOT}failed_object_long/{'0' * 64}", b'{"key": "other"}'))
    assert world.replay()["taken"] == 0


def test_a_record_that_another_run_took_meanwhile_is_passed_over(world):
    world.fail("a", "b")
    gone = StorageFailure("there is none", answered=True, code="NoSuchKey")
    world.bucket.problem = lambda kind, name: gone if kind == "get" and name.endswith("/a") else None
    result = world.replay()
    assert (result["accepted"], result["finished"]) == (1, True)


def test_records_that_cannot_be_deleted_are_logged_and_never_stop_a_run(world, caplog):
    world.fail(*many(2100))
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" and "failed_object" in name else None
    assert world.replay()["accepted"] == 2100
    told = {"problem": "no"}
    assert [record.msg for record in caplog.records] == [
        {**told, "records_not_deleted": number} for number in (1000, 1000, 100)
    ]
    assert len(world.failed()) == 2100
    assert world.in_run_files() == set()
