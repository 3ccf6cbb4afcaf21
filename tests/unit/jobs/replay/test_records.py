"""Failed records and run files: which of them name a key, and how none is deleted before its key is elsewhere."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import Killed
from sandbox.server.faults import Fault
from support.world import DROP_AFTER, NO_RIGHT, ROOT, UNAUTHORIZED, event, oss_error
from unit.jobs.replay.replay_world import many


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


@pytest.mark.parametrize("asked", [None, {"requestContext": {}, "requestPayload": {"events": [event("a")]}}])
def test_nothing_is_deleted_and_no_envelope_taken_before_the_run_file_stands(world, asked):
    world.fail("a")
    world.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(StorageError):
        world.replay(asked)
    assert world.failed() == {"a"}


def test_another_runs_file_is_sent_at_once_but_not_touched_until_its_lease_expires(world):
    # GIVEN a run that was killed just now
    world.fail("a")
    world.bucket.after = lambda kind, _: kind == "delete" and world.die()
    with pytest.raises(Killed):
        world.replay()
    world.bucket.after = lambda *_: None
    world.start()

    # WHEN another starts beside what may be a slow owner
    assert world.replay()["accepted"] == 1

    # THEN the file stands until the owner's time is up and a minute more
    assert world.in_run_files() == {"a"}
    world.later(240 + 61)
    world.replay()
    assert world.in_run_files() == set()


def test_a_key_whose_delete_may_still_land_is_in_doubt_until_a_later_one_is_answered(world):
    # GIVEN a delete whose answer never comes, and a key that fails again
    world.fail("a", "b")
    world.bucket.fail(Fault.lands_late(30), "delete", where=lambda name: "failed_object" in name)
    world.oms.faults.then(UNAUTHORIZED)
    world.replay()

    # WHEN it lands after the run
    assert world.failed() == {"a", "b"}
    world.bucket.heal()
    world.later(31)
    assert world.failed() == set()

    # THEN the keys are in the run file, which a run within the minute sends and does not touch
    assert world.in_run_files() == {"a", "b"}
    assert world.replay()["accepted"] == 2
    assert world.in_run_files() == {"a", "b"}

    # AND a later one, whose deletes are answered, settles
    world.later(30)
    assert world.replay()["accepted"] == 2
    assert world.failed() == world.in_run_files() == set()


def test_a_failed_record_that_cannot_be_written_back_stays_in_the_run_file(world):
    world.fail("a", "b")
    world.oms.faults.then(UNAUTHORIZED)
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: name.endswith("failed_object/a"))
    world.replay()
    assert world.failed() == {"b"}
    assert world.in_run_files() == {"a"}


def test_a_stopped_run_touches_no_further_run_file_and_counts_them_as_left(world):
    # GIVEN many run files of which nothing was sent
    for number in range(5):
        world.fail(*[f"{number} {key}" for key in range(20)])
        world.oms.faults.then(UNAUTHORIZED)
        world.replay({"prefix": f"{number} "})
    files = len(world.bucket.names(f"{ROOT}replay/"))
    assert files == 5

    # WHEN the account is still refused
    puts = world.bucket.calls["put"]
    world.oms.faults.then(UNAUTHORIZED)
    result = world.replay()

    # THEN one batch was sent, and the rest stays where it is
    assert (result["taken"], result["failed"], result["left"]) == (10, 10, 40)
    assert world.bucket.calls["put"] - puts <= 2 + 10 + 1


def test_a_choice_does_not_take_up_run_files_and_a_dry_run_counts_them(world):
    world.fail(*many(50))
    world.oms.faults.then(UNAUTHORIZED)
    world.replay()
    world.fail("x/1")
    assert world.replay({"dry_run": True})["taken"] == 51
    assert world.replay({"prefix": "x/", "limit": 1})["accepted"] == 1
    assert world.oms.accepted.keys() == {"x/1"}


def test_a_run_is_not_finished_while_a_run_file_cannot_be_read(world):
    world.fail("a")
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "success" in name)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"{}"))
    world.bucket.fail(DROP_AFTER, "get", where=lambda name: "/replay/" in name)
    assert world.replay()["finished"] is False
