"""Numbers that reports print for readers, with their units."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.report import units
from ops.report.words import Translator

EN, ZH = Translator("en"), Translator("zh")


def plain(shown: str | None) -> str | None:
    """Return the text with plain spaces, and assert that non-breaking spaces join numbers and units."""
    assert shown is None or " " not in shown.replace("unknown", "").replace(" bytes", "").replace(" ago", "")
    return shown and shown.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (1_240_000_000_000, "1.24 TB"),
        (10**18, "1.00 EB"),
        (10**22, "10,000 EB"),
        (None, "unknown"),
    ],
)
def test_a_printed_size_has_three_digits_and_a_unit(number, shown):
    assert plain(units.size(number, EN)) == shown


@given(st.integers(1000, 10**20))
def test_a_printed_size_is_within_half_a_percent_of_the_bytes(number):
    value, unit = plain(units.size(number, EN)).split(" ")
    power = ("", "kB", "MB", "GB", "TB", "PB", "EB").index(unit)
    assert float(value.replace(",", "")) * 1000**power == pytest.approx(number, rel=0.0051)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "< 1 s", "不到 1 秒"),
        (61, "61 s", "61 秒"),
        (60, "1 min", "1 分钟"),
        (120, "2 min", "2 分钟"),
        (3600, "1 h", "1 小时"),
        (7199, "120 min", "120 分钟"),
        (86400, "1 d", "1 天"),
        (172_800, "2 d", "2 天"),
        (None, "unknown", "未知"),
    ],
)
def test_a_printed_duration_has_a_single_fitting_unit(seconds, english, chinese):
    assert (plain(units.duration(seconds, EN)), plain(units.duration(seconds, ZH))) == (english, chinese)


def test_an_age_is_printed_as_a_time_before_now():
    now = datetime(2026, 1, 31, tzinfo=timezone.utc)
    assert plain(units.age(now - timedelta(hours=3), now, EN)) == "3 h ago"
    assert plain(units.age(now - timedelta(hours=3), now, ZH)) == "3 小时前"
    assert units.age(now, now, EN) == "just now"


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_printed_share_is_100_percent_only_for_all_objects(number, more):
    text, chinese_text = (plain(units.share(number, number + more, translate)) for translate in (EN, ZH))
    assert (text == "100%") == (more == 0 < number)
    assert (text == "0%") == (number == 0)
    assert chinese_text == text


@pytest.mark.parametrize(
    ("rate", "shown"), [(0, "0"), (0.01, "< 0.1"), (0.25, "0.2"), (3.0, "3"), (12_345.6, "12,346")]
)
def test_a_printed_small_rate_has_a_decimal_and_is_not_zero(rate, shown):
    assert plain(units.rate(rate)) == shown


@pytest.mark.parametrize(
    ("rate", "shown"), [(None, "unknown"), (1, "1 object per minute"), (0.25, "0.2 objects per minute")]
)
def test_a_rate_of_one_object_has_a_singular_noun(rate, shown):
    assert units.objects_a_minute(rate, EN) == shown


@pytest.mark.parametrize(("number", "shown"), [(2**30, "1 GiB"), (10**9, "1.00 GB"), (None, "unknown")])
def test_a_bandwidth_limit_is_printed_in_the_unit_of_the_option(number, shown):
    assert plain(units.limit(number, EN)) == shown
