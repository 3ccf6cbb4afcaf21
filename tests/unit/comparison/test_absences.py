"""Absent keys: keys without an object at the source, each with the time from which comparisons did not find it.

The time is never earlier than the first comparison without the key.
"""

from __future__ import annotations

import random
from contextlib import suppress
from math import ceil

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.comparison.absences import Absence, make_absence_list, read_absences
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import AbsencePart
from sandbox.inprocess.instance import InstanceKilled
from support.passes import limit_pages, refusing
from support.world import DAY, FROZEN, HOUR, World, is_post, oss_error

FOLDER = "oms_source_record/differences/p-compare/t/pass/"
KEYS = ["a", "b", "b/c", "海", "🎉"]


@pytest.fixture
def world() -> World:
    """Return simulated clouds with objects that OMS has copied."""
    world = World.holding_copies(LANES="1")
    for key in KEYS:
        world.put(key, "A")
    world.advance(HOUR)
    return world


def compare(world: World, **asked: object) -> int:
    """Run a comparison with these options; return the time at which it ended."""
    assert world.compare(**asked)["finished"] is True
    return ceil(world.clock.now().timestamp())


def read_last_absences(world: World) -> dict[str, int]:
    """Return the absent keys of the last comparison, with the start of each absence."""
    invocation = world.invocation()
    states = PassStore(invocation, "compare", world.destination_bucket).read_states()
    last_state = max((state for state in states if state.ended), key=lambda state: state.of.name)
    absence_list = list(read_absences(invocation.log_bucket, last_state.passed.absences, ""))
    assert [absence.key for absence in absence_list] == sorted({absence.key for absence in absence_list})
    return {absence.key: absence.since for absence in absence_list}


def test_an_absence_begins_at_the_first_comparison_without_the_key(world):
    compare(world)
    assert read_last_absences(world) == {}
    world.delete("a")
    first_time = compare(world, restart=True)
    assert read_last_absences(world) == {"a": first_time}
    world.advance(DAY)
    world.delete("海")
    second_time = compare(world)
    assert read_last_absences(world) == {"a": first_time, "海": second_time}
    world.put("a", "A")
    world.remove("海")
    world.advance(DAY)
    compare(world)
    assert read_last_absences(world) == {}
    world.delete("a")
    third_time = compare(world, restart=True)
    assert read_last_absences(world) == {"a": third_time}


@pytest.mark.parametrize("trace", ["another object in OBS", "a success record", "a failed record"])
def test_a_new_record_or_copy_of_an_absent_key_restarts_its_absence(world, trace):
    world.delete("a")
    compare(world)
    world.advance(HOUR)
    if trace == "another object in OBS":
        world.write("a", "A")
    elif trace == "a success record":
        world.bucket.add_success_record("a", "A")
    else:
        world.bucket.add_failed_records("a", data="A")
    world.advance(DAY)
    second_time = compare(world)
    assert read_last_absences(world) == {"a": second_time}


def test_a_listing_of_less_than_half_the_objects_begins_no_absence(world):
    compare(world)
    for key in KEYS[:3]:
        world.delete(key)
    compare(world, restart=True)
    world.advance(DAY)
    last_time = compare(world)
    assert read_last_absences(world) == dict.fromkeys(KEYS[:3], last_time)


@pytest.mark.parametrize("fate", ["lost", "cut", "without a line", "refused"])
def test_an_unreadable_list_of_absent_keys_restarts_each_absence(world, fate):
    world.delete("a")
    first_time = compare(world)
    (name,) = (name for name in world.bucket.names("oms_source_record/differences/") if "absent-" in name)
    body = world.bucket.objects[name].body
    if fate == "lost":
        world.bucket.objects.remove(name)
    else:
        world.bucket.add(StoredObject(name, {"cut": body[:-9], "without a line": b"", "refused": body}[fate]))
    world.advance(DAY)
    if fate == "refused":
        # A list that cannot be read now may be readable later, so the comparison ends with an error.
        with refusing(world.bucket, "get", lambda asked: asked == name), pytest.raises(StorageError):
            world.compare()
    second_time = compare(world)
    assert read_last_absences(world) == {"a": first_time if fate == "refused" else second_time}


@pytest.mark.parametrize("fate", ["fails", "is killed"])
def test_a_comparison_whose_listing_failed_records_no_absent_key(world, fate):
    # GIVEN a comparison whose listing of the source ends after the first page
    with limit_pages(1):
        calls = iter(range(100))

        def fail(kind: str, _: object) -> None:
            if kind == "list" and next(calls) == 2:
                world.die() if fate == "is killed" else world.source.fail(oss_error(403, "AccessDenied"), "list")

        world.source.before = fail
        with suppress(InstanceKilled):
            world.compare()
        world.source.before = lambda *_: None
        # WHEN the comparison continues, THEN it finds each key
        world.source.heal()
        world.advance(HOUR)
        compare(world)
    assert read_last_absences(world) == {}


def test_absent_keys_keep_their_time_if_ranges_split_at_other_keys(world, mocker):
    # GIVEN absent keys, found in a single range
    mocker.patch("oss_oms_sync.passes.work.MIN_SPLIT_OBJECTS", 5)
    rng = random.Random(7)
    for number in range(60):
        key = f"{rng.randrange(10**6):06}"
        world.put(key, "A")
        if number % 2:
            world.delete(key)
    world.advance(HOUR)
    first_time = compare(world)
    absences_before = read_last_absences(world)
    assert len(absences_before) == 30
    assert set(absences_before.values()) == {first_time}
    # WHEN the next comparisons split at other keys, and into several ranges
    for lanes in (7, 3):
        world.advance(DAY)
        with limit_pages(7):
            compare(world.other_project(LANES=str(lanes)))
        # THEN each absence keeps its start
        assert read_last_absences(world) == absences_before


def test_a_comparison_without_absent_keys_makes_no_additional_request(world):
    def count_requests() -> list[int]:
        world.advance(DAY)
        world.bucket.calls.clear()
        compare(world)
        return [world.bucket.calls[kind] for kind in ("get", "put")]

    # GIVEN the requests of a comparison without absences
    *_, (reads, writes) = (count_requests() for _ in range(4))
    world.delete("a")
    # WHEN the first absence is found, THEN a list of differences and a list of absences are written
    assert count_requests() == [reads, writes + 2]
    # AND the next comparison also reads the last total and the list that the total names
    assert count_requests() == [reads + 2, writes + 2]


def test_a_comparison_reads_only_lists_of_absent_keys_that_it_needs():
    world = World()
    bucket = world.invocation().log_bucket
    parts = []
    for number, keys in enumerate(["ab", "cd", "ef"]):
        stored_list = make_absence_list(FOLDER, [Absence(key, 1, "E", 5, 0) for key in keys], 10 + number)
        bucket.put(stored_list)
        parts.append(AbsencePart(stored_list.name, keys[-1]))
    world.bucket.calls.clear()
    assert [absence[::4] for absence in read_absences(bucket, parts, "c")] == [("d", 11), ("e", 12), ("f", 12)]
    assert world.bucket.calls["get"] == 2


def test_a_comparison_lists_no_absent_key_after_the_end_of_its_range(world):
    # GIVEN two absent keys, and between them a missing object that OMS refuses and whose failure cannot be recorded
    world.delete("a")
    world.delete("海")
    world.lose_events_of("b/a")
    world.oms.faults.add(FROZEN, where=is_post)
    with refusing(world.bucket, "put", lambda name: "failed_object" in name):
        world.compare()
    first_time = ceil(world.clock.now().timestamp())
    # THEN the piece ends before this object, and the next piece lists the absent key after it
    world.oms.faults.clear()
    world.advance(HOUR)
    second_time = compare(world)
    assert read_last_absences(world) == {"a": first_time, "海": second_time}
