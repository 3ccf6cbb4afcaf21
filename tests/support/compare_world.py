"""A world for the tests of compare, in which the test decides when OMS copies.

It keeps the history of each key during a comparison, for an oracle that knows every version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import unquote

from requests import PreparedRequest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.jobs import compare
from sandbox.oms.copier import Copy, CopyFailure, CopyFault
from sandbox.oss.objects import etag_of
from support.reconcile_world import ReconcileWorld
from support.stored import Stored
from support.world import DAY, FROZEN, HOUR, PART, payload, record_name

STEP = 300


class Version(NamedTuple):
    """A version of an object, with facts that no listing shows."""

    data: bytes
    etag: str
    written: int
    # True if the ETag is the MD5 of the contents.
    is_md5: bool = True
    is_link: bool = False


class KeyState(NamedTuple):
    """The state of a key at one moment: its versions and its records.

    The success record is known by its ETag and time, the failed record by its time.
    """

    source: Version | None
    accepted: tuple[str, int] | None
    failed: int | None
    there: Version | None


@dataclass
class ComparisonResult:
    """The result of a comparison: its answer, submitted keys, start, end, and the states of each key meanwhile."""

    result: dict[str, Any]
    sent: set[str]
    began: float
    ended: float
    in_hand: list[float]
    states: dict[str, list[KeyState]]

    def class_of(self, key: str) -> str | None:
        return next((name for name, count in self.result["classes"].items() if key in count["keys"]), None)

    def combinations(self, key: str) -> list[KeyState]:
        """Return all rows that a comparison can see for a key.

        It lists the source, OBS, the success and the failed records, each at a different moment.
        """
        return list(map(KeyState._make, product(*map(dict.fromkeys, zip(*self.states[key], strict=True)))))


class CompareWorld(ReconcileWorld):
    """A world for comparisons of `keys`, which are all keys that a test uses."""

    def __init__(self, keys: Sequence[str] = (), **environment: str) -> None:
        # Who compares, and what that sends.
        self._comparing: Any = None
        self._sent: set[str] = set()
        super().__init__(**environment)
        self.keys = list(keys)
        self.has_read = False
        self.events: list[tuple[str, str]] = []
        self.refuses = False
        self.oms.faults.add(FROZEN, where=lambda request: self.refuses and request.method == "POST")
        self.task.copies.add(CopyFault.withheld())
        self.task.lists.withheld = True
        self.task.part_size = PART
        self._begun: list[Copy] = []
        self._snapshots: list[dict[str, KeyState]] = []
        self._in_hands: list[float] = []
        self._during: list[tuple[Any, ...]] = []
        self._is_moving = False
        for bucket in (self.source, self.bucket, self.there):
            bucket.before, bucket.after = self._move, self._look

    # Events.

    def put(self, key: str, data: str, kind: str = "md5", fate: str = "comes") -> None:
        """Write an object to the source.

        `fate`: its event is lost, pending, refused by OMS, accepted, or accepted and copied.
        """
        etag = self.upload(key, data, kind=kind)
        if fate == "lost" or kind == "Symlink":
            return
        self.events.append((key, etag))
        if fate != "comes":
            refuses, self.refuses = self.refuses, fate == "refused"
            self.deliver(-1)
            self.refuses = refuses
        if fate == "copied":
            self.copy_all()

    def lie_in_both(self, *keys: str, data: str, there: str, kind: str = "md5", part: int | None = None) -> None:
        """Write `data` at the source without events, `there` in OBS an hour later, and advance another hour."""
        self.lost(*keys, data=data, kind=kind)
        for key in keys:
            self.write(key, there, part)
        self.advance(HOUR)

    def deliver(self, number: int = 0, *, again: bool = False) -> None:
        """Forward a pending event; with `again`, keep it pending for a repetition."""
        if self.events:
            number %= len(self.events)
            key, etag = self.events[number] if again else self.events.pop(number)
            self.forward(payload(key, etag=etag, time=timestamp(self.clock.now())))

    def lose(self, number: int = 0) -> None:
        if self.events:
            self.events.pop(number % len(self.events))

    def begin_copy(self, number: int = 0) -> None:
        """Let OMS begin a copy: it reads the object, skips it, or fails if the object is missing."""
        if waiting := self._waiting():
            copy = waiting[number % len(waiting)]
            self.task.begin(copy)
            if copy.overwrites:
                self._begun.append(copy)
            else:
                self.task.end(copy)

    def end_copy(self, number: int = 0) -> None:
        if self._begun:
            self.task.end(self._begun.pop(number % len(self._begun)))

    def fail_copy(self, number: int = 0) -> None:
        if waiting := self._waiting():
            copy = waiting[number % len(waiting)]
            self.task.begin(copy)
            copy.failure = CopyFailure("UPLOAD_DST_OBJ_FAILURE")
            self.task.end(copy)

    def copy_all(self) -> None:
        while self.task.withheld:
            self.begin_copy()
            self.end_copy()

    def _waiting(self) -> list[Copy]:
        return [copy for copy in self.task.withheld if copy not in self._begun]

    def encrypt(self, on: bool) -> None:
        self.obs.bucket(self.destination_bucket).is_encrypted = on

    def oms_refuses(self, on: bool) -> None:
        self.refuses = on

    def compare_deep(self) -> None:
        """Compare and read the objects of equal size, so that their proofs are stored."""
        self.compare({"deep": True, "restart": True})
        self.has_read = True

    def replay(self) -> None:
        self.ask("replay", timeout=240)

    def play(self, happenings: Sequence[tuple[Any, ...]]) -> None:
        for what, *details in happenings:
            getattr(self, what)(*details)

    # Comparing.

    def compare(self, asked: object = None, timeout: float = 570) -> dict[str, Any]:
        return self.ask("compare", asked, timeout)

    def compared(self, asked: object = None, during: Sequence[tuple[Any, ...]] = ()) -> ComparisonResult:
        """Run a comparison; at each page that it reads, another instance performs the next event of `during`."""
        self._during, self._snapshots, self._sent = list(during), [self.snapshot()], set()
        began, self._in_hands = self._now(), [self._in_hand_since()]
        self._comparing, invocation = self.call_instance, self.invocation(570)
        if during:
            self.start()
        text = json.dumps(asked) if asked is not None else ""
        work = self.platform.run(lambda: compare.run(text, invocation), self._comparing)
        result: dict[str, Any] = self.platform.call(work)
        self._comparing, in_hands = None, [*self._in_hands, self._in_hand_since()]
        states = {key: [snapshot[key] for snapshot in self._snapshots] for key in self.keys}
        return ComparisonResult(result, self._sent, began, self._now(), in_hands, states)

    def snapshot(self) -> dict[str, KeyState]:
        """Return the state of each key."""
        return {key: self._state(key) for key in self.keys}

    def _before(self, request: PreparedRequest) -> None:
        super()._before(request)
        if request.method == "POST" and (request.url or "").endswith("/events") and self._is_own():
            self._sent.update(map(unquote, json.loads(request.body or "")["object_keys"]))

    def _is_own(self) -> bool:
        return self._comparing is not None and self.platform.owner() is self._comparing

    def _move(self, kind: str, names: Sequence[str]) -> None:
        is_page = kind == "list" and "/passes/" not in names[0] and "/working/" not in names[0]
        if self._during and is_page and self._is_own() and not self._is_moving:
            self._is_moving = True
            self.play([self._during.pop(0)])
            self._snapshots.append(self.snapshot())
            self._in_hands.append(self._in_hand_since())
            self._is_moving = False

    def _look(self, kind: str, names: Sequence[str]) -> None:
        if self._is_moving and kind in ("put", "delete"):
            self._snapshots.append(self.snapshot())

    def _state(self, key: str) -> KeyState:
        success, failed = (self.bucket.objects.get(record_name(kind, key)) for kind in ("success", "failed"))
        accepted = success and success.headers.get("x-oss-meta-etag", success.body.decode()).removesuffix(" again")
        return KeyState(
            _version(self.source, key),
            (accepted, self.bucket.modified[success.name]) if success and accepted else None,
            self.bucket.modified[failed.name] if failed else None,
            _version(self.there, key),
        )

    def _in_hand_since(self) -> float:
        """Return the time at which OMS accepted its oldest unfinished object, as its counts show it.

        OMS is assumed to work in order. The time is a multiple of five minutes, and at least ten minutes ago. Objects
        that were accepted over half an hour ago are lost if OMS has finished nothing since.
        """
        now = int(self._now())
        # Jobs request at most the last day, and OMS reports whole steps, also the step in which the day began.
        first_step = (now - DAY) // STEP * STEP
        counts = [(kind, at // 1000, many) for (kind, at), many in self.task._counts.items()]
        counted = [(kind, at) for kind, at, many in counts if at >= first_step for _ in range(many)]
        asked = sorted(at for kind, at in counted if kind == "REQUEST")
        done = [at for kind, at in counted if kind in ("SUCCESS", "FAILURE", "SKIP")]
        # Finished objects may have been accepted before the step: at least this number of objects accepted since
        # remain.
        since = {at // STEP * STEP for at in asked}
        left = max((sum(at >= step for at in asked) - sum(at >= step for at in done) for step in since), default=0)
        if left <= 0:
            return now - 600
        is_alive = now - min(now, (max(done, default=-HOUR * DAY) // STEP + 1) * STEP) < HOUR // 2
        oldest = asked[-left] // STEP * STEP
        return min(now - 600, oldest if is_alive else max(oldest, now - HOUR // 2 + 0.001))

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _version(bucket: Stored, key: str) -> Version | None:
    stored: Any = bucket.service.objects(bucket.name).get(key)
    if stored is None:
        return None
    is_md5, is_link = stored.etag.upper() == etag_of(stored.data), getattr(stored, "type", "") == "Symlink"
    return Version(stored.data.decode(), stored.etag.upper(), int(stored.last_modified), is_md5, is_link)


def classes(answer: dict[str, Any]) -> dict[str, list[str]]:
    """Return the keys of each class that has objects."""
    return {name: count["keys"] for name, count in answer["classes"].items() if count["keys"]}


def once(kind: str, call: Callable[[], object]) -> Callable[[str, Sequence[str]], None]:
    """Return a hook for a bucket that makes this call at the first request of a kind."""
    left = [call]

    def hook(asked: str, _: Sequence[str]) -> None:
        if left and asked == kind:
            left.pop()()

    return hook


@contextmanager
def pages_of(number: int) -> Iterator[None]:
    """Limit the pages of both clouds' listings to this number of objects, within the context."""
    with (
        patch("sandbox.oss.listing._MAX_KEYS", number),
        patch("sandbox.obs.listing._MAX_KEYS", number),
        patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", number),
    ):
        yield
