"""Passes in virtual time, for a day: the timer ticks, each event wakes an invocation, and all of them run side by
side, in the order in which they call the clouds. What they cost is counted."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import Any

from ops.prices import DOLLARS_A_REQUEST, dollars_for_function
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, StoredObject
from oss_oms_sync.clouds.oss import PAGE_SIZE
from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs import reconcile
from support.fake_bucket import Died, MemoryBucket
from support.fake_clouds import VirtualClock, payload
from support.memory_reconcile import HOUR, ReconcileWorld
from support.pass_world import PREFIX, TICK

# As s.yaml has them: the function's size, its timeout without what it takes to end, how often the timer strikes.
_CPU, _MEGABYTES, _SECONDS, TICK_SECONDS = 0.5, 512, 569.0, 600
# From an event to the first line of its worker. All of it is billed.
_START_SECONDS = (1.0, 3.0)
_CALL_SECONDS, _PAGE_SECONDS, _OMS_SECONDS = 0.02, 0.1, 0.05


class Always(list[Any]):
    """A schedule by which the same goes wrong with every call."""

    def pop(self, index: Any = -1) -> Any:
        return self[0]


class NumberedBucket(MemoryBucket):
    """Objects that are kept nowhere: their keys are numbers."""

    def __init__(self, clock: VirtualClock, objects: int) -> None:
        super().__init__(clock)
        self._all = objects
        self._written = int(clock.now().timestamp())

    def list_page(self, prefix: str, after: str, deadline: Deadline) -> ListPage:
        self.before("list", [prefix])
        self.clock.sleep(_PAGE_SECONDS)
        first = self._place(after)
        end = min(first + PAGE_SIZE, self._all)
        keys = map(self._key, range(first, end))
        listed = [ObjectSummary(key, "A" * 32, 1, self._written, "Normal") for key in keys]
        return ListPage(listed, more=end < self._all)

    def _key(self, number: int) -> str:
        return f"{number:09}"

    def _place(self, after: str) -> int:
        """How many keys do not follow `after`."""
        low, high = 0, self._all
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) <= after:
                low = middle + 1
            else:
                high = middle
        return low


class _LogBucket(MemoryBucket):
    """Tells of what is written."""

    def __init__(self, clock: VirtualClock, tell: Callable[[str], None]) -> None:
        super().__init__(clock)
        self._tell = tell

    def add(self, one: StoredObject) -> None:
        super().add(one)
        self._tell(one.name)


class _Worker:
    """One invocation, in a thread that runs only until its next call."""

    def __init__(self, day: PassDay, event: str) -> None:
        self._day = day
        self._event = event
        self.is_over = False
        self.error: BaseException | None = None
        self._is_killed = False
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._main, daemon=True)

    def run(self) -> None:
        """Let it go on until its next call, or its end."""
        if not self._thread.is_alive():
            self._thread.start()
        self._go.release()
        self._back.acquire()

    def kill(self) -> None:
        self._is_killed = True
        self.run()

    def wait(self) -> None:
        """Called in its thread: whoever is earlier goes first."""
        self._back.release()
        self._go.acquire()
        if self._is_killed:
            raise Died

    def _main(self) -> None:
        try:
            self._go.acquire()
            if not self._is_killed:
                reconcile.run(self._event, self._day.invocation(_SECONDS))
        except (Died, StorageError):
            pass
        except BaseException as error:
            self.error = error
        self.is_over = True
        self._back.release()


class PassDay(ReconcileWorld):
    """`objects` that have no records, which a call by hand begins to send. OMS answers `answer` to every call, as in a
    schedule of VirtualOms."""

    def __init__(self, objects: int, lanes: int, answer: Any, oms_rate: float = 20) -> None:
        super().__init__()
        self.settings = replace(
            self.settings, lanes=lanes, piece_seconds=120.0, oms_rate=oms_rate, reconcile_period=None
        )
        self.invocations = 0
        self.billed_seconds = 0.0
        self.calls: Counter[str] = Counter()
        self._random = random.Random(14)
        self._order = count()
        self._agenda: list[tuple[float, int, float, _Worker]] = []
        self._current: _Worker | None = None
        self.source = NumberedBucket(self.clock, objects)
        self.bucket = _LogBucket(self.clock, self._tell)
        for bucket in (self.source, self.bucket):
            bucket.before = self._call
        self.oms.round_trip = _OMS_SECONDS
        self.oms.schedule = Always([answer])
        send = self.oms.send

        def sent(request: Any, **options: Any) -> Any:
            self._call("OMS", [])
            return send(request, **options)

        self.oms.send = sent  # type: ignore[method-assign]
        self.clock.seconds = HOUR

    def run(self, hours: float) -> None:
        """Let so much of the day go by."""
        begin = self.clock.seconds
        end = begin + hours * HOUR
        self._invoke(begin, json.dumps({"all": True}))
        for number in range(1, int(hours * HOUR / TICK_SECONDS)):
            self._invoke(begin + number * TICK_SECONDS, TICK)
        while self._agenda and self._agenda[0][0] < end:
            self.clock.seconds, _, begun, worker = heappop(self._agenda)
            self._current = worker
            worker.run()
            self._current = None
            if worker.error:
                raise worker.error
            if worker.is_over:
                self.billed_seconds += self.clock.seconds - begun
            else:
                heappush(self._agenda, (self.clock.seconds, next(self._order), begun, worker))
        for _, _, begun, worker in self._agenda:
            self.billed_seconds += max(0.0, end - begun)
            worker.kill()

    @property
    def pieces(self) -> int:
        return sum(name.rpartition("/")[2].isdecimal() for name in self.bucket.names(PREFIX))

    def dollars(self) -> float:
        """What its invocations cost, and their requests to OSS."""
        function = dollars_for_function(self.invocations, self.billed_seconds, _CPU, _MEGABYTES)
        return function + sum(self.calls[kind] for kind in ("list", "put", "get", "delete")) * DOLLARS_A_REQUEST

    def _invoke(self, moment: float, event: str) -> None:
        self.invocations += 1
        begins = moment + self._random.uniform(*_START_SECONDS)
        heappush(self._agenda, (begins, next(self._order), moment, _Worker(self, event)))

    def _tell(self, name: str) -> None:
        if name.startswith(PREFIX):
            self._invoke(self.clock.seconds, payload(name).decode())

    def _call(self, kind: str, names: Sequence[str]) -> None:
        """Before each call: all that happens earlier happens first."""
        worker, now = self._current, self.clock.seconds + _CALL_SECONDS
        if worker is None:
            return
        self.calls[kind] += 1
        self.clock.seconds = now
        worker.wait()
        self._current, self.clock.seconds = worker, now
