"""The sandbox's asyncio loop, in a background thread, and the sandbox's clock.

The clock starts at the machine's time, or at the date in the environment variable SANDBOX_DATE, such as
2026-01-31T08:00:00Z.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from sandbox.server.service import Host, Service

T = TypeVar("T")

VARIABLE = "SANDBOX_DATE"


class LoopThread:
    """A platform whose event loop runs in a background thread, for synchronous callers.

    `clock_lead` is the number of seconds by which the sandbox's clock is ahead of the machine's clock.
    """

    def __init__(self) -> None:
        date = os.environ.get(VARIABLE)
        self.clock_lead = datetime.strptime(date, "%Y-%m-%dT%H:%M:%S%z").timestamp() - time.time() if date else 0.0
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="sandbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def now(self) -> float:
        return time.time() + self.clock_lead

    def serve(self, service: Service) -> Host:
        from sandbox.server.listener import Listener

        return Listener(service, self)

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.loop.call_soon_threadsafe(call, *arguments)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        self.call(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def cancel_all() -> None:
    """Cancel all tasks of the running loop except the current task."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
