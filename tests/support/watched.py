"""A world whose status wakes by its timer and tells a webhook, in memory and in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.webhook import Message
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import status
from oss_oms_sync.jobs.status import watch
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey, failed_record, record_name
from oss_oms_sync.reasons import Failure, Reason
from support.status_world import StatusWorld
from support.world import TASK

WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef0123456789abcdef"
PERIOD = timedelta(minutes=15)


class Hook:
    """Stands in for the webhook: `problems` happen first, then it takes what it is told."""

    title = "DingTalk"

    def __init__(self) -> None:
        self.took: list[Message] = []
        self.problems: list[str] = []
        self.while_told: Callable[[], None] = lambda: None

    def __call__(self, *_: object) -> Hook:
        return self

    def deliver(self, message: Message, deadline: Deadline) -> str:
        self.while_told()
        if self.problems:
            return self.problems.pop(0)
        self.took.append(message)
        return ""

    @property
    def states(self) -> list[object]:
        return [one.fields["verdict"] for one in self.took]


class Watched(StatusWorld):
    """In step, until it is made otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
        super().__init__(**{"ALERT_WEBHOOK": WEBHOOK, "RECONCILE_PERIOD": "30d", **environment})
        self.hook = Hook()
        monkeypatch.setattr(watch, "Webhook", self.hook)
        self.passed(scanned=7)

    def tick(self, timeout: float = 120) -> None:
        """The timer strikes now."""
        event = {"triggerTime": timestamp(self.clock.now()), "triggerName": "tick", "payload": "{}"}
        status.run(json.dumps(event), self.invocation(timeout, self.counters))

    def ticks(self, number: int, period: timedelta = PERIOD) -> None:
        for _ in range(number):
            self.clock.ahead += period
            self.tick()

    def go(self, state: str) -> None:
        """Let the verdict be this from now on."""
        for reason in (Reason.CREDENTIALS, Reason.THROTTLED):
            self.bucket.objects.pop(record_name(TASK, "failed", reason.name), None)
        closing = Closing(self.invocation())
        if closing.state():
            closing.open()
        match state:
            case "broken":
                self.fail(Reason.CREDENTIALS)
            case "behind":
                self.fail(Reason.THROTTLED)
            case "closed":
                closing.close()

    def fail(self, reason: Reason) -> None:
        """Let a key fail for this reason."""
        key = FailedKey(ObjectChange(reason.name))
        self.bucket.add(failed_record(TASK, key, Failure(reason), self.clock.now()))
