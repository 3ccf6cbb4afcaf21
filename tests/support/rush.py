"""More uploads than OMS's gateway admits, in virtual time: Function Compute's queue and many instances of forward,
replay's timer, and both clouds."""

from __future__ import annotations

import asyncio
import json

from sandbox.inprocess import InProcess
from sandbox.inprocess.world import CODE
from sandbox.oms.task import CopyFault
from support.world import payload

# Round trips to OMS over the internet, and to OSS within the region.
OMS_SECONDS, OSS_SECONDS, PAGE_SECONDS = 0.03, 0.005, 0.1
# How often the timer strikes by default.
PERIOD = 60
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"}).encode()


class Rush(InProcess):
    """So many uploads a second for so many seconds, and a gateway that admits `limit` calls a second. Replay's timer
    strikes each minute, for the first time just before one has passed."""

    def __init__(self, uploads: float, seconds: float, limit: float, instances: int, **settings: str) -> None:
        super().__init__(seed=17)
        # When each key was written, and accepted for the first time.
        self.written: dict[str, float] = {}
        self.accepted_at: dict[str, float] = {}
        self._uploads, self._number = uploads, int(uploads * seconds)
        self.open()
        self.oms.round_trip, self.oss.round_trip = OMS_SECONDS, OSS_SECONDS
        self.oss.latency(listing=PAGE_SECONDS, delete=PAGE_SECONDS)
        self.oms.throttle(limit)
        self.oms.deny("oms:synctask:get")  # so what OMS failed to copy is not read
        self.task.copies.add(CopyFault.lost())
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
        """Until every key is recorded as accepted, and no failed record is left; for half an hour at most."""
        self.ground.loop.create_task(self._upload())
        self.later(PERIOD - 1)
        while self.ground.loop.time() < 1800 and (len(self.written) < self._number or not self._is_done()):
            self.fc.submit("replay", TICK)
            self.later(PERIOD)
        for call in self.oms.calls:
            for key in call.keys if call.status == 200 else ():
                self.accepted_at.setdefault(key, call.time - self.ground.EPOCH)
        self.close()

    @property
    def keys_a_call(self) -> float:
        """Keys accepted for each call that the gateway admitted."""
        return len(self.accepted_at) / sum(call.status == 200 for call in self.oms.calls)

    @property
    def drained_after(self) -> float:
        """Seconds from the last upload to the last accepted key."""
        return max(self.accepted_at.values()) - max(self.written.values())

    @property
    def waits(self) -> list[float]:
        """Seconds from each upload until OMS accepted it, in order."""
        return sorted(self.accepted_at[key] - at for key, at in self.written.items())

    def recorded(self, state: str) -> set[str]:
        root = f"oms_source_record/{self.task_id}/{state}_object/"
        return {name.removeprefix(root) for name in self.oss.objects(self.log_bucket) if name.startswith(root)}

    def _is_done(self) -> bool:
        return self.recorded("success") == self.written.keys() and not self.recorded("failed")

    async def _upload(self) -> None:
        for number in range(self._number):
            await asyncio.sleep(number / self._uploads - self.ground.loop.time())
            key = f"photos/{number:07}.jpg"
            self.written[key] = self.ground.loop.time()
            time = self.ground.utc().strftime("%Y-%m-%dT%H:%M:%S.000Z")
            self.fc.submit("forward", payload(key, time=time))
