"""A world for the tests of replay: failed records, run files, and OMS's lists of failed copies."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta, timezone
from typing import Any
from urllib.parse import quote, unquote

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StoredObject
from sandbox.inprocess.instance import InstanceKilled
from sandbox.oms.copier import CopyFailure
from support.law import sweep
from support.world import ROOT, TASK, THROTTLED, TICK, World

FOLDER = f"oms/sync_task/{TASK}/failed_object_lists/"
CODE = "UPLOAD_DST_OBJ_FAILURE"
_CHINA = timezone(timedelta(hours=8))


class ReplayWorld(World):
    """A world with failed keys, an hour after the installation; OMS copies nothing to `there`, the bucket in OBS."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "20", **environment})
        self.oms.round_trip, self.oss.round_trip = 0.001, 0.0
        # As replay's first run left it.
        self.keep(f"state/closed-{self.settings.project}.json", {"closed": False})
        self.install()
        self.task.failures.add(CopyFailure(CODE))
        self.task.lists.withheld = True
        self._sent = 0

    # Earlier events.

    def fail(self, *keys: str, first: str = "", **details: object) -> None:
        """Write the source objects `keys` and their failed records with `details`."""
        for key in keys:
            self.source.add(StoredObject(key, b"contents"))
        of_event = {"event_name": "", "event_time": "", "first_failure": first or timestamp(self.clock.now())}
        super().fail(*keys, **{"etag": "ABC", **of_event, **THROTTLED, **details})

    def upload(self, *keys: str, data: bytes = b"contents", accepted: bool = True) -> None:
        """Write source objects of three minutes ago that OMS accepted."""
        for key in keys:
            super().upload(key, data.decode(), 3)
            if accepted:
                self.accept(key, data.decode(), 180)

    def copy(self, *keys: str, data: bytes | None = None) -> None:
        """Write the objects to OBS, like late copies of OMS or like other users."""
        for key in keys:
            self.there.add(StoredObject(key, self.source.objects[key].body if data is None else data))

    def line(self, key: str) -> str:
        time = self.clock.now().astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return ",".join((CODE, time, quote(key, safe=""), key, "timed out")) + "\n"

    def list_failed(self, *keys: str, name: str = "", sub: str = "01", text: str = "") -> str:
        """Let OMS write a list with these failed copies, or with `text`; return the list's name."""
        name = f"{FOLDER}{sub}/{name or int(self.clock.now().timestamp() * 1000)}.failed_list.txt"
        self.there.add(StoredObject(name, (text or "".join(map(self.line, keys))).encode()))
        return name

    def fail_to_copy(self, *keys: str) -> None:
        """Write objects that OMS accepted, and a list of their failed copies."""
        self.upload(*keys)
        self.list_failed(*keys)

    def hold_up(self, seconds: float) -> None:
        """Delay the next delete by this time."""

        def wait(kind: str, _: object) -> None:
            if kind == "delete":
                self.bucket.after = lambda *_: None
                self.advance(seconds)

        self.bucket.after = wait

    # Runs.

    def replay(self, payload: object = None, timeout: float = 240) -> dict[str, Any]:
        return self.ask("replay", payload, timeout)

    def tick(self, timeout: float = 240) -> dict[str, Any]:
        """Run replay by its timer."""
        return self.replay(TICK, timeout)

    def copies(self) -> dict[str, Any]:
        """Run replay by its timer; return its non-zero counts of OMS's lists."""
        return {name: value for name, value in self.tick()["copies"].items() if value}

    # Observations.

    def asked(self, after: int = 0) -> set[str]:
        """Return the keys of all requests to OMS after the first `after` requests, accepted or not."""
        bodies = [request.body for request in list(self.oms.requests)[after:] if request.method == "POST"]
        return {unquote(key) for body in bodies for key in json.loads(body)["object_keys"]}

    def sent(self) -> list[str]:
        """Return the keys that reached OMS since the last call of this method, in order."""
        calls = self.oms.calls[self._sent :]
        self._sent += len(calls)
        return [key for call in calls for key in call.keys]

    def sent_by_tick(self) -> list[str]:
        """Run replay by its timer; return the keys that reached OMS."""
        self.tick()
        return self.sent()

    def in_run_files(self) -> set[str]:
        files = [self.bucket.objects[name] for name in self.bucket.names(f"{ROOT}replay/")]
        return {entry["key"] for file in files for entry in json.loads(file.body)["keys"]}

    def succeeded(self) -> set[str]:
        short, long = f"{ROOT}success_object/", f"{ROOT}success_object_long/"
        hashed = {self.bucket.objects[name].body.decode() for name in self.bucket.names(long)}
        return {name.removeprefix(short) for name in self.bucket.names(short)} | hashed

    def failed_record(self, key: str) -> dict[str, Any]:
        return json.loads(self.record_body("failed", key) or b"")

    def state(self, name: str = "replay") -> dict[str, Any]:
        """Return replay's stored state."""
        stored = [name for name in self.bucket.names(f"{ROOT}state/{name}") if "-timer-" not in name]
        return json.loads(self.bucket.objects[stored[0]].body) if stored else {}


def many(number: int) -> list[str]:
    return [f"key {n:05}" for n in range(number)]


@contextmanager
def at_step(world: World, step: int, happens: Callable[[], object]) -> Iterator[None]:
    """Call `happens` just before the instance sends its request number `step`.

    It runs in the client's thread. That moment is also just after the previous request, because no work is done in
    between. Parallel requests that were sent before are still carried out.
    """
    call_instance, steps, network = world.call_instance, itertools.count(), world.platform.network

    def before(_: object) -> None:
        if world.platform.owner() is call_instance and next(steps) == step:
            happens()

    network.before_request, as_ever = before, network.before_request
    try:
        yield
    finally:
        network.before_request = as_ever


def at_each_step(
    make: Callable[[], ReplayWorld], run: Callable[[ReplayWorld], object], happens: Callable[[ReplayWorld], object]
) -> Iterator[tuple[int, ReplayWorld]]:
    """Yield worlds after runs in which `happens` was called at a step, for each step of the run.

    An instance that was killed is replaced.
    """
    for step in sweep(itertools.count()):
        World.close_all()
        world, happened = make(), []

        def happen(world: ReplayWorld = world, happened: list[bool] = happened) -> None:
            happened.append(True)
            happens(world)

        with at_step(world, step, happen), suppress(InstanceKilled):
            run(world)
        if not happened:
            assert step > 10
            return
        if not world.call_instance.is_alive:
            world.start()
        yield step, world
