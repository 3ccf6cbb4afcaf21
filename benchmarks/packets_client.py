"""Client processes of the packet-loss benchmark, which run the function's code and abandon their calls.

`python -S -s packets_client.py CODE LIBRARIES SERVER SECONDS CALL...` runs each CALL, the name of a `packets.Call`, in
its own process. Each line of standard input starts the next step: a call that opens the connection, the call that is
abandoned, the resumption of frozen processes. The program prints a line of JSON when it is ready, and a line for each
ended call.
"""

import importlib
import json
import os
import signal
import socket
import sys
import time
from types import SimpleNamespace

_FINISHING_SECONDS = 0.5
_STOPPED_AFTER_SECONDS = 1.0


def instance(name: str, deadline: float, opened: int, go: int) -> None:
    """Make a first call, which opens the connection, and then the call `name`; suspend the process if it is "frozen".

    `deadline` is in seconds. The first call writes to the pipe `opened`, and the call `name` waits for the end of the
    pipe `go`.
    """
    _, action, ended_by, state = name.split("-")
    index = importlib.import_module("index")
    objects = importlib.import_module("oss_oms_sync.clouds.objects")

    def call(key: str, seconds: float) -> None:
        function = SimpleNamespace(timeout=seconds + _FINISHING_SECONDS)
        invocation = index._instance().invocation(SimpleNamespace(request_id="1", function=function))
        start_time = time.monotonic()
        if action == "submit":
            result = invocation.oms.attempt_submission([key], invocation.deadline).result
        elif action == "put":
            (result,) = invocation.log_bucket.try_put_all([objects.StoredObject(key, b"body")])
        else:
            (result,) = invocation.log_bucket.try_delete_all([key]).values()
        end_time = time.monotonic()
        line = json.dumps({"call": key, "began": start_time, "ended": end_time, "failure": str(result or "")})
        os.write(1, f"{line}\n".encode())  # in a single write, because other processes write there as well

    call(f"first-{action}", 60)
    os.write(opened, b"1")
    os.read(go, 1)
    call(name, deadline if ended_by == "deadline" else 60)
    if state == "frozen":
        os.kill(os.getpid(), signal.SIGSTOP)
    signal.pause()


def main() -> None:
    code, libraries, server = sys.argv[1:4]
    deadline, names = float(sys.argv[4]), sys.argv[5:]
    sys.path[:] = [code, libraries, *sys.path[1:]]
    resolve = socket.getaddrinfo
    socket.getaddrinfo = lambda _, *details, **more: resolve(server, *details, **more)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  the function's log, which Function Compute takes
    importlib.import_module("index")
    importlib.import_module("oss_oms_sync.clouds.by_oss2").import_oss2()
    os.write(1, b'"ready"\n')
    sys.stdin.readline()
    (go, begin), (is_open, opened) = os.pipe(), os.pipe()
    children = {}
    for name in names:
        pid = os.fork()
        if not pid:
            os.close(begin)
            instance(name, deadline, opened, go)
        children[pid] = name
        os.read(is_open, 1)
    sys.stdin.readline()
    os.close(begin)
    time.sleep(_STOPPED_AFTER_SECONDS)
    for pid, name in children.items():
        if name.endswith("stopped"):
            os.kill(pid, signal.SIGSTOP)
    sys.stdin.readline()
    for pid, name in children.items():
        if name.endswith("frozen"):
            os.kill(pid, signal.SIGCONT)
    signal.pause()


if __name__ == "__main__":
    main()
