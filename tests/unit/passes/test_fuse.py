"""What it costs if OMS takes nothing for hours, while a pass has a million objects to send: a piece at each tick.

In virtual time and at list prices, by the code of reconcile; what is assumed stands below.
"""

from __future__ import annotations

import json
import random

import pytest

from ops.prices import DOLLARS_A_REQUEST, dollars_for_function
from sandbox.inprocess.world import CODE
from sandbox.server.faults import Fault
from support.reconcile_world import ReconcileWorld
from support.world import FROZEN, HANG, HOUR, TICK, oms_error
from unit.passes.pass_world import PREFIX

# As s.yaml has them: the function's size, its timeout, how often the timer strikes.
_CPU, _MEGABYTES, _SECONDS, TICK_SECONDS = 0.5, 512, 570, 600
# From an event to the first line of its worker. All of it is billed.
_START_SECONDS = (1.0, 3.0)
_CALL_SECONDS, _PAGE_SECONDS, _OMS_SECONDS = 0.02, 0.1, 0.05


class PassDay(ReconcileWorld):
    """`objects` that have no records, which a call by hand begins to send. OMS answers every call like this."""

    def __init__(self, objects: int, lanes: int, answer: Fault, oms_rate: float = 20) -> None:
        super().__init__()
        given = {"LANES": str(lanes), "OMS_RATE": str(oms_rate), "RECONCILE_PERIOD": "off", "LOG_LEVEL": "ERROR"}
        self.fc.create_function(
            "reconcile",
            CODE,
            handler="index.reconcile_handler",
            environment={**self.environment(), **given},
            timeout=_SECONDS,
            credentials=self.function_credentials,
            instances=1000,
        )
        self._begun = 0.0
        self._random = random.Random(14)
        self.oss.fill(self.source_bucket, (f"{number:09}" for number in range(objects)))
        self.oss.add_trigger("passes", self.log_bucket, ["oss:ObjectCreated:PutObject"], PREFIX, "", self._invoke)
        self.oss.round_trip, self.oms.round_trip = _CALL_SECONDS, _OMS_SECONDS
        self.oss.latency(listing=_PAGE_SECONDS)
        self.oms.faults.add(answer)
        self.later(HOUR)
        self.oss.actions.clear()

    def run(self, hours: float) -> None:
        """Let so much of the day go by, and what then runs end."""
        self._invoke(json.dumps({"all": True}).encode())
        for _ in range(int(hours * HOUR / TICK_SECONDS) - 1):
            self.later(TICK_SECONDS)
            self._invoke(TICK.encode())
        self.wait_idle(TICK_SECONDS)

    @property
    def invocations(self) -> int:
        return len(self.fc.invocations)

    @property
    def billed_seconds(self) -> float:
        return self._begun + sum(one.duration for one in self.fc.invocations)

    @property
    def pieces(self) -> int:
        return sum(name.rpartition("/")[2].isdecimal() for name in self.bucket.names(PREFIX))

    def dollars(self) -> float:
        """What its invocations cost, and their requests to OSS."""
        function = dollars_for_function(self.invocations, self.billed_seconds, _CPU, _MEGABYTES)
        return function + len(self.oss.actions) * DOLLARS_A_REQUEST

    def calls_to_oms(self) -> int:
        return len(self.oms.requests)

    def _invoke(self, event: bytes) -> None:
        seconds = self._random.uniform(*_START_SECONDS)
        self._begun += seconds
        self.oss.later(seconds, lambda: self.fc.submit("reconcile", event))


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
