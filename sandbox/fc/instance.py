"""Instances of functions as child processes, which get events and whose logs are read."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sandbox import runtimes
from sandbox.fc.bootstrap import END_OF_LOGS

_SCRIPT = Path(__file__).with_name("bootstrap.py")
# The seconds between SIGTERM and SIGKILL, for the function's `finally` blocks.
_GRACE_SECONDS = 2.0
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Result:
    """The result of an invocation.

    - `outcome` is "returned", "raised", "timeout" or "crashed".
    - `body` is FC's response as text, `value` the same response as a Python value.
    - `duration` is in seconds.
    """

    outcome: str
    value: Any = None
    body: str = ""
    error_type: str = ""
    error_message: str = ""
    stack_trace: tuple[list[str], ...] = ()
    logs: tuple[str, ...] = ()
    duration: float = 0.0


class Instance(Protocol):
    """A container that runs the code of a function and handles one event after the other."""

    @property
    def is_alive(self) -> bool: ...

    async def invoke(self, handler: str, request_id: str, payload: bytes, timeout: float) -> Result:
        """Pass an event to the handler; at the timeout send SIGTERM, and kill an instance that does not end."""

    def freeze(self) -> None:
        """Freeze the instance until `thaw` or the next event."""

    def thaw(self) -> None: ...

    def kill_at_once(self) -> None:
        """Send SIGKILL without waiting for the end of the process."""

    async def kill(self) -> None: ...


class Instances(Protocol):
    """A source of instances, which can be processes or objects in this process."""

    def runtime(self, name: str) -> runtimes.Runtime:
        """Return the runtime with this name; raise RuntimeError if this machine lacks it."""

    async def start(
        self, runtime: runtimes.Runtime, setup: Mapping[str, Any], environment: Mapping[str, str], /
    ) -> Instance:
        """Start an instance, which imports the function's code at its first invocation."""


class Process(Protocol):
    """The methods of asyncio's Process that an instance needs."""

    stdout: asyncio.StreamReader | None

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    async def wait(self) -> object: ...


class ProcessInstances:
    """A source of instances in child processes.

    `find_lead` is called at each event; it returns the seconds by which the instances' clock is ahead of the machine's
    clock.
    """

    def __init__(self, find_lead: Callable[[], float] = lambda: 0.0) -> None:
        self.find_lead = find_lead

    def runtime(self, name: str) -> runtimes.Runtime:
        return runtimes.load_runtime(name)

    async def start(
        self, runtime: runtimes.Runtime, setup: Mapping[str, Any], environment: Mapping[str, str]
    ) -> ProcessInstance:
        async with connect_instance(setup, runtime) as (instance_socket, reader, writer):
            process = await asyncio.create_subprocess_exec(
                *(runtime.interpreter, "-S", "-s", str(_SCRIPT), str(instance_socket.fileno()), str(os.getpid())),
                env=dict(environment),
                cwd=setup["code"],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[instance_socket.fileno()],
                limit=MAX_MESSAGE_BYTES,
            )
        return ProcessInstance(process, reader, writer, self.find_lead)


@contextlib.asynccontextmanager
async def connect_instance(
    setup: Mapping[str, Any], runtime: runtimes.Runtime
) -> AsyncIterator[tuple[socket.socket, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield the instance's socket, and a reader and a writer for the service; send `setup` when the context ends."""
    service_socket, instance_socket = socket.socketpair()
    with instance_socket:
        reader, writer = await asyncio.open_connection(sock=service_socket, limit=MAX_MESSAGE_BYTES)
        try:
            yield instance_socket, reader, writer
        except BaseException:
            writer.close()
            raise
    writer.write(json.dumps({**setup, "libraries": str(runtime.libraries)}).encode() + b"\n")


class ProcessInstance:
    """An instance in a process of its own."""

    def __init__(
        self,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        find_lead: Callable[[], float],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._find_lead = find_lead
        self._is_frozen = False
        self._is_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def invoke(self, handler: str, request_id: str, payload: bytes, timeout: float) -> Result:
        self.thaw()
        message = {"call": handler, "request_id": request_id, "payload": base64.b64encode(payload).decode()}
        result = await self._exchange(message, timeout)
        if result.outcome in ("timeout", "crashed"):
            await self.kill()
        return result

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        if self._is_frozen:
            self._signal(signal.SIGCONT)
            self._is_frozen = False

    def kill_at_once(self) -> None:
        self._signal(signal.SIGKILL)

    async def kill(self) -> None:
        self.kill_at_once()
        self._writer.close()
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _exchange(self, message: Mapping[str, Any], timeout: float) -> Result:
        logs: list[str] = []
        try:
            await self._wait_until_ready()
            start_time = time.monotonic()
            reply = await asyncio.wait_for(self._request_reply(message, logs), timeout)
        except asyncio.TimeoutError:
            await self._terminate(logs)
            text = f"Function timed out after {timeout:g} seconds"
            reply = {"outcome": "timeout", "errorType": "FunctionTimeout", "errorMessage": text}
        return Result(
            reply["outcome"],
            reply.get("value"),
            reply.get("body", ""),
            reply.get("errorType", ""),
            reply.get("errorMessage", ""),
            tuple(reply.get("stackTrace", ())),
            tuple(logs),
            time.monotonic() - start_time,
        )

    async def _wait_until_ready(self) -> None:
        """Wait until the process is ready or has ended; the timeout of an invocation begins after this wait."""
        if not self._is_ready:
            with contextlib.suppress(ConnectionError):
                await self._reader.readline()
            self._is_ready = True

    async def _terminate(self, logs: list[str]) -> None:
        """Send SIGTERM, and add the output of the function's `finally` blocks to the logs."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._read_logs(logs), _GRACE_SECONDS)

    async def _request_reply(self, message: Mapping[str, Any], logs: list[str]) -> dict[str, Any]:
        with contextlib.suppress(ConnectionError):
            self._writer.write(json.dumps({**message, "ahead": self._find_lead()}).encode() + b"\n")
            await self._writer.drain()
        await self._read_logs(logs)
        line = b""
        with contextlib.suppress(ConnectionError):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            text = "Process exited unexpectedly before completing request"
            return {"outcome": "crashed", "errorType": "FunctionCrashed", "errorMessage": text}
        reply: dict[str, Any] = json.loads(line)
        return reply

    async def _read_logs(self, logs: list[str]) -> None:
        """Read the output up to the line that ends an invocation's logs, or up to the end of a dead process."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip("\n")
            if text.endswith(END_OF_LOGS):
                text = text.removesuffix(END_OF_LOGS)
                if text:
                    logs.append(text)
                return
            logs.append(text)
