"""Instances that are forked from a process with the imported code, for tests that start many instances.

They start sooner than instances in the cloud, so tests of cold starts cannot use them.
"""

from __future__ import annotations

import asyncio
import atexit
import filecmp
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.fc.instance import MAX_MESSAGE_BYTES, ProcessInstance, ProcessInstances, connect_instance
from sandbox.runtimes import Runtime

CODE = Path(__file__).parents[2] / "template" / "code"
_SCRIPT = Path(__file__).with_name("fork_server.py")


class ForkedInstances(ProcessInstances):
    """A source of instances that are forked from a process (`fork_server`), which has imported the template's code.

    Instances of any other code start as new processes.
    """

    async def start(
        self, runtime: Runtime, setup: Mapping[str, Any], environment: Mapping[str, str]
    ) -> ProcessInstance:
        if not hasattr(os, "pidfd_open") or not _is_imported_code(Path(setup["code"])):
            return await super().start(runtime, setup, environment)
        output, output_end = os.pipe()
        async with connect_instance(setup, runtime) as (instance_socket, reader, writer):
            message = json.dumps({"environment": dict(environment), "code": setup["code"]}).encode()
            pid = _get_fork_server(runtime).fork(message, instance_socket.fileno(), output_end)
        os.close(output_end)
        process = _Child(pid)
        await process.read(output)
        return ProcessInstance(process, reader, writer, self.find_lead)


class _Child:
    """A child process with the interface of asyncio's Process; `stdout` is None until `read` is called."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = None
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)
        self._has_ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._end)

    async def read(self, output: int) -> None:
        self.stdout = asyncio.StreamReader(MAX_MESSAGE_BYTES)
        protocol = asyncio.StreamReaderProtocol(self.stdout)
        self._transport, _ = await self._loop.connect_read_pipe(lambda: protocol, os.fdopen(output, "rb", 0))

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._fd, number)

    async def wait(self) -> None:
        await self._has_ended.wait()
        # The transport closes the pipe in the next step of the event loop, and the loop may stop now.
        self._transport.close()
        await asyncio.sleep(0)

    def _end(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self.returncode = -1
        self._has_ended.set()


class _ForkServer:
    def __init__(self, runtime: Runtime) -> None:
        self._control, instance_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with instance_socket:
            self._process = subprocess.Popen(
                [
                    *(runtime.interpreter, "-S", "-s", str(_SCRIPT)),
                    *(str(instance_socket.fileno()), str(CODE), str(runtime.libraries)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[instance_socket.fileno()],
                env={"PYTHONDONTWRITEBYTECODE": "1"},
            )
        assert self._control.recv(16) == b"ready"
        atexit.register(self._stop)

    def fork(self, message: bytes, channel: int, output: int) -> int:
        socket.send_fds(self._control, [message], [channel, output])
        return int(self._control.recv(16))

    def _stop(self) -> None:
        self._control.close()
        self._process.wait()


@cache
def _get_fork_server(runtime: Runtime) -> _ForkServer:
    return _ForkServer(runtime)


def _is_imported_code(folder: Path) -> bool:
    names, copied_names = ([str(path.relative_to(root)) for path in root.rglob("*.py")] for root in (CODE, folder))
    return {*names} == {*copied_names} and not any(filecmp.cmpfiles(folder, CODE, names, shallow=False)[1:])
