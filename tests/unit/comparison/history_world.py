"""A world that keeps the history of each key during a comparison, for an oracle that knows every version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import unquote

from requests import PreparedRequest

from oss_oms_sync.jobs import compare
from sandbox.oss.objects import etag_of
from support.stored import Stored
from support.world import DAY, FROZEN, HOUR, World, is_post, record_name

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
    """The versions and the records of a key at one moment.

    A success record is represented by its ETag and time, and a failed record by its time.
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


class HistoryWorld(World):
    """A world for comparisons of `keys`, which are all keys that a test uses; OMS copies only on demand."""

    def __init__(self, keys: Sequence[str] = (), **environment: str) -> None:
        # The instance that compares, and the keys that it submitted.
        self._comparing: Any = None
        self._submitted: set[str] = set()
        super().__init__(OMS_RATE="1000", **environment)
        self.install()
        self.hold_copies()
        self.keys = list(keys)
        self.has_read = False
        self._refuses = False
        self.oms.faults.add(FROZEN, where=lambda request: self._refuses and is_post(request))
        self._snapshots: list[dict[str, KeyState]] = []
        self._in_hands: list[float] = []
        self._during: list[tuple[Any, ...]] = []
        self._is_moving = False
        for bucket in (self.source, self.bucket, self.destination):
            bucket.before, bucket.after = self._move, self._look

    # Events.

    def refuse_calls(self, on: bool) -> None:
        self._refuses = on

    def set_closed(self, closed: bool) -> None:
        self.bucket.add_mark(closed=closed)

    def encrypt(self, on: bool) -> None:
        self.obs_bucket.is_encrypted = on

    def compare_deep(self) -> None:
        """Run a comparison that reads objects of equal size and stores proofs."""
        self.compare(deep=True, restart=True)
        self.has_read = True

    # Comparing.

    def compare_during(self, during: Sequence[tuple[Any, ...]] = (), **options: object) -> ComparisonResult:
        """Run a comparison; at each page that it reads, another instance performs the next event of `during`."""
        self._during, self._snapshots, self._submitted = list(during), [self.snapshot()], set()
        began, self._in_hands = self._now(), [self._in_hand_since()]
        self._comparing, invocation = self.call_instance, self.invocation(570)
        if during:
            self.start()
        work = self.platform.run(lambda: compare.run(json.dumps(options), invocation), self._comparing)
        result: dict[str, Any] = self.platform.call(work)
        self._comparing, in_hands = None, [*self._in_hands, self._in_hand_since()]
        states = {key: [snapshot[key] for snapshot in self._snapshots] for key in self.keys}
        return ComparisonResult(result, self._submitted, began, self._now(), in_hands, states)

    def snapshot(self) -> dict[str, KeyState]:
        """Return the present state of each key in the source, in OBS and in the records."""
        return {key: self._state(key) for key in self.keys}

    def _before(self, request: PreparedRequest) -> None:
        super()._before(request)
        if request.method == "POST" and (request.url or "").endswith("/events") and self._is_own():
            self._submitted.update(map(unquote, json.loads(request.body or "")["object_keys"]))

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
            _version(self.destination, key),
        )

    def _in_hand_since(self) -> float:
        """Return the time at which OMS accepted its oldest unfinished object, as the counts of OMS show it.

        OMS is assumed to copy in order. The time is a multiple of five minutes, and at least ten minutes ago. Objects
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
