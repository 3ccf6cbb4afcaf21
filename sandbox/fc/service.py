"""Function Compute on this machine: functions, instances, retries and destinations.

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
from sandbox.fc.instance import Instance, Instances, ProcessInstance, ProcessInstances, Result
from sandbox.server.service import Platform

_MAX_ASYNC_PAYLOAD_BYTES = 128 * 1024
# The quota of an account's instances in a region; pages name 100 and 300. Each instance is a process here.
_MAX_INSTANCES = 100


@dataclass(frozen=True)
class Invocation:
    """An attempt to handle an event; `attempt` counts from 1.

    `body` is FC's response as text, `value` the same response as a Python value. `duration` is in seconds.
    """

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
        """True if FC reports a failure; a function that returns False has succeeded."""
        return self.outcome != "returned"


@dataclass
class Killer:
    """A random choice of the invocations to kill, and of the time of each kill."""

    probability: float
    max_seconds: float
    generator: random.Random
    function: str

    def next(self, function: str) -> float | None:
        """Return the seconds after which to kill an invocation of a function, or None to let it run."""
        if self.function not in ("", function) or self.generator.random() >= self.probability:
            return None
        return self.generator.uniform(0, self.max_seconds)


class FunctionCompute:
    """The functions with their instances and queues, in the sandbox's event loop."""

    def __init__(self, region: str = "cn-hangzhou", instances: Instances | None = None) -> None:
        self.region = region
        self._instance_source = instances or ProcessInstances()
        # A call returns True if the first function may pass its failed events to the second.
        self.may_invoke: Callable[[str, str], bool] = lambda _caller, _target: True
        self.invocations: list[Invocation] = []
        self.dropped_events: list[Invocation] = []
        self._functions: dict[str, Function] = {}
        # All instances, in the order in which they started: a simulation in virtual time has a fixed order.
        self._instances: dict[Instance, None] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._killer: Killer | None = None
        self._is_stopped = False

    @property
    def names(self) -> set[str]:
        return {*self._functions}

    def start(self, platform: Platform) -> None:
        self._platform = platform

    def stop(self) -> None:
        self._platform.call(self._stop())

    def create_function(
        self,
        name: str,
        code: Path,
        *,
        handler: str = "index.handler",
        runtime: runtimes.Name = "python3.12",
        environment: Mapping[str, str],
        timeout: float = 60,
        credentials: tuple[str, str, str],
        max_retries: int = 3,
        retry_delay: float = 0.2,
        on_failure: str | None = None,
        instances: int = _MAX_INSTANCES,
    ) -> None:
        """Create or replace a function.

        - `retry_delay` is the number of seconds before an event's first retry; it doubles at each further retry.
        - `on_failure` is the name of the function that gets an event after the last failed attempt.
        - `instances` is the maximum number of instances. An event gets a new instance if none is idle, and waits at the
          maximum.
        """
        check_environment(environment)
        self._functions[name] = Function(
            name,
            code.resolve(),
            handler,
            self._instance_source.runtime(runtime),
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

    def invoke(self, name: str, payload: bytes) -> Invocation:
        """Invoke a function without retries, like `s invoke`."""
        return self._platform.call(self._attempt_event(self._functions[name], payload, _make_request_id(), 1))

    def submit(self, name: str, payload: bytes) -> None:
        """Queue an event for a function, like a trigger; any thread may use this method."""
        if len(payload) > _MAX_ASYNC_PAYLOAD_BYTES:
            raise ValueError(f"an asynchronous payload holds at most 128 KB, not {len(payload)} bytes")
        self._platform.call_soon(self._enqueue_event, self._functions[name], payload)

    def wait_idle(self, timeout: float) -> None:
        """Wait until no event is queued or in progress; raise TimeoutError after `timeout` seconds."""
        self._platform.call(self.wait_until_idle(), timeout)

    def freeze(self, name: str) -> None:
        """Stop the idle instances of a function, as FC does between events; the next event resumes its instance."""
        self._platform.call(self._freeze(self._functions[name]))

    def pids(self) -> list[int]:
        """Return the process ids of all instances, in the order of their starts."""
        return [
            instance.pid
            for instance in self._instances.copy()
            if isinstance(instance, ProcessInstance) and instance.is_alive
        ]

    def kill_at_random(self, probability: float, max_seconds: float, seed: int, name: str = "") -> None:
        """Kill the process of each attempt with this probability, at a random time within its first `max_seconds`.

        `name` limits this to a function. An attempt that ends before its random time is not killed.
        """
        self._killer = Killer(probability, max_seconds, random.Random(seed), name)

    async def wait_until_idle(self) -> None:
        await asyncio.sleep(0)  # lets an earlier `submit` take effect
        while self._deliveries:
            await asyncio.wait(self._deliveries)

    async def _stop(self) -> None:
        self._is_stopped = True
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*(instance.kill() for instance in list(self._instances)))
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _freeze(self, function: Function) -> None:
        for instance in function.idle_instances:
            instance.freeze()

    def _enqueue_event(self, function: Function, payload: bytes) -> None:
        if self._is_stopped:  # an event after the stop
            return
        delivery = asyncio.get_running_loop().create_task(self._deliver_event(function, payload))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver_event(self, function: Function, payload: bytes) -> None:
        request_id = _make_request_id()
        for attempt in range(1, function.max_retries + 2):
            invocation = await self._attempt_event(function, payload, request_id, attempt)
            if not invocation.failed:
                return
            if attempt <= function.max_retries:
                await asyncio.sleep(function.retry_delay * 2 ** (attempt - 1))
        destination = self._functions.get(function.on_failure or "")
        if destination is None or not self.may_invoke(function.name, destination.name):
            self.dropped_events.append(invocation)
        else:
            self._enqueue_event(destination, self._make_destination_event(invocation))

    def _make_destination_event(self, invocation: Invocation) -> bytes:
        """Return the event that a destination receives (help.aliyun.com/zh/functioncompute, "result callback")."""
        error = {
            "errorMessage": invocation.error_message,
            "errorType": invocation.error_type,
            "stackTrace": list(invocation.stack_trace),
        }
        event = {
            "timestamp": int(self._platform.now() * 1000),
            "requestContext": {
                "requestId": invocation.request_id,
                "functionArn": f"acs:fc:{self.region}:{ACCOUNT_ID}:functions/{invocation.function}",
                "condition": "UnhandledInvocationError",
                "approximateInvokeCount": invocation.attempt,
            },
            "requestPayload": invocation.payload.decode("utf-8", "replace"),
            "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
            "responsePayload": json.dumps(error),
        }
        return json.dumps(event, ensure_ascii=False).encode()

    async def _attempt_event(self, function: Function, payload: bytes, request_id: str, attempt: int) -> Invocation:
        async with function.slots:
            instance = await self._find_idle_instance(function) or await self._start_instance(function)
            result = await self._pass_event(function, instance, request_id, payload)
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

    async def _find_idle_instance(self, function: Function) -> Instance | None:
        """Return the idle instance that was used last, or None; discard idle instances that have died."""
        while function.idle_instances:
            instance = function.idle_instances.pop()
            if instance.is_alive:
                return instance
            await self._discard_instance(instance)
        return None

    async def _start_instance(self, function: Function) -> Instance:
        environment = function.make_environment(self.region)
        instance = await self._instance_source.start(function.runtime, function.make_setup(self.region), environment)
        self._instances[instance] = None
        return instance

    async def _pass_event(self, function: Function, instance: Instance, request_id: str, payload: bytes) -> Result:
        result = None
        try:
            with self._kill_at_random(function, instance):
                result = await instance.invoke(function.handler, request_id, payload, function.timeout)
            return result
        finally:
            if result is not None and instance.is_alive:
                function.idle_instances.append(instance)
            else:
                await self._discard_instance(instance)

    @contextlib.contextmanager
    def _kill_at_random(self, function: Function, instance: Instance) -> Iterator[None]:
        seconds = self._killer.next(function.name) if self._killer else None
        if seconds is None:
            yield
            return
        kill_timer = asyncio.get_running_loop().call_later(seconds, instance.kill_at_once)
        try:
            yield
        finally:
            kill_timer.cancel()

    async def _discard_instance(self, instance: Instance) -> None:
        await instance.kill()
        self._instances.pop(instance, None)


def _make_request_id() -> str:
    return str(uuid.uuid4())
