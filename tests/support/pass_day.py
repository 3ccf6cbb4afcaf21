"""Passes of the deployed function, for hours: the timer ticks, and each event wakes an invocation. What they cost is
counted."""

from __future__ import annotations

import json
import random

from ops.prices import DOLLARS_A_REQUEST, dollars_for_function
from sandbox.inprocess.world import CODE
from sandbox.server.faults import Fault
from support.pass_world import PREFIX, TICK
from support.reconcile_world import HOUR, ReconcileWorld

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
