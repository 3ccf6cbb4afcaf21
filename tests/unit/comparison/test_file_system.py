"""Keys that a parallel file system cannot store: their object class is impossible, and compare does not submit them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, combinations

import pytest

from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.comparison.judge import FileSystem
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.entries import Entry
from sandbox.server.faults import Fault
from support.passes import classes
from support.world import World

# Objects in both buckets, a key and data missing in OBS, and True if a parallel file system can store them.
LACKING = {
    "a key with an empty path segment": ([], "a//b", "12", False),
    "a folder marker with contents": ([], "a/", "12", False),
    "a folder marker with contents, which is empty in OBS": (["a/"], "a/", "12", False),
    "a key below the name of a file": (["a"], "a/b", "12", False),
    "a key deep below the name of a file": (["x/a"], "x/a/b/c", "12", False),
    "a folder marker with the name of a file": (["a"], "a/", "", False),
    "a key below the name of a file, after other keys": (["a", "a!", "a-b/c", "a.txt"], "a/b", "12", False),
    "an empty folder marker": ([], "a/", "", True),
    "a key next to a file": (["a"], "ab/c", "12", True),
    "a key in a folder": (["a/", "a/a"], "a/b", "12", True),
    "a file": (["b"], "a", "12", True),
}


@pytest.fixture
def world() -> World:
    return World.holding_copies(LANES="1")


def make_file_system(world: World, is_file_system: bool = True) -> None:
    world.obs.bucket(world.destination_bucket).is_file_system = is_file_system


def write_objects(world: World, there: Iterable[str], key: str, data: str) -> None:
    """Write an object for each key in `there` to both buckets, or only to OBS for a folder.

    Then write an object `key` with the contents `data` only to the source.
    """
    for name in there:
        world.write(name, "" if name.endswith("/") else "1")
    world.lose_events_of(*(name for name in there if not name.endswith("/")), data="1")
    world.lose_events_of(key, data=data)


@pytest.mark.parametrize(
    ("case", "is_file_system"), [*((case, True) for case in LACKING), *((case, False) for case in list(LACKING)[:2])]
)
def test_compare_submits_no_key_that_a_parallel_file_system_refuses(world, case, is_file_system):
    there, key, data, is_possible = LACKING[case]
    make_file_system(world, is_file_system)
    write_objects(world, there, key, data)
    answer = world.compare()
    listed = world.bucket.objects[answer["differences"][0]].body.decode()
    is_refused = is_file_system and not is_possible
    assert answer["classes"]["impossible"]["keys"] == ([key] if is_refused else [])
    assert (f"! {key}\n" in listed) == is_refused
    assert world.accepted_keys() == (set() if is_refused else {key})
    assert answer["adds_up"]


def test_compare_treats_a_destination_of_unknown_kind_as_a_bucket(world):
    make_file_system(world)
    write_objects(world, [], "a//b", "12")
    world.obs.faults.add(Fault.status(405), where=lambda request: request.method == "HEAD")
    with pytest.raises(StorageError, match="405"):
        world.compare()
    world.obs.faults.clear()
    world.obs.deny("obs:bucket:HeadBucket")
    assert classes(world.compare()) == {"missing": ["a//b"]}


@pytest.mark.parametrize(("own", "asked"), [("a/", {}), ("", {"prefix": "a/"})])
def test_compare_finds_files_outside_its_prefix_that_make_keys_impossible(own, asked):
    world = World.holding_copies(LANES="1", OBJECT_PREFIX=own)
    make_file_system(world)
    write_objects(world, ["a"], "a/b", "12")
    assert classes(world.compare(**asked)) == {"impossible": ["a/b"]}
    assert world.accepted_keys() == set()


class FakeDestination:
    """A destination bucket that has the files `names`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)

    def find_all(self, names: Iterable[str]) -> list[ObjectSummary | None]:
        return [ObjectSummary(name, "E", 1, 1) if name in self._names else None for name in names]


# Keys in order, with characters around "/": "!" precedes it, and "0" follows it.
KEYS = ["a", "a!b", "a/", "a//b", "a/b", "a/b!", "a/b/c", "a0/b"]


@pytest.mark.parametrize("cut", ["", *KEYS])
def test_compare_classifies_keys_below_a_files_name_alike_in_any_range(cut):
    for there in map(set, chain.from_iterable(combinations(KEYS, number) for number in range(len(KEYS) + 1))):
        # GIVEN a check that begins after the key `cut`
        walk = FileSystem(FakeDestination(there))  # type: ignore[arg-type]
        if cut:
            walk.start_after(cut)
        for key in KEYS[KEYS.index(cut) + 1 if cut else 0 :]:
            copy = ObjectSummary(key, "E", 1, 1) if key in there else None
            # THEN it refuses the same keys as a check of all files
            folders = [key[:end] for end in range(len(key)) if key[end] == "/"]
            expected = "//" in key or key.endswith("/") or not there.isdisjoint(folders)
            assert walk.refuses(Entry(key, ObjectSummary(key, "E", 2, 1), destination=copy)) == expected, (there, key)
