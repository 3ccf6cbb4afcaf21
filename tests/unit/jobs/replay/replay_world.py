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
from sandbox.inprocess.instance import InstanceKilled
from sandbox.oms.copier import CopyFailure
from support.law import sweep
from support.world import TASK, THROTTLED, World

FOLDER = f"oms/sync_task/{TASK}/failed_object_lists/"
CODE = "UPLOAD_DST_OBJ_FAILURE"
CONTENTS = "contents"
_CHINA = timezone(timedelta(hours=8))


class ReplayWorld(World):
    """Simulated clouds whose OMS fails to copy each object, and writes only the lists that a test requests."""

    def __init__(self, **environment: str) -> None:
        super().__init__(**{"OMS_RATE": "20", **environment})
        self.install()
        self.oss.round_trip = 0.0
        # As replay's first run left it.
        self.bucket.add_json(f"state/closed-{self.settings.project}.json", {"closed": False})
        self.task.failures.add(CopyFailure(CODE))
        self.task.lists.is_withheld = True
        self._noted_calls = 0

    # Earlier events.

    def put_failed(self, *keys: str, first: str = "", **details: object) -> None:
        """Write source objects with the keys `keys`, and failed records of these keys with the fields `details`.

        `first` is the time of the first failure, by default now.
        """
        for key in keys:
            self.upload(key, CONTENTS)
        of_event = {"event_name": "", "event_time": "", "first_failure": first or timestamp(self.clock.now())}
        self.bucket.add_failed_records(*keys, **{"etag": "ABC", **of_event, **THROTTLED, **details})

    def put_old(self, *keys: str, data: str = CONTENTS) -> None:
        """Write source objects three minutes ago, and let OMS accept their keys."""
        self.put_accepted(*keys, data=data, minutes_ago=3)

    def copy(self, *keys: str, data: str | None = None) -> None:
        """Write the objects to OBS, as a late copy by OMS or another user may do."""
        for key in keys:
            self.write(key, self.source.objects[key].body.decode() if data is None else data)

    def line(self, key: str) -> str:
        time = self.clock.now().astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return ",".join((CODE, time, quote(key, safe=""), key, "timed out")) + "\n"

    def list_failed(self, *keys: str, name: str = "", sub: str = "01", text: str = "") -> str:
        """Let OMS write a list with these failed copies, or with `text`; return the list's name."""
        name = f"{FOLDER}{sub}/{name or int(self.clock.now().timestamp() * 1000)}.failed_list.txt"
        self.write(name, text or "".join(map(self.line, keys)))
        return name

    def fail_to_copy(self, *keys: str) -> None:
        """Write source objects, let OMS accept their keys, and write a list of their failed copies."""
        self.put_old(*keys)
        self.list_failed(*keys)

    def hold_up(self, seconds: float) -> None:
        """Let the next delete request to the log bucket take `seconds` longer."""

        def wait(kind: str, _: object) -> None:
            if kind == "delete":
                self.bucket.after = lambda *_: None
                self.advance(seconds)

        self.bucket.after = wait

    # Runs.

    def count_lines(self) -> dict[str, Any]:
        """Fire replay's timer; return the counts of lines in OMS's lists that are not zero."""
        return {name: value for name, value in self.tick("replay")["copies"].items() if value}

    # Observations.

    def requested_keys(self, after: int = 0) -> set[str]:
        """Return the keys of all requests to OMS after the first `after` requests, accepted or not."""
        bodies = [request.body for request in list(self.oms.requests)[after:] if request.method == "POST"]
        return {unquote(key) for body in bodies for key in json.loads(body)["object_keys"]}

    def take_sent_keys(self) -> list[str]:
        """Return the keys that reached OMS since the last call of this method, in order."""
        calls = self.oms.calls[self._noted_calls :]
        self._noted_calls += len(calls)
        return [key for call in calls for key in call.keys]

    def send_by_tick(self) -> list[str]:
        """Fire replay's timer; return the keys that reached OMS."""
        self.tick("replay")
        return self.take_sent_keys()


def many(number: int) -> list[str]:
    return [f"key {n:05}" for n in range(number)]


@contextmanager
def at_step(world: World, step: int, happens: Callable[[], object]) -> Iterator[None]:
    """Call `happens` just before the instance sends its request number `step`.

    The call runs in the thread that sends the request. Parallel requests that were sent earlier are still carried out.
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
    """Yield each step of `run`, and a world in which `happens` was called just before the request of this number.

    `make` makes each world. If the instance was killed, it is replaced before the world is yielded.
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
