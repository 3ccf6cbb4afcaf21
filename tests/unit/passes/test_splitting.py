"""The key at which a range splits, which the code finds by requests or by the sampled keys of an earlier pass."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import accumulate
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes import work
from oss_oms_sync.passes.marks import MAX_MARKS, KeyMark, Marks, estimate_objects, find_cut
from oss_oms_sync.passes.pieces import Scope
from support.passes import begin_stuck_pass, limit_pages
from support.world import World

MAX_CALLS = 45

# Few characters, so that keys have common prefixes, and all characters at the limits of encodings.
CHARACTERS = "a/0%~ \x00\x1f\x7f\x80\x9f\xa0é߿ࠀ最퟿\ue000\uffff😀\U0010ffff"
KEY = st.text(st.sampled_from(CHARACTERS) | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FOLDERS = st.sampled_from(["", "2019/01/31/", "p" * 249, "最" * 260, "100%/", "\x00"])
KEYS = st.tuples(FOLDERS, st.sets(KEY, min_size=1, max_size=40)).map(
    lambda drawn: sorted(drawn[0] + k for k in drawn[1])
)
MARKS = st.lists(st.tuples(KEY, st.integers(1, 1000)), max_size=20, unique_by=lambda mark: mark[0]).map(
    lambda drawn: [KeyMark(*mark) for mark in sorted(drawn)]
)


def find_cut_of_keys(keys: list[str], until: str = "", marks=()) -> tuple[str | None, int]:
    """Return the key at which a range of these keys splits, and the number of requests for single keys."""
    requested_keys: list[bytes] = []

    def find_next_key(after: str) -> str | None:
        requested_keys.append(after.encode())
        return next(iter(keys[bisect_right(keys, after) :]), None)

    return find_cut(keys[0], until, marks, find_next_key), len(requested_keys)


def make_numbered_keys(template: str, number: int) -> list[str]:
    return [template.format(n) for n in range(number)]


def check_cut(keys: list[str], cut: str) -> None:
    assert keys[0] <= cut < keys[-1]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f%\ud800-\udfff]", cut)


@given(KEYS, MARKS)
@example(["a", "b"], [])
@example(["a", "ab"], [])
@example(["a\x00", "a\x01"], [])
@example(["퟿a", "\ue000"], [])
def test_a_split_of_a_range_leaves_keys_in_both_halves(keys, marks):
    for until in ("", keys[-1], keys[-1] + "0"):
        cut, calls = find_cut_of_keys(keys, until, marks)
        assert calls <= MAX_CALLS
        if cut is not None:
            check_cut(keys, cut)


@given(KEYS, MARKS)
def test_repeated_splits_end_with_ranges_of_a_single_key(keys, marks):
    def split_repeatedly(part: list[str], until: str) -> list[str]:
        cut, _ = find_cut_of_keys(part, until, marks)
        if cut is None:
            return part
        middle = bisect_right(part, cut)
        return [*split_repeatedly(part[:middle], cut), *split_repeatedly(part[middle:], until)]

    assert split_repeatedly(keys, "") == keys


plain = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="%"), min_size=1, max_size=8)


@given(st.sets(plain, min_size=1))
def test_a_range_of_several_plain_keys_always_splits(drawn_keys):
    cut, _ = find_cut_of_keys(sorted(drawn_keys))
    assert (cut is not None) == (len(drawn_keys) > 1)


@pytest.mark.parametrize(
    ("keys", "cut"),
    [
        (["a"], None),
        (["a", "b"], "a\U0010ffff"),
        (["a/1", "b/1"], "b"),
        (["a", "a/1", "a/2"], "a "),
        (make_numbered_keys("photos/{:04}", 10_000), "photos/5"),
        (["2015/01/31", "2019/12/31", "2024/01/01"], "202"),
        (["a", "最终"], chr((ord("a") + ord("最") + 1) // 2)),
        # The middle is "%", or a surrogate, so another character is chosen.
        (["!", ")x"], "&"),
        (["\ud000", "\ue800"], "\ue000"),
        (["100%/a", "100%/b"], None),
        (["a\x00x", "a\x01x"], None),
    ],
)
def test_a_range_without_sampled_keys_splits_half_way_to_its_last_key(keys, cut):
    assert find_cut_of_keys(keys)[0] == cut


def test_a_range_never_splits_at_a_key_longer_than_an_object_name():
    keys = ["😀" * 249 + "a", "😀" * 249 + "b"]
    cut, _ = find_cut_of_keys(keys)
    check_cut(keys, cut)
    assert len(cut.encode()) <= 1023


@pytest.mark.parametrize("length", [50, 900])
def test_a_split_of_keys_with_a_long_common_prefix_makes_few_calls(length):
    _, calls = find_cut_of_keys(make_numbered_keys("p" * length + "{:03}", 1000))
    assert calls <= 20


@pytest.mark.parametrize(
    ("first", "until", "marks", "cut"),
    [
        (0, "", {"099": 100, "199": 100, "299": 200, "999": 600}, "299"),
        (0, "349", {"099": 100, "199": 100, "299": 100, "999": 100}, "199"),
        (400, "599", {"199": 9000, "420": 10, "440": 10, "599": 10, "999": 9000}, "420"),
        (0, "", {"199": 200, "499%": 300, "999": 500}, "199"),
    ],
    ids=[
        "all objects count",
        "the sampled key after the range counts",
        "no key outside of the range counts",
        "no key counts that cannot split the range",
    ],
)
def test_a_range_splits_at_the_sampled_key_that_halves_its_objects(first, until, marks, cut):
    keys = make_numbered_keys("{:03}", int(until or 999) + 1)[first:]
    assert find_cut_of_keys(keys, until, [KeyMark(*mark) for mark in marks.items()])[0] == cut


def test_a_range_splits_by_its_sampled_keys_even_if_most_keys_are_gone():
    # GIVEN marks of a thousand keys, and a tenth of these keys
    # WHEN their range is split
    cut, calls = find_cut_of_keys(make_numbered_keys("{:06}", 100), marks=make_marks(0, 1000))
    # THEN the cut is near the middle, and costs few calls
    assert "000040" < cut < "000070"
    assert calls <= 5


MARKS = [KeyMark("c", 10), KeyMark("f", 20), KeyMark("m", 40)]


@pytest.mark.parametrize(
    ("after", "until", "objects"),
    [
        ("", "", 70),
        ("", "f", 30),
        ("", "e", 30),
        ("c", "f", 20),
        ("c", "", 60),
        ("d", "e", 20),
        ("m", "", 0),
        ("g", "l", 40),
    ],
)
def test_estimate_objects_counts_the_objects_of_a_range_by_sampled_keys(after, until, objects):
    assert estimate_objects(after, until, MARKS) == objects


NUMBERS_OF_KEYS = st.integers(0, 2000)


def make_marks(first: int, number: int, start: Iterable[KeyMark] = ()) -> Marks:
    marks = Marks(start)
    for n in range(first, first + number):
        marks.add(f"{n:06}")
    return marks


def check_marks(marks: Marks, number: int) -> None:
    keys = [mark.key for mark in marks]
    assert keys == sorted(set(keys))
    assert len(keys) <= MAX_MARKS
    assert sum(mark.objects for mark in marks) == number
    assert all(mark.objects > 0 for mark in marks)


@given(NUMBERS_OF_KEYS)
def test_the_sampled_keys_count_every_key_and_end_with_the_last_key(number):
    marks = make_marks(0, number)
    check_marks(marks, number)
    # The counts of the marks up to each mark add up to the position of its key.
    assert [mark.key for mark in marks] == [f"{place - 1:06}" for place in accumulate(mark.objects for mark in marks)]


@given(st.lists(NUMBERS_OF_KEYS, max_size=5))
def test_the_merged_sampled_keys_of_ranges_are_in_order_and_count_all_keys(sizes):
    merged_marks, place = Marks(), 0
    for size in sizes:
        merged_marks = Marks([*merged_marks, *make_marks(place, size)])
        place += size
    check_marks(merged_marks, place)


@given(NUMBERS_OF_KEYS, NUMBERS_OF_KEYS)
def test_a_pass_continues_its_count_of_keys_after_stored_sampled_keys(before, after):
    check_marks(make_marks(before, after, tuple(make_marks(0, before))), before + after)


@given(st.lists(st.integers(1, 10**9), max_size=12), st.integers(1, MAX_MARKS // 4))
def test_neighbouring_sampled_keys_count_similar_numbers_of_objects(some, times):
    counts = some * times
    marks = Marks(KeyMark(f"{n:06}", count) for n, count in enumerate(counts))
    check_marks(marks, sum(counts))
    fair_share = sum(counts) / (MAX_MARKS - 2) + 1
    assert max((mark.objects for mark in marks), default=0) <= fair_share + max(counts, default=0)


@pytest.fixture
def split_early():
    """Keep the limits of production, by replacing the fixture of this name that lowers them."""


def make_world(objects: int, seconds_a_page: float) -> World:
    world = World.installed(LANES="4", PIECE_SECONDS="30")
    world.oss.set_latency(listing=seconds_a_page)
    world.put_accepted(*make_numbered_keys("{:04}", objects))
    world.advance()
    return world


@limit_pages(10)
def test_a_short_range_without_sampled_keys_is_finished_without_a_split():
    result = make_world(100, seconds_a_page=0.1).tick("reconcile")
    assert result["ranges"] == {"open": 0, "done": 1}
    assert result["covered"] == 100
    assert result["finished"] is True


@limit_pages(10)
def test_a_long_range_without_sampled_keys_splits_after_its_first_keys():
    world = make_world(100, seconds_a_page=1.0)
    result = world.tick("reconcile")
    assert result["ranges"] == {"open": 2, "done": 0}
    assert 10 <= result["covered"] < 50
    world.advance(600)
    assert world.tick_until_finished()["covered"] == 100


@pytest.mark.parametrize(("worth", "ranges"), [(101, {"open": 1, "done": 0}), (100, {"open": 2, "done": 0})])
@limit_pages(10)
def test_a_range_splits_at_once_if_its_sampled_keys_show_enough_objects(mocker, worth, ranges):
    # GIVEN the marks of a pass over a hundred objects
    mocker.patch.object(work, "MIN_SPLIT_OBJECTS", worth)
    world = make_world(100, seconds_a_page=0.1)
    assert world.tick("reconcile")["finished"]

    # WHEN the next pass begins, with time for only a few pages
    world.oss.set_latency(listing=4)
    world.advance(86_400)

    # THEN the number of counted objects shows if the range split first
    result = world.tick("reconcile")
    assert result["ranges"] == ranges
    assert (result["covered"] == 0) == (ranges["open"] == 2)


@pytest.mark.parametrize(
    ("rate", "everything", "since", "lanes"),
    [
        (0.01, False, None, 1),
        (0.01, True, None, 1),
        (0.99, False, None, 1),
        (1, False, None, 2),
        (10, False, None, 8),
        # Ranges that submit every object use up the rate.
        (10, True, None, 2),
        (10, True, datetime(2020, 1, 1, tzinfo=timezone.utc), 8),
    ],
)
def test_a_pass_has_as_many_lanes_as_oms_rate_allows(rate, everything, since, lanes):
    settings = SimpleNamespace(lanes=8, oms_rate=rate)
    assert work.count_lanes(settings, Scope(KeyFilter(), since, everything)) == lanes


@pytest.mark.parametrize("ranges", [1, 4])
def test_a_pass_begins_even_if_the_source_cannot_be_listed(mocker, ranges):
    # GIVEN marks for all cuts, or for none, so that a cut is searched first
    mocker.patch.object(work, "MIN_SPLIT_OBJECTS", 1)
    if ranges == 1:
        mocker.patch.object(work, "find_middle", return_value=None)
    world = make_world(30, seconds_a_page=0.1)
    world.tick("reconcile")
    world.advance(86_400)

    # WHEN a manual call begins a pass, THEN the pass exists, and the timer continues it
    begin_stuck_pass(world)
    assert [(bool(pass_.ended), pass_.ranges_open) for pass_ in world.passes()] == [(True, 0), (False, ranges)]
    world.advance(600)
    assert world.tick("reconcile")["finished"]
