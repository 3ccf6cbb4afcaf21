"""A world for the tests of replay: failed records and run files."""

from __future__ import annotations

import json
from urllib.parse import unquote

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StoredObject
from support.world import ROOT, THROTTLED, World


class ReplayWorld(World):
    """A world in which keys have failed."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "20", **environment})
        self.oms.round_trip, self.oss.round_trip = 0.001, 0.0
        # As replay's first run left it.
        self.keep(f"state/closed-{self.settings.project}.json", {"closed": False})

    def fail(self, *keys: str, first: str = "", **details: object) -> None:
        """The source objects `keys` fail; `details` are what a failed record says of it."""
        for key in keys:
            self.source.add(StoredObject(key, b"contents"))
        of_event = {"event_name": "", "event_time": "", "first_failure": first or timestamp(self.clock.now())}
        super().fail(*keys, **{"etag": "ABC", **of_event, **THROTTLED, **details})

    def replay(self, payload: object = None, timeout: float = 240) -> dict:
        return self.ask("replay", payload, timeout)

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

    def in_run_files(self) -> set[str]:
        files = [self.bucket.objects[name] for name in self.bucket.names(f"{ROOT}replay/")]
        return {entry["key"] for one in files for entry in json.loads(one.body)["keys"]}

    def succeeded(self) -> set[str]:
        short, long = f"{ROOT}success_object/", f"{ROOT}success_object_long/"
        hashed = {self.bucket.objects[name].body.decode() for name in self.bucket.names(long)}
        return {name.removeprefix(short) for name in self.bucket.names(short)} | hashed


def many(number: int) -> list[str]:
    return [f"key {n:05}" for n in range(number)]
