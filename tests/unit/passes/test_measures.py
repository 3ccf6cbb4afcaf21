"""Measurements of a pass other than its counts: lags, a sample, and its progress."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from datetime import datetime, timedelta, timezone
from functools import reduce
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.answers.codec import from_json, to_json
from oss_oms_sync.answers.pass_answers import Progress
from oss_oms_sync.clock import timestamp
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes import digests as drawing
from oss_oms_sync.passes.digests import SampleDraw, digest
from oss_oms_sync.passes.marks import KeyMark
from oss_oms_sync.passes.pieces import Pass, Scope
from oss_oms_sync.passes.states import PassState, estimate_progress
from oss_oms_sync.passes.tally import LAG_LIMITS, Histogram, Tally

lags = st.lists(st.integers(0, 10**7), max_size=60)


def make_histogram(seconds: list[int], not_yet: int = 0, start: Histogram | None = None) -> Histogram:
    collected = (start or Histogram()).plus(Histogram(not_yet=not_yet))
    for second in seconds:
        collected.add(second)
    return collected


@given(lags.filter(bool), st.sampled_from([50, 90, 99]))
def test_a_histograms_percentiles_are_within_five_percent(seconds, percent):
    exact = sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1]
    # The percentile is also rounded to a second.
    assert abs(make_histogram(seconds).percentile(percent) - exact) <= 0.05 * exact + 0.5


def test_a_change_of_a_sum_of_histograms_does_not_change_the_summands():
    first, second = make_histogram([1]), make_histogram([1, 2])
    first.plus(second).add(1)
    assert first == make_histogram([1])
    assert second == make_histogram([1, 2])


@given(lags)
def test_a_histogram_counts_the_objects_within_a_lag_exactly(seconds):
    assert make_histogram(seconds).summary().within == {
        limit: sum(second <= limit for second in seconds) for limit in LAG_LIMITS
    }


def test_a_histogram_counts_no_negative_lag():
    early_lag, usual_lag = make_histogram([-3, 0]).summary(), make_histogram([0, 0, 9]).summary()
    assert early_lag.objects == 2
    assert early_lag.p99 == 0
    assert early_lag.max == 0
    assert usual_lag.p50 == 0


KEYS = [f"photos/山 {number:04}.jpg" for number in range(1000)]


def draw_sample(keys: list[str], seed: str = "5eed", start: SampleDraw | None = None) -> SampleDraw:
    draw = start or SampleDraw()
    draw.seed = seed
    for key in keys:
        draw.add(key, digest(key.encode(), 1), key[: key.find("/") + 1], 1)
    return draw


def test_a_sample_can_be_drawn_again_by_an_independent_program():
    def rank(key: str) -> int:
        return int(hashlib.sha256(key.encode() + b"\x001").hexdigest(), 16) * (2 * 0x5EED + 1) % 2**256

    assert draw_sample(KEYS).ranked == sorted((rank(key), key) for key in KEYS)[:300]
    assert draw_sample(KEYS).population == 1000


def test_a_sample_includes_the_first_object_of_each_folder_of_any_size():
    draw, large_size = draw_sample(KEYS[:50]), drawing.MAX_SAMPLE_OBJECT_BYTES + 1
    draw.add("films/long.mp4", digest(b"films/long.mp4", large_size), "films/", large_size)
    firsts = {folder: key for folder, (_, key) in draw.firsts.items()}
    assert draw.population == 50
    assert len(draw.keys) == 50
    assert firsts == {"photos/": draw.keys[0], "films/": "films/long.mp4"}


@given(st.lists(st.integers(0, 1000), max_size=4), st.integers(1, 20))
def test_a_pass_over_many_ranges_draws_the_same_sample_as_one_range(cuts, most):
    keys = sorted(f"{number % 5}/{key}" for number, key in enumerate(KEYS[:60]))
    places = sorted({0, 60, *(cut % 60 for cut in cuts)})
    parts = [keys[a:b] for a, b in itertools.pairwise(places)]
    with patch.object(drawing, "MAX_SAMPLE_OBJECTS", most):
        summed = reduce(SampleDraw.plus, map(draw_sample, parts), SampleDraw())
        piece = SampleDraw()
        for part in parts:
            piece = draw_sample(part, start=from_json(SampleDraw, json.loads(json.dumps(to_json(piece)))))
        assert draw_sample(keys) == summed == piece


NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def make_state(objects: int, *, minutes_ago: int = 10, ended: bool = False) -> PassState:
    began = timestamp(NOW - timedelta(minutes=minutes_ago))
    pass_ = Pass("", "photos", Scope(KeyFilter(), None, everything=False), began, began)
    return PassState(
        pass_, Tally({}, (KeyMark("k", objects),) if objects else ()), timestamp(NOW) if ended else "", 1, 0, 1
    )


@pytest.mark.parametrize(
    ("state", "last", "later", "progress"),
    [
        (make_state(250_000), make_state(1_000_000, minutes_ago=60, ended=True), 0, Progress(25_000, 0.25, 30)),
        # The bucket has grown.
        (make_state(2_000), make_state(1_000, ended=True), 0, Progress(200, 0.99, 0)),
        (make_state(9_996), make_state(10_000, ended=True), 0, Progress(1_000, 0.99, 1)),
        # Without an earlier pass, or without progress, the share is unknown.
        (make_state(500), None, 0, Progress(50, None, None)),
        (make_state(0), make_state(1_000, ended=True), 0, Progress(0, None, None)),
        # The pass ended a day ago.
        (make_state(6_000, ended=True), None, 1, Progress(600, 1.0, 0)),
    ],
)
def test_the_progress_of_a_pass_is_estimated_by_the_last_pass(state, last, later, progress):
    assert estimate_progress(state, last, NOW + timedelta(days=later)) == progress


@pytest.mark.parametrize(("period", "days"), [(1, 2), (0.5, 1.5), (30, 31), (None, 3)])
def test_a_pass_is_overdue_a_day_after_its_period_or_after_three_days(period, days):
    state = make_state(0, minutes_ago=int(days * 24 * 60))
    times = (NOW, NOW + timedelta(seconds=1))
    assert [state.is_late(period and timedelta(days=period), time) for time in times] == [False, True]
