"""How fast a pass is, how much of it is done, and how long the rest takes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.marks import Mark
from oss_oms_sync.passes.scope import Pass, Scope
from oss_oms_sync.passes.states import PassState, Progress
from oss_oms_sync.passes.tally import Tally

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def a_pass(objects: int, *, minutes_ago: int = 10, ended: bool = False) -> PassState:
    began = timestamp(NOW - timedelta(minutes=minutes_ago))
    one = Pass("", "photos", Scope(KeyFilter(), None, everything=False), began, began)
    return PassState(one, Tally({}, (Mark("k", objects),) if objects else ()), timestamp(NOW) if ended else "", 1, 0, 1)


def test_an_open_pass_is_measured_by_the_last_one_of_its_scope():
    last = a_pass(1_000_000, minutes_ago=60, ended=True)
    assert Progress.of(a_pass(250_000), last, NOW) == Progress(25_000, 0.25, 30)


@pytest.mark.parametrize("last", [None, a_pass(1_000, ended=True)])
def test_without_a_measure_only_its_pace_is_known(last):
    progress = Progress.of(a_pass(0), last, NOW) if last else Progress.of(a_pass(500), None, NOW)
    assert (progress.share, progress.minutes_left) == (None, None)


def test_a_bucket_that_has_grown_does_not_make_it_more_than_all():
    assert Progress.of(a_pass(2_000), a_pass(1_000, ended=True), NOW) == Progress(200, 1.0, 0)


def test_a_pass_that_ended_is_all_done_at_the_pace_it_had():
    assert Progress.of(a_pass(6_000, ended=True), None, NOW + timedelta(days=1)) == Progress(600, 1.0, 0)
