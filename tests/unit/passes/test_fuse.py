"""What it costs if OMS takes nothing for hours, while a pass has a million objects to send: a piece at each tick.

In virtual time and at list prices, by the code of reconcile; see tests/support/pass_day.py for what is assumed.
"""

from __future__ import annotations

import pytest

from support.pass_day import TICK_SECONDS, PassDay
from support.reconcile_world import FROZEN, HOUR
from support.world import HANG, oms_error

MILLION = 1_000_000
THROTTLED = oms_error(429)


@pytest.mark.parametrize(
    ("answer", "lanes", "oms_rate", "hours"),
    [
        pytest.param(FROZEN, 16, 20, 4, id="frozen"),
        pytest.param(THROTTLED, 16, 20, 3, id="throttled"),
        # As many as settings allow. The first hours cost most.
        pytest.param(HANG, 64, 1000, 1, id="no answer-64"),
    ],
)
def test_while_oms_takes_nothing_each_range_rests_and_each_tick_tries_one(answer, lanes, oms_rate, hours):
    day = PassDay(MILLION, lanes, answer, oms_rate)
    day.run(hours)

    ticks, ranges = hours * HOUR / TICK_SECONDS, 2 * lanes
    # There are up to twice as many ranges as lanes. They come of one that splits, and each of them is tried once.
    assert lanes < day.pieces <= 4 * ranges + ticks
    # Each piece wakes somebody, mostly in vain.
    assert day.invocations <= 4 * ranges + 2 * ticks
    # Nobody is busy for much longer than a piece may take: a day costs less than 60 cents, however many lanes.
    assert day.billed_seconds < 150 * (ranges + ticks)
    assert day.dollars() < 0.0022 * (ranges + ticks) < 0.61
    # Five batches of ten keys, with up to five attempts each.
    assert day.calls_to_oms() <= 25 * (ranges + ticks)
