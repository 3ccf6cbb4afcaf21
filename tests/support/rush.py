"""More uploads than OMS's gateway admits, in virtual time: the real forward and replay, on many instances at once.

Function Compute is simulated: a queue of events, instances that handle one event at a time, and replay's timer. Every
instance runs in a thread of its own, but only one at a time: whoever sleeps lets the one go on that is due next.
"""

from __future__ import annotations

import heapq
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ListPage, StorageFailure, StoredObject
from oss_oms_sync.clouds.oss import Credentials, OssClient
from oss_oms_sync.clouds.pool import POOL_WIDTH
from oss_oms_sync.clouds.retry import Attempt
from oss_oms_sync.jobs import forward, replay
from oss_oms_sync.reasons import Failure, Reason
from oss_oms_sync.settings import Settings
from sandbox.server.throttle import RateLimit
from support.fake_bucket import ROOT, BucketView, MemoryBucket
from support.fake_clouds import ENVIRONMENT, event

# Round trips to OMS over the internet, and to OSS within the region.
OMS_SECONDS, OSS_SECONDS, PAGE_SECONDS = 0.03, 0.005, 0.1
# What forwarding an event computes, at the template's size.
FORWARD_SECONDS = 0.04
BEGAN = datetime(2026, 1, 2, tzinfo=timezone.utc)
AT_ONCE = POOL_WIDTH
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"})
_ADMITTED = Attempt[Failure | None](None)
_THROTTLED = Attempt[Failure | None](
    Failure(Reason.THROTTLED, 429, "APIG.0308", "The throttling threshold has been reached."), again=True, throttled=True
)


class Threads(Clock):
    """The time that all share."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.over = threading.Event()
        self.errors: list[BaseException] = []
        self._order = count()
        self._due: list[tuple[float, int, threading.Lock]] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        until = self.seconds + max(seconds, 0.0)
        if not self._due or until < self._due[0][0]:
            self.seconds = until
            return
        mine = _taken()
        self._wake_at(until, mine)
        self.wait(mine)

    def wait(self, mine: threading.Lock) -> None:
        """Let others go on until somebody wakes the owner of this lock."""
        self._go_on()
        mine.acquire()

    def wake(self, lock: threading.Lock) -> None:
        self._wake_at(self.seconds, lock)

    def _wake_at(self, until: float, lock: threading.Lock) -> None:
        heapq.heappush(self._due, (until, next(self._order), lock))

    def _go_on(self) -> None:
        if self._due and not self.over.is_set():
            self.seconds, _, lock = heapq.heappop(self._due)
            lock.release()

    def start(self, work: Callable[[], None]) -> None:
        mine = _taken()

        def run() -> None:
            mine.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001  told to who waits for the end
                self.errors.append(error)
                self.over.set()
                return
            self._go_on()

        threading.Thread(target=run, daemon=True).start()
        self.wake(mine)


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Begun:
    """A call on a thread of its own."""

    def __init__(self, clock: Threads, call: Callable[[], object]) -> None:
        self._clock = clock
        self._results: list[object] = []
        self._waiting: threading.Lock | None = None
        clock.start(lambda: self._run(call))

    def _run(self, call: Callable[[], object]) -> None:
        self._results.append(call())
        if self._waiting:
            self._clock.wake(self._waiting)

    def result(self) -> object:
        if not self._results:
            self._waiting = _taken()
            self._clock.wait(self._waiting)
        return self._results[0]

    def leave(self) -> bool:
        return False


class Pool:
    """Threads that carry calls side by side."""

    def __init__(self, clock: Threads) -> None:
        self._clock = clock

    def run(self, calls: Sequence[Callable[[], object]], seconds: float) -> list[object]:
        return [one.result() for one in [self.begin(call, seconds) for call in calls]]

    def begin(self, call: Callable[[], object], seconds: float) -> Begun:
        return Begun(self._clock, call)


class SlowBucket(MemoryBucket):
    """With OSS's time: ten calls at once, or a page."""

    def put_all(self, objects: Sequence[StoredObject], deadline: Deadline) -> list[StorageFailure | None]:
        self._wait(len(objects))
        return super().put_all(objects, deadline)

    def get_all(self, names: Sequence[str], deadline: Deadline) -> list[StoredObject | StorageFailure]:
        self._wait(len(names))
        return super().get_all(names, deadline)

    def list_page(self, prefix: str, after: str, deadline: Deadline) -> ListPage:
        self.clock.sleep(PAGE_SECONDS)
        return super().list_page(prefix, after, deadline)

    def delete_all(self, names: Sequence[str], deadline: Deadline) -> dict[str, StorageFailure | None]:
        self.clock.sleep(PAGE_SECONDS)
        return super().delete_all(names, deadline)

    def _wait(self, calls: int) -> None:
        self.clock.sleep(OSS_SECONDS * -(-calls // AT_ONCE))


class Gateway:
    """OMS behind its limit of calls a second."""

    def __init__(self, clock: Threads, rate: float) -> None:
        self._clock = clock
        self._limit = RateLimit(rate, now=clock.monotonic)
        self.accepted: dict[str, float] = {}
        self.calls: Counter[str] = Counter()

    def attempt(self, keys: Sequence[str], deadline: Deadline) -> Attempt[Failure | None]:
        self._clock.sleep(OMS_SECONDS / 2)
        who = "replay" if len(keys) > 1 else "forward"
        admitted = self._limit.allows()
        self.calls[f"{who} {'admitted' if admitted else 'throttled'}"] += 1
        for key in keys if admitted else ():
            self.accepted.setdefault(key, self._clock.seconds)
        self._clock.sleep(OMS_SECONDS / 2)
        return _ADMITTED if admitted else _THROTTLED

    def task(self, deadline: Deadline, at: datetime | None = None) -> Failure:
        """Not told, so what OMS failed to copy is not read."""
        return Failure(Reason.FORBIDDEN, 403)

    def close_connections(self) -> None:
        pass


class Rush:
    """So many uploads a second for so many seconds; replay's timer strikes `phase` seconds after their beginning."""

    def __init__(
        self, uploads: float, seconds: float, limit: float, instances: int = 300, phase: float = 60, period: float = 60, **environment: str
    ) -> None:
        self.clock = Threads()
        self.bucket, self.source = SlowBucket(self.clock), SlowBucket(self.clock)
        self.gateway = Gateway(self.clock, limit)
        self.written: dict[str, float] = {}
        self.handled: dict[str, float] = {}
        self.longest_queue = self.instances = 0
        self.runs: list[dict[str, object]] = []
        self.backlog: list[tuple[float, int, int]] = []
        self._settings = Settings.from_env({**ENVIRONMENT, **environment})
        self._uploads, self._seconds, self._most, self._phase = uploads, seconds, instances, phase
        self._queue: deque[str] = deque()
        self._idle: list[threading.Lock] = []
        self._working = 0
        self._period = period

    def run(self) -> None:
        self.clock.start(self._upload)
        self.clock.start(self._strike)
        self.clock._go_on()
        self.clock.over.wait()
        if self.clock.errors:
            raise self.clock.errors[0]

    def _upload(self) -> None:
        for number in range(int(self._uploads * self._seconds)):
            key = f"photos/{number:07}.jpg"
            self.clock.sleep(number / self._uploads - self.clock.seconds)
            self.written[key] = self.clock.seconds
            self._queue.append(key)
            self.longest_queue = max(self.longest_queue, len(self._queue))
            if self._idle:
                self.clock.wake(self._idle.pop())
            elif self.instances < self._most:
                self.instances += 1
                self.clock.start(self._instance)

    def _instance(self) -> None:
        client = OssClient(self._settings, None, Pool(self.clock), self.clock)
        mine = _taken()
        while True:
            while not self._queue:
                self._idle.append(mine)
                self.clock.wait(mine)
            key = self._queue.popleft()
            stamp = (BEGAN + timedelta(seconds=self.written[key])).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            payload = json.dumps({"events": [event(key, time=stamp)]}).encode()
            self.clock.sleep(FORWARD_SECONDS)
            forward.run(payload, self._invocation(client, 59.5))
            self.handled[key] = self.clock.seconds

    def _invocation(self, client: OssClient, seconds: float) -> Invocation:
        deadline = Deadline(seconds, self.clock)
        credentials = Credentials("ID", "secret", "token")
        one = Invocation(self._settings, self.gateway, client, credentials, deadline, self.clock, lambda: None)
        views = {"log_bucket": self.bucket, "source_bucket": self.source}
        vars(one).update({name: BucketView(bucket, deadline, client.pool) for name, bucket in views.items()})
        return one

    def _strike(self) -> None:
        """Let replay's timer strike until nothing waits any more."""
        self.clock.sleep(self._phase)
        while self.clock.seconds <= self._seconds or self._queue or self._waits() or self._working:
            self.clock.start(self._replay)
            self.clock.sleep(self._period)
        self.clock.over.set()
        self.clock.wait(_taken())

    def _replay(self) -> None:
        client = OssClient(self._settings, None, Pool(self.clock), self.clock)
        began = self.clock.seconds
        self._working += 1
        result = replay.run(TICK, self._invocation(client, 239.5))
        self._working -= 1
        if result.taken:
            self.runs.append({"from": began, "to": self.clock.seconds, **result.to_json()})

    def _waits(self) -> bool:
        return bool(next(iter(self.bucket.objects.irange(f"{ROOT}failed_object/", f"{ROOT}failed_object0")), ""))

    def report(self) -> dict[str, object]:
        calls = sum(v for k, v in self.gateway.calls.items() if "admitted" in k)
        first = sorted(self.gateway.accepted[k] - w for k, w in self.written.items() if k in self.gateway.accepted)
        return {
            "keys/call": round(len(self.gateway.accepted) / calls, 2), "missing": len(self.written) - len(self.gateway.accepted),
            "drained after end": round(max(self.gateway.accepted.values()) - self._seconds), "calls": dict(self.gateway.calls),
            "queue": self.longest_queue, "instances": self.instances,
            "p50": round(first[len(first) // 2], 2), "runs": [(round(r["from"]), round(r["to"]), r["accepted"], dict(r["by_reason"]), r["stopped"]) for r in self.runs],
            "fwd done": round(max(self.handled.values())-self._seconds)}
