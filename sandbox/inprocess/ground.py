"""A loop in virtual time, and how synchronous code waits in it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from typing import Any, Generic, Protocol, TypeVar

from greenlet import getcurrent, greenlet

from sandbox.inprocess.network import Network
from sandbox.server.loop import cancel_all
from sandbox.server.service import Service

T = TypeVar("T")


class VirtualLoop(asyncio.BaseEventLoop):
    """It has no sockets to wait for, so where nothing is ready, it is at once as late as the next thing is due."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        # When, and of those at one moment the first that was asked for goes first.
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._seconds = 0.0
        # What is due within it is due now. The base class's nanosecond is lost in the time of some months.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._seconds

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As in the base class, which would also look whether the loop is closed or debugged."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As in the base class, whose heap compares timers by a call."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _run_once(self) -> None:
        """One round, in place of the base class's, which is made for sockets and takes twice the time."""
        ready, timers = self._ready, self._timers
        while not ready:
            if not timers:
                raise RuntimeError("everything waits, and nothing will ever happen")
            due = timers[0][0]
            while timers and timers[0][0] <= due:
                timer = heapq.heappop(timers)[2]
                if not timer.cancelled():
                    self._seconds = due
                    ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out once it is due."""

    def _process_events(self, event_list: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class Owner(Protocol):
    """Whose code a task runs. It may stop: what waits then goes on when it may run again, or never.

    `skew`: how far its clock is off, in seconds.
    """

    skew: float

    def check(self) -> None:
        """Raise whatever ends its tasks."""

    async def may_run(self) -> None:
        """Return once it may go on."""


class _Task(greenlet):
    """Synchronous code that runs within the loop."""

    owner: Owner | None = None


class VirtualGround:
    """Runs everything in the thread of its caller; time goes by while somebody waits."""

    # 2026-01-02T00:00:00Z
    EPOCH = 1_767_312_000
    ahead = 0.0  # everybody is inside

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.network = Network(self)

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.loop.run_until_complete(cancel_all())
        self.loop.close()

    def now(self) -> float:
        return self.EPOCH + self.loop.time()

    def serve(self, service: Service) -> Any:
        return self.network.add(service)

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.loop.call_soon(call, *arguments)

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Wait for `work`: within the loop where the caller runs in it, and else by running the loop."""
        if timeout is not None:
            work = asyncio.wait_for(work, timeout)
        current = getcurrent()
        if isinstance(current, _Task):
            assert current.parent
            result: T = current.parent.switch(work)
            return result
        return self.loop.run_until_complete(work)

    def sleep(self, seconds: float) -> None:
        self.call(asyncio.sleep(seconds))

    def owner(self) -> Owner | None:
        """Whose code is running; None outside the loop."""
        current = getcurrent()
        return current.owner if isinstance(current, _Task) else None

    def utc(self) -> datetime:
        """The time by the clock of whoever is running."""
        owner = self.owner()
        return datetime.fromtimestamp(self.now() + (owner.skew if owner else 0), timezone.utc)

    async def run(self, call: Callable[[], T], owner: Owner | None) -> T:
        """Run synchronous code beside all else: whatever it waits for, the loop goes on."""
        task = _Task(call)
        task.owner = owner
        waits_for = task.switch()
        while not task.dead:
            try:
                value = await waits_for
                if owner:
                    await owner.may_run()
            except BaseException as error:
                waits_for = task.throw(error)
            else:
                waits_for = task.switch(value)
        result: T = waits_for
        return result


class Executor:
    """In the place of a ThreadPoolExecutor: its threads are tasks of the loop, of whoever made it."""

    def __init__(self, ground: VirtualGround, width: int) -> None:
        self._ground = ground
        self._owner = ground.owner()
        self._free = asyncio.Semaphore(width)
        self._futures: list[Future[Any]] = []

    def submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future(self._ground)
        future.task = self._ground.loop.create_task(self._run(call, future))
        # Whether anybody asks for the error, or nobody, as of an instance that was killed.
        future.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        assert not wait
        assert cancel_futures
        for future in self._futures:
            future.cancel()

    async def _run(self, call: Callable[[], T], future: Future[T]) -> T:
        self._futures.append(future)
        try:
            async with self._free:
                future.has_begun = True
                return await self._ground.run(call, self._owner)
        finally:
            self._futures.remove(future)


class Future(Generic[T]):
    """In the place of a concurrent.futures.Future."""

    task: asyncio.Task[T]

    def __init__(self, ground: VirtualGround) -> None:
        self._ground = ground
        self.has_begun = False

    def done(self) -> bool:
        return self.task.done()

    def cancel(self) -> bool:
        return not self.has_begun and self.task.cancel()

    def result(self, timeout: float) -> T:
        if not self.task.done():
            self._ground.call(asyncio.wait([self.task], timeout=timeout))
        if not self.task.done():
            raise concurrent.futures.TimeoutError
        try:
            return self.task.result()
        except asyncio.CancelledError:
            raise concurrent.futures.CancelledError from None
