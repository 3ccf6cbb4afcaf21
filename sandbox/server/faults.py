"""Faults between a client and a service, and schedules of faults."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sandbox.server.message import Request


class _HasKind(Protocol):
    @property
    def kind(self) -> str: ...


# The type of a fault's subject, such as a request or the key of an event; and the type of the fault.
SubjectT = TypeVar("SubjectT")
FaultT = TypeVar("FaultT", bound=_HasKind)


@dataclass(frozen=True)
class Fault:
    """A fault in the handling of a request."""

    kind: str
    seconds: float = 0.0
    code: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def slow(seconds: float) -> Fault:
        """Return a fault that delays work and response; the work is done even if the client has left."""
        return Fault("slow", seconds=seconds)

    @staticmethod
    def hang() -> Fault:
        """Return a fault that does no work and sends no response; the connection stays open until the client closes."""
        return Fault("hang")

    @staticmethod
    def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
        """Return a fault that sends this response without doing the work."""
        return Fault("status", code=code, body=body, headers=dict(headers or {}))

    @staticmethod
    def status_after(code: int) -> Fault:
        """Return a fault that does the work, then answers this status, like a gateway after a timeout."""
        return Fault("status_after", code=code)

    @staticmethod
    def drop_before() -> Fault:
        """Return a fault that resets the connection before the work."""
        return Fault("drop_before")

    @staticmethod
    def drop_after() -> Fault:
        """Return a fault that does the work, then resets the connection, so that the client cannot know of it."""
        return Fault("drop_after")

    @staticmethod
    def lands_late(seconds: float) -> Fault:
        """Return a fault that resets the connection at once, and does the work `seconds` later.

        Later requests can be done before it. After 15 minutes the signature has expired, so the work is refused without
        the client's knowledge.
        """
        return Fault("lands_late", seconds=seconds)

    @staticmethod
    def drip() -> Fault:
        """Return a fault that does the work, then drips header bytes every 0.05 s, so that no read timeout expires."""
        return Fault("drip")

    @staticmethod
    def silence() -> Fault:
        """Return a fault that keeps the TCP connection open without any answer, like an unnoticed broken connection."""
        return Fault("silence")


@dataclass
class _Rule(Generic[SubjectT, FaultT]):
    fault: FaultT | None
    remaining_uses: int | None
    where: Callable[[SubjectT], bool] | None

    def applies(self, subject: SubjectT) -> bool:
        return self.remaining_uses != 0 and (self.where is None or self.where(subject))

    def use(self) -> FaultT | None:
        if self.remaining_uses is not None:
            self.remaining_uses -= 1
        return self.fault


@dataclass
class _Chance(Generic[SubjectT, FaultT]):
    probability: float
    faults: Sequence[FaultT]
    rng: random.Random
    where: Callable[[SubjectT], bool] | None

    def next(self, subject: SubjectT) -> FaultT | None:
        if self.where is not None and not self.where(subject):
            return None
        return self.rng.choice(self.faults) if self.rng.random() < self.probability else None


class Schedule(Generic[SubjectT, FaultT]):
    """A schedule of faults: those ordered by `add` and `then`, in order, and after them random faults."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._rules: list[_Rule[SubjectT, FaultT]] = []
        self._chance: _Chance[SubjectT, FaultT] | None = None
        self._lock = threading.Lock()

    def add(self, fault: FaultT, times: int | None = None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Set a fault for the next `times` subjects for which `where` is true; None for all later subjects."""
        with self._lock:
            self._rules.append(_Rule(fault, times, where))

    def then(self, *faults: FaultT | None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Set a fault for each of the next subjects where `where` is true; None leaves a subject without a fault."""
        with self._lock:
            self._rules += [_Rule(fault, 1, where) for fault in faults]

    def random(
        self, probability: float, faults: Sequence[FaultT], seed: int, where: Callable[[SubjectT], bool] | None = None
    ) -> None:
        """Draw a fault with this probability for each subject where `where` is true; a seed always draws the same."""
        with self._lock:
            self._chance = _Chance(probability, tuple(faults), random.Random(seed), where)

    def clear(self) -> None:
        """Remove all orders of faults; the counts in `used` stay."""
        with self._lock:
            self._rules.clear()
            self._chance = None

    def next(self, subject: SubjectT) -> FaultT | None:
        """Return the fault for this subject and count it; None for no fault."""
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
    """The faults that a service applies to its requests."""
