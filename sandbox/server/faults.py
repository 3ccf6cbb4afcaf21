"""Faults between a client and a service, and schedules that choose the requests with a fault."""

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
        """Return a fault that handles the request and answers `seconds` late, even if the client has left meanwhile."""
        return Fault("slow", seconds=seconds)

    @staticmethod
    def hang() -> Fault:
        """Return a fault that ignores the request and keeps the connection open until the client closes it."""
        return Fault("hang")

    @staticmethod
    def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
        """Return a fault that answers with this status, body and headers, and does not handle the request."""
        return Fault("status", code=code, body=body, headers=dict(headers or {}))

    @staticmethod
    def status_after(code: int) -> Fault:
        """Return a fault that handles the request but answers with this status, like a gateway after a timeout."""
        return Fault("status_after", code=code)

    @staticmethod
    def drop_before() -> Fault:
        """Return a fault that resets the connection and does not handle the request."""
        return Fault("drop_before")

    @staticmethod
    def drop_after() -> Fault:
        """Return a fault that handles the request and then resets the connection instead of answering."""
        return Fault("drop_after")

    @staticmethod
    def lands_late(seconds: float) -> Fault:
        """Return a fault that resets the connection at once, and handles the request `seconds` later.

        Requests that arrive meanwhile take effect first. After 15 minutes the service refuses the delayed request,
        because its signature has expired.
        """
        return Fault("lands_late", seconds=seconds)

    @staticmethod
    def drip() -> Fault:
        """Return a fault that handles the request, then sends an endless header, a byte every 0.05 s.

        Each byte restarts the client's read timeout.
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
    """A schedule that chooses a fault for each subject, such as a request or an object key.

    The faults of `add` and `then` come first, then those of `random`. `used` counts the faults that occurred, by kind.
    """

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._rules: list[_ScheduledFault[SubjectT, FaultT]] = []
        self._random_faults: _RandomFaults[SubjectT, FaultT] | None = None
        self._lock = threading.Lock()

    def add(self, fault: FaultT, times: int | None = None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Schedule a fault for the next `times` subjects for which `where` returns True, by default for all."""
        with self._lock:
            self._rules.append(_ScheduledFault(fault, times, where))

    def then(self, *faults: FaultT | None, where: Callable[[SubjectT], bool] | None = None) -> None:
        """Schedule a fault for each of the next subjects for which `where` returns True; None stands for no fault."""
        with self._lock:
            self._rules += [_ScheduledFault(fault, 1, where) for fault in faults]

    def random(
        self, probability: float, faults: Sequence[FaultT], seed: int, where: Callable[[SubjectT], bool] | None = None
    ) -> None:
        """Schedule a random fault, with this probability, for each subject for which `where` returns True.

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
        """Return the fault of a subject and count it, or return None if the subject has no fault."""
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
