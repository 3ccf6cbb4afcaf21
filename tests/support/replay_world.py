"""A world for the tests of replay: a log bucket in memory, with failed records and run files."""

from __future__ import annotations

import json

from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs import replay
from oss_oms_sync.ledger.records import FailedKey, failed_record
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import ROOT, MemoryWorld
from support.fake_clouds import TASK

THROTTLED = Failure(Reason.THROTTLED, 429, "APIGW.0308", "slow down")
LOST = StorageFailure("no answer in time", answered=False)
UNAUTHORIZED = (401, {}, '{"error_code": "APIGW.0301", "error_msg": "no"}')


class ReplayWorld(MemoryWorld):
    """A world whose log bucket is in memory."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "20", **environment})
        self.oms.round_trip = 0.001

    def fail(self, *keys: str, failure: Failure = THROTTLED, first: str = "") -> None:
        """The source objects `keys` fail."""
        for key in keys:
            self.source.add(StoredObject(key, b"contents"))
            self.bucket.add(
                failed_record(TASK, FailedKey(ObjectChange(key, etag="ABC"), first), failure, self.clock.now())
            )

    def replay(self, payload: object = None, timeout: float = 240) -> dict:
        text = json.dumps(payload) if payload is not None else ""
        return replay.run(text, self.invocation(timeout)).to_json()

    def failed(self) -> set[str]:
        return {
            json.loads(o.body)["key"] for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}failed_object")
        }

    def in_run_files(self) -> set[str]:
        files = [o for n, o in self.bucket.objects.items() if n.startswith(f"{ROOT}replay/")]
        return {entry["key"] for one in files for entry in json.loads(one.body)["keys"]}

    def succeeded(self) -> set[str]:
        short, long = f"{ROOT}success_object/", f"{ROOT}success_object_long/"
        objects = self.bucket.objects.items()
        return {n.removeprefix(short) for n, _ in objects if n.startswith(short)} | {
            o.body.decode() for n, o in objects if n.startswith(long)
        }


def many(number: int) -> list[str]:
    return [f"key {n:05}" for n in range(number)]


def free_run_file(*keys: str, **entry: object) -> StoredObject:
    """The run file of a run that is over."""
    fields = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
    entries = [{"key": key, **fields, "held": False, **entry} for key in keys]
    return StoredObject(f"{ROOT}replay/1.json", json.dumps({"busy_until": "", "keys": entries}).encode())
