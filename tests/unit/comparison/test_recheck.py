"""Rechecks of the keys that differed in a comparison, after which late objects need no further pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.object_class import UNCHANGED_BY_RECHECK
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import PayloadError, StorageError
from support.law import schedules
from support.passes import classes, refusing
from support.world import HOUR, World

LONG = "海" * 330
KEYS = ["equal", "late", LONG, "line\nbreak\u2028", '"quoted', "gone", "other", "zz/in OBS only"]


@pytest.fixture
def world() -> World:
    """Return simulated clouds with four objects: equal, overwritten in OBS, missing in OBS, and only in OBS."""
    world = World.holding_copies(LANES="1")
    world.put("equal", "1")
    world.lose_events_of(*KEYS[1:-1], data="12")
    world.write("other", "123")
    world.write(KEYS[-1], "1234")
    world.advance(HOUR)
    return world


def copy_all_objects(world: World) -> None:
    """Let OMS copy all accepted objects, then advance an hour."""
    world.copy_all()
    world.advance(HOUR)


def test_a_recheck_classifies_late_objects_as_equal_without_another_pass(world):
    # GIVEN a comparison that found missing objects and submitted them
    earlier_answer = world.compare()
    assert classes(earlier_answer) == {
        "equal_contents": ["equal"],
        "missing": sorted(KEYS[1:6]),
        "overwritten": ["other"],
        "unknown": [KEYS[-1]],
    }
    # WHEN OMS has copied all except a deleted object, and a recheck runs
    world.delete("gone")
    copy_all_objects(world)
    rechecked_answer = world.compare(again=True)
    # THEN each object has its current class, and equal objects are still equal
    assert classes(rechecked_answer) == {
        "equal_contents": ["equal", *sorted(set(KEYS[1:6]) - {"gone"})],
        "overwritten": ["other"],
        "unknown": [KEYS[-1]],
    }
    assert [[rechecked_answer[side][measure] for measure in MEASURES] for side in SIDES] == [[6, 11], [7, 16]]
    assert rechecked_answer["pass"] == earlier_answer["pass"]
    assert earlier_answer["amended"] is None
    # AND a listing of both buckets confirms the recheck
    assert earlier_answer["twin"] != rechecked_answer["twin"] == world.compare(dry_run=True)["twin"]
    # AND later answers show the recheck
    answer = world.compare(look=True)
    assert classes(answer) == classes(rechecked_answer)
    assert answer["amended"] == rechecked_answer["amended"]
    assert answer["amended"]


def test_a_recheck_submits_each_object_once_in_an_open_project(world):
    # GIVEN a comparison of a closed project, and an OMS that loses accepted objects
    world.bucket.add_mark(closed=True)
    world.compare()
    missing, sent = set(KEYS[1:6]), world.oms.accepted
    sent.clear()
    world.advance(HOUR)

    def recheck_missing(**asked: str) -> set[str]:
        """Recheck with the options `asked`, let OMS lose the submitted objects, and return the missing keys."""
        missing_count = classes(world.compare(again=True, **asked))["missing"]
        while world.task.withheld_copies:
            world.fail_copy()
        world.advance(2 * HOUR)
        return {*missing_count}

    # THEN a recheck submits nothing while the project is closed, or without a run
    recheck_missing(run="one")
    world.bucket.add_mark(closed=False)
    recheck_missing()
    assert not sent
    # AND each run submits each key once
    assert [recheck_missing(run=run) for run in ("one", "one", "two", "two")] == [missing] * 4
    assert sent == dict.fromkeys(missing, 2)


def test_a_recheck_moves_the_watermark_to_the_oldest_missing_object(world):
    assert world.compare()["watermark"] == "2026-01-02T00:00:00Z"
    world.remove("other")
    world.write("other", "12")
    copy_all_objects(world)
    rechecked_answer = world.compare(again=True)
    assert rechecked_answer["watermark"] == rechecked_answer["started"]


def test_a_recheck_does_not_run_before_its_pass_is_finished(world):
    assert world.compare(again=True)["next"] == "No pass over this scope has started yet."
    with refusing(world.source), pytest.raises(StorageError):
        world.compare()
    assert not world.compare(again=True)["finished"]


def test_a_recheck_of_too_many_keys_asks_for_another_pass(world):
    world.compare()
    with (
        patch("oss_oms_sync.comparison.recheck.MAX_KEYS", 5),
        pytest.raises(PayloadError, match="name 6 keys, but at most 5"),
    ):
        world.compare(again=True)
    # An object only in OBS does not count.
    with patch("oss_oms_sync.comparison.recheck.MAX_KEYS", 6):
        assert classes(world.compare(again=True))["unknown"] == [KEYS[-1]]


@pytest.mark.parametrize("change", ["less", "more", "twice"])
def test_a_recheck_raises_an_error_for_an_incomplete_list_of_differences(world, change):
    earlier_answer = world.compare()
    (name,) = earlier_answer["differences"]
    lines = world.bucket.objects[name].body.decode().splitlines(keepends=True)
    changed_lines = {"less": lines[1:], "more": [*lines, "+ never counted\n"], "twice": [*lines[1:], lines[1]]}[change]
    world.bucket.add(StoredObject(name, "".join(changed_lines).encode()))
    with pytest.raises(StorageError, match="found 6 that differ: the lists are incomplete"):
        world.compare(again=True)
    assert classes(world.compare(look=True)) == classes(earlier_answer)


def test_a_recheck_reports_sums_that_do_not_add_up(world):
    world.compare()
    (name,) = (name for name in world.bucket.objects if name.endswith("/total"))
    total = json.loads(world.bucket.objects[name].body)
    total["passed"]["source_listed"]["objects"] += 1
    world.bucket.add(StoredObject.of_json(name, total))
    assert not world.compare(again=True)["adds_up"]


def test_a_recheck_raises_an_error_for_a_deleted_list_of_differences(world):
    (name,) = world.compare()["differences"]
    del world.bucket.objects[name]
    with pytest.raises(StorageError, match="so the differences are unknown"):
        world.compare(again=True)


def test_a_recheck_that_obs_refuses_changes_no_total_of_the_comparison(world):
    earlier_answer = world.compare()
    with refusing(world.destination), pytest.raises(StorageError):
        world.compare(again=True)
    assert classes(world.compare(look=True)) == classes(earlier_answer)


# Keys in first-level folders, and without a folder.
SOME_KEYS = ["a/1", "a/2", "b/1", "b/c/2", "oms/sync_task/1", "x", "z/1", "z/2"]
data = st.sampled_from(["", "A", "AB", "BA"])
happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("put"),
            st.integers(0, 7),
            data,
            st.sampled_from(["md5", "form", "Appendable"]),
            st.sampled_from(["copied", "accepted", "refused", "lost"]),
        ),
        st.tuples(st.just("write"), st.integers(0, 7), data),
        st.tuples(st.sampled_from(["delete", "remove"]), st.integers(0, 7)),
    ),
    max_size=15,
)


def play(world: World, keys: Sequence[str], happenings: list[tuple]) -> None:
    for what, number, *details in happenings if keys else ():
        world.play([("advance", 60), (what, keys[number % len(keys)], *details)])


def sum_folders(folders: dict[str, dict[str, list[int]]]) -> dict[str, list[int]]:
    """Return the counts of each class as the sums over all folders."""
    sums: dict[str, list[int]] = {}
    for name, numbers in (count for counts in folders.values() for count in counts.items()):
        sums[name] = [total + count for total, count in zip(sums.get(name, [0] * 4), numbers, strict=True)]
    return sums


def list_counts_by_class(answer: dict) -> dict[str, list[int]]:
    sides = {
        name: [count[side][measure] for side in SIDES for measure in MEASURES]
        for name, count in answer["classes"].items()
    }
    return {name: numbers for name, numbers in sides.items() if any(numbers)}


def list_digests(answer: dict) -> list[object]:
    """Return the digests of both buckets and of each object class."""
    return [answer[side]["digest"] for side in SIDES] + [count["digests"] for count in answer["classes"].values()]


SIDES, MEASURES = ("source", "destination"), ("objects", "bytes")


@pytest.mark.part
@pytest.mark.law
@settings(max_examples=schedules(6, few=15))
@given(before=happenings, after=happenings, copied=st.booleans(), folders=st.sampled_from([2, 200]))
def test_law1_a_recheck_has_the_totals_of_a_new_comparison(before, after, copied, folders, count_schedule):
    with patch("oss_oms_sync.passes.digests.MAX_FOLDERS", folders):
        # GIVEN a comparison, and later changes of unequal objects
        World.close_all()
        world = World.holding_copies(LANES="1")
        world.storage_classes, world.task.storage_policy = ["Standard", "IA"], "SRC_STORAGE_MAPPING"
        play(world, SOME_KEYS, before)
        world.advance(HOUR)
        unequal_keys = [
            key for name, keys in classes(world.compare()).items() if name not in UNCHANGED_BY_RECHECK for key in keys
        ]
        # A late copy of an equal object would change its storage class, which no recheck reads.
        world.task.withheld_copies = [copy for copy in world.task.withheld_copies if copy.key in unequal_keys]
        play(world, unequal_keys, after)
        if copied:
            world.copy_all()
        world.advance(2 * HOUR)
        # WHEN its keys are rechecked, and another comparison runs
        rechecked_answer, new_answer = world.compare(again=True), world.compare(dry_run=True)
    # THEN both results are equal, and the counts of the folders add up to those of the classes
    assert rechecked_answer["storage"] == new_answer["storage"]
    assert (
        list_counts_by_class(rechecked_answer)
        == list_counts_by_class(new_answer)
        == sum_folders(rechecked_answer["folders"])
    )
    assert list_digests(rechecked_answer) == list_digests(new_answer)
    assert rechecked_answer["adds_up"]
    assert all(rechecked_answer["folders"].values())
    if folders > len(SOME_KEYS):
        assert rechecked_answer["folders"] == new_answer["folders"]
    count_schedule("of compare", "what is judged again is what a new comparison finds")
