"""Run files: written before a record is deleted, and kept until their keys are elsewhere."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import Killed
from sandbox.server.faults import Fault
from support.replay_world import many
from support.world import DROP_AFTER, NO_RIGHT, ROOT, UNAUTHORIZED, oss_error


def test_nothing_is_deleted_before_the_run_file_stands(world):
    world.fail("a")
    world.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(StorageError):
        world.replay()
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


def test_an_unreadable_run_file_is_reported_and_skipped(world, problems):
    for number, body in enumerate([b"not json", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"keys": 5}']):
        world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/{number}.json", body))
    world.fail("a")
    assert world.replay()["accepted"] == 1
    assert len([one for one in problems() if "unreadable" in one["problem"]]) == 4
    assert len(world.bucket.names(f"{ROOT}replay/")) == 4


def test_a_run_is_not_finished_while_a_run_file_cannot_be_read(world):
    world.fail("a")
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "success" in name)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"{}"))
    world.bucket.fail(DROP_AFTER, "get", where=lambda name: "/replay/" in name)
    assert world.replay()["finished"] is False


def test_a_run_file_that_vanished_meanwhile_is_passed_over(world):
    world.fail("a")
    world.oms.faults.then(UNAUTHORIZED)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/x.json", b"{}"))
    world.bucket.fail(oss_error(404, "NoSuchKey"), "get", where=lambda name: "/replay/" in name)
    assert world.replay()["failed"] == 1


def test_a_run_file_that_cannot_be_written_shorter_is_logged_and_stays(world, problems):
    world.fail(*many(30))
    world.oms.faults.then(UNAUTHORIZED)
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "/replay/" in name and bool(world.in_run_files()))
    world.replay()
    assert world.in_run_files() == set(many(30))
    assert any("run_file" in one for one in problems())


def test_a_run_file_that_cannot_be_shrunk_stays_as_it_was(world):
    world.fail("a")
    world.bucket.fail(NO_RIGHT, "delete", where=lambda name: "/replay/" in name)
    assert world.replay()["accepted"] == 1
    assert world.in_run_files() == {"a"}


def test_a_run_file_that_cannot_be_deleted_is_logged(world, problems):
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b'{"busy_until": "", "keys": []}'))
    world.bucket.fail(NO_RIGHT, "delete", where=lambda name: "/replay/" in name)
    world.replay()
    assert any("run_file" in one for one in problems())
