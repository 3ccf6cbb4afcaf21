"""The program in an instance's process, which passes each event to the function's handler.

`ProcessInstances` starts it with `python -S -s` and a clean environment. Events and results are lines of JSON on a
socket, because functions may print.

Like FC's own bootstrap (that of python3.9, 2023), it imports the handler at the first invocation, wraps the output
before this import, and ends an invocation by SIGTERM at its timeout. Other sources: help.aliyun.com/zh/functioncompute,
"Context" and "Error handling" of Python.
"""

from __future__ import annotations

import base64
import ctypes
import datetime
import faulthandler
import importlib
import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TextIO

END_OF_LOGS = "\0end of invocation\0"
_MAX_WRITE_BYTES = 128 * 1024
_EXIT_CODE = 128 + signal.SIGTERM
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, even while this process is frozen.

    On other systems than Linux the closed socket ends this process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def exit_on_sigterm() -> None:
    """Make SIGTERM, which the service sends at the timeout, print the stacks and exit, so that `finally` blocks run."""

    def exit_process(*_: object) -> None:
        faulthandler.dump_traceback(1, all_threads=True)
        sys.exit(_EXIT_CODE)

    signal.signal(signal.SIGTERM, exit_process)


class Clock:
    """The clock that a function's modules read in place of the machine's clock.

    `install` replaces functions of Python's time modules, so it runs before the import of the function's modules. The
    clock is `lead` seconds ahead of the machine's clock, and was `first_lead` seconds ahead at the first event.
    """

    lead = first_lead = 0.0
    _is_set = False

    @classmethod
    def set_lead(cls, lead: float) -> None:
        if not cls._is_set:
            cls.first_lead, cls._is_set = lead, True
        cls.lead = lead

    @classmethod
    def install(cls) -> None:
        datetime_class, machine_time, machine_monotonic = datetime.datetime, time.time, time.monotonic

        class ShiftedDatetime(datetime_class):  # type: ignore[misc, valid-type]
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> Any:
                return cls.fromtimestamp(time.time(), tz)

            @classmethod
            def utcnow(cls) -> Any:
                return cls.now(datetime.timezone.utc).replace(tzinfo=None)

        time.time = lambda: machine_time() + cls.lead
        time.monotonic = lambda: machine_monotonic() + cls.lead - cls.first_lead
        datetime.datetime = ShiftedDatetime  # type: ignore[misc]


class _Output:
    """The function's standard output, which cuts off the end of a write above 128 KB."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        encoded_text = text.encode("utf-8", "surrogatepass")
        if len(encoded_text) > _MAX_WRITE_BYTES:
            text = encoded_text[:_MAX_WRITE_BYTES].decode("utf-8", "ignore")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _LogFormatter(logging.Formatter):
    """A formatter of log lines as in FC's runtime: time, request id, level, message."""

    request_id = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return f"{record.asctime} {self.request_id} [{record.levelname}] {record.message}"

    def usesTime(self) -> bool:  # noqa: N802
        return True


def set_up_logging() -> _LogFormatter:
    formatter = _LogFormatter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root_logger = logging.getLogger()
    root_logger.addHandler(handler)
    root_logger.setLevel(logging.INFO)
    return formatter


def make_context(request_id: str, setup: dict[str, Any]) -> SimpleNamespace:
    """Return the `context` argument of a handler; it has credentials only under python3.10."""
    context = SimpleNamespace(
        request_id=request_id,
        function=SimpleNamespace(**setup["function"]),
        region=setup["region"],
        account_id=setup["account_id"],
        logger=logging.getLogger(),
        log_project="",
        log_store="",
    )
    if setup["credentials"] is not None:
        context.credentials = SimpleNamespace(**setup["credentials"])
    return context


def find_handler(handler: str) -> Callable[..., Any]:
    module_name, _, function_name = handler.rpartition(".")
    function: Callable[..., Any] = getattr(importlib.import_module(module_name.replace("/", ".")), function_name)
    return function


def make_reply(value: Any) -> dict[str, Any]:
    """Return the reply of a handler that returned `value`.

    Its field `body` is the answer as FC sends it: bytes and text unchanged, other values as JSON.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return {"outcome": "returned", "value": value, "body": value}
    body = json.dumps(value, indent=4, sort_keys=True)
    return {"outcome": "returned", "value": json.loads(body), "body": body}


def make_failure_reply(error: BaseException) -> dict[str, Any]:
    stack = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return {
        "outcome": "raised",
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": [
            [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line] for frame in stack
        ],
    }


def handle_message(message: dict[str, Any], setup: dict[str, Any]) -> dict[str, Any]:
    """Call the handler with the event in a message; return the reply, also if the handler raises an exception."""
    event = base64.b64decode(message["payload"])
    try:
        return make_reply(find_handler(message["call"])(event, make_context(message["request_id"], setup)))
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return make_failure_reply(error)


def send_reply(channel: Any, reply: dict[str, Any]) -> None:
    """Send the reply of an invocation, after the output of a line that ends the invocation's logs."""
    sys.stdout.flush()
    sys.stderr.flush()
    print(END_OF_LOGS, file=sys.__stdout__, flush=True)
    channel.write(json.dumps(reply).encode() + b"\n")
    channel.flush()


def serve_events(channel: Any) -> None:
    setup = json.loads(channel.readline())
    sys.stdout = _Output(sys.stdout)
    formatter = set_up_logging()
    exit_on_sigterm()
    standard_library = sys.path[1:]  # the first entry is the folder of this script
    sys.path[:] = [setup["code"], setup["libraries"], *standard_library]
    channel.write(b"ready\n")
    channel.flush()
    for line in channel:
        message = json.loads(line)
        Clock.set_lead(message["ahead"])
        formatter.request_id = message["request_id"]
        send_reply(channel, handle_message(message, setup))


if __name__ == "__main__":
    Clock.install()
    die_with_parent(int(sys.argv[2]))
    serve_events(socket.socket(fileno=int(sys.argv[1])).makefile("rwb"))
