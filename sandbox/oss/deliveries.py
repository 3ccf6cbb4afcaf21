"""How events travel from a bucket to the functions that they wake: at once and once, unless a test orders otherwise.

Function Compute, "OSS triggers", promises less: at least once, in no order. Some were seen to be lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.server.faults import Schedule


@dataclass(frozen=True)
class EventFault:
    """One thing that goes wrong with one event."""

    kind: Literal["lost", "twice", "late", "withheld"]
    seconds: float = 0.0

    @staticmethod
    def lost() -> EventFault:
        """Never deliver it."""
        return EventFault("lost")

    @staticmethod
    def twice(after: float = 0.0) -> EventFault:
        """Deliver it at once, and again after so many seconds."""
        return EventFault("twice", after)

    @staticmethod
    def late(seconds: float) -> EventFault:
        """Deliver it after so many seconds."""
        return EventFault("late", seconds)

    @staticmethod
    def withheld() -> EventFault:
        """Deliver it when the test says so: `Deliveries.release`."""
        return EventFault("withheld")


class Deliveries(Schedule[str, EventFault]):
    """The events of one bucket's triggers. What goes wrong is chosen by the key of the event."""

    def __init__(self) -> None:
        super().__init__()
        self._withheld: list[tuple[str, Callable[[], None]]] = []
        self._holding = threading.Lock()

    @property
    def withheld(self) -> list[str]:
        """The keys of the events that wait for `release`, the oldest first."""
        return [key for key, _ in list(self._withheld)]

    def release(self, where: Callable[[str], bool] = lambda _: True) -> None:
        """Deliver what is held back, of these keys, the oldest first. What comes later is held as before."""
        with self._holding:
            released = [one for one in self._withheld if where(one[0])]
            self._withheld = [one for one in self._withheld if one not in released]
        for _, deliver in released:
            deliver()

    def send(self, key: str, deliver: Callable[[], None], later: Callable[[float, Callable[[], None]], None]) -> None:
        """Call `deliver` for an event of this key as was ordered; `later(seconds, deliver)` calls it some time on."""
        fault = self.next(key)
        if fault is None or fault.kind == "twice":
            deliver()
        if fault is None or fault.kind == "lost":
            return
        if fault.kind == "withheld":
            with self._holding:
                self._withheld.append((key, deliver))
        else:
            later(fault.seconds, deliver)
