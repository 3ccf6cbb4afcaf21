"""More uploads than OMS's gateway admits, in virtual time: the real forward and replay, on many instances at once.

Function Compute is simulated: a queue of events, instances that handle one event at a time, and replay's timer. Every
instance runs in a thread of its own, but only one at a time: whoever sleeps lets the one go on that is due next.
"""

from __future__ import annotations

import heapq
import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

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
from support.fake_clouds import ENVIRONMENT, payload

# Round trips to OMS over the internet, and to OSS within the region.
OMS_SECONDS, OSS_SECONDS, PAGE_SECONDS = 0.03, 0.005, 0.1
# What forwarding an event computes, at the template's size.
FORWARD_SECONDS = 0.04
# How often the timer strikes by default.
PERIOD = 60
BEGAN = datetime(2026, 1, 2, tzinfo=timezone.utc)
AT_ONCE = POOL_WIDTH
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "period", "payload": "{}"})
_ADMITTED = Attempt[Failure | None](None)
_SLOW_DOWN = Failure(Reason.THROTTLED, 429, "APIG.0308", "The throttling threshold has been reached.")
_THROTTLED = Attempt[Failure | None](_SLOW_DOWN, again=True, throttled=True)


class _Over(BaseException):
    """Nobody looks any more: the thread may end."""


class Threads(Clock):
    """The time that all share."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._order = count()
        self._due: list[tuple[float, int, threading.Lock]] = []
        self._waiting: set[threading.Lock] = set()
        self._end = threading.Event()
        self._error: BaseException | None = None

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        until = self.seconds + max(seconds, 0.0)
        if not self._due or until < self._due[0][0]:
            self.seconds = until
            return
        mine = taken_lock()
        self._wake_at(until, mine)
        self.wait(mine)

    def wait(self, mine: threading.Lock) -> None:
        """Let others go on until somebody wakes the owner of this lock."""
        self._waiting.add(mine)
        self._go_on()
        mine.acquire()
        self._waiting.discard(mine)
        if self._end.is_set():
            raise _Over

    def wake(self, lock: threading.Lock) -> None:
        self._wake_at(self.seconds, lock)

    def start(self, work: Callable[[], None]) -> None:
        """Let `work` begin now, on a thread of its own."""
        mine = taken_lock()

        def run() -> None:
            mine.acquire()
            try:
                work()
            except _Over:
                return
            except BaseException as error:
                self.end(error)
                return
            self._go_on()

        threading.Thread(target=run, daemon=True).start()
        self.wake(mine)

    def run(self) -> None:
        """Let all that was started go on until one says that it is the end."""
        self._go_on()
        self._end.wait()
        for lock in list(self._waiting):
            lock.release()
        if self._error:
            raise self._error

    def end(self, error: BaseException | None = None) -> None:
        self._error = error
        self._end.set()

    def _wake_at(self, until: float, lock: threading.Lock) -> None:
        heapq.heappush(self._due, (until, next(self._order), lock))

    def _go_on(self) -> None:
        if self._due and not self._end.is_set():
            self.seconds, _, lock = heapq.heappop(self._due)
            lock.release()


def taken_lock() -> threading.Lock:
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
            self._waiting = taken_lock()
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
        self._limit = RateLimit(rate, clock.monotonic)
        # When each key was accepted for the first time.
        self.accepted: dict[str, float] = {}
        self.admitted = 0

    def attempt(self, keys: Sequence[str], deadline: Deadline) -> Attempt[Failure | None]:
        self._clock.sleep(OMS_SECONDS / 2)
        admitted = self._limit.allows()
        self.admitted += admitted
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
    """So many uploads a second for so many seconds, and a gateway that admits `limit` calls a second. Replay's timer
    strikes each minute, for the first time `phase` seconds after the beginning."""

    def __init__(
        self, uploads: float, seconds: float, limit: float, instances: int = 300, phase: float = 59, **environment: str
    ) -> None:
        self.clock = Threads()
        self.bucket, self.source = SlowBucket(self.clock), SlowBucket(self.clock)
        self.gateway = Gateway(self.clock, limit)
        self.written: dict[str, float] = {}
        self._settings = Settings.from_env({**ENVIRONMENT, **environment})
        self._uploads, self._seconds, self._most, self._phase = uploads, seconds, instances, phase
        self._queue: deque[str] = deque()
        self._idle: list[threading.Lock] = []
        self._instances = self._working = 0

    def run(self) -> None:
        """Until every event was handled, and no failed record is left."""
        self.clock.start(self._upload)
        self.clock.start(self._strike)
        self.clock.run()

    @property
    def keys_a_call(self) -> float:
        """Keys accepted for each call that the gateway admitted."""
        return len(self.gateway.accepted) / self.gateway.admitted

    @property
    def drained_after(self) -> float:
        """Seconds from the last upload to the last accepted key."""
        return max(self.gateway.accepted.values()) - max(self.written.values())

    @property
    def waits(self) -> list[float]:
        """Seconds from each upload until OMS accepted it, in order."""
        return sorted(self.gateway.accepted[key] - at for key, at in self.written.items())

    def recorded(self, state: str) -> set[str]:
        root = f"{ROOT}{state}_object/"
        return {name.removeprefix(root) for name in self.bucket.names(root)}

    def _upload(self) -> None:
        for number in range(int(self._uploads * self._seconds)):
            key = f"photos/{number:07}.jpg"
            self.clock.sleep(number / self._uploads - self.clock.seconds)
            self.written[key] = self.clock.seconds
            self._queue.append(key)
            if self._idle:
                self.clock.wake(self._idle.pop())
            elif self._instances < self._most:
                self._instances += 1
                self.clock.start(self._handle_events)

    def _handle_events(self) -> None:
        """One instance of forward."""
        client, mine = self._client(), taken_lock()
        while True:
            while not self._queue:
                self._idle.append(mine)
                self.clock.wait(mine)
            self._working += 1
            self._handle(self._queue.popleft(), client)
            self._working -= 1

    def _handle(self, key: str, client: OssClient) -> None:
        time = (BEGAN + timedelta(seconds=self.written[key])).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.clock.sleep(FORWARD_SECONDS)
        forward.run(payload(key, time=time), self._invocation(client, 59.5))

    def _strike(self) -> None:
        self.clock.sleep(self._phase)
        while self.clock.seconds <= self._seconds or self._queue or self._working or self._has_failed_records():
            self.clock.start(self._replay)
            self.clock.sleep(PERIOD)
        self.clock.end()

    def _replay(self) -> None:
        self._working += 1
        replay.run(TICK, self._invocation(self._client(), 239.5))
        self._working -= 1

    def _has_failed_records(self) -> bool:
        root = f"{ROOT}failed_object/"
        first = next(self.bucket.objects.irange(root), "")
        return first.startswith(root)

    def _client(self) -> OssClient:
        session: Any = None  # the buckets are in memory
        pool: Any = Pool(self.clock)
        return OssClient(self._settings, session, pool, self.clock)

    def _invocation(self, client: OssClient, seconds: float) -> Invocation:
        deadline = Deadline(seconds, self.clock)
        credentials = Credentials("FAKEID", "fakesecret", "faketoken")
        oms: Any = self.gateway
        one = Invocation(self._settings, oms, client, credentials, deadline, self.clock, lambda: self._no_obs)
        views = {"log_bucket": self.bucket, "source_bucket": self.source}
        vars(one).update({name: BucketView(bucket, deadline, client.pool) for name, bucket in views.items()})
        return one

    _no_obs: Any = None
