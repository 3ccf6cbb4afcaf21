"""Bursts of more uploads than OMS's gateway admits, in virtual time, with the real forward and replay.

The scale is a fiftieth: 20 uploads and 4 calls a second, instead of 1,000 and 200. A test at full scale takes an hour:

    RUSH=1 pytest tests/unit/test_rush.py
"""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from sandbox.inprocess import VirtualSandbox
from sandbox.inprocess.world import CODE
from sandbox.oms.copier import CopyFault
from support.world import payload

# Round trips to OMS over the internet, and to OSS within the region.
OMS_SECONDS, OSS_SECONDS, PAGE_SECONDS = 0.03, 0.005, 0.1
# The timer's default period, in seconds.
PERIOD = 60
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"}).encode()


class Rush(VirtualSandbox):
    """A world with `uploads` a second for `seconds`, and a gateway that admits `limit` calls a second.

    Replay's timer fires each minute. It fires first after 59 seconds, just before the first minute has passed.
    """

    def __init__(self, uploads: float, seconds: float, limit: float, instances: int, **settings: str) -> None:
        super().__init__(seed=17)
        # The times when each key was written, and accepted for the first time.
        self.written: dict[str, float] = {}
        self.accepted_at: dict[str, float] = {}
        self._uploads, self._number = uploads, int(uploads * seconds)
        self.open()
        self.oms.round_trip, self.oss.round_trip = OMS_SECONDS, OSS_SECONDS
        self.oss.set_latency(listing=PAGE_SECONDS, delete=PAGE_SECONDS)
        self.oms.throttle(limit)
        self.oms.deny("oms:synctask:get")  # so that OMS's lists of failed copies are not read
        self.task.copy_faults.add(CopyFault.lost())
        environment = {**self.environment(), **settings, "LOG_LEVEL": "ERROR"}
        self.deploy(CODE, environment=environment, instances=instances)
        self.fc.create_function(
            "replay",
            CODE,
            handler="index.replay_handler",
            environment=environment,
            timeout=240,
            credentials=self.function_credentials,
        )

    def run(self) -> None:
        """Run until every key is accepted and no failed record is left, or half an hour has passed."""
        self.platform.loop.create_task(self._upload())
        self.advance(PERIOD - 1)
        while self.platform.loop.time() < 1800 and (len(self.written) < self._number or not self._is_done()):
            self.fc.submit("replay", TICK)
            self.advance(PERIOD)
        for call in self.oms.calls:
            for key in call.keys if call.status == 200 else ():
                self.accepted_at.setdefault(key, call.time - self.platform.EPOCH)
        self.close()

    @property
    def keys_per_call(self) -> float:
        """The number of accepted keys for each call that the gateway admitted."""
        return len(self.accepted_at) / sum(call.status == 200 for call in self.oms.calls)

    @property
    def drain_seconds(self) -> float:
        """The seconds from the last upload until the last key was accepted."""
        return max(self.accepted_at.values()) - max(self.written.values())

    @property
    def wait_seconds(self) -> list[float]:
        """The seconds from each upload until OMS accepted its key, in ascending order."""
        return sorted(self.accepted_at[key] - at for key, at in self.written.items())

    def recorded(self, state: str) -> set[str]:
        root = f"oms_source_record/{self.task_id}/{state}_object/"
        return {name.removeprefix(root) for name in self.oss.objects(self.log_bucket) if name.startswith(root)}

    def _is_done(self) -> bool:
        return self.recorded("success") == self.written.keys() and not self.recorded("failed")

    async def _upload(self) -> None:
        for number in range(self._number):
            await asyncio.sleep(number / self._uploads - self.platform.loop.time())
            key = f"photos/{number:07}.jpg"
            self.written[key] = self.platform.loop.time()
            time = self.platform.utc_now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
            self.fc.submit("forward", payload(key, time=time))


SCALE = float(os.environ.get("RUSH", "0.02"))


def run_rush(uploads: float, seconds: float, oms_rate: float, scale: float = SCALE) -> Rush:
    """Run `uploads` a second until every key is accepted; return the world."""
    rush = Rush(uploads * scale, seconds, 200 * scale, int(300 * scale), OMS_RATE=str(oms_rate * scale))
    rush.run()

    # In every rush, no key is lost, and no key waits at the end.
    assert rush.accepted_at.keys() == rush.written.keys() == rush.recorded("success")
    assert rush.recorded("failed") == set()
    return rush


@pytest.mark.long
@pytest.mark.parametrize(
    ("oms_rate", "keys_per_call", "minutes"),
    [
        pytest.param(20, 1.7, 3.5, id="OMS_RATE 20"),
        pytest.param(100, 4, 2, id="OMS_RATE 100", marks=pytest.mark.extras),
    ],
)
def test_replay_submits_the_backlog_of_a_long_burst_with_few_calls(oms_rate, keys_per_call, minutes):
    # The timer fires at the worst moment: just before the burst, and not again for a minute.
    result = run_rush(1000, 45, oms_rate)
    assert result.keys_per_call >= keys_per_call
    assert result.drain_seconds <= 60 * minutes


@pytest.mark.long
@pytest.mark.parametrize(
    ("oms_rate", "uploads"), [pytest.param(20, 350, marks=pytest.mark.extras), pytest.param(100, 750)]
)
def test_the_backlog_of_replay_stays_small_up_to_the_documented_rate(oms_rate, uploads):
    # At less than two calls a second, replay is slower than in proportion.
    assert run_rush(uploads, 80, oms_rate, max(SCALE, 2 / oms_rate)).wait_seconds[-1] <= 120


def test_oms_accepts_every_key_at_once_below_the_limit_of_its_gateway():
    result = run_rush(180, 60, 20)
    assert result.keys_per_call == 1
    assert result.wait_seconds[-1] <= OMS_SECONDS + 0.1


def test_forward_submits_a_spike_of_one_second_within_seconds():
    assert run_rush(300, 1, 20).wait_seconds[-1] <= 5
