"""A world for the tests of reconcile: both buckets in memory, and what a pass found in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oss_oms_sync.clouds.objects import StoredObject, etag_of
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.ledger.records import FailedKey, failed_record, success_record
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import NO_RIGHT, ROOT, MemoryWorld
from support.fake_clouds import VirtualPool
from support.world import TASK

LONG = "最" * 330
HOUR = 3600.0
FROZEN = (400, {}, '{"error_code": "OMS.0202", "error_msg": "frozen"}')
BUSY = Failure(Reason.UNAVAILABLE, 503)


class ReconcileWorld(MemoryWorld):
    """A world whose buckets are in memory; it was installed an hour before the clock's beginning."""

    def __init__(self, **environment: str) -> None:
        super().__init__(OMS_RATE="1000", **environment)
        self.oms.round_trip = 0.001
        self.bucket.add(StoredObject(f"{ROOT}state/installed.json", b'{"at": "2026-01-01T23:00:00Z"}'))

    def upload(self, key: str, data: str = "A", minutes_ago: int = 0) -> None:
        self.source.add(StoredObject(key, data.encode()))
        self.source.modified[key] -= minutes_ago * 60

    def upload_link(self, key: str) -> None:
        """Uploads a symbolic link."""
        self.source.add(StoredObject(key, b"A", {"x-oss-object-type": "Symlink"}))

    def accept(self, key: str, data: str = "A") -> None:
        self.bucket.add(success_record(TASK, ObjectChange(key, etag=etag_of(data))))

    def fail(self, key: str, data: str = "A") -> None:
        self.bucket.add(failed_record(TASK, FailedKey(ObjectChange(key, etag=etag_of(data))), BUSY, self.clock.now()))

    def in_step(self, *keys: str) -> None:
        for key in keys:
            self.upload(key)
            self.accept(key)

    def later(self, seconds: float = HOUR) -> None:
        self.clock.seconds += seconds

    def reconcile(self, payload: object = None, timeout: float = 570) -> dict:
        text = json.dumps(payload) if payload is not None else ""
        self.later(0.001)
        return reconcile.run(text, self.invocation(timeout)).to_json()

    def begin(self, **asked: object) -> None:
        """Begins a pass by hand that gets nowhere."""
        self.source.problem = lambda kind, name: NO_RIGHT
        with pytest.raises(StorageError):
            self.reconcile(asked)
        self.source.problem = lambda kind, name: None

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
        records = [o for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}failed_object")]
        return {json.loads(one.body)["key"] for one in records}

    @property
    def store(self) -> PassStore:
        return PassStore(self.invocation(), "reconcile")

    def passes(self) -> list[PassState]:
        return self.store.states()

    def position(self) -> str:
        """The key up to which the only pass has come in the range that it began with."""
        (one,) = self.passes()
        piece = self.store.read(one.of.name, "r", self.store.tree(one.of.name).last["r"])
        assert piece
        return piece.after

    def beside(self, **environment: str) -> ReconcileWorld:
        """Another project for the same task and buckets, with a filter of its own."""
        other = ReconcileWorld(**environment)
        other.bucket, other.source, other.oms, other.clock = self.bucket, self.source, self.oms, self.clock
        other.client = self.client
        return other


class _Done:
    """What came of a call."""

    def __init__(self, result: object, error: Exception | None) -> None:
        self._result = result
        self._error = error

    def result(self) -> Any:
        if self._error:
            raise self._error
        return self._result

    def leave(self) -> bool:
        return False


class LockStepPool(VirtualPool):
    """Runs the calls one after the other. The clock is never put back: others use the time as well."""

    def begin(self, call: Callable[[], Any], seconds: float) -> Any:
        try:
            return _Done(call(), None)
        except Exception as error:
            return _Done(None, error)
