"""Failed records and run files: the objects that have a key, and the time when each of them is deleted.

No such object is deleted before its key is stored elsewhere. In a closed project every key stays in place.
"""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Failure, Reason, RecordError, StorageError
from oss_oms_sync.ledger.closing import ProjectState
from sandbox.inprocess.instance import InstanceKilled
from sandbox.server.faults import Fault
from support.world import DROP_AFTER, NO_RIGHT, ROOT, TICK, UNAUTHORIZED, event, oss_error
from unit.jobs.replay.replay_world import ReplayWorld, many


def test_replay_takes_no_folder_marker_for_a_record_or_run_file(world, problems):
    for folder in ("failed_object/", "failed_object_long/", "replay/", "replay/oss-oms-sync/"):
        world.bucket.add(StoredObject(f"{ROOT}{folder}", b""))
    # The record of a folder of the source bucket is a record like any other.
    world.put_failed("a", "photos/")
    for payload in (None, {}, {"limit": 5}):
        assert world.invoke("replay", payload)["finished"]
    assert world.oms.accepted.keys() == {"a", "photos/"}
    assert problems() == []


def test_replay_keeps_a_failed_record_that_it_cannot_read(world, problems):
    world.put_failed("a", "b")
    world.bucket.fail(NO_RIGHT, "get", where=lambda name: name.endswith("/a"))
    result = world.replay()
    assert result["accepted"] == 1
    assert result["finished"] is False
    assert world.bucket.failed_keys() == {"a"}
    (problem,) = problems()
    assert problem["record"] == f"{ROOT}failed_object/a"
    assert "oss:GetObject" in problem["problem"]


@pytest.mark.parametrize("body", [b"?", b'{"key": "other"}'])
def test_replay_reports_and_keeps_a_long_record_that_contains_no_key(world, problems, body):
    name = f"{ROOT}failed_object_long/{'0' * 64}"
    world.bucket.add(StoredObject(name, body))
    assert world.replay()["taken"] == 0
    problem = "contains no key: check the record, then delete it"
    assert problems() == [{"record": name, "problem": problem}]
    assert world.bucket.names(name)


def test_replay_skips_a_failed_record_that_another_run_deleted(world):
    world.put_failed("a", "b")
    world.bucket.fail(oss_error(404, "NoSuchKey"), "get", where=lambda name: name.endswith("/a"))
    result = world.replay()
    assert result["accepted"] == 1
    assert result["finished"] is True


@pytest.mark.usefixtures("_small_pages")
def test_replay_continues_if_it_cannot_delete_failed_records(world, problems):
    world.put_failed(*many(210))
    world.bucket.fail(NO_RIGHT, "delete", where=lambda name: "failed_object" in name)
    assert world.replay()["accepted"] == 210
    messages = [(problem["records_not_deleted"], "oss:DeleteObject" in problem["problem"]) for problem in problems()]
    assert messages == [(100, True), (100, True), (10, True)]
    assert len(world.bucket.failed_keys()) == 210
    assert world.bucket.keys_in_run_files() == set()


@pytest.mark.parametrize("options", [None, {"requestContext": {}, "requestPayload": {"events": [event("a")]}}])
def test_replay_deletes_failed_records_only_after_writing_the_run_file(world, options):
    world.put_failed("a")
    world.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(StorageError):
        world.invoke("replay", options)
    assert world.bucket.failed_keys() == {"a"}


def test_replay_takes_over_a_run_file_only_after_its_lease_expired(world):
    # GIVEN a run that was killed just now
    world.put_failed("a")
    world.bucket.after = lambda kind, _: kind == "delete" and world.die()
    with pytest.raises(InstanceKilled):
        world.replay()
    world.bucket.after = lambda *_: None
    world.start()

    # WHEN another run starts, while the first may only be slow
    assert world.replay()["accepted"] == 1

    # THEN the file is kept until a minute after the planned end of the first run
    assert world.bucket.keys_in_run_files() == {"a"}
    world.advance(240 + 61)
    world.replay()
    assert world.bucket.keys_in_run_files() == set()


def test_a_key_stays_in_its_run_file_until_its_record_is_surely_deleted(world):
    # GIVEN a delete whose answer never comes, and a key that fails again
    world.put_failed("a", "b")
    world.bucket.fail(Fault.lands_late(30), "delete", where=lambda name: "failed_object" in name)
    world.oms.faults.then(UNAUTHORIZED)
    world.replay()

    # WHEN the delete takes effect after the run
    assert world.bucket.failed_keys() == {"a", "b"}
    world.bucket.heal()
    world.advance(31)
    assert world.bucket.failed_keys() == set()

    # THEN the keys are in the run file; a run within the minute submits them and leaves the file unchanged
    assert world.bucket.keys_in_run_files() == {"a", "b"}
    assert world.replay()["accepted"] == 2
    assert world.bucket.keys_in_run_files() == {"a", "b"}

    # AND a later run, whose deletes are answered, removes them
    world.advance(30)
    assert world.replay()["accepted"] == 2
    assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set()


def test_a_key_stays_in_its_run_file_if_its_record_cannot_be_written_back(world):
    world.put_failed("a", "b")
    world.oms.faults.then(UNAUTHORIZED)
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: name.endswith("failed_object/a"))
    world.replay()
    assert world.bucket.failed_keys() == {"b"}
    assert world.bucket.keys_in_run_files() == {"a"}


def test_a_stopped_replay_counts_keys_of_unread_run_files_as_left(world):
    # GIVEN many run files, of which no key was submitted
    for number in range(5):
        world.put_failed(*[f"{number} {key}" for key in range(20)])
        world.oms.faults.then(UNAUTHORIZED)
        world.replay(prefix=f"{number} ")
    assert len(world.bucket.names(f"{ROOT}replay/")) == 5

    # WHEN the account is still refused
    puts = world.bucket.calls["put"]
    world.oms.faults.then(UNAUTHORIZED)
    result = world.replay()

    # THEN a single batch was submitted, and the other keys stay in their files
    assert result["taken"] == 10
    assert result["failed"] == 10
    assert result["left"] == 40
    assert world.bucket.calls["put"] - puts <= 2 + 10 + 1


def test_replay_of_selected_keys_takes_over_no_run_files(world):
    world.put_failed(*many(50))
    world.oms.faults.then(UNAUTHORIZED)
    world.replay()
    world.put_failed("x/1")
    assert world.replay(dry_run=True)["taken"] == 51
    assert world.replay(prefix="x/", limit=1)["accepted"] == 1
    assert world.oms.accepted.keys() == {"x/1"}


def test_replay_is_not_finished_if_it_cannot_read_a_run_file(world):
    world.put_failed("a")
    world.bucket.fail(NO_RIGHT, "put", where=lambda name: "success" in name)
    world.bucket.add(StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", b"{}"))
    world.bucket.fail(DROP_AFTER, "get", where=lambda name: "/replay/" in name)
    assert world.replay()["finished"] is False


# While the project is closed, replay submits nothing.

CLOSED = "and submits nothing. For the next step: python3 ops.py status"
ENVELOPE = {"requestContext": {}, "requestPayload": {"events": [event("a"), event("b")]}}


@pytest.fixture
def closed(world) -> ReplayWorld:
    ProjectState(world.invocation()).close("Li Lei")
    return world


def closing(world: ReplayWorld) -> ProjectState:
    return ProjectState(world.invocation())


@pytest.mark.parametrize(
    "options", [None, {"limit": 1}, {"prefix": "key"}, {"reason": "THROTTLED"}, {"keys": ["key 00000", "by hand"]}]
)
def test_replay_of_a_closed_project_keeps_records_and_prints_open_command(closed, options):
    closed.put_failed(*many(3))
    closed.bucket.add_run_file("a", "b")
    before = dict(closed.bucket.objects)
    result = closed.invoke("replay", options)
    assert result["taken"] == 0
    assert result["accepted"] == 0
    assert result["finished"] is False
    assert CLOSED in result["stopped"]
    assert closed.oms.calls == []
    assert {name: closed.bucket.objects[name] for name in before} == before
    assert closed.bucket.keys_in_run_files() == {"a", "b"}

    # AND after the opening, all keys are submitted
    closing(closed).open()
    assert closed.replay()["accepted"] == 5
    assert closed.bucket.failed_keys() == closed.bucket.keys_in_run_files() == set()


@pytest.mark.parametrize(
    ("failed", "options", "expected"),
    [
        (0, None, {"taken": 0, "by_reason": {}, "finished": True, "stopped": None}),
        (3, {"dry_run": True}, {"taken": 3, "by_reason": {"THROTTLED": 3}, "stopped": None}),
    ],
    ids=["no key to submit", "a dry run"],
)
def test_replay_without_keys_to_submit_succeeds_in_a_closed_project(closed, failed, options, expected):
    closed.put_failed(*many(failed))
    result = closed.invoke("replay", options)
    assert result == {**result, **expected}


def test_replay_records_events_that_forward_gave_up_in_a_closed_project(closed):
    result = closed.invoke("replay", ENVELOPE)
    assert result["failed"] == 2
    assert result["by_reason"] == {"CLOSED": 2}
    assert CLOSED in result["stopped"]
    assert {key: closed.bucket.failed_record(key)["reason"] for key in closed.bucket.failed_keys()} == {
        "a": "CLOSED",
        "b": "CLOSED",
    }
    assert not closed.oms.calls


def test_a_close_during_replay_loses_no_key_that_forward_gave_up(world, mocker):
    # GIVEN a run that first reads the mark of an open project, and then that of a closed project
    mocker.patch.object(ProjectState, "refusal", side_effect=[None, *[Failure(Reason.CLOSED, message="closed")] * 9])
    world.invoke("replay", ENVELOPE)

    # THEN the only copy of its keys is not lost
    assert not world.oms.calls
    assert world.bucket.failed_keys() | world.bucket.keys_in_run_files() == {"a", "b"}


def test_replay_raises_an_error_if_it_cannot_record_the_keys_of_an_event(closed):
    closed.bucket.fail(NO_RIGHT, "put")
    with pytest.raises(RecordError):
        closed.invoke("replay", ENVELOPE)


def test_replay_keeps_all_records_if_it_cannot_read_the_closed_mark(world):
    world.put_failed(*many(3))
    world.bucket.fail(NO_RIGHT, where=lambda name: "/state/closed" in name)
    stopped = world.replay()["stopped"]
    assert stopped.startswith("Unknown whether the project is closed, so nothing is submitted: the function's role")
    assert world.bucket.failed_keys() == set(many(3))
    assert world.bucket.keys_in_run_files() == set()
    assert world.oms.calls == []
    assert world.invoke("replay", ENVELOPE)["failed"] == 2
    assert world.bucket.failed_keys() == {*many(3), "a", "b"}


def test_a_close_during_replay_keeps_unsubmitted_keys_in_the_run_file():
    # GIVEN a run that sends a batch in ten seconds, during which the project is closed
    world = ReplayWorld(OMS_RATE="0.1")
    world.put_failed(*many(200))

    def close(kind: str, names: object) -> None:
        if kind == "put" and len(world.oms.calls) == 3:
            world.bucket.after = lambda *_: None
            closing(world).close()

    world.bucket.after = close

    # WHEN the run continues, THEN it ends within a minute, and no key is lost
    result = world.replay()
    assert CLOSED in result["stopped"]
    assert len(world.oms.calls) == 6
    assert world.bucket.keys_in_run_files() == set(many(200)[60:])
    closing(world).open()
    world.clock.sleep(400)
    while not world.replay()["finished"]:
        world.clock.sleep(400)
    assert world.oms.accepted.keys() == set(many(200))


def test_replay_by_the_timer_writes_a_missing_closed_mark_as_open(world):
    name = closing(world).name
    del world.bucket.objects[name]
    for options, is_written in (({}, False), (TICK, True)):
        world.invoke("replay", options)
        assert (name in world.bucket.objects) == is_written
