"""Deliveries of events from a bucket to functions: each event arrives once and at once, unless a test adds a fault.

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
    """The deliveries to a bucket's triggers; a test chooses by key the events that get a fault."""

    def send(
        self, key: str, deliver: Callable[[], None], schedule: Callable[[float, Callable[[], None]], None]
    ) -> None:
        """Deliver an event, with the fault that a test has added for its key.

        `deliver` passes the event to the function; `schedule` calls a function after a number of seconds.
        """
        fault = self.next(key)
        if fault is None or fault.kind == "twice":
            deliver()
        if fault is not None and fault.kind != "lost":
            schedule(fault.seconds, deliver)
