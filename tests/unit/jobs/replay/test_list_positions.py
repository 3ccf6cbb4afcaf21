"""Lists are read once, wherever new ones sort and however they grow."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.ledger.list_positions import MAX_RECENT, MAX_SUB_TASKS, Listed, ListPosition, ListPositions
from support.copies_world import FOLDER, HOUR, MINUTE, CopiesWorld


@pytest.fixture
def world() -> CopiesWorld:
    world = CopiesWorld()
    world.upload(*(f"key {number:03}" for number in range(300)))
    return world


def test_sub_tasks_may_sort_in_any_order(world):
    for sub in ("05", "01", "09", "03"):
        world.list_failed(f"key 0{sub}", sub=sub)
        world.tick()
        assert world.sent() == [f"key 0{sub}"]
        world.later(5 * MINUTE)


def test_a_list_that_grows_is_read_on_where_it_ended(world):
    name = world.list_failed("key 001", "key 002")
    world.tick()
    world.sent()
    body = world.there.objects[name].body
    world.later(5 * MINUTE)
    world.there.add(StoredObject(name, body + world.line("key 003").encode()))
    told = world.copies()
    assert told == {"lists": 1, "recorded": 1}
    assert world.sent() == ["key 003"]


def test_a_last_line_that_is_written_on_is_read_whole(world):
    name = world.list_failed(text=world.line("key 001") + "UPLOAD_DST_OBJ_FAILURE,2026-01-02 08:00:00,key%20002,key")
    assert world.copies()["unread"] == 1
    body = world.there.objects[name].body
    world.later(5 * MINUTE)
    world.there.add(StoredObject(name, body + b" 002,no\n"))
    world.sent()
    assert world.copies()["recorded"] == 1
    assert world.sent() == ["key 002"]


def test_a_list_that_was_written_anew_is_read_from_its_beginning(world):
    name = world.list_failed("key 001", "key 002")
    world.tick()
    world.sent()
    world.later(5 * MINUTE)
    world.there.add(StoredObject(name, "".join(map(world.line, ["key 003", "key 004", "key 005"])).encode()))
    world.tick()
    assert world.sent() == ["key 003", "key 004", "key 005"]


def test_a_list_that_comes_late_is_read_within_the_hour(world):
    world.list_failed("key 001", name="2000")
    world.tick()
    world.sent()
    world.later(5 * MINUTE)
    world.list_failed("key 002", name="1000")
    sent = []
    for _ in range(13):
        world.tick()
        sent += world.sent()
        world.later(5 * MINUTE)
    assert sent == ["key 002"]


def test_a_new_list_of_a_known_sub_task_is_read_whatever_its_time_says(world):
    world.list_failed("key 001", name="1000")
    for _ in range(2):
        world.tick()
        world.later(61 * MINUTE)
    name = world.list_failed("gone", name="2000")
    world.there.modified[name] -= 3 * HOUR
    assert world.copies() == {"lists": 1, "gone": 1}


def test_a_full_look_reads_no_list_twice(world):
    for number in range(20):
        world.list_failed(f"key {number:03}", name=str(1000 + number))
    assert world.copies()["lists"] == 20
    for _ in range(5):
        world.later(61 * MINUTE)
        assert world.copies() == {}


def test_new_lists_among_thousands_of_old_ones_are_found_by_a_few_calls(world):
    names = [f"{FOLDER}{number % 3}/{10_000 + number}.failed_list.txt" for number in range(6000)]
    world.obs.fill(world.there.name, names, size=9, age=3 * HOUR)
    while world.tick()["copies"]["stopped"]:
        pass
    world.later(5 * MINUTE)
    world.list_failed("key 001", sub="1", name="20000")
    before = world.there.calls["list"]
    world.tick()
    assert world.sent() == ["key 001"]
    # One at the beginning, and one for each sub-task.
    assert world.there.calls["list"] - before <= 4


def test_a_large_list_is_read_in_parts_over_several_runs(world, mocker):
    # GIVEN a list of several parts, and a look at each object that takes a while
    mocker.patch("oss_oms_sync.jobs.replay.failed_copies._PART_BYTES", 32 * 1024)
    many = [f"key {number:03}" for number in range(200)]
    world.list_failed(text="".join(map(world.line, ["x" * 900, *many])) * 3)
    world.oss.latency(listing=2)
    told, lines, runs = {"stopped": "x"}, 0, 0
    while told["stopped"]:
        told = world.tick(timeout=100)["copies"]
        lines += sum(told[name] for name in ("gone", "recorded", "accepted_again"))
        runs += 1
        world.later(100)
    # Within a group, a key that is named twice counts once.
    assert 600 <= lines <= 603
    assert runs > 2
    assert set(world.sent()) == set(many)


def test_state_that_is_unreadable_begins_anew():
    for value in ({"positions": 1}, {"positions": {"a": 1}}, {"full": {"began": 1}}, {"recent": "abc"}):
        assert ListPositions.from_json(value) == ListPositions()
    assert ListPositions.from_json({"unread": 3, "later": 1}) == ListPositions(unread=3)


def test_state_stays_small_however_many_lists_there_are():
    positions = ListPositions(since=0)
    for number in range(MAX_RECENT + MAX_SUB_TASKS):
        one = ObjectSummary(f"{FOLDER}{number}/1.failed_list.txt", "E", 9, number)
        positions.note(one, Listed(2, 1))
        positions.move(ListPosition.end_of(one))
    stored = positions.to_json()
    assert len(stored["positions"]) == MAX_SUB_TASKS
    assert len(stored["recent"]) == MAX_RECENT
    again = ListPositions.from_json(stored)
    assert again.to_json() == stored
    (month,) = again.listed.values()
    assert month == (2 * (MAX_RECENT + MAX_SUB_TASKS), MAX_RECENT + MAX_SUB_TASKS)
    assert FOLDER in next(iter(again.positions))
