"""Workers of passes in lock step: each runs until it has made so many calls, then another, and whatever can happen to
them happens in between."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.objects import StorageFailure, StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs import reconcile
from oss_oms_sync.passes import store
from oss_oms_sync.passes.classify import Classifier, Entry
from oss_oms_sync.passes.names import passes_prefix
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.store import Pass, PassStore
from support.fake_bucket import Died, MemoryBucket
from support.fake_clouds import TASK, VirtualClock, VirtualPool, payload
from support.memory_reconcile import FROZEN, HOUR, ReconcileWorld

TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"})
# What is asked for by hand: scopes and a restart.
ASKED = [{}, {"restart": True}, {"prefix": "b"}, {"all": True}, {"restart": True, "prefix": "b"}]
PREFIX = passes_prefix("oss-oms-sync", "reconcile", TASK)
_LOST = StorageFailure("no answer in time", answered=False)
_FOR_EVER = 10**6
# No worker makes so many calls, unless it turns in a circle.
_TOO_MANY_CALLS = 30_000


class LogBucket(MemoryBucket):
    """Tells of what is written. The answer of the next write can be lost: the write then happens at once, or late."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.versioning = False
        self.next_put = "answered"
        self.late: list[StoredObject] = []
        self.asked: Callable[[StoredObject], None] = lambda one: None
        self.landed: Callable[[StoredObject], None] = lambda one: None

    def put_all(self, objects: Sequence[StoredObject], deadline: Deadline) -> list[StorageFailure | None]:
        return [self._put(one, deadline) for one in objects]

    def _put(self, one: StoredObject, deadline: Deadline) -> StorageFailure | None:
        self.before("put", [one.name])
        self.asked(one)
        fate = "answered"
        if one.name.startswith(PREFIX):
            fate, self.next_put = self.next_put, "answered"
        if deadline.expired():
            problem: StorageFailure | None = StorageFailure("the invocation's time was up", answered=True)
        elif fate == "late":
            self.late.append(one)
            problem = _LOST
        else:
            problem = self.land(one)
            problem = _LOST if fate == "unanswered" else problem
        self.after("put", [one.name])
        return problem

    def land(self, one: StoredObject) -> StorageFailure | None:
        """Carries out a write."""
        problem = None if self.versioning else self._refusal(one)
        if not problem:
            self.add(one)
            self.landed(one)
        return problem

    def _got(self, name: str) -> StoredObject | None:
        one = super()._got(name)
        if one and self.versioning:
            return StoredObject(name, one.body, {**one.headers, "x-oss-version-id": "null"})
        return one


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


class Actor:
    """One invocation, in a thread that runs only while it is told to."""

    def __init__(self, world: PassWorld, event: str) -> None:
        self.event = event
        self.classes = world.classes
        self.source_name = world.settings.source_bucket
        self.classified: set[str] = set()
        self.over = False
        self.error: BaseException | None = None
        self._killed = False
        self._steps = self._made = 0
        self._stops_before = ""
        self._invocation = world.invocation(60)
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        self._go.acquire()
        try:
            if not self._killed:
                reconcile.run(self.event, self._invocation)
        except (Died, StorageError):
            pass
        except BaseException as error:
            self.error = error
        self.over = True
        self._back.release()

    def run(self, steps: int, stops_before: str = "") -> None:
        """Lets it make so many calls more, or until it is about to write an object of a pass whose name ends so."""
        self._steps, self._stops_before = steps, stops_before
        self._go.release()
        self._back.acquire()

    def kill(self) -> None:
        """Ends it where it is."""
        self._killed = True
        self.run(0)
        self._thread.join()

    def step(self, kind: str = "", names: Sequence[str] = ()) -> None:
        """Called in its thread, before and after each call."""
        self._made += 1
        end = self._stops_before
        if end and kind == "put" and names[0].startswith(PREFIX) and names[0].endswith(end):
            self._steps, self._stops_before = 0, ""
        assert self._made < _TOO_MANY_CALLS, "a worker turns in a circle"
        self._steps -= 1
        if self._steps < 0 and not self._killed:
            self._back.release()
            self._go.acquire()
        if self._killed:
            raise Died


class PassWorld(ReconcileWorld):
    """Reconciles among everything that can happen to them. `keys` by bucket; every third has its record."""

    pool_type = LockStepPool

    def __init__(self, keys: dict[str, list[str]], lanes: int) -> None:
        super().__init__()
        self.clock.seconds = HOUR
        self.settings = replace(self.settings, lanes=lanes, piece_seconds=3.0)
        self.bucket = LogBucket(self.clock)
        self.sources = {name: MemoryBucket(self.clock) for name in keys}
        self.classes = 1
        self.events: list[str] = []
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.totals: list[tuple[str, dict[str, Any], int, int]] = []
        self.static = {name: set(some) for name, some in keys.items()}
        self.ever = {name: set(some) for name, some in keys.items()}
        self._fill(keys)
        self.later()
        self._watch()

    def _fill(self, keys: dict[str, list[str]]) -> None:
        note = b'{"at": "2026-01-01T23:00:00Z", "prefix": "", "suffix": ""}'
        self.bucket.add(StoredObject(f"oms_source_record/{TASK}/state/installed.json", note))
        for name, bucket in self.sources.items():
            bucket.seconds_a_page = 0.9
            self.source = bucket
            for index, key in enumerate(keys[name]):
                self.upload(key)
                if index % 3 == 0:
                    self.accept(key)

    def _watch(self) -> None:
        for one in (self.bucket, *self.sources.values()):
            one.before = one.after = self._step
        self.bucket.asked, self.bucket.landed = self._asked, self._landed
        send = type(self.oms).send

        def watched(request: Any, **options: Any) -> Any:
            self._step()
            response = send(self.oms, request, **options)
            self._step()
            return response

        self.oms.send = watched  # type: ignore[method-assign]

    def invocation(self, seconds: float = 60, oms: Any = None) -> Any:
        self.source = self.sources[self.settings.source_bucket]
        return super().invocation(seconds, oms)

    def _step(self, kind: str = "", names: Sequence[str] = ()) -> None:
        if self.current:
            self.current.step(kind, names)

    # What can happen.

    def event(self, number: int, steps: int = _FOR_EVER, stops_before: str = "") -> None:
        """An event of the log bucket is delivered."""
        if self.events:
            self._start(payload(self.events.pop(number % len(self.events))).decode(), steps, stops_before)

    def tick(self, steps: int = _FOR_EVER, stops_before: str = "") -> None:
        self._start(TICK, steps, stops_before)

    def by_hand(self, number: int, steps: int = _FOR_EVER) -> None:
        self._start(json.dumps(ASKED[number % len(ASKED)]), steps)

    def run(self, number: int, steps: int = _FOR_EVER) -> None:
        """A worker goes on."""
        if self.actors:
            self._run(self.actors[number % len(self.actors)], steps)

    def die(self, number: int) -> None:
        if self.actors:
            actor = self.actors.pop(number % len(self.actors))
            self.current = actor
            actor.kill()
            self.current = None

    def lose(self, number: int) -> None:
        if self.events:
            self.events.pop(number % len(self.events))

    def double(self, number: int) -> None:
        if self.events:
            self.events.append(self.events[number % len(self.events)])

    def next_put(self, fate: str) -> None:
        self.bucket.next_put = fate

    def land(self) -> None:
        """What was on its way arrives."""
        late, self.bucket.late = self.bucket.late, []
        for one in late:
            self.bucket.land(one)

    def pause(self, seconds: float) -> None:
        self.later(seconds)

    def oms_down(self, down: bool) -> None:
        self.oms.schedule = [FROZEN] * 1000 if down else []

    def change(self, what: str) -> None:
        """The project is deployed with other settings, or newer code."""
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
        self.bucket.versioning = True

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
        self.later(0.001)
        self.actors.append(Actor(self, event))
        self._run(self.actors[-1], steps, stops_before)

    def _run(self, actor: Actor, steps: int, stops_before: str = "") -> None:
        self.current = actor
        defaults = (*Pass.__init__.__defaults__[:-1], actor.classes)  # type: ignore[index]
        with (
            patch.object(store, "CLASSES_VERSION", actor.classes),
            patch.object(Pass.__init__, "__defaults__", defaults),
        ):
            actor.run(steps, stops_before)
        self.current = None
        if actor.over:
            self.actors.remove(actor)
        if actor.error:
            raise actor.error

    # What is seen of it.

    def classified(self, key: str) -> None:
        if self.current:
            self.current.classified.add(key)

    def _asked(self, one: StoredObject) -> None:
        """Each key was classified by the worker that asks for a piece to be written that covers it."""
        name, _, number = one.name.rpartition("/")
        piece = Piece.from_json(json.loads(one.body)) if one.name.startswith(PREFIX) and number.isdecimal() else None
        if piece is None or self.current is None or (number == "0000" and not name.endswith("/r")):
            return
        before = self.bucket.objects.get(f"{name}/{int(number) - 1:04}")
        if before is None and number != "0000":
            return  # cleared away
        done_before = Piece.from_json(json.loads(before.body)) if before else None
        start, end = done_before.after if done_before else "", piece.after
        until = (piece.until or "\U0010ffff") if piece.kind is Kind.DONE else end
        first = self.bucket.objects.get(f"{name.rpartition('/')[0]}/r/0000")
        about = piece.about or (json.loads(first.body)["pass"] if first else None)
        if about is None:
            return
        keys = self._within(self.static[self.current.source_name], about)
        left = {key for key in keys if start < key <= until} - self.current.classified
        assert not left, f"{one.name} covers what its writer never saw: {left}"

    def _landed(self, one: StoredObject) -> None:
        if not one.name.startswith(PREFIX):
            return
        self.events.append(one.name)
        if one.name.endswith("/total"):
            value = json.loads(one.body)
            name = value["pass"]["source_bucket"]
            low, high = (len(self._within(keys, value["pass"])) for keys in (self.static[name], self.ever[name]))
            self.totals.append((one.name, value["tally"]["counts"], low, high))

    @staticmethod
    def _within(keys: set[str], about: Any) -> set[str]:
        return {key for key in keys if key.startswith(about["scope"]["prefix"])}

    def check(self) -> None:
        """No total is wrong."""
        for name, counts, low, high in self.totals:
            get = lambda what: counts.get(what, 0)  # noqa: B023, E731
            assert low <= get("scanned") <= high, f"{name}: {counts}, but there are {low} to {high}"
            parts = sum(map(get, ("covered", "failed_before", "submitted", "pending")))
            assert get("scanned") == parts
            assert get("submitted") == get("accepted") + get("failed")

    def finish(self, events: bool) -> bool:
        """Lets ticks come by the clock, and what is on its way: with or without events. Returns whether all passes of
        these settings have ended."""
        self.oms_down(False)
        self.bucket.next_put = "answered"
        while self.actors:
            self.run(0)
        self.land()
        for _ in range(80):
            self.later(300)
            self.tick()
            for _ in range(300 if events else 0):
                self.event(0)
            if not self.bucket.versioning and self._all_ended():
                return True
        return False

    def _all_ended(self) -> bool:
        with patch.object(store, "CLASSES_VERSION", self.classes):
            states = PassStore(self.invocation(), "reconcile").states()
        newest = {one.scope: one for one in states}
        return any(one.scope.key_filter == self.settings.key_filter and one.ended for one in states) and all(
            one.ended for one in newest.values()
        )

    def unseen(self) -> set[str]:
        """Objects that are neither covered, nor accepted, nor recorded as failed."""
        keys = {key for key in self.static[self.settings.source_bucket] if self.settings.key_filter.matches(key)}
        covered = {name.removeprefix(f"oms_source_record/{TASK}/success_object/") for name in self.bucket.objects}
        return keys - covered - self.sent() - self.failed()

    def end(self) -> None:
        """Ends what still runs."""
        while self.actors:
            self.die(0)


Cut = Callable[..., str | None]


@contextmanager
def pass_world(keys: dict[str, list[str]], lanes: int, page: int, cut: Cut | None = None) -> Iterator[PassWorld]:
    """A world with pages of `page` objects; its ranges split by `cut`, if that is given."""
    with ExitStack() as stack:
        stack.enter_context(patch("support.fake_bucket.PAGE_SIZE", page))
        if cut:
            stack.enter_context(patch("oss_oms_sync.passes.work.find_cut", cut))
        world = PassWorld(keys, lanes)
        classify = Classifier.classify

        def noted(self: Classifier, entry: Entry) -> Any:
            world.classified(entry.key)
            return classify(self, entry)

        stack.enter_context(patch.object(Classifier, "classify", noted))
        stack.callback(world.end)
        yield world
