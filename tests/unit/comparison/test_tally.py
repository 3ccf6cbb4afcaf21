"""What is counted of ranges adds up to what one walk counts, however the keys were cut."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from functools import reduce
from itertools import pairwise
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.clouds.objects import ObjectSummary, etag_of
from oss_oms_sync.comparison import count as counts
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.in_hand import InHand
from oss_oms_sync.comparison.judge import Judge, Moments
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes import digests
from oss_oms_sync.passes import tally as tallies
from oss_oms_sync.passes.classify import Entry
from oss_oms_sync.passes.tally import Tally

NOW = 1_000_000
JUDGE = Judge(KeyFilter("", ""), Moments(NOW, InHand.assumed(NOW)), sent_since=0)
keys = st.builds("".join, st.lists(st.sampled_from(["a", "b/", "c", "/", "é", "oms/sync_task/", "z\n"]), min_size=1))
summaries = st.builds(
    lambda etag, size, age: ObjectSummary("", etag * 32, size, NOW - age, "Normal"),
    st.sampled_from("AB"),
    st.integers(0, 3),
    st.integers(0, 90_000),
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


def told(tally: Tally) -> dict[str, object]:
    """All of it but the marks, which are coarser of parts, and the lines, which are stored apart."""
    told = json.loads(json.dumps({**to_json(tally), "marks": [], "lines": 0}, sort_keys=True))
    return {**told, "objects": sum(mark.objects for mark in tally.marks)}


@settings(max_examples=100)
@given(worlds, st.lists(st.integers(0, 25), max_size=4), st.sampled_from([2, 200]))
def test_ranges_add_up_to_one_walk_and_pieces_go_on_from_what_is_stored(world, cuts, folders):
    with ExitStack() as limits:
        limits.enter_context(patch.object(digests, "MAX_FOLDERS", folders))
        for where in (tallies, counts):
            limits.enter_context(patch.object(where, "MAX_WRITTEN", 3))
        entries = [Entry(key, *world[key]) for key in sorted(world)]
        whole = count(entries)
        places = sorted({0, len(entries), *(cut for cut in cuts if cut < len(entries))})
        parts = [entries[a:b] for a, b in pairwise(places)]
        summed = reduce(Tally.merged, map(count, parts), Tally())
        piece = Tally()
        for part in parts:
            piece = count(part, from_json(Tally, json.loads(json.dumps(to_json(piece)))))
    assert told(summed) == told(whole) == told(piece)
    written = sorted(((one[0].modified, key) for key, one in world.items() if one[0]), reverse=True)
    assert [*whole.last_written] == written[:3]


@given(worlds, st.integers(0, 25))
def test_what_is_stored_of_a_piece_stays_what_it_is_while_counting_goes_on(world, cut):
    entries = [Entry(key, *world[key]) for key in sorted(world)]
    piece = count(entries[:cut])
    before = told(piece)
    count(entries[cut:], piece)
    assert told(piece) == before


@given(worlds)
def test_the_classes_are_all_that_was_listed_and_the_digests_are_those_of_the_listings(world):
    entries = [Entry(key, *world[key]) for key in sorted(world)]
    tally = count(entries)
    assert tally.adds_up()
    assert tally.counts["orphan_records"] == sum(not (four[0] or four[3]) for four in world.values())
    for name, place in (("source", 0), ("destination", 3)):
        there = {key: four[place] for key, four in world.items() if four[place]}
        side = tally.side(name)
        assert (side.objects, side.bytes) == (len(there), sum(one.size for one in there.values()))
        digests = (
            hashlib.sha256(key.encode() + b"\0" + str(one.size).encode()).hexdigest() for key, one in there.items()
        )
        assert side.digest == sum(int(one, 16) for one in digests) % 2**256
