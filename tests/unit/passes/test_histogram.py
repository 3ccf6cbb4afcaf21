"""Lags: percentiles within five percent, and sums that are the same in any order."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.passes.tally import WITHIN, Histogram

lags = st.lists(st.integers(0, 10**7), max_size=60)


def histogram(seconds: list[int], not_yet: int = 0, start: Histogram | None = None) -> Histogram:
    collected = (start or Histogram()).plus(Histogram())
    for one in seconds:
        collected.add(one)
    collected.not_yet += not_yet
    return collected


@given(lags.filter(bool), st.sampled_from([50, 90, 99]))
def test_percentiles_are_within_five_percent_of_the_exact_ones(seconds, percent):
    exact = sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1]
    assert histogram(seconds).percentile(percent) == pytest.approx(exact, rel=0.05)


@given(st.lists(st.tuples(lags, st.integers(0, 5)), min_size=1, max_size=5), st.randoms())
def test_the_sum_of_ranges_is_the_same_in_any_order_and_however_they_were_cut(parts, random):
    whole = histogram([one for seconds, _ in parts for one in seconds], sum(number for _, number in parts))
    shuffled = [histogram(seconds, number) for seconds, number in parts]
    random.shuffle(shuffled)
    total = Histogram()
    for one in shuffled:
        total = total.plus(one)
    assert total.summary() == whole.summary()
    assert total == whole


@given(lags)
def test_what_is_within_a_time_is_counted_exactly(seconds):
    within = histogram(seconds).summary().within
    assert within == {limit: sum(one <= limit for one in seconds) for limit in WITHIN}


def test_an_object_that_is_earlier_by_the_clocks_difference_is_not_late():
    summary = histogram([-3, 0]).summary()
    assert (summary.objects, summary.p99, summary.max) == (2, 0, 0)


@given(lags, st.integers(0, 9))
def test_a_piece_that_is_gone_on_with_has_all_that_was_stored(seconds, not_yet):
    half = histogram(seconds[: len(seconds) // 2], not_yet)
    stored = from_json(Histogram, json.loads(json.dumps(to_json(half))))
    assert histogram(seconds[len(seconds) // 2 :], 0, stored).summary() == histogram(seconds, not_yet).summary()
