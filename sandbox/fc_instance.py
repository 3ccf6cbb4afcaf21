"""One Function Compute instance: a process that loads a code folder and handles one event at a time.

Started by sandbox.fc with `python -S -s` and a clean environment; it imports the standard library only, and what the
function imports comes from its own folder or from the runtime's libraries. Events and results go over a socket, one
JSON document a line, because functions may print. Context: help.aliyun.com/zh/functioncompute, "Context" of Python.
"""

from __future__ import annotations

import base64
import ctypes
import importlib
import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any

END_OF_LOGS = "\0end of invocation\0"
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """A killed test leaves no process behind, not even a frozen one. Elsewhere the closed socket must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class _LogFormatter(logging.Formatter):
    """Lines as FC's runtime writes them: time, request id, level, message."""

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
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return formatter


def make_context(request_id: str, setup: dict[str, Any]) -> SimpleNamespace:
    """The second argument of a handler; `credentials` exists in python3.10 only."""
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


def load(setup: dict[str, Any]) -> Any:
    """Import the handler and run its module's `initialize`, once."""
    standard_library = sys.path[1:]  # the first entry is this script's folder
    sys.path[:] = [setup["code"], setup["libraries"], *standard_library]
    module_name, _, function_name = setup["function"]["handler"].rpartition(".")
    module = importlib.import_module(module_name.replace("/", "."))
    handler = getattr(module, function_name)
    initialize = getattr(module, "initialize", None)
    if callable(initialize):
        initialize(make_context("initialize", setup))
    return handler


def as_json(value: Any) -> Any:
    """A result as FC passes it on: bytes and text as they are, all else as JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    json.dumps(value)
    return value


def failure(error: BaseException) -> dict[str, Any]:
    return {
        "outcome": "raised",
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_exception(type(error), error, error.__traceback__),
    }


def handle(handler: Any, message: dict[str, Any], setup: dict[str, Any]) -> dict[str, Any]:
    try:
        event = base64.b64decode(message["payload"])
        value = as_json(handler(event, make_context(message["request_id"], setup)))
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return failure(error)
    return {"outcome": "returned", "value": value}


def finish(channel: Any, reply: dict[str, Any]) -> None:
    """Send the result, and mark in the output where this invocation's logs end."""
    sys.stderr.flush()
    print(END_OF_LOGS, flush=True)
    channel.write(json.dumps(reply).encode() + b"\n")
    channel.flush()


def serve(channel: Any) -> None:
    setup = json.loads(channel.readline())
    formatter = set_up_logging()
    try:
        handler = load(setup)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        finish(channel, failure(error))
        return
    finish(channel, {"outcome": "ready"})
    for line in channel:
        message = json.loads(line)
        formatter.request_id = message["request_id"]
        finish(channel, handle(handler, message, setup))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    serve(socket.socket(fileno=int(sys.argv[1])).makefile("rwb"))
