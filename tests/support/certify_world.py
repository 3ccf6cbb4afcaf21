"""A world for the tests of certify: that of compare, in which everything that a cutover needs can be done by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from oss_oms_sync.clock import Clock, timestamp
from oss_oms_sync.jobs import certify, replay
from support.memory_compare import HOUR, MINUTE, CompareWorld


class CertifyWorld(CompareWorld):
    """`skews`: how far the clouds' clocks are off, by host."""

    def __init__(self, keys: Sequence[str] = (), **environment: str) -> None:
        super().__init__(keys, **environment)
        self.skews: dict[str, timedelta | None] = {}
        self.frozen = ""

    def date_at(self, url: str, clock: Clock, pool: object) -> Any:
        skew = next((skew for host, skew in self.skews.items() if host in url), timedelta())
        return None if skew is None else clock.now() + skew

    def tick_replay(self) -> dict[str, Any]:
        """Replay by its timer, which reads OMS's lists as well."""
        event = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"}
        return replay.run(json.dumps(event), self.invocation(240)).to_json()

    def freeze(self) -> None:
        """Nobody writes from now on; what is on its way arrives."""
        self.later(1)
        self.frozen = timestamp(self.clock.now())
        self.tick_replay()
        self.copy_all()
        self.later(HOUR)

    def certify(self, timeout: float = 570, **asked: object) -> dict[str, Any]:
        self.later(1)
        return certify.run(json.dumps({"frozen_since": self.frozen, **asked}), self.invocation(timeout))

    def rehearse(self, **asked: object) -> dict[str, Any]:
        return certify.run(json.dumps(asked), self.invocation(570))

    def reconcile(self, *asked: Any, **more: Any) -> dict[str, Any]:
        """Reconcile; meanwhile replay's timer strikes, as it does every minute."""
        answer = super().reconcile(*asked, **more)
        self.tick_replay()
        return answer

    def prove(self, **asked: object) -> dict[str, Any]:
        """Compare, and reconcile after that, which is all that certify needs."""
        self.compare({"restart": True, **asked})
        self.later(MINUTE)
        return self.reconcile({"restart": True})


def results(document: dict[str, Any]) -> dict[str, str]:
    """The result of each check that did not pass, by its id."""
    return {
        check["id"]: check["result"] for check in document["checks"] if check["result"] != "passed" and check["gates"]
    }


def check(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The check of that id."""
    return next(one for one in document["checks"] if one["id"] == name)
