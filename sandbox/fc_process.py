"""An instance seen from the service: starting its process, handing it an event, reading its logs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.fc_instance import END_OF_LOGS

_SCRIPT = Path(__file__).with_name("fc_instance.py")
_START_TIMEOUT = 30.0
_LONGEST_MESSAGE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Result:
    """How one invocation went: returned, raised, timeout or crashed."""

    outcome: str
    value: Any = None
    error_type: str = ""
    error_message: str = ""
    stack_trace: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    duration: float = 0.0


class InstanceNotStarted(Exception):  # noqa: N818 (FC's own name of the error)
    """The code could not be loaded, or its `initialize` raised."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error_message)
        self.result = result


class Instance:
    """A child process; it handles one event at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._frozen = False

    @classmethod
    async def spawn(cls, code: str, environment: Mapping[str, str]) -> Instance:
        """Run the process; `load` has to follow."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_MESSAGE)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-S", "-s", str(_SCRIPT), str(theirs.fileno()), str(os.getpid())),
                    env=dict(environment),
                    cwd=code,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    limit=_LONGEST_MESSAGE,
                )
            except BaseException:
                writer.close()
                raise
        return cls(process, reader, writer)

    async def load(self, setup: Mapping[str, Any]) -> None:
        """Import the handler."""
        result = await self._exchange(setup, _START_TIMEOUT)
        if result.outcome != "ready":
            raise InstanceNotStarted(result)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def invoke(self, request_id: str, payload: bytes, timeout: float) -> Result:
        """Hand over one event; past the timeout the process is killed."""
        self.thaw()
        message = {"request_id": request_id, "payload": base64.b64encode(payload).decode()}
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

    async def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._writer.close()
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _exchange(self, message: Mapping[str, Any], timeout: float) -> Result:
        started = time.monotonic()
        logs: list[str] = []
        try:
            reply = await asyncio.wait_for(self._reply(message, logs), timeout)
        except asyncio.TimeoutError:
            text = f"Function timed out after {timeout:g} seconds"
            reply = {"outcome": "timeout", "errorType": "FunctionTimeout", "errorMessage": text}
        return Result(
            reply["outcome"],
            reply.get("value"),
            reply.get("errorType", ""),
            reply.get("errorMessage", ""),
            tuple(reply.get("stackTrace", ())),
            tuple(logs),
            time.monotonic() - started,
        )

    async def _reply(self, message: Mapping[str, Any], logs: list[str]) -> dict[str, Any]:
        with contextlib.suppress(ConnectionError):
            self._writer.write(json.dumps(message).encode() + b"\n")
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
        """Lines of output up to the mark that ends an invocation, or to the end of a process that died."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip("\n")
            if text.endswith(END_OF_LOGS):
                text = text.removesuffix(END_OF_LOGS)
                if text:
                    logs.append(text)
                return
            logs.append(text)
