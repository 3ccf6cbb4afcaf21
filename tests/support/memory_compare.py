"""A world for the tests of compare, in memory and virtual time: the source, the records, an OMS that copies when it is
told to, and the destination. It keeps what each of them had while compare read them, for an oracle that sees it all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import requests

from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure, StoredObject
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObjectPart
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.jobs import compare, replay
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import record_name, success_etag
from support.etags import obs_etag
from support.fake_bucket import BucketView, MemoryBucket
from support.fake_clouds import VirtualClock, VirtualOms
from support.memory_reconcile import FROZEN, LockStepPool, ReconcileWorld
from support.world import TASK, payload

MINUTE, HOUR, DAY = 60, 3600, 86400
STEP = 300
DESTINATION = "photos-obs"
# What OMS writes in parts, in bytes, and its parts.
PART = 2


class EtagBucket(MemoryBucket):
    """Objects whose ETag may be anything: the header `etag` says it."""

    is_file_system = False

    def _listed(self, name: str) -> ObjectSummary:
        one = super()._listed(name)
        return one._replace(etag=self.objects[name].headers.get("etag", one.etag))

    def summary(self, name: str) -> ObjectSummary | None:
        return self._listed(name) if name in self.objects else None


class _DestinationView(BucketView):
    """The destination as one invocation sees it."""

    def is_file_system(self) -> bool:
        return bool(self._memory.is_file_system)

    def try_head_all(self, names: Sequence[str]) -> list[ObjectHead | StorageFailure]:
        return [problem or self._head(name) for name in names for problem in [self._memory.problem("head", name)]]

    def read(self, name: str, start: int = 0, length: int = 2**24) -> ObjectPart | None:
        (head,) = self.try_head_all([name])
        if isinstance(head, StorageFailure):
            return None
        return ObjectPart(head, start, self._memory.objects[name].body[start : start + length])

    def _head(self, name: str) -> ObjectHead | StorageFailure:
        (one,) = self.find_all([name])
        if one is None:
            return StorageFailure("there is none", answered=True, code="NoSuchKey")
        encryption = self._memory.objects[name].headers.get("encryption", "")
        return ObjectHead(one.size, one.etag, one.modified, None, encryption)


class _MemoryObs:
    def __init__(self, world: CompareWorld) -> None:
        self._world = world

    def bucket(self, task: TaskInfo, deadline: Deadline) -> BucketView:
        view = _DestinationView(self._world.there, deadline, self._world.pool)
        view.name = str(task.dst_bucket)
        vars(view)["url"] = f"https://{task.dst_bucket}.obs.cn-north-4.myhuaweicloud.com"
        return view


class CopyingOms(VirtualOms):
    """Accepted keys wait until a test lets them be copied, in any order. `history` has each event that OMS counts."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.refuses = False
        self.status, self.source = "SYNCHRONIZING", "photos"
        self.overwrite_mode = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
        self.waiting: list[str] = []
        self.history: list[tuple[str, int]] = []

    def note(self, kind: str) -> None:
        self.history.append((kind, int(self._clock.now().timestamp())))

    def work(self, request: requests.PreparedRequest) -> requests.Response:
        if request.method == "POST" and self.refuses:
            return self.answer(request, *FROZEN)
        if request.method == "POST":
            before = self.accepted.copy()
            response = super().work(request)
            keys = list((self.accepted - before).elements())
            self.waiting += keys
            for _ in keys:
                self.note("REQUEST")
            return response
        url = urlsplit(str(request.url))
        if not url.path.endswith("/statistics"):
            task = {
                "status": self.status,
                "src_bucket": self.source,
                "dst_region": "cn-north-4",
                "dst_bucket": DESTINATION,
                "object_overwrite_mode": self.overwrite_mode,
            }
            return self.answer(request, 200, {}, json.dumps(task))
        asked = parse_qs(url.query)
        start, end = (int(asked[name][0]) // 1000 for name in ("start_time", "end_time"))
        counts = Counter((kind, at - at % STEP) for kind, at in self.history)
        steps = range(start - start % STEP, end + 1, STEP)
        datas = [
            {
                "data_type": kind,
                "data": [{"time_stamp": 1000 * step, "statistic_num": counts[kind, step]} for step in steps],
            }
            for kind in asked["data_type"][0].split(",")
        ]
        answer = {"statistic_time_type": "FIVE_MINUTES", "statistic_datas": datas}
        return self.answer(request, 200, {}, json.dumps(answer))


class Version(NamedTuple):
    """An object as it really is."""

    data: bytes
    etag: str
    written: int
    # Whether its ETag is the MD5 of its contents.
    is_md5: bool = True
    is_link: bool = False


class Seen(NamedTuple):
    """What there was of a key at one moment: versions, the last record of OMS's acceptance (the ETag that it names, and
    when), and when the last failure was recorded."""

    source: Version | None
    accepted: tuple[str, int] | None
    failed: int | None
    there: Version | None


@dataclass
class Compared:
    """One comparison: what it answered, what it sent, the moments when it began and ended, and what there was of each
    key in between."""

    result: dict[str, Any]
    sent: list[str]
    began: float
    ended: float
    in_hand: tuple[float, float]
    seen: dict[str, list[Seen]]

    def class_of(self, key: str) -> str | None:
        return next((name for name, found in self.result["classes"].items() if key in found["keys"]), None)

    def combinations(self, key: str) -> list[Seen]:
        """All that four listings could have of a key, each read at any moment."""
        return list(map(Seen._make, product(*map(dict.fromkeys, zip(*self.seen[key], strict=True)))))


class CompareWorld(ReconcileWorld):
    """`keys` are those that are ever in use."""

    pool_type = LockStepPool
    oms_type = CopyingOms

    def __init__(self, keys: Sequence[str] = (), **environment: str) -> None:
        super().__init__(**environment)
        self.keys = list(keys)
        self.source = EtagBucket(self.clock)
        self.there = EtagBucket(self.clock)
        self.encrypted = False
        self.events: list[tuple[str, str]] = []
        self._copying: list[tuple[str, bytes]] = []
        self._unique = count()
        self._snapshots: list[dict[str, Seen]] | None = None
        self._during: list[tuple[Any, ...]] = []
        self._others: set[int] = set()
        for bucket in (self.source, self.bucket, self.there):
            bucket.before = self._step

    def invocation(self, seconds: float = 60, oms: Any = None) -> Invocation:
        invocation = super().invocation(seconds, oms)
        object.__setattr__(invocation, "obs", lambda: _MemoryObs(self))
        return invocation

    # What can happen.

    def put(self, key: str, data: str, kind: str = "md5", fate: str = "comes") -> None:
        """A user writes an object at the source. Its event is lost, will come, is refused by OMS or accepted, or OMS
        copies it at once."""
        headers = {}
        if kind != "md5":
            some = hashlib.md5(f"{kind} {next(self._unique)}".encode()).hexdigest().upper()
            parts = obs_etag(data.encode(), PART).upper()
            etags = {"form": some, "Multipart": parts, "Appendable": some[:16], "Symlink": some}
            headers = {"etag": etags[kind], "x-oss-object-type": "Normal" if kind == "form" else kind}
        self.source.add(StoredObject(key, data.encode(), headers))
        summary = self.source.summary(key)
        assert summary
        if fate == "lost" or kind == "Symlink":
            return
        self.events.append((key, summary.etag))
        if fate != "comes":
            refuses, self.oms.refuses = self.oms.refuses, fate == "refused"
            self.deliver(-1)
            self.oms.refuses = refuses
        if fate == "copied":
            self.copy_all()

    def delete(self, key: str) -> None:
        self.source.objects.pop(key, None)

    def deliver(self, number: int = 0, *, again: bool = False) -> None:
        """An event is forwarded; `again`: and it will come another time."""
        if self.events:
            number %= len(self.events)
            key, etag = self.events[number] if again else self.events.pop(number)
            self.forward(payload(key, etag=etag, time=timestamp(self.clock.now())))

    def lose(self, number: int = 0) -> None:
        if self.events:
            self.events.pop(number % len(self.events))

    def begin_copy(self, number: int = 0) -> None:
        """OMS comes to an accepted key: it reads the object, skips it, or fails because there is none."""
        if not self.oms.waiting:
            return
        key = self.oms.waiting.pop(number % len(self.oms.waiting))
        source, there = self.source.summary(key), self.there.summary(key)
        if source is None or source.type == "Symlink":
            self.oms.note("FAILURE")
        elif there and there.size == source.size and there.modified >= source.modified:
            self.oms.note("SKIP")
        else:
            self._copying.append((key, self.source.objects[key].body))

    def end_copy(self, number: int = 0) -> None:
        if self._copying:
            key, body = self._copying.pop(number % len(self._copying))
            self.write(key, body.decode(), PART)
            self.oms.note("SUCCESS")

    def fail_copy(self, number: int = 0) -> None:
        if self.oms.waiting:
            self.oms.waiting.pop(number % len(self.oms.waiting))
            self.oms.note("FAILURE")

    def copy_all(self) -> None:
        while self.oms.waiting or self._copying:
            self.begin_copy()
            self.end_copy()

    def write(self, key: str, data: str, part: int | None = None) -> None:
        """Somebody writes an object in OBS."""
        headers = {"etag": obs_etag(data.encode(), part).upper()}
        if self.encrypted:
            some = hashlib.md5(f"encrypted {next(self._unique)}".encode()).hexdigest().upper()
            headers = {"etag": some, "encryption": "kms"}
        self.there.add(StoredObject(key, data.encode(), headers))

    def remove(self, key: str) -> None:
        """Somebody deletes an object in OBS."""
        self.there.objects.pop(key, None)

    def encrypt(self, on: bool) -> None:
        self.encrypted = on

    def oms_refuses(self, on: bool) -> None:
        self.oms.refuses = on

    def shut(self, on: bool) -> None:
        """Somebody closes the project, or opens it again."""
        closing = Closing(self.invocation())
        closing.close() if on else closing.open()

    def pause(self, seconds: float) -> None:
        self.later(seconds)

    def replay(self) -> None:
        replay.run("", self.invocation(240))

    def reconcile_all(self) -> None:
        self.reconcile()

    def play(self, happenings: Sequence[tuple[Any, ...]]) -> None:
        for what, *details in happenings:
            getattr(self, what)(*details)

    # Comparing.

    def compare(self, asked: object = None, timeout: float = 570) -> dict[str, Any]:
        self.later(0.001)
        return compare.run(json.dumps(asked) if asked is not None else "", self.invocation(timeout)).to_json()

    def compared(self, asked: object = None, during: Sequence[tuple[Any, ...]] = ()) -> Compared:
        """Compare while the world moves: at each page that is read, the next of `during` happens."""
        self._during = list(during)
        self._snapshots = [self.snapshot()]
        calls, began, in_hand = len(self.oms.calls), self._now(), self._in_hand_since()
        result = self.compare(asked)
        snapshots, self._snapshots = self._snapshots, None
        own = [keys for number, keys in enumerate(self.oms.calls) if number >= calls and number not in self._others]
        sent = [unquote(key) for keys in own for key in keys]
        in_hands = (in_hand, self._in_hand_since())
        seen = {key: [one[key] for one in snapshots] for key in self.keys}
        return Compared(result, sent, began, self._now(), in_hands, seen)

    def snapshot(self) -> dict[str, Seen]:
        """What there is of each key."""
        return {key: self._seen(key) for key in self.keys}

    def _step(self, kind: str, names: Sequence[str]) -> None:
        is_page = kind == "list" and "/passes/" not in names[0] and "/working/" not in names[0]
        if self._snapshots is None or not self._during or not is_page:
            return
        snapshots, self._snapshots = self._snapshots, None
        before = len(self.oms.calls)
        self.play([self._during.pop(0)])
        self._others.update(range(before, len(self.oms.calls)))
        self._snapshots = [*snapshots, self.snapshot()]

    def _seen(self, key: str) -> Seen:
        return Seen(
            _version(self.source, key), self._accepted(key), self._recorded("failed", key), _version(self.there, key)
        )

    def _accepted(self, key: str) -> tuple[str, int] | None:
        name = record_name(TASK, "success", key)
        record = self.bucket.objects.get(name)
        if record is None:
            return None
        lower = {header.lower(): value for header, value in record.headers.items()}
        etag = success_etag(StoredObject(name, record.body, lower)).removesuffix(" again")
        return etag, self.bucket.modified[name]

    def _recorded(self, kind: Any, key: str) -> int | None:
        name = record_name(TASK, kind, key)
        return self.bucket.modified[name] if name in self.bucket.objects else None

    def _in_hand_since(self) -> float:
        """When OMS accepted the oldest of what it has not worked on, if it works in order: to five minutes, and at
        least ten minutes ago. It tells of the last day only."""
        now = int(self._now())
        first = (now - DAY) // STEP * STEP
        known = [(kind, at) for kind, at in self.oms.history if at >= first]
        asked = sorted(at for kind, at in known if kind == "REQUEST")
        left = len(asked) - sum(kind != "REQUEST" for kind, _ in known)
        return min(now - 600, asked[-left] // STEP * STEP) if left > 0 else now - 600

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _version(bucket: EtagBucket, key: str) -> Version | None:
    summary = bucket.summary(key)
    if summary is None:
        return None
    data = bucket.objects[key].body
    is_md5 = summary.etag == hashlib.md5(data).hexdigest().upper()
    return Version(data.decode(), summary.etag, summary.modified, is_md5, summary.type == "Symlink")
