"""Positions in OMS's lists: each line is read once, in any order of new lists and for any growth of a list."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from oss_oms_sync.answers.task_group import GroupState, TaskGroup
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.ledger.list_positions import MAX_LISTS, ListPosition, ListPositions
from support.world import HOUR, MINUTE, ROOT
from unit.jobs.replay.replay_world import FOLDER, ReplayWorld


@pytest.fixture
def world() -> ReplayWorld:
    world = ReplayWorld()
    world.put_old(*(f"key {number:03}" for number in range(300)))
    return world


def stored_positions(world: ReplayWorld) -> dict[str, Any]:
    return world.bucket.job_state("failed_copies")


@pytest.mark.parametrize(
    ("then", "sent"),
    [
        (["key 001", "key 002", "key 003"], ["key 003"]),
        (["key 003", "key 004", "key 005"], ["key 003", "key 004", "key 005"]),
    ],
    ids=["a grown list", "a rewritten list"],
)
def test_replay_reads_a_grown_list_from_its_old_end_unless_rewritten(world, then, sent):
    world.list_failed("key 001", "key 002", name="1")
    body = "".join(map(world.line, then))
    world.send_by_tick()
    world.advance(5 * MINUTE)
    world.list_failed(text=body, name="1")
    assert world.count_lines() == {"lists": 1, "recorded": len(sent)}
    assert world.take_sent_keys() == sent


def test_replay_reads_the_last_line_of_a_list_after_it_is_complete(world):
    name = world.list_failed(text=world.line("key 001") + "UPLOAD_DST_OBJ_FAILURE,2026-01-02 08:00:00,key%20002,key")
    assert world.count_lines()["unread"] == 1
    world.advance(5 * MINUTE)
    world.destination.add(StoredObject(name, world.destination.objects[name].body + b" 002,no\n"))
    world.take_sent_keys()
    assert world.count_lines()["recorded"] == 1
    assert world.take_sent_keys() == ["key 002"]


def test_replay_reads_no_list_twice_and_drops_its_position_after_a_day(world):
    for number in range(20):
        world.list_failed(f"key {number:03}", name=str(1000 + number))
    assert world.count_lines()["lists"] == 20
    for _ in range(3):
        world.advance(13 * HOUR)
        assert world.count_lines() == {}
    assert stored_positions(world)["lists"] == {}


def test_law1_replay_continues_a_search_for_lists_that_ran_out_of_time(world):
    # GIVEN more lists than a run has time to read, and a new list behind them
    names = [f"{FOLDER}{number:04}/1.failed_list.txt" for number in range(4500)]
    world.obs.fill(world.destination.name, names, size=9, age=3 * HOUR)
    world.list_failed("key 001", sub="9999")
    world.destination.before = lambda kind, _: kind == "list" and world.advance(20)

    # WHEN the timer runs replay twice, THEN the first run reports no problem, and the second reads the new list
    assert world.tick("replay", timeout=240)["copies"]["stop"] == "time"
    assert stored_positions(world)["problem"] == ""
    world.tick("replay", timeout=240)
    assert world.take_sent_keys() == ["key 001"]


def test_replay_searches_for_lists_less_often_if_there_are_thousands(world):
    names = [f"{FOLDER}{number % 3}/{10_000 + number}.failed_list.txt" for number in range(2500)]
    world.obs.fill(world.destination.name, names, size=9, age=3 * HOUR)
    world.tick("replay")
    pages = []
    for _ in range(4):
        before = world.destination.calls["list"]
        world.advance(60)
        world.tick("replay")
        pages.append(world.destination.calls["list"] - before)
    assert pages == [0, 3, 0, 3]


def test_replay_reads_a_large_list_in_parts_over_several_runs(world, mocker):
    # GIVEN a list of several parts, and slow checks of the objects
    mocker.patch("oss_oms_sync.jobs.replay.failed_copies._PART_BYTES", 32 * 1024)
    many = [f"key {number:03}" for number in range(200)]
    world.list_failed(text="".join(map(world.line, ["x" * 900, *many])) * 3)
    world.oss.set_latency(listing=2)
    counts, lines, runs = {"stopped": "x"}, 0, 0
    while counts["stopped"]:
        counts = world.tick("replay", timeout=100)["copies"]
        lines += sum(counts[name] for name in ("gone", "recorded", "accepted_again"))
        runs += 1
        world.advance(100)
    # Within a group, a key that is named twice counts once.
    assert 600 <= lines <= 603
    assert runs > 2
    assert set(world.take_sent_keys()) == set(many)


def test_replay_stores_the_time_of_a_complete_search_for_lists(world):
    for number in range(5):
        world.list_failed(f"key {number:03}", name=str(number))
    began, counts = world.clock.now(), {"stopped": "x"}
    world.destination.before = lambda kind, _: kind == "get" and world.advance(30)
    while counts["stopped"]:
        assert stored_positions(world).get("looked", "") == ""
        counts = world.tick("replay", timeout=240)["copies"]
    assert stored_positions(world)["looked"] == f"{began:%Y-%m-%dT%H:%M:%SZ}"


def test_replay_reads_all_lists_again_if_stored_positions_are_unreadable(world):
    for harm in (b"?", b"{}", b'{"lists": 1}'):
        world.bucket.add(StoredObject(f"{ROOT}state/failed_copies.json", harm))
        assert world.tick("replay")["copies"]["stopped"] is None
        assert stored_positions(world)["looked"]


def test_the_stored_positions_in_lists_include_that_of_a_partly_read_list():
    positions = ListPositions()
    for number in range(MAX_LISTS + 10):
        positions.move(
            f"{FOLDER}{number}/1.failed_list.txt", ListPosition("E", number, ended=number > 0, lines=2, outside=1)
        )
    again = positions.without_old_lists()
    assert len(again.lists) == MAX_LISTS
    assert again.without_old_lists() == again
    assert f"{FOLDER}0/1.failed_list.txt" in again.lists
    assert [*again.listed.values()] == [(2 * (MAX_LISTS + 10), MAX_LISTS + 10)]


def test_the_position_in_a_list_is_stored_until_the_list_cannot_grow():
    last_round = datetime(2026, 1, 2, tzinfo=timezone.utc)
    positions = ListPositions(looked=timestamp(last_round))
    for hours in (24.5, 25.5):
        modified = (last_round - timedelta(hours=hours)).timestamp()
        positions.move(f"{hours} hours before", ListPosition("E", int(modified), ended=True))
    assert [*positions.without_old_lists().lists] == ["24.5 hours before"]


GROUP = TaskGroup.from_response(
    {
        "group_id": "g",
        "status": 5,
        "total_num": 100,
        "success_num": 98,
        "fail_num": 2,
        "start_time": 1_767_312_000_000,
        "total_time": 60_000,
        "failed_object_record": {"result": True, "list_file_key": "oms/task_group/g/failed_object_lists/"},
    }
)
READ = ListPositions(looked="2026-01-02T00:01:00Z", group="g", folder=GROUP.lists, of_group=2)


@pytest.mark.parametrize(
    ("positions", "group", "has"),
    [
        (READ, GROUP, True),
        (replace(READ, of_group=1), GROUP, False),
        (replace(READ, group="another"), GROUP, False),
        (replace(READ, looked="2026-01-02T00:00:59Z"), GROUP, False),
        (replace(READ, looked=""), GROUP, False),
        # A task of the group failed as a whole, and lists no objects.
        (READ, replace(GROUP, copied=97), False),
        (READ, replace(GROUP, state=GroupState.DONE), False),
    ],
)
def test_the_failures_of_a_task_group_are_complete_after_a_later_search(positions, group, has):
    assert positions.has_all_failures(group) is has


@pytest.mark.parametrize(("pages", "minutes"), [(1, 0), (4, 3), (11, 10), (500, 10)])
def test_each_page_of_lists_delays_the_next_search_by_a_minute(pages, minutes):
    ended = datetime(2026, 1, 2, tzinfo=timezone.utc)
    positions = ListPositions(looked=timestamp(ended), pages=pages)
    assert not minutes or not positions.start_round(ended + timedelta(minutes=minutes, seconds=-1))
    assert positions.start_round(ended + timedelta(minutes=minutes))


# Number of failures in the lists: each line counts once, however often its list is read.


UNREAD, CUT = "what is this, 1\n", ""
# Contents of a list over time, with the number of its lines up to then, and of those of other projects.
LISTED: dict[str, list[tuple[list[str], list[int]]]] = {
    "lines of another project count separately": [(["photos/a", "videos/b", "photos/gone"], [3, 1])],
    "a last line without an end counts once": [
        (["photos/a", "videos/b", CUT], [2, 1]),
        (["photos/a", "videos/b", "photos/c", CUT], [3, 1]),
    ],
    "a changed list counts with its present lines": [
        (["photos/a"], [1, 0]),
        (["photos/a", "photos/c"], [2, 0]),
        (["photos/b", "photos/c", "photos/a"], [3, 0]),
    ],
    "an unreadable line does not count": [(["photos/a", UNREAD], [1, 0])],
    "a key in two lines counts twice": [(["photos/a", "photos/a"], [2, 0])],
}


@pytest.mark.parametrize("others", [0, 1], ids=["the newest list", "an older list"])
@pytest.mark.parametrize("case", LISTED)
def test_replay_counts_lines_of_lists_inside_and_outside_its_filter(case, others):
    world = ReplayWorld(OBJECT_PREFIX="photos/")
    world.put_old("photos/a", "photos/b", "photos/c")
    if others:
        world.list_failed("photos/b", name="2")
    for written_lines, (lines, outside) in LISTED[case]:
        text = "".join(entry if entry == UNREAD else world.line(entry) for entry in written_lines if entry != CUT)
        world.list_failed(text=text.removesuffix("\n") if CUT in written_lines else text, name="1")
        # The run searches all lists.
        world.advance(2 * HOUR)
        world.tick("replay")
        assert [*stored_positions(world)["listed"].values()] == [[lines + others, outside]]
