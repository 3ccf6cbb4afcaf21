"""A process that runs a function's handler: `python -S -s client.py MODULE CODE LIBRARIES KEYS TIMES MARK`.

It handles TIMES events of KEYS keys each with MODULE's handler. MARK is "due" if the handler must read from the log
bucket at each event that the project is open, and "known" if it remembers this. The process prints the measurements as
JSON. It imports only the standard library, like Function Compute's own process around a function.
"""

import importlib
import json
import resource
import sys
import time
from types import SimpleNamespace


def event(keys: range) -> bytes:
    changes = [
        {
            "eventName": "ObjectCreated:PutObject",
            "eventSource": "acs:oss",
            "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "oss": {"bucket": {"name": "photos"}, "object": {"key": f"photos/{key:06}.jpg", "eTag": "0" * 32}},
        }
        for key in keys
    ]
    return json.dumps({"events": changes}).encode()


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_kb() -> int:
    """Return this process's own peak memory; `getrusage` would include the process from which it was forked."""
    with open("/proc/self/status") as status:  # noqa: PTH123  pathlib would be imported for this alone
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main() -> None:
    module, code, libraries, mark = *sys.argv[1:4], sys.argv[6]
    keys, times = int(sys.argv[4]), int(sys.argv[5])
    sys.path[:] = [*code.split(":"), libraries, *sys.path[1:]]
    out, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: SIM115, PTH123  the function's log, which FC takes
    handler = importlib.import_module(module).handler
    context = SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=60))
    seconds, cpu_seconds = [], []
    for number in range(times):
        payload = event(range(number * keys, (number + 1) * keys))
        if mark == "due":
            sys.modules[module]._instance().oss.remembered_facts.clear()
        before, cpu_before = time.perf_counter(), cpu()
        assert handler(payload, context) is True
        seconds.append(time.perf_counter() - before)
        cpu_seconds.append(cpu() - cpu_before)
    print(
        json.dumps({"seconds": seconds, "cpu": cpu_seconds, "peak": peak_kb(), "total_cpu": cpu()}),
        file=out,
        flush=True,
    )


if __name__ == "__main__":
    main()
