"""The service's side of an instance: the start of its process, its events, its logs."""

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
_INITIALIZER_SECONDS = 30.0
# The time for `finally` blocks after SIGTERM, before an instance is killed.
_GRACE_SECONDS = 2.0
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Result:
    """The result of an invocation: returned, raised, timeout or crashed.

    `body` is FC's answer, `value` its contents for a caller.
    """

    outcome: str
    value: Any = None
    body: str = ""
    error_type: str = ""
    error_message: str = ""
    stack_trace: tuple[list[str], ...] = ()
    logs: tuple[str, ...] = ()
    duration: float = 0.0


class InstanceNotStarted(Exception):  # noqa: N818 (FC's own name of the error)
    """The error of an initializer that failed."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error_message)
        self.result = result


class Instance(Protocol):
    """An instance that handles a function's events, one after the other, until it dies or is abandoned."""

    @property
    def busy(self) -> bool: ...

    @property
    def alive(self) -> bool: ...

    async def initialize(self, initializer: str) -> None:
        """Call the initializer (named like a handler); raise InstanceNotStarted if it fails."""

    async def invoke(self, handler: str, request_id: str, payload: bytes, timeout: float) -> Result:
        """Pass an event; past the timeout the instance gets SIGTERM, and is killed if it does not end."""

    def freeze(self) -> None:
        """Freeze the instance until the next event or until it is resumed."""

    def thaw(self) -> None: ...

    def kill_at_once(self) -> None:
        """Kill the instance without waiting for its end."""

    async def kill(self) -> None: ...


class Instances(Protocol):
    """The source of instances."""

    def runtime(self, name: str) -> runtimes.Runtime:
        """Return the runtime of a function; raise RuntimeError if this machine lacks it."""

    async def start(
        self, runtime: runtimes.Runtime, setup: Mapping[str, Any], environment: Mapping[str, str], /
    ) -> Instance:
        """Start an instance, which imports nothing of the function before its first invocation."""


class Process(Protocol):
    """The used part of asyncio's Process."""

    stdout: asyncio.StreamReader | None

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    async def wait(self) -> object: ...


class ProcessInstances:
    """Instances as child processes, whose clock is ahead of the machine's by `ahead` at each event."""

    def __init__(self, ahead: Callable[[], float] = lambda: 0.0) -> None:
        self.ahead = ahead

    def runtime(self, name: str) -> runtimes.Runtime:
        return runtimes.installed(name)

    async def start(
        self, runtime: runtimes.Runtime, setup: Mapping[str, Any], environment: Mapping[str, str]
    ) -> ProcessInstance:
        async with connected(setup, runtime) as (theirs, reader, writer):
            process = await asyncio.create_subprocess_exec(
                *(runtime.interpreter, "-S", "-s", str(_SCRIPT), str(theirs.fileno()), str(os.getpid())),
                env=dict(environment),
                cwd=setup["code"],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                limit=MAX_MESSAGE_BYTES,
            )
        return ProcessInstance(process, reader, writer, self.ahead)


@contextlib.asynccontextmanager
async def connected(
    setup: Mapping[str, Any], runtime: runtimes.Runtime
) -> AsyncIterator[tuple[socket.socket, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield the socket of a starting instance and the streams to it; then send the setup."""
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_MESSAGE_BYTES)
        try:
            yield theirs, reader, writer
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
        ahead: Callable[[], float],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ahead = ahead
        self._frozen = False
        self._is_ready = False
        self.busy = False

    async def initialize(self, initializer: str) -> None:
        result = await self._exchange({"call": initializer, "request_id": "initialize"}, _INITIALIZER_SECONDS)
        if result.outcome != "returned":
            raise InstanceNotStarted(result)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
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
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen:
            self._signal(signal.SIGCONT)
            self._frozen = False

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
        self.busy = True
        try:
            await self._start()
            started = time.monotonic()
            reply = await asyncio.wait_for(self._reply(message, logs), timeout)
        except asyncio.TimeoutError:
            await self._terminate(logs)
            text = f"Function timed out after {timeout:g} seconds"
            reply = {"outcome": "timeout", "errorType": "FunctionTimeout", "errorMessage": text}
        finally:
            self.busy = False
        return Result(
            reply["outcome"],
            reply.get("value"),
            reply.get("body", ""),
            reply.get("errorType", ""),
            reply.get("errorMessage", ""),
            tuple(reply.get("stackTrace", ())),
            tuple(logs),
            time.monotonic() - started,
        )

    async def _start(self) -> None:
        """Wait until the instance has started or died; this time is not part of an invocation."""
        if not self._is_ready:
            with contextlib.suppress(ConnectionError):
                await self._reader.readline()
            self._is_ready = True

    async def _terminate(self, logs: list[str]) -> None:
        """Send SIGTERM and read the output of `finally` blocks, which belongs to the invocation."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._read_logs(logs), _GRACE_SECONDS)

    async def _reply(self, message: Mapping[str, Any], logs: list[str]) -> dict[str, Any]:
        with contextlib.suppress(ConnectionError):
            self._writer.write(json.dumps({**message, "ahead": self._ahead()}).encode() + b"\n")
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
        """Read lines of output up to the mark that ends an invocation, or to the end of a dead process."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip("\n")
            if text.endswith(END_OF_LOGS):
                text = text.removesuffix(END_OF_LOGS)
                if text:
                    logs.append(text)
                return
            logs.append(text)
