"""The parent process of forked instances, which has imported the function's code and libraries in advance.

Each message over the control socket forks an instance, with the environment, setup, socket and output pipe in the
message. The reply is the process id. The parent ends when the control socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
from typing import Any

import bootstrap  # type: ignore[import-not-found]  # beside this script

_PACKAGE = "oss_oms_sync"
_MAX_MESSAGE_BYTES = 64 * 1024


def import_modules(code: str, libraries: str) -> None:
    """Import all modules that an instance can import, except `index`, the module of the handlers."""
    own_path = list(sys.path)
    sys.path[:] = [code, libraries, *own_path[1:]]
    for package in pkgutil.walk_packages(importlib.import_module(_PACKAGE).__path__, f"{_PACKAGE}."):
        importlib.import_module(package.name)
    importlib.import_module(f"{_PACKAGE}.clouds.by_oss2").import_oss2()
    sys.path[:] = own_path
    gc.freeze()


def run_instance(parent: int, message: dict[str, Any], channel: int, output: int) -> None:
    bootstrap.die_with_parent(parent)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.environ.clear()
    os.environ.update(message["environment"])
    os.chdir(message["code"])
    own_path = list(sys.path)
    sys.path.insert(0, message["code"])
    # The package records the time of its import and its folder.
    importlib.reload(sys.modules[_PACKAGE])
    sys.path[:] = own_path
    bootstrap.serve_events(socket.socket(fileno=channel).makefile("rwb"))


def main(control: socket.socket) -> None:
    parent = os.getpid()
    control.send(b"ready")
    while True:
        message, files, _, _ = socket.recv_fds(control, _MAX_MESSAGE_BYTES, 2)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not message:
            return
        pid = os.fork()
        if not pid:
            control.close()
            run_instance(parent, json.loads(message), *files)
            return
        for file in files:
            os.close(file)
        control.send(str(pid).encode())


if __name__ == "__main__":
    bootstrap.Clock.install()
    import_modules(*sys.argv[2:])
    main(socket.socket(fileno=int(sys.argv[1])))
