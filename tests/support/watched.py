"""A world whose status wakes by its timer and tells a webhook."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from oss_oms_sync.jobs import status
from sandbox.robots import ROBOTS, Robots
from support.reconcile_world import record_name
from support.status_world import StatusWorld, at

TOKEN = "0123456789abcdef0123456789abcdef"
PERIOD = timedelta(minutes=15)


class Watched(StatusWorld):
    """In step, until it is made otherwise."""

    def __init__(self, kind: str = "JSON", **environment: str) -> None:
        address = ROBOTS[kind].address + TOKEN
        super().__init__(**{"ALERT_WEBHOOK": address, "RECONCILE_PERIOD": "30d", **environment})
        self.hook = Robots()
        self.hook.start(self.ground)
        self.passed(scanned=7)

    @property
    def told(self) -> list[dict[str, Any]]:
        """What the webhook took, if it takes JSON."""
        return list(map(json.loads, self.hook.took))

    @property
    def states(self) -> list[str]:
        return [one["verdict"] for one in self.told]

    def tick(self) -> None:
        """The timer strikes now."""
        event = json.dumps({"triggerTime": at(self.clock.now()), "triggerName": "tick", "payload": "{}"})
        self.within(lambda: status.run(event, self.invocation(120)))

    def ticks(self, number: int, period: timedelta = PERIOD) -> None:
        for _ in range(number):
            self.later(period.total_seconds())
            self.tick()

    def go(self, state: str) -> None:
        """Let the verdict be this from now on."""
        for reason in ("CREDENTIALS", "THROTTLED"):
            self.bucket.objects.pop(record_name("failed", reason), None)
        self.mark(closed=state == "closed")
        if state in ("broken", "behind"):
            reason = "CREDENTIALS" if state == "broken" else "THROTTLED"
            self.fail(reason, reason)
