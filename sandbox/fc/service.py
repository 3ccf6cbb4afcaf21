"""Function Compute on this machine: functions in processes of their own, retries, destinations.

Written from the pages "asynchronous invocation", "retries" and "result callback" of help.aliyun.com/zh/functioncompute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import runtimes
from sandbox.account import ACCOUNT_ID
from sandbox.fc.function import Credentials, Function, check_environment
from sandbox.fc.instance import Instance, InstanceNotStarted, Instances, ProcessInstance, ProcessInstances, Result
from sandbox.server.service import Platform

_MAX_ASYNC_PAYLOAD_BYTES = 128 * 1024
# The instances of an account at once in a region (100 to 300, pages differ). Each is a process here.
_MAX_INSTANCES = 100


@dataclass(frozen=True)
class Invocation:
    """An attempt at an event. `body` is FC's answer, `value` its contents for a caller."""

    function: str
    request_id: str
    attempt: int
    payload: bytes
    outcome: str
    value: Any
    body: str
    error_type: str
    error_message: str
    stack_trace: tuple[list[str], ...]
    logs: list[str]
    duration: float

    @property
    def failed(self) -> bool:
        """True if FC reports a failed invocation; a function that returns False has succeeded."""
        return self.outcome != "returned"


@dataclass
class Killer:
    """A choice of invocations to kill, and of their time."""

    probability: float
    within: float
    dice: random.Random
    function: str

    def next(self, function: str) -> float | None:
        """Return the lifetime of this invocation in seconds; None for no limit."""
        if self.function not in ("", function) or self.dice.random() >= self.probability:
            return None
        return self.dice.uniform(0, self.within)


class FunctionCompute:
    """Functions, their instances and their queues, in the sandbox's loop."""

    def __init__(self, region: str = "cn-hangzhou", instances: Instances | None = None) -> None:
        self.region = region
        self._new = instances or ProcessInstances()
        # Returns whether a function may pass its failed events to another function.
        self.may_invoke: Callable[[str, str], bool] = lambda _caller, _called: True
        self.invocations: list[Invocation] = []
        self.dropped: list[Invocation] = []
        self._functions: dict[str, Function] = {}
        # The function of each instance, in the order of their starts.
        self._instances: dict[Instance, str] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._killer: Killer | None = None
        self._stopped = False

    @property
    def names(self) -> set[str]:
        """The names of its functions."""
        return {*self._functions}

    def start(self, platform: Platform) -> None:
        self._platform = platform

    def stop(self) -> None:
        """Drop all queues and kill all processes."""
        self._platform.call(self._stop())

    def create_function(
        self,
        name: str,
        code: Path,
        *,
        handler: str = "index.handler",
        runtime: runtimes.Name = "python3.12",
        initializer: str | None = None,
        environment: Mapping[str, str],
        timeout: float = 60,
        credentials: tuple[str, str, str],
        max_retries: int = 3,
        retry_delay: float = 0.2,
        on_failure: str | None = None,
        instances: int = _MAX_INSTANCES,
    ) -> None:
        """Create or replace a function.

        `retry_delay` doubles at each retry; `on_failure` names the function that gets the events that failed for good.
        `initializer` is called before the first event of an instance (FC: instanceLifecycleConfig). Each event gets an
        instance of its own if none is idle, up to `instances` at once; further events wait in their order.
        """
        check_environment(environment)
        self._functions[name] = Function(
            name,
            code.resolve(),
            handler,
            self._new.runtime(runtime),
            initializer,
            dict(environment),
            timeout,
            Credentials(*credentials),
            max_retries,
            retry_delay,
            on_failure,
            asyncio.Semaphore(instances),
        )

    def remove_function(self, name: str) -> None:
        """Remove a function; its queued events are still handled."""
        del self._functions[name]

    def invoke(self, name: str, payload: bytes, timeout: float | None = None) -> Invocation:
        """Call a function and wait up to `timeout`, as `s invoke` does: without a retry."""
        return self._platform.call(self._attempt(self._functions[name], payload, _request_id(), 1), timeout)

    def submit(self, name: str, payload: bytes) -> None:
        """Queue an event, as a trigger does; safe from any thread, also from the loop."""
        if len(payload) > _MAX_ASYNC_PAYLOAD_BYTES:
            raise ValueError(f"an asynchronous payload holds at most 128 KB, not {len(payload)} bytes")
        self._platform.call_soon(self._enqueue, self._functions[name], payload)

    def wait_idle(self, timeout: float) -> None:
        """Wait until every queued event was handled, passed to a destination, or dropped."""
        self._platform.call(self.wait_until_idle(), timeout)

    def freeze(self, name: str) -> None:
        """Stop the idle instances, as FC does between events. The next event resumes its instance."""
        self._platform.call(self._each_idle(name, lambda instance: instance.freeze()))

    def thaw(self, name: str) -> None:
        self._platform.call(self._each_idle(name, lambda instance: instance.thaw()))

    def pids(self, name: str = "", *, busy: bool = False) -> list[int]:
        """Return the processes of all instances, or of a function's, in the order of their starts.

        `busy`: only of those that handle an event now.
        """
        return [
            instance.pid
            for instance, function in self._instances.copy().items()
            if isinstance(instance, ProcessInstance)
            and instance.alive
            and name in ("", function)
            and (instance.busy or not busy)
        ]

    def kill_at_random(self, probability: float, within: float, seed: int, name: str = "") -> None:
        """Kill the process of each attempt with this probability, at a random moment of `within` seconds.

        `name`: only of this function's attempts. An attempt that has ended by then is spared. The draw depends on the
        seed and the order of the attempts.
        """
        self._killer = Killer(probability, within, random.Random(seed), name)

    async def wait_until_idle(self) -> None:
        """Wait until no queued event is left."""
        await asyncio.sleep(0)  # for a `submit` before this call to take effect
        while self._deliveries:
            await asyncio.wait(self._deliveries)

    async def _stop(self) -> None:
        self._stopped = True
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*(instance.kill() for instance in list(self._instances)))
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _each_idle(self, name: str, change: Callable[[Instance], None]) -> None:
        for instance in self._functions[name].idle:
            change(instance)

    def _enqueue(self, function: Function, payload: bytes) -> None:
        if self._stopped:  # a late event
            return
        delivery = asyncio.get_running_loop().create_task(self._deliver(function, payload))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, function: Function, payload: bytes) -> None:
        """Try, retry, then pass a failed event to the destination."""
        request_id = _request_id()
        for attempt in range(1, function.max_retries + 2):
            invocation = await self._attempt(function, payload, request_id, attempt)
            if not invocation.failed:
                return
            if attempt <= function.max_retries:
                await asyncio.sleep(function.retry_delay * 2 ** (attempt - 1))
        destination = self._functions.get(function.on_failure or "")
        if destination is None or not self.may_invoke(function.name, destination.name):
            self.dropped.append(invocation)
        else:
            self._enqueue(destination, self._envelope(invocation))

    def _envelope(self, last: Invocation) -> bytes:
        """Return the event for a destination: help.aliyun.com/zh/functioncompute, "result callback"."""
        error = {
            "errorMessage": last.error_message,
            "errorType": last.error_type,
            "stackTrace": list(last.stack_trace),
        }
        envelope = {
            "timestamp": int(self._platform.now() * 1000),
            "requestContext": {
                "requestId": last.request_id,
                "functionArn": f"acs:fc:{self.region}:{ACCOUNT_ID}:functions/{last.function}",
                "condition": "UnhandledInvocationError",
                "approximateInvokeCount": last.attempt,
            },
            "requestPayload": last.payload.decode("utf-8", "replace"),
            "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
            "responsePayload": json.dumps(error),
        }
        return json.dumps(envelope, ensure_ascii=False).encode()

    async def _attempt(self, function: Function, payload: bytes, request_id: str, attempt: int) -> Invocation:
        async with function.slots:
            try:
                instance = await self._idle_instance(function) or await self._start(function)
            except InstanceNotStarted as error:
                result = error.result
            else:
                result = await self._use(function, instance, request_id, payload)
        invocation = Invocation(
            function.name,
            request_id,
            attempt,
            payload,
            result.outcome,
            result.value,
            result.body,
            result.error_type,
            result.error_message,
            result.stack_trace,
            list(result.logs),
            result.duration,
        )
        self.invocations.append(invocation)
        return invocation

    async def _idle_instance(self, function: Function) -> Instance | None:
        """Return the instance that was used last; a dead instance costs no attempt."""
        while function.idle:
            instance = function.idle.pop()
            if instance.alive:
                return instance
            await self._discard(instance)
        return None

    async def _start(self, function: Function) -> Instance:
        environment = function.process_environment(self.region)
        instance = await self._new.start(function.runtime, function.setup(self.region), environment)
        self._instances[instance] = function.name
        try:
            if function.initializer:
                await instance.initialize(function.initializer)
        except BaseException:
            await self._discard(instance)
            raise
        return instance

    async def _use(self, function: Function, instance: Instance, request_id: str, payload: bytes) -> Result:
        """Pass an event to an instance, and keep the instance for the next event unless it died or was abandoned."""
        result = None
        try:
            with self._killed_at_random(function, instance):
                result = await instance.invoke(function.handler, request_id, payload, function.timeout)
            return result
        finally:
            if result is not None and instance.alive:
                function.idle.append(instance)
            else:
                await self._discard(instance)

    @contextlib.contextmanager
    def _killed_at_random(self, function: Function, instance: Instance) -> Iterator[None]:
        seconds = self._killer.next(function.name) if self._killer else None
        if seconds is None:
            yield
            return
        death = asyncio.get_running_loop().call_later(seconds, instance.kill_at_once)
        try:
            yield
        finally:
            death.cancel()

    async def _discard(self, instance: Instance) -> None:
        await instance.kill()
        self._instances.pop(instance, None)


def _request_id() -> str:
    return str(uuid.uuid4())
