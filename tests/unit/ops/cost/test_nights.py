"""Migrations with bandwidth limits: duration, price, and the hours in which OMS applies the limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from ops.cost import nights, quantities
from ops.cost.prices import Prices
from oss_oms_sync.answers.bandwidth import NIGHT_WINDOWS, CopySpeed, Window, limits_by_minute, shift_windows
from oss_oms_sync.rules.bandwidth import find_hours_late

TB = 10**12
# 2026-01-01T00:00:00+08:00, a midnight in China.
MIDNIGHT = 1_767_196_800
QUARTER_HOUR = 900


def yuan_and_days(copies: Sequence[nights.CopyEstimate]) -> list[tuple[int, int]]:
    """Return the price and the duration of each way to copy, in yuan and days."""
    return [(round(copy.dollars * 7), round(copy.seconds / 86400)) for copy in copies]


def test_copying_200_tb_day_and_night_costs_a_sixth_less_than_by_day():
    """By day, OSS charges 0.50 yuan a gigabyte of traffic; in a third of the hours, OSS charges half of this price."""
    ways = nights.compare_ways(1_000_000, 200 * TB, Prices())
    assert yuan_and_days(ways.day_and_night) == [(round(200 * TB / 2**30 * (0.50 * 16 + 0.25 * 8) / 24), 37)]
    # A limit of the group, or of each of the five tasks that run at once.
    assert yuan_and_days(ways.nights) == [(48_167, 107), (53_321, 95)]


def test_cost_estimates_copies_at_night_also_if_oms_reads_limits_in_utc():
    (in_utc,) = nights.compare_ways(1, TB, Prices()).in_utc
    by_day = TB / 2**30 * 0.50 / 7
    assert 0.98 * by_day < in_utc.dollars < by_day


@pytest.mark.parametrize(
    ("region", "is_cheap"), [("ap-southeast-1", False), ("cn-hongkong", False), ("cn-hangzhou", True)]
)
def test_cost_shows_no_night_plan_if_traffic_costs_the_same_all_day(region, is_cheap):
    assert (nights.compare_ways(1, TB, Prices.of_region(region)).nights != ()) is is_cheap


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("08:00-19:59=5MB/s", Window("08:00", "19:59", 5_000_000)),
        ("00:00-08:00=1500KB/s", Window("00:00", "08:00", 1_500_000)),
        ("08:00-23:59=1MB/s", *NIGHT_WINDOWS),
    ],
)
def test_migrate_parses_the_option_for_a_bandwidth_limit(text, window):
    assert quantities.parse_window(text) == window


@pytest.mark.parametrize(
    "text",
    [
        *("08:00-24:00=5MB/s", "20:00-08:00=5MB/s", "8:00-9:00=5MB/s", "08:00-08:00=5MB/s"),
        *("08:00-19:59", "08:00-19:59=5MB", "08:00-19:59=0MB/s", "08:00-19:59=0.9MB/s", "08:00-19:59=201MB/s"),
    ],
)
def test_a_bandwidth_limit_that_oms_would_refuse_is_a_usage_error(text):
    with pytest.raises(ValueError, match="08:00"):
        quantities.parse_window(text)


def progress(hours: int, begin: int = 0, seconds: int = 86_400, speed: float = 62_500_000) -> CopySpeed:
    """Return the copy speeds that status stores if OMS applies NIGHT_WINDOWS `hours` late.

    Status stores the first speed `begin` seconds after midnight.
    """
    limits, copied_bytes, samples = limits_by_minute(NIGHT_WINDOWS, hours), 0.0, []
    for second in range(begin, begin + seconds + 1, 60):
        if (second - begin) % QUARTER_HOUR == 0:
            samples.append((MIDNIGHT + second, round(copied_bytes)))
        copied_bytes += 60 * min(speed, limits[second // 60 % 1440])
    return CopySpeed("g", NIGHT_WINDOWS, tuple(samples))


@pytest.mark.parametrize(
    ("measured", "hours"),
    [
        *((progress(hours, begin), hours) for begin in (0, 5 * 3600, 13 * 3600 + 1800) for hours in (0, 8, -8, 1, 5)),
        # Half a day, a speed below the limit, and no progress.
        (progress(8, seconds=12 * 3600), None),
        (progress(8, speed=1_000_000), None),
        (CopySpeed("g", NIGHT_WINDOWS, ()), None),
    ],
)
def test_a_day_of_progress_shows_how_late_oms_applies_bandwidth_limits(measured, hours):
    assert find_hours_late(measured) == hours


@pytest.mark.parametrize("hours", [8, -8, 5])
def test_bandwidth_limits_that_were_shifted_apply_in_the_requested_hours(hours):
    wanted, acting = limits_by_minute(NIGHT_WINDOWS), limits_by_minute(shift_windows(NIGHT_WINDOWS, -hours), hours)
    differing = [minute for minute in range(1440) if wanted[minute] != acting[minute]]
    assert len(differing) <= 1
    assert all(math.isinf(acting[minute]) for minute in differing)
