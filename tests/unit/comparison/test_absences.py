"""Absences: the time since which comparisons find a key absent at the source.

The time is never earlier than the first comparison without the key.
"""

from __future__ import annotations

import random
from contextlib import suppress
from math import ceil

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.comparison.absences import Absence, absence_list, read_absences
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import AbsencePart
from sandbox.inprocess.instance import Killed
from support.compare_world import CompareWorld, pages_of
from support.reconcile_world import refusing
from support.world import DAY, HOUR, World, oss_error

FOLDER = "oms_source_record/differences/p-compare/t/pass/"
KEYS = ["a", "b", "b/c", "海", "🎉"]


@pytest.fixture
def world() -> CompareWorld:
    """Return a world with objects that OMS has copied."""
    world = CompareWorld(KEYS, LANES="1")
    for key in KEYS:
        world.put(key, "A", fate="copied")
    world.advance(HOUR)
    return world


def compare(world: CompareWorld, **asked: object) -> int:
    """Run a comparison; return the time at its end."""
    assert world.compare(asked or None)["finished"] is True
    return ceil(world.clock.now().timestamp())


def absences(world: CompareWorld) -> dict[str, int]:
    """Return the absent keys of the last comparison, each with the time since which it is absent."""
    invocation = world.invocation()
    states = PassStore(invocation, "compare", world.destination_bucket).read_states()
    last = max((state for state in states if state.ended), key=lambda state: state.of.name)
    kept = list(read_absences(invocation.log_bucket, last.passed.absences, ""))
    assert [absence.key for absence in kept] == sorted({absence.key for absence in kept})
    return {absence.key: absence.since for absence in kept}


def test_an_absence_begins_at_the_first_comparison_that_finds_it(world):
    compare(world)
    assert absences(world) == {}
    world.delete("a")
    first = compare(world, restart=True)
    assert absences(world) == {"a": first}
    world.advance(DAY)
    world.delete("海")
    second = compare(world)
    assert absences(world) == {"a": first, "海": second}


def test_a_key_that_is_back_or_gone_from_obs_is_no_longer_absent(world):
    for key in "ab":
        world.delete(key)
    compare(world)
    world.put("a", "A", fate="copied")
    world.remove("b")
    world.advance(DAY)
    compare(world)
    assert absences(world) == {}
    world.delete("a")
    third = compare(world, restart=True)
    assert absences(world) == {"a": third}


@pytest.mark.parametrize("trace", ["another object in OBS", "a success record", "a failed record"])
def test_a_record_or_copy_of_the_key_restarts_its_absence(world, trace):
    world.delete("a")
    compare(world)
    world.advance(HOUR)
    if trace == "another object in OBS":
        world.write("a", "A")
    elif trace == "a success record":
        world.accept("a", "A")
    else:
        world.fail("a")
    world.advance(DAY)
    assert absences_after(world) == {"a": ceil(world.clock.now().timestamp())}


def absences_after(world: CompareWorld) -> dict[str, int]:
    """Run another comparison; return the absences."""
    compare(world)
    return absences(world)


@pytest.mark.parametrize("fate", ["lost", "cut", "without a line", "refused"])
def test_an_unreadable_list_starts_each_absence_over(world, fate):
    world.delete("a")
    first = compare(world)
    (name,) = (name for name in world.bucket.names("oms_source_record/differences/") if "absent-" in name)
    body = world.bucket.objects[name].body
    if fate == "lost":
        world.bucket.objects.remove(name)
    else:
        world.bucket.add(StoredObject(name, {"cut": body[:-9], "without a line": b"", "refused": body}[fate]))
    world.advance(DAY)
    if fate == "refused":
        # A list that cannot be read now may be read later: the comparison waits, and dates nothing.
        with refusing(world.bucket, "get", lambda asked: asked == name), pytest.raises(StorageError):
            world.compare()
        compare(world)
        assert absences(world) == {"a": first}
    else:
        assert absences_after(world) == {"a": ceil(world.clock.now().timestamp())}


@pytest.mark.parametrize("fate", ["fails", "is killed"])
def test_a_failed_listing_records_no_absence(world, fate):
    # GIVEN a comparison whose listing of the source ends after the first page
    with pages_of(1):
        calls = iter(range(100))

        def fail(kind: str, _: object) -> None:
            if kind == "list" and next(calls) == 2:
                world.die() if fate == "is killed" else world.source.fail(oss_error(403, "AccessDenied"), "list")

        world.source.before = fail
        with suppress(Killed):
            world.compare()
        world.source.before = lambda *_: None
        # WHEN it continues, THEN it finds each key
        world.source.heal()
        world.advance(HOUR)
        compare(world)
    assert absences(world) == {}


def test_absences_survive_ranges_that_split_differently(world, mocker):
    # GIVEN hundreds of absent keys, found by one range
    mocker.patch("oss_oms_sync.passes.work.MIN_SPLIT_OBJECTS", 5)
    rng = random.Random(7)
    for number in range(200):
        key = f"{rng.randrange(10**6):06}"
        world.put(key, "A", fate="copied")
        if number % 2:
            world.delete(key)
    world.advance(HOUR)
    first = compare(world)
    before = absences(world)
    assert len(before) == 100
    assert set(before.values()) == {first}
    # WHEN the next comparisons split at other keys, and in several lanes
    for lanes in (7, 3):
        world.advance(DAY)
        with pages_of(7):
            compare(world.beside(LANES=str(lanes)))
        # THEN each absence keeps its time
        assert absences(world) == before


def test_without_absences_a_comparison_makes_no_additional_request(world):
    def requests() -> list[int]:
        world.advance(DAY)
        world.bucket.calls.clear()
        compare(world)
        return [world.bucket.calls[kind] for kind in ("get", "put")]

    # GIVEN the requests of a comparison without absences
    *_, (reads, writes) = (requests() for _ in range(4))
    world.delete("a")
    # WHEN the first is found, THEN there is a list of differences, and a list of absences
    assert requests() == [reads, writes + 2]
    # AND the next comparison reads the total of the last, and the list that it names
    assert requests() == [reads + 2, writes + 2]


def test_only_lists_that_can_have_later_keys_are_read():
    world = World()
    bucket = world.invocation().log_bucket
    parts = []
    for number, keys in enumerate(["ab", "cd", "ef"]):
        stored = absence_list(FOLDER, [Absence(key, 1, "E", 5, 0) for key in keys], 10 + number)
        bucket.put(stored)
        parts.append(AbsencePart(stored.name, keys[-1]))
    world.bucket.calls.clear()
    assert [absence[::4] for absence in read_absences(bucket, parts, "c")] == [("d", 11), ("e", 12), ("f", 12)]
    assert world.bucket.calls["get"] == 2


def test_a_key_after_the_end_of_a_piece_is_not_absent_yet(world):
    # GIVEN a missing object that OMS does not accept and whose failure cannot be recorded, between absent keys
    world.delete("a")
    world.delete("海")
    world.lost("b/a")
    world.oms_refuses(True)
    with refusing(world.bucket, "put", lambda name: "failed_object" in name):
        world.compare()
    first = ceil(world.clock.now().timestamp())
    # THEN the piece ends before it, and the next has the absent key after it
    world.oms_refuses(False)
    world.advance(HOUR)
    second = compare(world)
    assert absences(world) == {"a": first, "海": second}
