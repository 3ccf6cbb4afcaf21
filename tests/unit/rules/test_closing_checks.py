"""The rule that OMS can no longer change OBS after ten idle minutes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from oss_oms_sync.answers.certificate import RemainingOmsWork
from oss_oms_sync.rules.closing_checks import find_oms_idle_time

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(("busy", "finished"), [(NOON, NOON + timedelta(minutes=10)), (None, None)])
def test_oms_counts_as_finished_ten_minutes_after_its_last_activity(busy, finished):
    oms = RemainingOmsWork(0, may_finish=False, busy=busy, accepted=3, recorded=3, largest=9)
    assert find_oms_idle_time(oms) == finished
