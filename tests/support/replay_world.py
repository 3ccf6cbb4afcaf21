"""A world for the tests of replay: failed records and run files."""

from __future__ import annotations

import json
from hashlib import sha256
from urllib.parse import unquote

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.jobs import replay
from support.world import ROOT, World, oms_error, oss_error

THROTTLED = {"reason": "THROTTLED", "status": 429, "error_code": "APIGW.0308", "message": "slow down"}
UNAUTHORIZED = oms_error(401, "APIGW.0301")
NO_RIGHT = oss_error(403)


def record_name(state: str, key: str) -> str:
    """What the record of a key is called: by its hash where OSS takes no such long name."""
    name = f"{ROOT}{state}_object/{key}"
    return name if len(name.encode()) <= 1023 else f"{ROOT}{state}_object_long/{sha256(key.encode()).hexdigest()}"


class ReplayWorld(World):
    """A world in which keys have failed."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "20", **environment})
        self.oms.round_trip, self.oss.round_trip = 0.001, 0.0
        # As replay's first run left it.
        self.bucket.add(StoredObject(f"{ROOT}state/closed-{self.settings.project}.json", b'{"closed": false}'))

    def fail(self, *keys: str, first: str = "", **details: object) -> None:
        """The source objects `keys` fail; `details` are what a failed record says of it."""
        now = timestamp(self.clock.now())
        for key in keys:
            self.source.add(StoredObject(key, b"contents"))
            times = {"event_name": "", "event_time": "", "first_failure": first or now, "last_failure": now}
            body = {"key": key, "etag": "ABC", **times, **THROTTLED, **details}
            self.bucket.add(StoredObject(record_name("failed", key), json.dumps(body).encode()))

    def replay(self, payload: object = None, timeout: float = 240) -> dict:
        text = json.dumps(payload) if payload is not None else ""
        return self.within(lambda: replay.run(text, self.invocation(timeout))).to_json()

    def hold_up(self, seconds: float) -> None:
        """The next delete takes so long."""

        def wait(kind: str, _: object) -> None:
            if kind == "delete":
                self.bucket.after = lambda *_: None
                self.later(seconds)

        self.bucket.after = wait

    def asked(self, after: int = 0) -> set[str]:
        """The keys that OMS was asked for in all requests after so many, whatever came of them."""
        bodies = [request.body for request in list(self.oms.requests)[after:] if request.method == "POST"]
        return {unquote(key) for body in bodies for key in json.loads(body)["object_keys"]}

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
    return StoredObject(f"{ROOT}replay/oss-oms-sync/1.json", json.dumps({"busy_until": "", "keys": entries}).encode())
