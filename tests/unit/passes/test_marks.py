"""Marks: where the keys of a range lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.passes.marks import MAX_MARKS, Mark, Marks

SIZES = st.integers(0, 2000)


def marks_of(first: int, number: int) -> Marks:
    marks = Marks()
    for n in range(first, first + number):
        marks.add(f"{n:06}")
    return marks


def assert_sound(marks: Marks, number: int) -> None:
    keys = [mark.key for mark in marks]
    assert keys == sorted(set(keys))
    assert len(keys) <= MAX_MARKS
    assert sum(mark.objects for mark in marks) == number
    assert all(mark.objects > 0 for mark in marks)


@given(SIZES)
def test_marks_count_every_key_and_end_with_the_last(number):
    marks = marks_of(0, number)
    assert_sound(marks, number)
    # Each says how many keys there are up to it.
    place = 0
    for key, count in marks:
        place += count
        assert key == f"{place - 1:06}"
    assert place == number


@given(st.lists(SIZES, max_size=12))
def test_merged_marks_are_in_order_and_count_all(sizes):
    merged, place = Marks(), 0
    for size in sizes:
        merged = Marks.merge(merged, marks_of(place, size))
        place += size
    assert_sound(merged, place)


@given(SIZES, SIZES)
def test_marks_that_were_stored_go_on_where_they_were(before, after):
    marks = Marks(tuple(marks_of(0, before)))
    for n in range(before, before + after):
        marks.add(f"{n:06}")
    assert_sound(marks, before + after)


@given(st.lists(st.integers(1, 10**9), max_size=600))
def test_however_uneven_marks_are_none_counts_much_more_than_it_did(counts):
    given_marks = [Mark(f"{n:06}", count) for n, count in enumerate(counts)]
    marks = Marks(given_marks)
    assert_sound(marks, sum(counts))
    fair = sum(counts) / (MAX_MARKS - 2) + 1
    assert max((mark.objects for mark in marks), default=0) <= fair + max(counts, default=0)


def test_many_keys_are_marked_at_nearly_equal_distances():
    marks = list(marks_of(0, 100_000))
    assert len(marks) > MAX_MARKS / 2 - 2
    assert max(mark.objects for mark in marks) <= 2.1 * 100_000 / MAX_MARKS
