"""A world for the tests of reconcile: objects, records, timers, manual calls, and the results of a pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes import work
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from support.stored import Stored
from support.world import HOUR, NO_RIGHT, World

LONG = "最" * 330


@pytest.fixture(autouse=True)
def split_early(mocker):
    """Split ranges as soon as a lane is free, so that a few dozen objects behave like millions."""
    mocker.patch.object(work, "UNKNOWN_RANGE_SECONDS", 0)
    mocker.patch.object(work, "MIN_SPLIT_OBJECTS", 0)


class ReconcileWorld(World):
    """A world whose project was installed an hour ago; each page of a listing takes `page_seconds` more."""

    page_seconds = 0.0

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "1000", **environment})
        self.oms.round_trip = self.oss.round_trip = 0.001
        self.oss.set_latency(listing=self.page_seconds)
        self.install()

    def beside(self, **environment: str) -> ReconcileWorld:
        """Return a world with the same clouds, and an instance of another project for the same task."""
        other = copy.copy(self)
        other.variables = {"OMS_RATE": "1000", **environment}
        if bucket := environment.get("SOURCE_BUCKET"):
            self.oss.create_bucket(bucket)
            other.source = Stored(self.oss, bucket)
        other.start()
        return other

    def fail(self, key: str, data: str = "A") -> None:
        """Write the failed record of an object's version that was not submitted."""
        super().fail(key, reason="UNAVAILABLE", status=503, etag=etag_of(data.encode()))

    def in_step(self, *keys: str) -> None:
        for key in keys:
            self.upload(key)
            self.accept(key)

    def fill(self, number: int, minutes_ago: float = 0) -> None:
        """Write objects without events; their names are numbers."""
        self.lost(*(f"{index:0{len(str(number - 1))}}" for index in range(number)), minutes_ago=minutes_ago)

    def lost(self, *keys: str, data: str = "A", **details: Any) -> None:
        """Write objects without events, and advance an hour."""
        for key in keys:
            self.upload(key, data, **details)
        self.advance()

    def advance(self, seconds: float = HOUR) -> None:
        super().advance(seconds)

    def ask(self, job: str, asked: object = None, timeout: float = 570) -> dict:
        """Invoke a job a moment later than all earlier calls, and return its answer."""
        self.advance(0.001)
        return super().ask(job, asked, timeout)

    def reconcile(self, payload: object = None, timeout: float = 570) -> dict:
        return self.ask("reconcile", payload, timeout)

    def begin(self, **asked: object) -> None:
        """Begin a pass by hand that makes no progress, because the source refuses all requests."""
        with refusing(self.source), pytest.raises(StorageError):
            self.reconcile(asked)

    def tick(self, payload: str = "{}", timeout: float = 570) -> dict:
        event = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": payload}
        return self.reconcile(event, timeout)

    def ticks_until_finished(self, timeout: float = 570) -> dict:
        """Fire the timer every ten minutes until the pass has finished; return its answer."""
        for _ in range(1000):
            result = self.tick(timeout=timeout)
            if result["finished"]:
                return result
            self.advance(600)
        raise AssertionError("it does not come to an end")

    def sent(self) -> set[str]:
        return set(self.oms.accepted)

    @property
    def store(self) -> PassStore:
        if not self.call_instance.is_alive:
            self.start()
        return PassStore(self.invocation(), "reconcile")

    def passes(self) -> list[PassState]:
        return self.store.read_states()

    def position(self) -> str:
        """Return the position that the only open pass has reached in its first range."""
        *_, last = (name for name in self.bucket.names("oms_source_record/passes/") if "/r/0" in name)
        position: str = json.loads(self.bucket.objects[last].body)["after"]
        return position


@contextmanager
def refusing(bucket: Stored, kind: str = "", where: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
    """Make a bucket refuse requests until the context ends.

    `kind` is the kind of the refused requests, or empty for all kinds. `where` returns True for the name of an object
    whose requests are refused.
    """
    is_over = False
    bucket.fail(NO_RIGHT, kind, lambda name: not is_over and where(name))
    yield
    is_over = True


def slow_down_listings(bucket: Stored, seconds: float) -> None:
    """Delay each page of a bucket's listing by this time from now on."""
    bucket.fail(Fault.slow(seconds), "list")


def counts(result: dict) -> dict:
    """Return the counts of a result that are above zero."""
    return {name: result[name] for name in COUNTS if result[name]}


def adds_up(result: dict) -> bool:
    parts = (result[name] for name in ("covered", "failed_before", "submitted", "pending", "migrating", "unsent"))
    return result["scanned"] == sum(parts) and result["submitted"] == result["accepted"] + result["failed"]


def busy_world(number: int = 60, **environment: str) -> ReconcileWorld:
    """Return a world in which every third object is missing in OBS and every third outdated; some keys are long."""
    world = ReconcileWorld(**environment)
    for index in range(number):
        key = f"{index:02}{LONG if index % 7 == 0 else ''}"
        world.upload(key, "B")
        if index % 3:
            world.accept(key, "AB"[index % 3 - 1])
    world.accept("zz deleted")
    world.advance()
    return world


def missing(number: int = 60) -> set[str]:
    """Return the keys in `busy_world(number)` that are missing or outdated."""
    return {f"{index:02}{LONG if index % 7 == 0 else ''}" for index in range(number) if index % 3 < 2}
