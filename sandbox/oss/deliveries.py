"""Deliveries of events from a bucket to functions: each event comes at once and once, unless a test orders a fault.

Function Compute, "OSS triggers", guarantees less: at-least-once delivery in any order. Some events were lost in
practice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.server.faults import Schedule


@dataclass(frozen=True)
class EventFault:
    """A fault in the delivery of an event."""

    kind: Literal["lost", "twice", "late"]
    seconds: float = 0.0

    @staticmethod
    def lost() -> EventFault:
        """Return a fault that never delivers the event."""
        return EventFault("lost")

    @staticmethod
    def twice() -> EventFault:
        """Return a fault that delivers the event twice."""
        return EventFault("twice")

    @staticmethod
    def late(seconds: float) -> EventFault:
        """Return a fault that delivers the event after `seconds`."""
        return EventFault("late", seconds)


class Deliveries(Schedule[str, EventFault]):
    """The deliveries to a bucket's triggers; faults are chosen by the key of the event."""

    def send(
        self, key: str, deliver: Callable[[], None], schedule: Callable[[float, Callable[[], None]], None]
    ) -> None:
        """Deliver an event with the fault that is ordered for its key.

        `deliver` passes the event to the function; `schedule` makes a call after a number of seconds.
        """
        fault = self.next(key)
        if fault is None or fault.kind == "twice":
            deliver()
        if fault is not None and fault.kind != "lost":
            schedule(fault.seconds, deliver)
