"""Where a range of keys splits."""

from __future__ import annotations

import re
from bisect import bisect_right

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oss_oms_sync.passes.marks import Mark, Marks, expected_objects, find_cut

MAX_CALLS = 45

# Few characters, so that keys have much in common, and all that is at an edge of something.
CHARACTERS = "a/0%~ \x00\x1f\x7f\x80\x9f\xa0é߿ࠀ最퟿\ue000\uffff😀\U0010ffff"
KEY = st.text(st.sampled_from(CHARACTERS) | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FOLDERS = st.sampled_from(["", "2019/01/31/", "p" * 249, "最" * 260, "100%/", "\x00"])
KEYS = st.tuples(FOLDERS, st.sets(KEY, min_size=1, max_size=40)).map(
    lambda drawn: sorted(drawn[0] + k for k in drawn[1])
)
MARKS = st.lists(st.tuples(KEY, st.integers(1, 1000)), max_size=20, unique_by=lambda mark: mark[0]).map(
    lambda drawn: [Mark(*mark) for mark in sorted(drawn)]
)


class Bucket:
    """Keys in order, asked for one at a time."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.calls = 0

    def cut(self, until: str = "", marks=()) -> str | None:
        def next_key(after: str) -> str | None:
            self.calls += 1
            after.encode()
            place = bisect_right(self.keys, after)
            return self.keys[place] if place < len(self.keys) else None

        self.calls = 0
        return find_cut(self.keys[0], until, marks, next_key)


def numbered(template: str, number: int) -> list[str]:
    return [template.format(n) for n in range(number)]


def assert_splits(keys: list[str], cut: str) -> None:
    assert keys[0] <= cut < keys[-1]
    assert cut.encode()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f%]", cut)


@given(KEYS, MARKS)
@example(["a", "b"], [])
@example(["a", "ab"], [])
@example(["a\x00", "a\x01"], [])
@example(["퟿a", "\ue000"], [])
def test_a_cut_leaves_the_first_key_to_the_left_and_the_last_to_the_right(keys, marks):
    bucket = Bucket(keys)
    for until in ("", keys[-1], keys[-1] + "0"):
        cut = bucket.cut(until, marks)
        assert bucket.calls <= MAX_CALLS
        if cut is not None:
            assert_splits(keys, cut)


@given(KEYS, MARKS)
def test_splitting_again_and_again_ends_and_has_each_key_once(keys, marks):
    waiting, whole = [(keys, "")], []
    while waiting:
        part, until = waiting.pop()
        cut = Bucket(part).cut(until, marks)
        if cut is None:
            whole.append(part)
        else:
            middle = bisect_right(part, cut)
            waiting += [(part[middle:], until), (part[:middle], cut)]
    assert [key for part in whole for key in part] == keys


@given(st.sets(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="%"), min_size=1, max_size=8)))
def test_two_keys_without_odd_characters_always_split(drawn):
    keys = sorted(drawn)
    cut = Bucket(keys).cut() if keys else None
    assert (cut is not None) == (len(keys) > 1)


@pytest.mark.parametrize(
    ("keys", "cut"),
    [
        (["a"], None),
        (["a", "b"], "a\U0010ffff"),
        (["a/1", "b/1"], "b"),
        (["a", "a/1", "a/2"], "a "),
        (numbered("photos/{:04}", 10_000), "photos/5"),
        (["2015/01/31", "2019/12/31", "2024/01/01"], "202"),
        (["a", "最终"], chr((ord("a") + ord("最") + 1) // 2)),
        # Half way is "%", or between the surrogates.
        (["!", ")x"], "&"),
        (["\ud000", "\ue800"], "\ue000"),
        (["100%/a", "100%/b"], None),
        (["a\x00x", "a\x01x"], None),
    ],
)
def test_without_marks_a_range_splits_half_way_to_its_last_key(keys, cut):
    assert Bucket(keys).cut() == cut


def test_a_cut_is_never_longer_than_an_object_name():
    keys = ["😀" * 249 + "a", "😀" * 249 + "b"]
    cut = Bucket(keys).cut()
    assert_splits(keys, cut)
    assert len(cut.encode()) <= 1023


@pytest.mark.parametrize("length", [50, 900])
def test_one_letter_keys_behind_a_long_prefix_cost_few_calls(length):
    bucket = Bucket(numbered("p" * length + "{:03}", 1000))
    bucket.cut()
    assert bucket.calls <= 20


def test_the_middle_is_that_of_the_counts_of_the_marks():
    keys = numbered("{:03}", 1000)
    marks = [Mark("099", 100), Mark("199", 100), Mark("299", 200), Mark("999", 600)]
    assert Bucket(keys).cut(marks=marks) == "299"


def test_the_mark_after_the_range_counts_as_well():
    keys = numbered("{:03}", 1000)[:350]
    marks = [Mark("099", 100), Mark("199", 100), Mark("299", 100), Mark("999", 100)]
    assert Bucket(keys).cut("349", marks) == "199"


def test_marks_outside_of_the_range_do_not_count():
    keys = numbered("{:03}", 1000)[400:600]
    marks = [Mark("199", 9000), Mark("420", 10), Mark("440", 10), Mark("599", 10), Mark("999", 9000)]
    assert Bucket(keys).cut("599", marks) == "420"


def test_marks_that_cannot_be_cuts_are_passed_over():
    keys = numbered("{:03}", 1000)
    marks = [Mark("199", 200), Mark("499%", 300), Mark("999", 500)]
    assert Bucket(keys).cut(marks=marks) == "199"


def test_marks_of_keys_that_were_deleted_since_do_not_stop_the_splitting():
    # GIVEN marks of a thousand keys, of which a tenth is left
    keys = numbered("{:03}", 1000)
    marks = Marks()
    for key in keys:
        marks.add(key)
    # WHEN what is left is split
    bucket = Bucket(keys[:100])
    cut = bucket.cut(marks=marks)
    # THEN it is near the middle, at the price of a call for each halving
    assert "040" < cut < "070"
    assert bucket.calls <= 5


MARKS = [Mark("c", 10), Mark("f", 20), Mark("m", 40)]


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
def test_the_objects_of_a_range_are_those_of_its_marks_and_of_the_one_after_them(after, until, objects):
    assert expected_objects(after, until, MARKS) == objects


def test_without_marks_nothing_is_expected():
    assert expected_objects("", "", []) == 0
