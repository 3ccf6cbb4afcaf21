"""The law of headers: a change of headers in OBS reaches only the contents to which the headers belong.

The law holds although any object may be written at any time, and any request or instance may fail; only contents
written within the last seconds are an exception. No change arrives more than two minutes after the close. When no
object is written any more, the headers of equal objects become equal.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs import headers
from sandbox.inprocess.instance import InstanceKilled
from sandbox.obs.objects import ObsObject
from sandbox.server.faults import Fault
from support.law import choose_seeds, schedules
from support.passes import classes
from support.world import DROP_AFTER, DROP_BEFORE, HANG, HOUR, World, oss_error

KEYS = ("a/1", "a/2", "b/1", "最" * 330)
# OBS accepts a change for five seconds after its HEAD; a listing has whole seconds.
WINDOW = 7
AFTER_CLOSE = 120


class LawWorld(World):
    """A world whose objects can change in both buckets immediately before each request.

    Each source object has a header with the number of its version.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        # True while anything may happen, and while it does.
        self.is_restless = self.is_happening = False
        self.written: dict[str, float] = {}
        self.versions: list[bytes] = []
        self.closed_at: float | None = None
        self.landed = 0
        super().__init__(OMS_RATE="1000")
        self.install()
        self.obs.round_trip = 0.001
        self.moves = self.dice.random() < 0.5
        self.measure_headers(moves=self.moves, replaces=self.dice.random() < 0.7)
        for key in KEYS:
            self.write_source(key)
            self.copy(key)
        self.advance(HOUR)
        really = self.obs_bucket.change_headers
        self._patches.enter_context(
            patch.object(self.obs_bucket, "change_headers", lambda *details: (self.check(*details), really(*details)))
        )
        for bucket in (self.source, self.bucket, self.destination):
            bucket.before = self.happen

    # Events.

    def write_source(self, key: str) -> None:
        """Write other contents of equal size to the source, or the same contents with other headers."""
        before = self.source.objects.get(key)
        data = before.body if before and self.dice.random() < 0.4 else self.dice.choice([b"A", b"B", b"C"])
        named = {"x-oss-meta-version": str(len(self.versions)), "Cache-Control": self.dice.choice(["no-cache", "a=1"])}
        if self.dice.random() < 0.5:
            named.pop("Cache-Control")
        self.versions.append(data)
        self.source.add(StoredObject(key, data, {"Content-Type": "text/html", **named}))

    def copy(self, key: str) -> None:
        """Let OMS copy the current contents of an object without its headers."""
        body = self.source.objects[key].body
        lost = {"content-type": "text/html", **({"content-language": "de"} if self.dice.random() < 0.2 else {})}
        self.obs_bucket.put(key, body, headers=lost)
        self.written[key] = self.clock.seconds

    def write_destination(self, key: str) -> None:
        """Write an object to OBS as an application does; the bytes may be the same as before."""
        data = self.dice.choice([b"A", b"B", b"X"])
        self.obs_bucket.put(key, data, headers={"content-type": "text/plain", "x-obs-meta-app": "1"})
        self.written[key] = self.clock.seconds

    def close_project(self, _: str) -> None:
        if self.closed_at is None:
            self.bucket.add_mark(closed=True)
            self.closed_at = self.clock.seconds

    def happen(self, kind: str, names: Sequence[str]) -> None:
        """Let a random event happen and time pass, before a request to a cloud."""
        if not self.is_restless or self.is_happening or self.dice.random() > 0.06:
            return
        self.is_happening = True
        writes = [] if self.moves else [self.write_source] * 3
        event = self.dice.choice(
            [self.copy, self.write_destination, self.write_destination, self.close_project, self.kill_instance, *writes]
        )
        event(self.dice.choice(KEYS))
        self.advance(self.dice.choice([0, 0, 0.5, 3, 30, 200]))
        self.is_happening = False

    def kill_instance(self, _: str) -> None:
        self.is_happening = False
        self.die()

    # The law.

    def check(self, key: str, stored: ObsObject, changed: Mapping[str, str]) -> None:
        """Assert that a change of headers in OBS reaches only the contents to which the headers belong."""
        now, self.landed = self.clock.seconds, self.landed + 1
        data = self.versions[int(changed["x-obs-meta-version"])]
        assert stored.data == data or now - self.written[key] < WINDOW, "headers of other contents"
        assert self.closed_at is None or now < self.closed_at + AFTER_CLOSE, "a change after the close"

    def run_once(self) -> dict[str, Any]:
        try:
            return self.headers()
        except (StorageError, InstanceKilled):
            return {}

    def play(self) -> None:
        self.is_restless = True
        faults = [DROP_BEFORE, DROP_AFTER, HANG, oss_error(503), *map(Fault.lands_late, (2, 9, 200, 600))]
        for _ in range(self.dice.choice([1, 2, 3])):
            if self.dice.random() < 0.7:
                self.destination.fail(self.dice.choice(faults), self.dice.choice(["put", "put", "head"]), times=1)
            if self.dice.random() < 0.3:
                self.bucket.fail(self.dice.choice(faults[:4]), self.dice.choice(["put", "get"]), times=2)
            self.run_once()
            self.advance(self.dice.choice([1, 60, HOUR]))
        self.is_restless = False
        self.destination.heal()
        self.bucket.heal()
        self.advance(HOUR)

    def classes(self) -> dict[str, list[str]]:
        """Run a comparison; return the keys of each class that has objects."""
        return classes(self.compare(restart=True))

    def calm_down(self) -> None:
        """Open the project, let OMS copy the objects that differ, and let an hour pass."""
        self.bucket.add_mark(closed=False)
        self.closed_at = None
        for key in KEYS:
            if self.destination.objects[key].body != self.source.objects[key].body:
                self.copy(key)
        self.advance(HOUR)


@pytest.mark.law
@pytest.mark.part
@pytest.mark.parametrize("block", range(4))
def test_a_headers_pass_changes_no_object_whose_contents_differ(block, mocker):
    mocker.patch.object(headers, "BATCH", 2)
    for seed in choose_seeds(block, schedules(10)):
        world = LawWorld(seed)
        world.play()
        world.calm_down()
        classes = world.classes()
        answer = world.headers(restart=True)
        outcomes = answer["outcomes"]
        named = outcomes.get("removal", 0)
        assert sum(outcomes.get(name, 0) for name in ("mended", "equal", "recorded")) + named == len(KEYS), (
            seed,
            answer,
        )
        differing = [key for key in KEYS if _has_different_headers(world, key)]
        assert len(differing) == named, (seed, differing, outcomes)
        assert world.classes() == classes, (seed, "a change of headers moved an object to another class")
        landed = world.landed
        assert world.headers()["outcomes"].get("recorded", 0) + named == len(KEYS)
        assert world.landed == landed, "a second run changed something"


def _has_different_headers(world: LawWorld, key: str) -> bool:
    source = {name.replace("x-oss-", "x-obs-"): value for name, value in world.source.objects[key].headers.items()}
    return {name.lower(): value for name, value in source.items()} != dict(world.obs_bucket.objects[key].headers)
