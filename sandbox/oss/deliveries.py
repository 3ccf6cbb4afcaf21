"""Deliveries of a bucket's events to functions: at once and a single time, unless a test adds a fault.

Function Compute ("OSS triggers") promises less: at-least-once delivery in any order. In practice, some events were
lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.server.faults import Schedule


@dataclass(frozen=True)
class EventFault:
    """A fault in the delivery of an event, which is lost, delivered twice, or delivered `seconds` late."""

    kind: Literal["lost", "twice", "late"]
    seconds: float = 0.0

    @staticmethod
    def lost() -> EventFault:
        return EventFault("lost")

    @staticmethod
    def twice() -> EventFault:
        return EventFault("twice")

    @staticmethod
    def late(seconds: float) -> EventFault:
        return EventFault("late", seconds)


class Deliveries(Schedule[str, EventFault]):
    """The deliveries to a bucket's triggers; a test schedules faults for the keys of events."""

    def send(
        self, key: str, deliver: Callable[[], None], schedule: Callable[[float, Callable[[], None]], None]
    ) -> None:
        """Deliver an event, with the fault that a test scheduled for its key.

        `deliver` passes the event to the function. `schedule` calls a function after a number of seconds.
        """
        fault = self.next(key)
        if fault is None or fault.kind == "twice":
            deliver()
        if fault is not None and fault.kind != "lost":
            schedule(fault.seconds, deliver)
