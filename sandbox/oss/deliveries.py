"""Deliveries of events from a bucket to functions: at once and once, unless a test orders a fault.

Function Compute, "OSS triggers", guarantees less: at least once, in any order. Some events were lost in practice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.server.faults import Schedule


@dataclass(frozen=True)
class EventFault:
    """A fault of a single event."""

    kind: Literal["lost", "twice", "late"]
    seconds: float = 0.0

    @staticmethod
    def lost() -> EventFault:
        """Never deliver the event."""
        return EventFault("lost")

    @staticmethod
    def twice() -> EventFault:
        """Deliver the event at once, and again."""
        return EventFault("twice")

    @staticmethod
    def late(seconds: float) -> EventFault:
        """Deliver the event after `seconds`."""
        return EventFault("late", seconds)


class Deliveries(Schedule[str, EventFault]):
    """The events of a bucket's triggers. Faults are chosen by the key of the event."""

    def send(self, key: str, deliver: Callable[[], None], later: Callable[[float, Callable[[], None]], None]) -> None:
        """Call `deliver` for an event of this key, with its fault; `later(seconds, deliver)` calls it later."""
        fault = self.next(key)
        if fault is None or fault.kind == "twice":
            deliver()
        if fault is not None and fault.kind != "lost":
            later(fault.seconds, deliver)
