"""The counts of key ranges, which add up to those of a single range, and the lists of differences.

Each key that differs is in exactly one list, in the form of rclone.
"""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from itertools import pairwise
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.answers.pass_answers import StoragePair
from oss_oms_sync.clouds.objects import ObjectSummary, etag_of
from oss_oms_sync.comparison import count as counts
from oss_oms_sync.comparison.count import CompareCount, format_line, parse_line
from oss_oms_sync.comparison.judge import Judge, JudgementTimes
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes import digests
from oss_oms_sync.passes import tally as tallies
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.tally import Tally
from support.law import HOSTILE
from support.passes import classes, once, refusing
from support.world import FROZEN, HOUR, World, is_post

NOW = 1_000_000
JUDGE = Judge(KeyFilter("", ""), JudgementTimes(NOW, OmsProgress.without_counts(NOW)), submit_since=0)
keys = st.builds("".join, st.lists(st.sampled_from(["a", "b/", "c", "/", "é", "oms/sync_task/", "z\n"]), min_size=1))
summaries = st.builds(
    lambda etag, size, age, storage_class: ObjectSummary("", etag * 32, size, NOW - age, "Normal", storage_class),
    st.sampled_from("AB"),
    st.integers(0, 3),
    st.integers(0, 90_000),
    st.sampled_from(["IA", "COLD", ""]),
)
records = st.builds(
    lambda etag, age: ObjectSummary("", etag_of(etag), 32, NOW - age, "Normal"),
    st.sampled_from(["A" * 32, "B" * 32, f"{'A' * 32} again"]),
    st.integers(0, 90_000),
)
optional = st.one_of(st.none(), summaries), st.one_of(st.none(), records), st.one_of(st.none(), records)
worlds = st.dictionaries(keys, st.tuples(*optional, st.one_of(st.none(), summaries)).filter(any), max_size=25)


def count(entries: list[Entry], start: Tally | None = None) -> Tally:
    counting = CompareCount(JUDGE, start or Tally(), NOW - 50_000, "")
    for entry in entries:
        counting.add(entry, lambda _: True)
    return counting.tally()


def strip_range_fields(tally: Tally) -> dict[str, object]:
    """Return a tally's JSON without the parts that depend on the ranges: its sampled keys and its lines."""
    fields = json.loads(json.dumps({**to_json(tally), "marks": [], "lines": 0}, sort_keys=True))
    return {**fields, "objects": sum(mark.objects for mark in tally.marks)}


@settings(max_examples=80)
@given(worlds, st.lists(st.integers(0, 25), max_size=4), st.sampled_from([2, 200]))
def test_the_counts_of_key_ranges_add_up_to_those_of_a_single_range(world, cuts, folders):
    entries = [Entry(key, *world[key]) for key in sorted(world)]
    places = sorted({0, len(entries), *(cut for cut in cuts if cut < len(entries))})
    parts = [entries[a:b] for a, b in pairwise(places)]
    with (
        patch.object(digests, "MAX_FOLDERS", folders),
        patch.object(tallies, "MAX_WRITTEN", 3),
        patch.object(counts, "MAX_WRITTEN", 3),
    ):
        whole, summed = count(entries), reduce(Tally.plus, map(count, parts), Tally())
        piece = Tally()
        for part in parts:
            stored = from_json(Tally, json.loads(json.dumps(to_json(piece))))
            before = strip_range_fields(stored)
            piece = count(part, stored)
            assert strip_range_fields(stored) == before
    assert strip_range_fields(summed) == strip_range_fields(whole) == strip_range_fields(piece)
    written = sorted(((rows[0].modified, key) for key, rows in world.items() if rows[0]), reverse=True)
    assert [*whole.last_written] == written[:3]
    # AND the counts of the object classes add up to the listings
    assert whole.adds_up()
    assert whole.counts["orphan_records"] == sum(not (rows[0] or rows[3]) for rows in world.values())
    for pair in whole.list_storage_pairs():
        alike = [
            (row, copy)
            for row, _, _, copy in world.values()
            if (row and row.storage_class, copy and copy.storage_class) == (pair.source, pair.destination)
            and (row or copy)
        ]
        assert pair.objects == len(alike)
        assert pair.source_bytes == sum(row.size for row, _ in alike if row)
        assert pair.destination_bytes == sum(copy.size for _, copy in alike if copy)
    for name, place in (("source", 0), ("destination", 3)):
        sizes = {key: rows[place].size for key, rows in world.items() if rows[place]}
        sums = (hashlib.sha256(f"{key}\0{size}".encode()).hexdigest() for key, size in sizes.items())
        side = whole.sum_side(name)
        assert side.objects == len(sizes)
        assert side.bytes == sum(sizes.values())
        assert side.digest == sum(int(sum_, 16) for sum_ in sums) % 2**256


def test_counts_of_storage_classes_that_lack_an_object_do_not_add_up():
    row = ObjectSummary("a", "AB" * 16, 7, NOW - 90_000, storage_class="IA")
    tally = count([Entry("a", row, destination=row._replace(storage_class="WARM"))])
    assert tally.list_storage_pairs() == [StoragePair("IA", "WARM", 1, 7, 7)]
    assert tally.adds_up()
    tally.classes["equal_contents"].storage["IA WARM"] = [1, 7, 6]
    assert not tally.adds_up()


# Lists of differences.

any_keys = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(any_keys))
def test_a_list_of_differences_preserves_keys_with_any_characters(listed_keys):
    text = "".join(format_line("+", key) for key in listed_keys)
    assert list(map(parse_line, text.encode().decode().splitlines())) == listed_keys


def test_lists_of_differences_have_the_form_of_rclone():
    keys = [("+", "a b/海.jpg"), ("*", "two\nlines"), ("-", '"quoted"')]
    assert [format_line(*key) for key in keys] == ["+ a b/海.jpg\n", '* "two\\nlines"\n', '- "\\"quoted\\""\n']


def read_lists(world: World, answer: dict) -> list[str]:
    """Return the lines of a comparison's lists of differences, in the order of the ranges."""
    return [world.bucket.objects[name].body.decode() for name in answer["differences"]]


def read_lines(world: World, answer: dict) -> list[str]:
    return "".join(read_lists(world, answer)).splitlines()


def test_a_list_of_differences_has_a_sign_for_each_object_class():
    world = World.holding_copies(LANES="1")
    world.put("equal", "1")
    world.put("older", "1", "md5", "copied")
    world.upload("link", kind="Symlink")
    world.lose_events_of("overwritten", "missing")
    world.write("overwritten", "12")
    world.write("only there", "1")
    world.lose_events_of("older", data="2")
    world.upload("young")
    assert read_lines(world, world.compare()) == [
        "! link", "+ missing", "* older", "- only there", "* overwritten", "~ young",
    ]  # fmt: skip


def test_a_comparison_stores_its_lists_before_they_exceed_the_limit():
    # GIVEN lists of at most a dozen bytes in a piece; a key has four bytes
    world = World.holding_copies(LANES="1")
    names = [f"海{number}" for number in range(9)]
    world.lose_events_of(*names)
    with patch.object(counts, "_MAX_DIFFERENCES_BYTES", 12):
        for _ in range(10):
            answer = world.compare()
            if answer["finished"]:
                break
            world.advance(HOUR)
    # THEN each key is in one list, and no list exceeds the limit by more than one key
    assert read_lines(world, answer) == [f"+ {key}" for key in names]
    assert max(len(listing.encode()) for listing in read_lists(world, answer)) <= 24
    assert classes(answer) == {"missing": names}


def test_a_key_is_only_in_the_list_of_differences_of_its_own_range():
    # GIVEN an OMS that refuses keys, and a log bucket that refuses their failed records
    world = World.holding_copies(LANES="1")
    world.upload("a link", kind="Symlink")
    world.lose_events_of(*"bcd")
    world.oms.faults.add(FROZEN, where=is_post)
    with refusing(world.bucket, "put", lambda name: "failed_object" in name):
        assert not world.compare()["finished"]
    # WHEN both accept writes again, and the comparison continues
    world.oms.faults.clear()
    world.advance(HOUR)
    assert read_lines(world, world.compare()) == ["! a link", "+ b", "+ c", "+ d"]


def test_an_instance_whose_pass_was_deleted_leaves_no_list_of_differences():
    # GIVEN a worker that continues only after later passes have ended and deleted its own pass
    world = World.holding_copies(LANES="1")
    world.lose_events_of("missing")

    def run_other_passes() -> None:
        for _ in range(3):
            world.advance(1)
            world.compare(restart=True)

    world.destination.before = once("list", run_other_passes)
    world.compare()
    # THEN each list belongs to an existing pass
    passes = {name.split("/")[4] for name in world.bucket.names("oms_source_record/passes/")}
    assert {name.split("/")[4] for name in world.bucket.names("oms_source_record/differences/")} == passes
