"""The parts of charts and bars, which add up to the whole."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.report.blocks import Bar, Part, ShareBar
from ops.report.copying import Timeline
from ops.show.page import draw_bar, draw_columns, draw_share_bar
from unit.ops.web_page import parse

BEGIN = datetime(2026, 1, 30, 9, 12, 44, tzinfo=timezone.utc)


@given(
    st.integers(1, 24 * 31),
    st.sampled_from([300, 3600]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 99))),
)
def test_the_bars_of_a_chart_keep_every_count(hours, step, drawn_points):
    line = Timeline(BEGIN, BEGIN + timedelta(hours=hours), step)
    points = [(BEGIN.timestamp() * 1000 + milliseconds, number) for milliseconds, number in drawn_points]
    sums = line.sums(points)
    assert sum(sums) == sum(number for _, number in points)
    assert len(sums) <= 100
    assert line.span % step == 0


@pytest.mark.parametrize(("hours", "step"), [(1, 300), (24, 300), (25, 300), (72, 300), (24, 3600), (744, 3600)])
def test_a_chart_of_a_constant_rate_has_bars_of_equal_height(hours, step):
    end = BEGIN + timedelta(hours=hours)
    line = Timeline(BEGIN, end, step)
    first_second = int(BEGIN.timestamp()) // step * step
    sums = line.sums((second * 1000, 7) for second in range(first_second, int(end.timestamp()), step))
    # The first span may be shorter.
    assert set(sums[1:]) <= {7 * line.span // step}
    assert 0 < sums[0] <= 7 * line.span // step


def test_a_single_object_among_millions_has_a_visible_bar():
    page_element = parse(draw_columns([10**9, 1, 0], "copied"))
    heights = [float(element.attributes["height"]) for element in page_element.every("rect")]
    assert len(heights) == 2
    assert heights[1] > 2
    parts = list(parse(draw_bar(Bar([Part(10**9, "good"), Part(1, "bad"), Part(0, "open")], "x"))).every("i"))
    assert [part.attributes["class"] for part in parts] == ["good", "bad"]
    assert parse(draw_share_bar(ShareBar(1, 10**9, "bad"))).only(class_="fill bad")
    assert not list(parse(draw_share_bar(ShareBar(0, 0, "bad"))).every(class_="fill bad"))
