"""Faults between a client and a service, and their schedules."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sandbox.server.message import Request


class _Named(Protocol):
    @property
    def kind(self) -> str: ...


# The subject of a fault (a request, the key of an event), and the fault.
SubjectT = TypeVar("SubjectT")
FaultT = TypeVar("FaultT", bound=_Named)


@dataclass(frozen=True)
class Fault:
    """A fault of a single request."""

    kind: str
    seconds: float = 0.0
    code: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def slow(seconds: float) -> Fault:
        """Return a fault that delays the work and the answer; the work is done even if the client has left."""
        return Fault("slow", seconds=seconds)

    @staticmethod
    def hang() -> Fault:
        """Return a fault without work or answer; the connection stays open until the client closes it."""
        return Fault("hang")

    @staticmethod
    def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
        """Return a fault that answers this status instead of doing the work."""
        return Fault("status", code=code, body=body, headers=dict(headers or {}))

    @staticmethod
    def status_after(code: int) -> Fault:
        """Return a fault that does the work, then answers this status, like a gateway that has waited too long."""
        return Fault("status_after", code=code)

    @staticmethod
    def drop_before() -> Fault:
        """Return a fault that resets the connection before the work is done."""
        return Fault("drop_before")

    @staticmethod
    def drop_after() -> Fault:
        """Return a fault that does the work, then resets the connection: the client cannot know of the work."""
        return Fault("drop_after")

    @staticmethod
    def lands_late(seconds: float) -> Fault:
        """Return a fault that resets the connection at once, and does the work `seconds` later, after later requests.

        After a quarter of an hour the request's signature is too old: it is refused, unnoticed by the client.
        """
        return Fault("lands_late", seconds=seconds)

    @staticmethod
    def drip() -> Fault:
        """Return a fault that does the work, then sends a header byte every 0.05 s, so that no read timeout fires."""
        return Fault("drip")

    @staticmethod
    def silence() -> Fault:
        """Return a fault that keeps the TCP connection open and silent, like a connection that died unnoticed."""
        return Fault("silence")


@dataclass
class _Rule(Generic[SubjectT, FaultT]):
    fault: FaultT | None
    remaining: int | None
    where: Callable[[SubjectT], bool] | None

    def applies(self, subject: SubjectT) -> bool:
        return self.remaining != 0 and (self.where is None or self.where(subject))

    def use(self) -> FaultT | None:
        if self.remaining is not None:
            self.remaining -= 1
        return self.fault


@dataclass
class _Chance(Generic[SubjectT, FaultT]):
    probability: float
    faults: Sequence[FaultT]
    dice: random.Random
    where: Callable[[SubjectT], bool] | None

    def next(self, subject: SubjectT) -> FaultT | None:
        if self.where is not None and not self.where(subject):
            return None
        return self.dice.choice(self.faults) if self.dice.random() < self.probability else None


class Schedule(Generic[SubjectT, FaultT]):
    """A schedule of faults: ordered faults first, in the order of `add` and `then`, after them random faults."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._rules: list[_Rule[SubjectT, FaultT]] = []
        self._chance: _Chance[SubjectT, FaultT] | None = None
        self._lock = threading.Lock()

    def add(self, fault: FaultT, times: int | None = None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Show `fault` to the next `times` subjects (None: always) for which `where` is true."""
        with self._lock:
            self._rules.append(_Rule(fault, times, where))

    def then(self, *faults: FaultT | None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Show a fault to each of the next subjects for which `where` is true; None: no fault for that subject."""
        with self._lock:
            self._rules += [_Rule(fault, 1, where) for fault in faults]

    def random(
        self, probability: float, faults: Sequence[FaultT], seed: int, where: Callable[[SubjectT], bool] | None = None
    ) -> None:
        """Show a random fault with this probability if `where` is true; a seed always gives the same run."""
        with self._lock:
            self._chance = _Chance(probability, tuple(faults), random.Random(seed), where)

    def clear(self) -> None:
        """Remove all rules; the counts of used faults stay."""
        with self._lock:
            self._rules.clear()
            self._chance = None

    def next(self, subject: SubjectT) -> FaultT | None:
        """Return the fault of this subject, counted in `used`."""
        with self._lock:
            fault = self._next(subject)
            if fault:
                self.used[fault.kind] += 1
            return fault

    def _next(self, subject: SubjectT) -> FaultT | None:
        for rule in self._rules:
            if rule.applies(subject):
                return rule.use()
        return self._chance.next(subject) if self._chance else None


class Faults(Schedule[Request, Fault]):
    """The faults that a service shows to requests."""
