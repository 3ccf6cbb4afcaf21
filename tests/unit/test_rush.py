"""Above the rate of calls that OMS's gateway admits, in virtual time, with the real forward and replay.

As large as a fiftieth of the real thing: 20 uploads a second and 4 calls a second, in place of 1,000 and 200. In full,
which takes an hour: RUSH=1 pytest tests/unit/test_rush.py
"""

from __future__ import annotations

import os

import pytest

from support.rush import OMS_SECONDS, Rush

SCALE = float(os.environ.get("RUSH", "0.02"))


def rush(uploads: float, seconds: float, oms_rate: float, scale: float = SCALE) -> Rush:
    """What became of so many uploads a second."""
    one = Rush(uploads * scale, seconds, 200 * scale, int(300 * scale), OMS_RATE=str(oms_rate * scale))
    one.run()

    # Whatever else it shows: no key is lost, and none waits any more.
    assert one.accepted_at.keys() == one.written.keys()
    assert one.recorded("success") == one.written.keys()
    assert one.recorded("failed") == set()
    return one


@pytest.mark.parametrize(
    ("oms_rate", "keys_a_call", "minutes"), [(20, 1.7, 12), (100, 4, 4)], ids=["OMS_RATE 20", "OMS_RATE 100"]
)
def test_five_times_the_limit_for_three_minutes_is_drained_soon_after_by_few_calls(oms_rate, keys_a_call, minutes):
    # The timer strikes at the worst moment: just before the burst, and not again for a minute.
    one = rush(1000, 180, oms_rate)
    assert one.keys_a_call >= keys_a_call
    assert one.drained_after <= 60 * minutes


@pytest.mark.parametrize(("oms_rate", "uploads"), [(20, 350), (100, 750)])
def test_up_to_the_rate_that_the_documents_name_the_backlog_stays_small(oms_rate, uploads):
    # At less than two calls a second, replay is slower than in proportion.
    one = rush(uploads, 240, oms_rate, max(SCALE, 2 / oms_rate))
    assert one.waits[-1] <= 120


def test_below_the_limit_every_key_is_accepted_at_once():
    one = rush(180, 120, 20)
    assert one.keys_a_call == 1
    assert one.waits[-1] <= OMS_SECONDS + 0.1


def test_a_spike_of_one_second_is_forwarded_within_seconds_and_not_left_to_replay():
    one = rush(300, 1, 20)
    assert one.waits[-1] <= 5
