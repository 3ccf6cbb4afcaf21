"""The process of a function, measured from inside: `python -S -s client.py MODULE CODE LIBRARIES KEYS TIMES MARK`.

Handles TIMES events of KEYS keys each with MODULE's handler, of which each after the first finds the mark of a closed
project "known" or "due" (it was asked for over a minute ago), and prints a JSON object: seconds and CPU seconds of each
event, the peak memory in kilobytes, and the CPU seconds since the process began. Standard library only, like Function
Compute's own process around a function.
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
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_kb() -> int:
    """Return the peak memory of this process alone: getrusage includes the process it was forked from."""
    with open("/proc/self/status") as status:  # noqa: PTH123  pathlib would be imported for this alone
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main() -> None:
    module, code, libraries, mark = *sys.argv[1:4], sys.argv[6]
    keys, times = int(sys.argv[4]), int(sys.argv[5])
    sys.path[:] = [*code.split(":"), libraries, *sys.path[1:]]
    out, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: SIM115, PTH123  the function's log, which FC takes
    handler = importlib.import_module(module).handler
    context = SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=60))
    seconds, cpus = [], []
    for number in range(times):
        payload = event(range(number * keys, (number + 1) * keys))
        if mark == "due":
            sys.modules[module]._instance().oss.remembered.clear()
        before, cpu_before = time.perf_counter(), cpu()
        assert handler(payload, context) is True
        seconds.append(time.perf_counter() - before)
        cpus.append(cpu() - cpu_before)
    print(json.dumps({"seconds": seconds, "cpu": cpus, "peak": peak_kb(), "total_cpu": cpu()}), file=out, flush=True)


if __name__ == "__main__":
    main()
