"""Run files: written before a record is deleted, and kept until their keys are elsewhere."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.errors import StorageError
from support.fake_bucket import NO_RIGHT, ROOT, Died
from support.replay_world import LOST, UNAUTHORIZED, many


def test_nothing_is_deleted_before_the_run_file_stands(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" else None
    with pytest.raises(StorageError):
        world.replay()
    assert world.failed() == {"a"}


def test_another_runs_file_is_sent_at_once_but_not_touched_until_its_lease_expires(world):
    # GIVEN a run that was killed just now
    world.fail("a")
    world.oms.send = lambda *_, **__: (_ for _ in ()).throw(Died)
    with pytest.raises(Died):
        world.replay()
    del world.oms.send

    # WHEN another starts beside what may be a slow owner
    assert world.replay()["accepted"] == 1

    # THEN the file stands until the owner's time is up and a minute more
    assert world.in_run_files() == {"a"}
    world.clock.sleep(240 + 61)
    world.replay()
    assert world.in_run_files() == set()


def test_a_key_whose_delete_may_still_land_is_in_doubt_until_a_later_one_is_answered(world):
    # GIVEN a delete whose answer never comes, and a key that fails again
    world.fail("a", "b")
    world.bucket.problem = lambda kind, name: LOST if kind == "delete" and "failed_object" in name else None
    world.oms.schedule = [UNAUTHORIZED]
    world.replay()

    # WHEN it lands after the run
    world.bucket.problem = lambda kind, name: None
    world.bucket.land_late_deletes()

    # THEN the keys are in the run file, which a run within the minute sends and does not touch
    assert world.in_run_files() == {"a", "b"}
    assert world.replay()["accepted"] == 2
    assert world.in_run_files() == {"a", "b"}

    # AND a later one, whose deletes are answered, settles
    world.clock.sleep(61)
    assert world.replay()["accepted"] == 2
    assert world.failed() == world.in_run_files() == set()


def test_a_failed_record_that_cannot_be_written_back_stays_in_the_run_file(world):
    world.fail("a", "b")
    world.oms.schedule = [UNAUTHORIZED]
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" and name.endswith("failed_object/a") else None
    world.replay()
    assert world.failed() == {"b"}
    assert world.in_run_files() == {"a"}


def test_a_stopped_run_touches_no_further_run_file_and_counts_them_as_left(world):
    # GIVEN many run files of which nothing was sent
    for number in range(5):
        world.fail(*[f"{number} {key}" for key in range(20)])
        world.oms.schedule = [UNAUTHORIZED]
        world.replay({"prefix": f"{number} "})
    files = len(world.bucket.names(f"{ROOT}replay/"))
    assert files == 5

    # WHEN the account is still refused
    world.bucket.calls.clear()
    world.oms.schedule = [UNAUTHORIZED]
    result = world.replay()

    # THEN one batch was sent, and the rest stays where it is
    assert (result["taken"], result["failed"], result["left"]) == (10, 10, 40)
    assert world.bucket.calls["put"] <= 2 + 10 + 1


def test_a_choice_does_not_take_up_run_files_and_a_dry_run_counts_them(world):
    world.fail(*many(50))
    world.oms.schedule = [UNAUTHORIZED]
    world.replay()
    world.fail("x/1")
    assert world.replay({"dry_run": True})["taken"] == 51
    assert world.replay({"prefix": "x/", "limit": 1})["accepted"] == 1
    assert world.oms.accepted.keys() == {"x/1"}


def test_an_unreadable_run_file_is_reported_and_skipped(world, caplog):
    for number, body in enumerate([b"not json", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"keys": 5}']):
        world.bucket.add(StoredObject(f"{ROOT}replay/{number}.json", body))
    world.fail("a")
    assert world.replay()["accepted"] == 1
    assert len([record for record in caplog.records if "unreadable" in str(record.msg)]) == 4
    assert len(world.bucket.names(f"{ROOT}replay/")) == 4


def test_a_run_is_not_finished_while_a_run_file_cannot_be_read(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" and "success" in name else None
    world.bucket.add(StoredObject(f"{ROOT}replay/1.json", b"{}"))
    world.bucket.problem = lambda kind, name: LOST if kind == "get" and "/replay/" in name else None
    assert world.replay()["finished"] is False


def test_a_run_file_that_vanished_meanwhile_is_passed_over(world):
    world.fail("a")
    world.oms.schedule = [UNAUTHORIZED]
    world.bucket.add(StoredObject(f"{ROOT}replay/x.json", b"{}"))
    gone = StorageFailure("there is none", answered=True, code="NoSuchKey")
    world.bucket.problem = lambda kind, name: gone if kind == "get" and "/replay/" in name else None
    assert world.replay()["failed"] == 1


def test_a_run_file_that_cannot_be_written_shorter_is_logged_and_stays(world, caplog):
    world.fail(*many(30))
    world.oms.schedule = [UNAUTHORIZED]
    run_file_puts = []

    def problem(kind, name):
        run_file_puts.extend([name] if kind == "put" and "/replay/" in name else [])
        return NO_RIGHT if len(run_file_puts) == 2 and kind == "put" and "/replay/" in name else None

    world.bucket.problem = problem
    world.replay()
    assert world.in_run_files() == set(many(30))
    assert any("run_file" in str(record.msg) for record in caplog.records)


def test_a_run_file_that_cannot_be_shrunk_stays_as_it_was(world):
    world.fail("a")
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" and "/replay/" in name else None
    assert world.replay()["accepted"] == 1
    assert world.in_run_files() == {"a"}


def test_a_run_file_that_cannot_be_deleted_is_logged(world, caplog):
    world.bucket.add(StoredObject(f"{ROOT}replay/1.json", b'{"busy_until": "", "keys": []}'))
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "delete" and "/replay/" in name else None
    world.replay()
    assert any("run_file" in str(record.msg) for record in caplog.records)
