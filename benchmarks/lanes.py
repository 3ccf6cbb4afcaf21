"""Benchmark of reconcile passes in the sandbox by the number of lanes, which are parallel instances of the function.

The listings of the sandbox take as long as they can in the cloud. The exit code is 0 only if every total is exact, and
the target holds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from oss_oms_sync.answers.layout import record_name
from sandbox import Sandbox
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from tools.render import render

OBJECTS = 400_000
LANES = [1, 4, 16]
LISTING_SECONDS = 0.3
TIMES = 10.0
HOUR = 3600


class Pass(NamedTuple):
    """The measurements of a pass; `sandbox` is the number of cores that the sandbox itself used meanwhile."""

    lanes: int
    seconds: float
    ranges: int
    invocations: int
    listings: int
    sandbox: float


def main() -> int:
    console = Console(highlight=False)
    console.print(
        f"Two passes over {OBJECTS:,} objects, with listings that take {1000 * LISTING_SECONDS:g} ms, with"
        f" {', '.join(map(str, LANES))} lanes: about eight minutes ...",
        soft_wrap=True,
    )
    measured = [both_passes(lanes) for lanes in track(LANES, console=console, description="measured")]
    first, second = zip(*measured, strict=True)
    show(console, "first pass", first)
    show(console, "second pass, which has the marks of the first", second)
    speedup = second[0].seconds / second[-1].seconds
    verdict = "[green]which holds" if speedup >= TIMES else "[red]missed"
    console.print(
        f"A second pass with {LANES[-1]} lanes is {speedup:.1f} times as fast as with one. At least {TIMES:g} is the"
        f" target, {verdict}.",
        soft_wrap=True,
    )
    return 0 if speedup >= TIMES else 1


def both_passes(lanes: int) -> list[Pass]:
    """Run two passes over the same objects; the second splits the keys by the object counts of the first."""
    with Sandbox() as box, TemporaryDirectory() as folder:
        keys = [f"photos/{number // 1000:04}/{number:07}.jpg" for number in range(OBJECTS)]
        etag = etag_of(b"")
        box.oss.fill(box.source_bucket, keys, age=2 * HOUR)
        records = (record_name(box.task_id, "success", key) for key in keys)
        box.oss.fill(box.log_bucket, records, size=len(etag), etag=etag_of(etag.encode()), age=HOUR)
        render(box.answers(), Path(folder))
        # An additional instance for the caller that starts the pass and waits.
        environment = {**box.environment(), "LANES": str(lanes)}
        box.deploy_project(Path(folder), environment=environment, instances=lanes + 1)
        box.oss.set_latency(listing=LISTING_SECONDS)
        return [measure(box, lanes, options) for options in ({}, {"restart": True})]


def measure(box: Sandbox, lanes: int, options: dict[str, bool]) -> Pass:
    """Start a pass by a call with `options`, and measure it until the object with its total is written."""
    end_times: list[float] = []
    listings = 0

    def watch(request: Request) -> bool:
        nonlocal listings
        listings += "list-type" in request.params
        if request.method == "PUT" and request.raw_path.endswith("total"):
            end_times.append(time.monotonic())
        return False

    box.oss.faults.add(Fault.hang(), where=watch)
    box.fc.invocations.clear()
    start_time, start_cpu = time.monotonic(), time.process_time()
    result = box.fc.invoke("reconcile", json.dumps(options).encode()).value
    cores = (time.process_time() - start_cpu) / (time.monotonic() - start_time)
    box.wait_idle(60)
    box.oss.faults.clear()
    assert (result["scanned"], result["covered"], result["finished"]) == (OBJECTS, OBJECTS, True), result
    return Pass(lanes, end_times[0] - start_time, result["ranges"]["done"], len(box.fc.invocations), listings, cores)


def show(console: Console, title: str, passes: tuple[Pass, ...]) -> None:
    table = Table(title=f"\n{title}")
    for name in ("lanes", "seconds", "times", "ranges", "invocations", "listings", "cores of the sandbox"):
        table.add_column(name, justify="right")
    for pass_ in passes:
        times = passes[0].seconds / pass_.seconds
        table.add_row(
            str(pass_.lanes),
            f"{pass_.seconds:.1f}",
            f"{times:.1f}",
            str(pass_.ranges),
            str(pass_.invocations),
            f"{pass_.listings:,}",
            f"{pass_.sandbox:.2f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
