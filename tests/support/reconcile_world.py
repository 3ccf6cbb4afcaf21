"""What reconcile's tests need of a world: objects and records, ticks and calls by hand, and what a pass found."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS
from sandbox.server.faults import Fault
from support.world import ROOT, Stored, World, oms_error, oss_error

LONG = "最" * 330
HOUR = 3600.0
NO_RIGHT = oss_error(403)
FROZEN = oms_error(400, "OMS.0202", "frozen")
INSTALLED = f"{ROOT}state/installed.json"


class ReconcileWorld(World):
    """A world in which the project was installed an hour ago. Each page of a listing takes `page_seconds` more."""

    page_seconds = 0.0

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "1000", **environment})
        self.oms.round_trip = self.oss.round_trip = 0.001
        self.oss.latency(listing=self.page_seconds)
        self.bucket.add(StoredObject(INSTALLED, b'{"at": "2026-01-01T23:00:00Z"}'))

    def beside(self, **environment: str) -> ReconcileWorld:
        """An instance of another project for the same task, with settings of its own."""
        other = copy.copy(self)
        other.given = {"OMS_RATE": "1000", **environment}
        if bucket := environment.get("SOURCE_BUCKET"):
            self.oss.create_bucket(bucket)
            other.source = Stored(self.oss, bucket)
        other.start()
        return other

    def upload(self, key: str, data: str = "A", minutes_ago: float = 0) -> None:
        self.source.add(StoredObject(key, data.encode()))
        self.source.modified[key] -= int(minutes_ago * 60)

    def upload_link(self, key: str) -> None:
        """Uploads a symbolic link."""
        self.source.add(StoredObject(key, b"A", {"x-oss-object-type": "Symlink"}))

    def accept(self, key: str, data: str = "A") -> None:
        """OMS has accepted this version, as its record says."""
        name, etag = record_name("success", key), etag_of(data)
        if key in name:
            self.bucket.add(StoredObject(name, etag.encode()))
        else:
            self.bucket.add(StoredObject(name, key.encode(), {"x-oss-meta-etag": etag}))

    def fail(self, key: str, data: str = "A") -> None:
        """OMS could not be asked for this version, as its record says."""
        at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"key": key, "etag": etag_of(data), "reason": "UNAVAILABLE", "status": 503}
        record = json.dumps({**body, "first_failure": at, "last_failure": at})
        self.bucket.add(StoredObject(record_name("failed", key), record.encode()))

    def in_step(self, *keys: str) -> None:
        for key in keys:
            self.upload(key)
            self.accept(key)

    def later(self, seconds: float = HOUR) -> None:
        super().later(seconds)

    def reconcile(self, payload: object = None, timeout: float = 570) -> dict:
        """Calls the function by hand; in the next instance, if this one was killed."""
        return self.call(json.dumps(payload) if payload is not None else "", timeout)

    def call(self, event: str | bytes, timeout: float = 570) -> dict:
        self.later(0.001)
        if not self.one.alive:
            self.start()
        return self.within(lambda: reconcile.run(event, self.invocation(timeout)).to_json())

    def begin(self, **asked: object) -> None:
        """Begins a pass by hand that gets nowhere."""
        with refusing(self.source), pytest.raises(StorageError):
            self.reconcile(asked)

    def tick(self, payload: str = "{}", timeout: float = 570) -> dict:
        event = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": payload}
        return self.reconcile(event, timeout)

    def ticks_until_finished(self, timeout: float = 570) -> dict:
        """The timer strikes every ten minutes."""
        for _ in range(1000):
            result = self.tick(timeout=timeout)
            if result["finished"]:
                return result
            self.later(600)
        raise AssertionError("it does not come to an end")

    def until_finished(self, payload: object = None) -> dict:
        for _ in range(1000):
            result = self.reconcile(payload)
            if result["finished"]:
                return result
        raise AssertionError("it does not come to an end")

    def sent(self) -> set[str]:
        return set(self.oms.accepted)

    def failed(self) -> set[str]:
        return {json.loads(self.bucket.objects[name].body)["key"] for name in self.bucket.names(f"{ROOT}failed_object")}

    @property
    def store(self) -> PassStore:
        if not self.one.alive:
            self.start()
        return PassStore(self.invocation(), "reconcile")

    def passes(self) -> list[PassState]:
        return self.store.states()

    def position(self) -> str:
        """The key up to which the only pass has come in the range that it began with."""
        *_, last = (name for name in self.bucket.names("oms_source_record/passes/") if "/r/0" in name)
        position: str = json.loads(self.bucket.objects[last].body)["after"]
        return position


def record_name(kind: str, key: str) -> str:
    """Where the record of a key is: see docs of the log bucket's layout."""
    name = f"{ROOT}{kind}_object/{key}"
    return (
        name if len(name.encode()) <= 1023 else f"{ROOT}{kind}_object_long/{hashlib.sha256(key.encode()).hexdigest()}"
    )


def etag_of(data: str) -> str:
    return hashlib.md5(data.encode()).hexdigest().upper()


@contextmanager
def refusing(bucket: Stored, kind: str = "", where: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
    """Within this, the bucket refuses requests of a kind (empty: of any) that name such an object."""
    is_over = False
    bucket.fail(NO_RIGHT, kind, lambda name: not is_over and where(name))
    yield
    is_over = True


def slow(bucket: Stored, seconds: float) -> None:
    """From now on each page of a listing takes so long."""
    bucket.fail(Fault.slow(seconds), "list")


def counts(result: dict) -> dict:
    """Only what is not zero."""
    return {name: result[name] for name in COUNTS if result[name]}


def adds_up(result: dict) -> bool:
    parts = (result[name] for name in ("covered", "failed_before", "submitted", "pending"))
    return result["scanned"] == sum(parts) and result["submitted"] == result["accepted"] + result["failed"]


def busy_world(number: int = 60, **environment: str) -> ReconcileWorld:
    """Every third object missing, every third stale, long keys among them."""
    world = ReconcileWorld(**environment)
    for one in range(number):
        key = f"{one:02}{LONG if one % 7 == 0 else ''}"
        world.upload(key, "B")
        if one % 3:
            world.accept(key, "AB"[one % 3 - 1])
    world.accept("zz deleted")
    world.later()
    return world


def missing(number: int = 60) -> set[str]:
    """What has to be sent of busy_world(number): what is missing or stale."""
    return {f"{one:02}{LONG if one % 7 == 0 else ''}" for one in range(number) if one % 3 < 2}
