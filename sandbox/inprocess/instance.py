"""Instances of Function Compute that run by function calls instead of processes.

Each instance has its own copy of the module that defines the function's handlers.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

from sandbox.fc.bootstrap import make_context, make_reply
from sandbox.fc.instance import Result
from sandbox.inprocess.platform import VirtualPlatform
from sandbox.runtimes import Runtime


class InstanceKilled(BaseException):
    """The exception that ends the code of a killed instance, so that the code sends no further request."""


class CallInstances:
    """A source of instances that run by function calls."""

    def __init__(self, platform: VirtualPlatform) -> None:
        self._platform = platform

    def runtime(self, name: str) -> Runtime:
        """Return a runtime of this name that stands for this process's own interpreter."""
        return Runtime(name, Path(), "", "")

    async def start(self, _runtime: Runtime, setup: Mapping[str, Any], environment: Mapping[str, str]) -> CallInstance:
        return CallInstance(self._platform, setup, environment)


class CallInstance:
    """An instance of a function.

    `skew` is the number of seconds by which the instance's clock is ahead of the platform's clock.
    """

    def __init__(
        self, platform: VirtualPlatform, setup: Mapping[str, Any], environment: Mapping[str, str], skew: float = 0
    ) -> None:
        self._platform = platform
        self._setup = dict(setup)
        self._environment = environment
        self.skew = skew
        self._clock = _make_clock(platform, self)
        self._modules: dict[str, ModuleType] = {}
        self._can_run = asyncio.Event()
        self._can_run.set()
        self._freeze_time = 0.0
        self.frozen_seconds = 0.0
        self.is_alive = True

    async def invoke(self, handler: str, request_id: str, payload: bytes, timeout: float) -> Result:
        self.thaw()
        start_time = self._platform.loop.time()
        handler_call = self._platform.run(partial(self._call_handler, handler, payload, request_id), self)
        try:
            result: dict[str, Any] = await asyncio.wait_for(handler_call, timeout)
        except asyncio.TimeoutError:
            self.kill_at_once()
            text = f"Function timed out after {timeout:g} seconds"
            result = {"outcome": "timeout", "errorType": "FunctionTimeout", "errorMessage": text}
        except InstanceKilled:
            text = "Process exited unexpectedly before completing request"
            result = {"outcome": "crashed", "errorType": "FunctionCrashed", "errorMessage": text}
        return Result(
            result["outcome"],
            result.get("value"),
            result.get("body", ""),
            result.get("errorType", ""),
            result.get("errorMessage", ""),
            duration=self._platform.loop.time() - start_time,
        )

    @property
    def is_frozen(self) -> bool:
        return not self._can_run.is_set()

    def freeze(self) -> None:
        if self._can_run.is_set():
            self._can_run.clear()
            self._freeze_time = self._platform.loop.time()

    def thaw(self) -> None:
        if not self._can_run.is_set():
            self.frozen_seconds += self._platform.loop.time() - self._freeze_time
            self._can_run.set()

    def kill_at_once(self) -> None:
        self.is_alive = False
        self._can_run.set()

    async def kill(self) -> None:
        self.kill_at_once()

    def check_alive(self) -> None:
        if not self.is_alive:
            raise InstanceKilled

    async def wait_until_runnable(self) -> None:
        await self._can_run.wait()
        self.check_alive()

    def load_module(self, name: str = "index") -> ModuleType:
        """Return a module from the function's code folder, which is imported once for each instance.

        The modules that it imports are shared by all instances.
        """
        if name not in self._modules:
            module = self._modules[name] = ModuleType(name)
            # The instance must not change the logging of this process; its output is visible in processes only.
            logger = logging.getLogger("oss_oms_sync")
            logging_state = logger.handlers, logger.propagate
            exec(_compile_module(Path(self._setup["code"]).resolve() / f"{name}.py"), vars(module))
            logger.handlers, logger.propagate = logging_state
            vars(module).update(
                os=SimpleNamespace(environ=dict(self._environment)),
                Clock=lambda: self._clock,
                preload_oss2=lambda: None,
                _import_seconds=iter(()),
            )
        return self._modules[name]

    def context(self, request_id: str = "request") -> SimpleNamespace:
        return make_context(request_id, self._setup)

    def _call_handler(self, handler: str, payload: bytes, request_id: str) -> dict[str, Any]:
        module, _, name = handler.rpartition(".")
        try:
            function: Callable[..., Any] = getattr(self.load_module(module), name)
            return make_reply(function(payload, self.context(request_id)))
        except Exception as error:
            self.check_alive()
            stack = "".join(traceback.format_exception(error))
            return {"outcome": "raised", "errorType": type(error).__name__, "errorMessage": str(error), "stack": stack}


@cache
def _compile_module(path: Path) -> CodeType:
    return compile(path.read_bytes(), str(path), "exec")


def _make_clock(platform: VirtualPlatform, instance: CallInstance) -> Any:
    """Return the clock that the instance's code reads; its monotonic time stops while the instance is frozen."""
    clock_class: Any = importlib.import_module("oss_oms_sync.clock").Clock

    class InstanceClock(clock_class):  # type: ignore[misc]
        def monotonic(self) -> float:
            return platform.loop.time() - instance.frozen_seconds

        def now(self) -> datetime:
            return datetime.fromtimestamp(platform.now() + instance.skew, timezone.utc)

        def sleep(self, seconds: float) -> None:
            instance.check_alive()
            platform.sleep(seconds)

    return InstanceClock()
