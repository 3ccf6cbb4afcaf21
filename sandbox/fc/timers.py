"""Timer triggers of Function Compute, and the events that they send.

Written from the page "time trigger" of help.aliyun.com/zh/functioncompute.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_INTERVAL = re.compile(r"@every ([1-9]\d*)([mh])")
_UNIT_SECONDS = {"m": 60, "h": 3600}


@dataclass(frozen=True)
class Timer:
    """A timer trigger of a function, with its schedule and the payload of its events."""

    name: str
    expression: str
    payload: str

    @classmethod
    def from_trigger(cls, trigger: Mapping[str, Any]) -> Timer:
        config = trigger["triggerConfig"]
        return cls(trigger["triggerName"], config["cronExpression"], config["payload"])

    @property
    def period(self) -> float:
        """The period in seconds; raises ValueError for a cron expression, which the sandbox does not support."""
        match = _INTERVAL.fullmatch(self.expression)
        if match is None:
            raise ValueError(f'the sandbox strikes timers like "@every 5m" only, not {self.expression!r}')
        number, unit = match.groups()
        return float(int(number) * _UNIT_SECONDS[unit])

    def make_event(self, now: float) -> bytes:
        fired_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return json.dumps({"triggerTime": fired_at, "triggerName": self.name, "payload": self.payload}).encode()
