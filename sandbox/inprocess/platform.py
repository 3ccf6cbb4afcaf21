"""An event loop in virtual time, and threads of synchronous code that wait within the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timezone
from typing import Any, Generic, Literal, Protocol, TypeVar

from greenlet import getcurrent, greenlet

from sandbox.inprocess.network import Network, release
from sandbox.server.loop import cancel_all
from sandbox.server.service import Service

T = TypeVar("T")


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets: if no callback is ready, its time jumps to the next timer."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        # The numbers count calls of `call_at`, so that simultaneous timers fire in the order of these calls.
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_numbers = itertools.count()
        self._time = 0.0
        # The loop fires timers that are due within this time. The base class's nanosecond is too small for floats after
        # a few months.
        self._clock_resolution = 1e-6
        # The loop's time must not skip past this limit: the running code waits until then without a timer.
        self.limit = math.inf

    def time(self) -> float:
        return self._time

    def skip(self, seconds: float) -> bool:
        """Advance the time without a round of the loop, and return True.

        If an event can happen within this time, return False and leave the time unchanged.
        """
        end_time, timers = self._time + seconds, self._timers
        if self._ready or end_time >= self.limit:
            return False
        while timers and timers[0][0] <= end_time:
            if not timers[0][2].cancelled():
                return False
            heapq.heappop(timers)
        self._time = end_time
        return True

    def withdraw(self, handle: asyncio.Handle | None) -> bool:
        """Remove a callback from the queue and return True.

        If it is not the only callback in the queue, return False and leave the queue unchanged.
        """
        if len(self._ready) != 1 or self._ready[0] is not handle:
            return False
        self._ready.clear()
        return True

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Queue a callback without the base class's checks for a closed loop and for debugging."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback, without the method call that the base class needs for each comparison of timers."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._timer_numbers), timer))
        return timer

    def _run_once(self) -> None:
        """Run the callbacks that are due; the base class's method is written for sockets and takes twice the time."""
        ready, timers = self._ready, self._timers
        while not ready:
            if not timers:
                raise RuntimeError("everything waits, and nothing will ever happen")
            due_time = timers[0][0]
            while timers and timers[0][0] <= due_time:
                timer = heapq.heappop(timers)[2]
                if not timer.cancelled():
                    self._time = due_time
                    ready.append(timer)
        for _ in range(len(ready)):
            if not ready:  # the running code took the last callback
                break
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer leaves the queue when it is due."""

    def _process_events(self, event_list: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class Owner(Protocol):
    """An owner of running code, such as an instance of a function.

    Code that waits does not continue while its owner is frozen, and never after its owner's end. `skew` is the number
    of seconds by which the owner's clock is ahead of the platform's clock.
    """

    skew: float

    @property
    def is_frozen(self) -> bool: ...

    def check_alive(self) -> None:
        """Raise an exception that ends the running code if the owner has ended."""

    async def wait_until_runnable(self) -> None:
        """Wait while the owner is frozen."""


class Thread(greenlet):
    """A greenlet that runs synchronous code within the loop; to wait, it passes a future to its parent."""

    def __init__(self, call: Callable[[], Any], owner: Owner | None) -> None:
        super().__init__()
        self._call = call
        self.owner = owner

    def run(self, _: object) -> Any:
        return self._call()

    def enter(self, switch: Callable[[Any], Any], value: object = None) -> Any:
        """Run the code by `switch` or `throw` until it waits or ends; return the awaited future, or the result."""
        self.parent = getcurrent()
        return switch(value)


class VirtualPlatform:
    """A platform in virtual time, which advances while code waits; it needs no thread of its own."""

    # 2026-01-02T00:00:00Z
    EPOCH = 1_767_312_000
    clock_lead = 0.0  # no client is outside of virtual time

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.network = Network(self)
        # The waiting threads of executors, in the order in which they began to wait.
        self.waiting: dict[Thread, None] = {}

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.loop.run_until_complete(cancel_all())
        for thread in list(self.waiting):
            with contextlib.suppress(BaseException):
                thread.enter(thread.throw, asyncio.CancelledError())
        self.loop.close()

    def now(self) -> float:
        return self.EPOCH + self.loop.time()

    def serve(self, service: Service) -> Any:
        return self.network.add(service)

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.loop.call_soon(call, *arguments)

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        return self.wait(self.loop.create_task(work if timeout is None else asyncio.wait_for(work, timeout)))

    def wait(self, future: asyncio.Future[T]) -> T:
        """Return a future's result: code within the loop waits by switching to the loop, other code runs the loop."""
        running_greenlet = getcurrent()
        if isinstance(running_greenlet, Thread):
            assert running_greenlet.parent
            self.loop.limit = math.inf  # all waits from here on have timers
            result: T = running_greenlet.parent.switch(future)
            return result
        return self.loop.run_until_complete(future)

    def sleep(self, seconds: float) -> None:
        if not self.can_wait() or not self.loop.skip(seconds):
            self.call(asyncio.sleep(seconds))

    async def pause(self, seconds: float) -> None:
        if not self.loop.skip(seconds):
            await asyncio.sleep(seconds)

    def can_wait(self) -> bool:
        """Return True if the running code is a `Thread` whose owner is not frozen."""
        running_greenlet = getcurrent()
        return isinstance(running_greenlet, Thread) and not (
            running_greenlet.owner and running_greenlet.owner.is_frozen
        )

    def owner(self) -> Owner | None:
        """Return the owner of the running code, or None if the code runs outside the loop."""
        running_greenlet = getcurrent()
        return running_greenlet.owner if isinstance(running_greenlet, Thread) else None

    def utc_now(self) -> datetime:
        """Return the current time by the clock of the running code's owner."""
        owner = self.owner()
        return datetime.fromtimestamp(self.now() + (owner.skew if owner else 0), timezone.utc)

    async def run(self, call: Callable[[], T], owner: Owner | None) -> T:
        """Run synchronous code as a `Thread` and return its result; the loop continues while the code waits."""
        thread = Thread(call, owner)
        awaited_future = thread.enter(thread.switch)
        while not thread.dead:
            try:
                value = await awaited_future
                if owner:
                    await owner.wait_until_runnable()
            except BaseException as error:
                awaited_future = thread.enter(thread.throw, error)
            else:
                awaited_future = thread.enter(thread.switch, value)
        result: T = awaited_future
        return result


class Executor:
    """A substitute for ThreadPoolExecutor whose threads run within the loop.

    The threads belong to the owner of the code that created the executor.
    """

    def __init__(self, platform: VirtualPlatform, max_threads: int) -> None:
        self.platform = platform
        self.owner = platform.owner()
        self._free_slots = max_threads
        self._queue: deque[Future[Any]] = deque()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        future = Future(self, call)
        self._queue.append(future)
        self._begin()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        assert not wait
        assert cancel_futures
        for future in list(self._queue):
            future.cancel()

    def release(self) -> None:
        """Free the slot of a thread that has ended, for the next future in the queue."""
        self._free_slots += 1
        self._begin()

    def withdraw(self, future: Future[Any]) -> None:
        self._queue.remove(future)

    def _begin(self) -> None:
        while self._free_slots and self._queue:
            self._free_slots -= 1
            self._queue.popleft().begin_soon()


class Future(Generic[T]):
    """A substitute for concurrent.futures.Future, without its methods for callbacks."""

    _thread: Thread
    _result: T

    def __init__(self, executor: Executor, call: Callable[[], T]) -> None:
        self._executor = executor
        self._platform = executor.platform
        self._call = call
        self._error: BaseException | None = None
        self._state: Literal["waiting", "ready", "running", "done"] = "waiting"
        self._begin_handle: asyncio.Handle | None = None
        self._waiter: asyncio.Future[None] | None = None

    def done(self) -> bool:
        return self._state == "done"

    def cancel(self) -> bool:
        if self._state == "waiting":
            self._executor.withdraw(self)
        elif self._begin_handle and self._state == "ready":
            self._begin_handle.cancel()
            self._executor.release()
        else:
            return False
        self._end(concurrent.futures.CancelledError())
        return True

    def result(self, timeout: float) -> T:
        loop, limit = self._platform.loop, self._platform.loop.limit
        end = loop.time() + timeout
        if self._state == "ready" and self._platform.can_wait() and loop.withdraw(self._begin_handle):
            loop.limit = min(limit, end)
            self._begin()
            loop.limit = limit
        if not self.done():
            self._waiter = loop.create_future()
            timer = loop.call_at(end, release, self._waiter)
            try:
                self._platform.wait(self._waiter)
            finally:
                timer.cancel()
        if not self.done():
            raise concurrent.futures.TimeoutError
        if self._error:
            raise self._error
        return self._result

    def begin_soon(self) -> None:
        self._state, self._begin_handle = "ready", self._platform.loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._state, self._thread = "running", Thread(self._call, self._executor.owner)
        self._advance_thread(self._thread.switch)

    def _advance_thread(self, switch: Callable[[Any], Any], value: object = None) -> None:
        try:
            awaited_future = self._thread.enter(switch, value)
        except BaseException as error:
            self._end(concurrent.futures.CancelledError() if isinstance(error, asyncio.CancelledError) else error)
        else:
            if not self._thread.dead:
                self._platform.waiting[self._thread] = None
                awaited_future.add_done_callback(self._continue_thread)
                return
            self._result = awaited_future
            self._end()
        self._executor.release()

    def _continue_thread(self, awaited_future: asyncio.Future[Any]) -> None:
        """Continue the thread with the result for which it waited, as soon as its owner is not frozen."""
        owner = self._executor.owner
        if self._thread.dead:  # the platform has stopped, and ended the thread
            return
        if owner and owner.is_frozen:
            self._platform.loop.create_task(self._continue_thawed(owner, awaited_future))
            return
        del self._platform.waiting[self._thread]
        try:
            value = awaited_future.result()
            if owner:
                owner.check_alive()
        except BaseException as error:
            self._advance_thread(self._thread.throw, error)
        else:
            self._advance_thread(self._thread.switch, value)

    async def _continue_thawed(self, owner: Owner, awaited_future: asyncio.Future[Any]) -> None:
        try:
            await owner.wait_until_runnable()
        except asyncio.CancelledError:
            raise
        except BaseException:
            pass  # the instance was killed meanwhile: its check raises this exception again
        self._continue_thread(awaited_future)

    def _end(self, error: BaseException | None = None) -> None:
        self._state, self._error = "done", error
        if self._waiter:
            release(self._waiter)
