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
    """A fault in the handling of a request; below, "the work" is the effect of the request in the service."""

    kind: str
    seconds: float = 0.0
    code: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def slow(seconds: float) -> Fault:
        """Return a fault that delays the work and the response; the work is done even if the client has left."""
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
        """Return a fault that does the work but answers with this status, like a gateway after a timeout."""
        return Fault("status_after", code=code)

    @staticmethod
    def drop_before() -> Fault:
        """Return a fault that resets the connection before the work."""
        return Fault("drop_before")

    @staticmethod
    def drop_after() -> Fault:
        """Return a fault that does the work, then resets the connection: the client does not learn the result."""
        return Fault("drop_after")

    @staticmethod
    def lands_late(seconds: float) -> Fault:
        """Return a fault that resets the connection at once, and does the work `seconds` later.

        Later requests can take effect before the delayed request. After 15 minutes its signature has expired, so the
        service refuses the work, and the client does not learn of it.
        """
        return Fault("lands_late", seconds=seconds)

    @staticmethod
    def drip() -> Fault:
        """Return a fault that does the work, then sends an endless header, a byte every 0.05 s.

        No read timeout ends such a response.
        """
        return Fault("drip")

    @staticmethod
    def silence() -> Fault:
        """Return a fault that keeps the connection open and never answers on it again, as if the network were cut."""
        return Fault("silence")


@dataclass
class _ScheduledFault(Generic[SubjectT, FaultT]):
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
class _RandomFaults(Generic[SubjectT, FaultT]):
    probability: float
    faults: Sequence[FaultT]
    generator: random.Random
    where: Callable[[SubjectT], bool] | None

    def next(self, subject: SubjectT) -> FaultT | None:
        if self.where is not None and not self.where(subject):
            return None
        return self.generator.choice(self.faults) if self.generator.random() < self.probability else None


class Schedule(Generic[SubjectT, FaultT]):
    """A schedule of faults for subjects, such as requests or keys: first those of `add` and `then`, then random faults.

    `used` counts the faults that occurred, by kind.
    """

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._rules: list[_ScheduledFault[SubjectT, FaultT]] = []
        self._random_faults: _RandomFaults[SubjectT, FaultT] | None = None
        self._lock = threading.Lock()

    def add(self, fault: FaultT, times: int | None = None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Set a fault for subjects for which `where` returns True: for the next `times` of them, or for all if None."""
        with self._lock:
            self._rules.append(_ScheduledFault(fault, times, where))

    def then(self, *faults: FaultT | None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Set the faults of the next subjects for which `where` returns True, in order; None stands for no fault."""
        with self._lock:
            self._rules += [_ScheduledFault(fault, 1, where) for fault in faults]

    def random(
        self, probability: float, faults: Sequence[FaultT], seed: int, where: Callable[[SubjectT], bool] | None = None
    ) -> None:
        """Give each subject for which `where` returns True a random fault with this probability.

        Equal seeds give equal faults.
        """
        with self._lock:
            self._random_faults = _RandomFaults(probability, tuple(faults), random.Random(seed), where)

    def clear(self) -> None:
        """Remove all scheduled faults; the counts in `used` stay."""
        with self._lock:
            self._rules.clear()
            self._random_faults = None

    def next(self, subject: SubjectT) -> FaultT | None:
        """Return the fault for this subject and count it, or return None if the subject has no fault."""
        with self._lock:
            fault = self._choose_fault(subject)
            if fault:
                self.used[fault.kind] += 1
            return fault

    def _choose_fault(self, subject: SubjectT) -> FaultT | None:
        for rule in self._rules:
            if rule.applies(subject):
                return rule.use()
        return self._random_faults.next(subject) if self._random_faults else None


class Faults(Schedule[Request, Fault]):
    """The faults that a service applies to its requests."""
