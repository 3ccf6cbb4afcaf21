"""What can go wrong between a client and a service, to be ordered by a test."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.server.message import Request


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one request."""

    kind: str
    seconds: float = 0.0
    code: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def slow(seconds: float) -> Fault:
        """Work and answer late; the work is done even where the client has given up by then."""
        return Fault("slow", seconds=seconds)

    @staticmethod
    def hang() -> Fault:
        """Neither work nor answer; the connection stays until the client goes away."""
        return Fault("hang")

    @staticmethod
    def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
        """Answer this instead of doing the work."""
        return Fault("status", code=code, body=body, headers=dict(headers or {}))

    @staticmethod
    def drop_before() -> Fault:
        """Reset the connection before the work is done."""
        return Fault("drop_before")

    @staticmethod
    def drop_after() -> Fault:
        """Do the work, then reset the connection: the client cannot know that it was done."""
        return Fault("drop_after")

    @staticmethod
    def drip() -> Fault:
        """Do the work, then send a header byte every 0.05 s for ever: no read timeout ever strikes."""
        return Fault("drip")

    @staticmethod
    def silence() -> Fault:
        """From now on this TCP connection stays open and answers nothing, like one that died unnoticed."""
        return Fault("silence")


@dataclass
class _Rule:
    fault: Fault
    remaining: int | None
    where: Callable[[Request], bool] | None

    def applies(self, request: Request) -> bool:
        return self.remaining != 0 and (self.where is None or self.where(request))

    def use(self) -> Fault:
        if self.remaining is not None:
            self.remaining -= 1
        return self.fault


@dataclass
class _Chance:
    probability: float
    faults: Sequence[Fault]
    dice: random.Random

    def next(self) -> Fault | None:
        return self.dice.choice(self.faults) if self.dice.random() < self.probability else None


class Faults:
    """The faults that a service is to show: ordered ones first, in the order of `add`, then random ones."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._rules: list[_Rule] = []
        self._chance: _Chance | None = None
        self._lock = threading.Lock()

    def add(self, fault: Fault, times: int | None = None, where: Callable[[Request], bool] | None = None) -> None:
        """Show `fault` to the next `times` requests (None: to all) for which `where` is true."""
        with self._lock:
            self._rules.append(_Rule(fault, times, where))

    def random(self, probability: float, faults: Sequence[Fault], seed: int) -> None:
        """Show one of `faults` to each request with this probability; the same seed gives the same run."""
        with self._lock:
            self._chance = _Chance(probability, tuple(faults), random.Random(seed))

    def clear(self) -> None:
        """Be well again; what was used stays counted."""
        with self._lock:
            self._rules.clear()
            self._chance = None

    def next(self, request: Request) -> Fault | None:
        """What goes wrong with this request, counted in `used`."""
        with self._lock:
            fault = self._next(request)
            if fault:
                self.used[fault.kind] += 1
            return fault

    def _next(self, request: Request) -> Fault | None:
        for rule in self._rules:
            if rule.applies(request):
                return rule.use()
        return self._chance.next() if self._chance else None
