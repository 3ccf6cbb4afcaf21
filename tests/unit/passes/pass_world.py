"""A world in which several invocations of a pass take turns, and events happen between their requests.

Such an invocation is called a worker here. A worker runs until it has made a number of requests.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

from requests import PreparedRequest

from oss_oms_sync.comparison.reconciling import Classifier
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.jobs.reconcile import ReconcileCount
from oss_oms_sync.passes import store
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.passes.pieces import Pass
from oss_oms_sync.passes.store import PassStore
from sandbox.inprocess.instance import InstanceKilled
from sandbox.server.faults import Fault
from support.passes import adds_up, slow_down_listings
from support.stored import Stored
from support.world import DROP_AFTER, FROZEN, HOUR, ROOT, TASK, TICK, World

# The options of manual calls: scopes and a restart.
ASKED = [{}, {"restart": True}, {"prefix": "b"}, {"all": True}, {"restart": True, "prefix": "b"}]
PREFIX = f"oms_source_record/passes/oss-oms-sync-reconcile/{TASK}/"
_FOR_EVER = 10**6
# A worker makes fewer calls, unless it loops for ever.
_TOO_MANY_CALLS = 30_000


class Actor:
    """An invocation with its own instance, which runs only when the test lets it run."""

    def __init__(self, world: PassWorld, event: str) -> None:
        self.classes = world.classes
        self.source_name = world.settings.source_bucket
        self.classified: set[str] = set()
        self._platform = world.platform
        self._made = self._steps = 0
        self._stops_before = ""
        self._go, self._back = asyncio.Event(), asyncio.Event()
        mine = copy.copy(world)
        mine.start()
        self.instance, invocation = mine.call_instance, replace(mine.invocation(60), settings=world.settings)

        def work() -> None:
            with suppress(StorageError):
                reconcile.run(event, invocation)

        self._task = self._platform.loop.create_task(self._platform.run(work, self.instance))

    @property
    def over(self) -> bool:
        return self._task.done()

    def run(self, steps: int, stops_before: str = "") -> None:
        """Run the invocation until it has made this number of calls.

        It also stops before it writes an object of a pass whose name ends with `stops_before`.
        """
        self._steps, self._stops_before = steps, stops_before
        self._back.clear()
        self._go.set()
        self._platform.call(self._stops())
        if self.over and not isinstance(self._task.exception(), InstanceKilled):
            self._task.result()

    def kill(self) -> None:
        """End the invocation at its current call."""
        self.instance.kill_at_once()
        self.run(0)

    def step(self, request: PreparedRequest) -> None:
        """Wait before and after each request, in the invocation's thread."""
        self._made += 1
        assert self._made < _TOO_MANY_CALLS, "a worker turns in a circle"
        self._steps -= 1
        name = written_name(request)
        is_end = self._stops_before and name.startswith(PREFIX) and name.endswith(self._stops_before)
        if is_end or self._steps < 0:
            self._steps, self._stops_before = 0, ""
            self._go.clear()
            self._back.set()
            self._platform.call(self._go.wait())

    async def _stops(self) -> None:
        task = asyncio.ensure_future(self._back.wait())
        await asyncio.wait([task, self._task], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()


class PassWorld(World):
    """A world with calls of reconcile among all possible events.

    `keys` are the keys of each bucket; every third key has a success record.
    """

    def __init__(self, keys: dict[str, list[str]], lanes: int) -> None:
        self.actors: list[Actor] = []
        super().__init__(OMS_RATE="1000", LANES=str(lanes))
        self.install()
        self.settings = replace(self.settings, piece_seconds=3.0)
        self.classes = 1
        self.events: list[bytes] = []
        self.totals: list[tuple[str, Counter[str], int, int]] = []
        self.static = {name: set(some) for name, some in keys.items()}
        self.ever = {name: set(some) for name, some in keys.items()}
        for name in keys.keys() - self.oss.buckets:
            self.oss.create_bucket(name)
        self.sources = {name: Stored(self.oss, name) for name in keys}
        for name, some in keys.items():
            self.source = self.sources[name]
            for index, key in enumerate(some):
                self.upload(key)
                if index % 3 == 0:
                    self.bucket.add_success_record(key)
        self.listings_take(0.9)
        self.oss.add_trigger(
            "passes", self.log_bucket, ["oss:ObjectCreated:PutObject"], PREFIX, "", self._receive_event
        )
        self.advance(2 * HOUR)

    def listings_take(self, seconds: float) -> None:
        """Let each page of a source bucket take this time, and remove all faults of OSS."""
        self._listings_take = seconds
        self.oss.faults.clear()
        for bucket in self.sources.values():
            slow_down_listings(bucket, seconds)

    def current(self) -> Actor | None:
        """Return the invocation whose code is running, or None while the test's own code runs."""
        return next((actor for actor in self.actors if actor.instance is self.platform.owner()), None)

    # Possible events.

    def event(self, number: int, steps: int = _FOR_EVER, stops_before: str = "") -> None:
        """Deliver a pending event of the log bucket to a new invocation, which makes at most `steps` calls."""
        if self.events:
            self._start(self.events.pop(number % len(self.events)).decode(), steps, stops_before)

    def fire_timer(self, steps: int = _FOR_EVER, stops_before: str = "") -> None:
        self._start(TICK, steps, stops_before)

    def by_hand(self, number: int, steps: int = _FOR_EVER) -> None:
        self._start(json.dumps(ASKED[number % len(ASKED)]), steps)

    def run(self, number: int, steps: int = _FOR_EVER) -> None:
        """Let a worker continue."""
        if self.actors:
            self._run(self.actors[number % len(self.actors)], steps)

    def die(self, number: int) -> None:  # type: ignore[override]
        if self.actors:
            self.actors.pop(number % len(self.actors)).kill()

    def lose(self, number: int) -> None:
        if self.events:
            self.events.pop(number % len(self.events))

    def double(self, number: int) -> None:
        if self.events:
            self.events.append(self.events[number % len(self.events)])

    def next_put(self, fate: str) -> None:
        """Let OSS send no response to the next write of a pass; the write takes effect at once, or two minutes late."""
        self.oss.faults.then(
            Fault.lands_late(120) if fate == "late" else DROP_AFTER,
            where=lambda request: request.method == "PUT" and unquote(request.raw_path)[1:].startswith(PREFIX),
        )

    def land(self) -> None:
        """Let the writes that are late take effect."""
        self.platform.call(self.oss.wait_until_idle())

    def oms_down(self, down: bool) -> None:
        self.oms.faults.clear()
        if down:
            self.oms.faults.add(FROZEN)

    def change(self, what: str) -> None:
        """Deploy the project with another source bucket, another filter or newer code, as `what` says."""
        if what == "source":
            names = sorted(self.sources)
            following = names[(names.index(self.settings.source_bucket) + 1) % len(names)]
            self.settings = replace(self.settings, source_bucket=following)
        elif what == "filter":
            prefix = "" if self.settings.key_filter.prefix else "b"
            self.settings = replace(self.settings, key_filter=KeyFilter(prefix))
        else:
            self.classes = 3 - self.classes

    def versioning(self) -> None:
        self.oss.buckets[self.log_bucket].versioning = "Enabled"

    def add(self, key: str) -> None:
        self.source = self.sources[self.settings.source_bucket]
        self.upload(key)
        self.ever[self.settings.source_bucket].add(key)

    def remove(self, number: int) -> None:
        name = self.settings.source_bucket
        if keys := list(self.sources[name].objects):
            key = keys[number % len(keys)]
            del self.sources[name].objects[key]
            self.static[name].discard(key)

    def _start(self, event: str, steps: int, stops_before: str = "") -> None:
        self.advance(0.001)
        self.actors.append(Actor(self, event))
        self._run(self.actors[-1], steps, stops_before)

    def _run(self, actor: Actor, steps: int, stops_before: str = "") -> None:
        defaults = (*Pass.__init__.__defaults__[:-1], actor.classes)  # type: ignore[index]
        with (
            patch.object(store, "CLASSES_VERSION", actor.classes),
            patch.object(Pass.__init__, "__defaults__", defaults),
        ):
            actor.run(steps, stops_before)
        if actor.over:
            self.actors.remove(actor)

    # Observations.

    def _before(self, request: PreparedRequest) -> None:
        super()._before(request)
        if actor := self.current():
            actor.step(request)
            if written_name(request).startswith(PREFIX):
                self._check_classified(actor, written_name(request), json.loads(request.body or ""))

    def _after(self, request: PreparedRequest) -> None:
        super()._after(request)
        if actor := self.current():
            actor.step(request)

    def classified(self, key: str) -> None:
        if actor := self.current():
            actor.classified.add(key)

    def _check_classified(self, actor: Actor, written: str, value: dict[str, Any]) -> None:
        """Assert that the worker classified each key of the part of a range that the written object covers."""
        name, _, number = written.rpartition("/")
        if not number.isdecimal() or (number == "0000" and not name.endswith("/r")):
            return
        before = self.bucket.objects.get(f"{name}/{int(number) - 1:04}")
        first = self.bucket.objects.get(f"{name.rpartition('/')[0]}/r/0000")
        about = value["about"] or (first and json.loads(first.body)["about"])
        if about is None or (before is None and number != "0000"):
            return  # cleared away
        start = json.loads(before.body)["after"] if before else ""
        until = (value["until"] or "\U0010ffff") if value["kind"] == "done" else value["after"]
        keys = self._within(self.static[actor.source_name], about)
        left = {key for key in keys if start < key <= until} - actor.classified
        assert not left, f"{written} covers what its writer never saw: {left}"

    def _receive_event(self, event: bytes) -> None:
        self.events.append(event)
        (event_record,) = json.loads(event)["events"]
        if (key := event_record["oss"]["object"]["key"]).endswith("/total"):
            value = json.loads(self.bucket.objects[key].body)
            name = value["of"]["source_bucket"]
            low, high = (len(self._within(keys, value["of"])) for keys in (self.static[name], self.ever[name]))
            self.totals.append((key, Counter(value["passed"]["counts"]), low, high))

    @staticmethod
    def _within(keys: set[str], about: Any) -> set[str]:
        return {key for key in keys if key.startswith(about["scope"]["key_filter"]["prefix"])}

    def check(self) -> None:
        """Assert that the totals of each finished pass add up and fit the number of objects."""
        for name, counts, low, high in self.totals:
            assert low <= counts["scanned"] <= high, f"{name}: {counts}, but there are {low} to {high}"
            assert adds_up(counts) is True
            assert counts["migrating"] == 0
            assert counts["unsent"] == 0

    def finish(self, events: bool, ticks: int = 80) -> bool:
        """Let timers fire and late writes take effect, with or without events; return True if all passes have ended.

        Only passes with the current settings of the project count.
        """
        self.oms_down(False)
        self.listings_take(self._listings_take)
        while self.actors:
            self.run(0)
        self.land()
        for _ in range(ticks):
            self.advance(300)
            self.fire_timer()
            for _ in range(300 if events else 0):
                self.event(0)
            if not self.oss.buckets[self.log_bucket].versioning and self._all_ended():
                return True
        return False

    def _all_ended(self) -> bool:
        with patch.object(store, "CLASSES_VERSION", self.classes):
            states = PassStore(self.invocation(), "reconcile").read_states()
        newest = {state.scope.identity: state for state in sorted(states, key=lambda state: state.of.name)}
        return any(state.scope.key_filter == self.settings.key_filter and state.ended for state in states) and all(
            state.ended for state in newest.values()
        )

    def unrecorded(self) -> set[str]:
        """Return the keys that are neither covered by a success record, nor accepted, nor recorded as failed."""
        keys = {key for key in self.static[self.settings.source_bucket] if self.settings.key_filter.matches(key)}
        covered = {name.removeprefix(f"{ROOT}success_object/") for name in self.bucket.objects}
        return keys - covered - self.accepted_keys() - self.bucket.failed_keys()


def written_name(request: PreparedRequest) -> str:
    """Return the name of the object that a request writes."""
    return unquote(urlsplit(request.url or "").path)[1:] if request.method == "PUT" else ""


Cut = Callable[..., str | None]


@contextmanager
def pass_world(keys: dict[str, list[str]], lanes: int, page: int, cut: Cut | None = None) -> Iterator[PassWorld]:
    """Yield a world with pages of `page` objects, whose ranges are split by `cut` if it is set."""
    World.close_all()
    with ExitStack() as stack:
        stack.enter_context(patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", page))
        if cut:
            stack.enter_context(patch("oss_oms_sync.passes.work.find_cut", cut))
        world = PassWorld(keys, lanes)
        classify, add_run = Classifier.classify, ReconcileCount.add_run

        def noted(self: Classifier, entry: Entry) -> Any:
            world.classified(entry.key)
            return classify(self, entry)

        def run_noted(self: ReconcileCount, run: KeyRun) -> None:
            for key in run.keys:
                world.classified(key)
            add_run(self, run)

        stack.enter_context(patch.object(Classifier, "classify", noted))
        stack.enter_context(patch.object(ReconcileCount, "add_run", run_noted))
        stack.enter_context(patch("oss_oms_sync.passes.listing.MIN_RUN_KEYS", 1))
        yield world
