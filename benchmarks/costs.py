"""Benchmark of the requests of replay and reconcile, which the sandbox counts, and of their speed on loopback.

The exit code is 0 only if the numbers of requests are within these bounds:

- For each key, replay reads the failed record and writes a record; for ten keys it calls OMS once.
- For a thousand keys, replay lists once, deletes once, and writes and deletes a list of keys. Keys that XML cannot
  carry are deleted singly.
- Reconcile lists twice for a thousand objects of the source bucket.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from oss_oms_sync.answers.layout import record_name
from sandbox import Sandbox
from sandbox.demo.acts import HOSTILE_KEYS
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from tools.render import render

FAILED = 25_000
OBJECTS = 200_000
HOUR = 3600
THROTTLED_KEYS, VENDOR_KEYS = 20_000, 1_000
ROOT = Path(__file__).resolve().parent.parent


class Job(NamedTuple):
    """The measurements of a finished job: its duration, its submitted keys, and its requests by kind."""

    invocations: int
    seconds: float
    keys: int
    requests: Counter[str]


def main() -> int:
    console = Console(highlight=False)
    console.print(
        f"Replay of {FAILED:,} failed records and reconcile of {OBJECTS:,} objects: about three minutes ...",
        soft_wrap=True,
    )
    problems = []
    for title, measure, bounds, units in (
        (f"replay of {FAILED:,} failed records", replay, replay_bounds, FAILED),
        (f"reconcile of {OBJECTS:,} objects, 1 % of them missing", reconcile, reconcile_bounds, OBJECTS),
    ):
        job = measure()
        allowed = bounds(job)
        problems += [
            f"{title}: {number:,} x {name}, and {allowed[name]:,} are allowed"
            for name, number in job.requests.items()
            if number > allowed[name]
        ]
        show(console, title, job, allowed, units)
    problems += check_throttling(console)
    for problem in problems:
        console.print(f"[red]{problem}", soft_wrap=True)
    console.print("[red]A bound does not hold." if problems else "[green]Every bound holds.")
    return 1 if problems else 0


def replay() -> Job:
    """Measure replay with failed records of unusual and long keys. Some records are empty, like the vendor's."""
    with Sandbox() as box, TemporaryDirectory() as folder:
        for number, key in enumerate(failed_keys()):
            name = record_name(box.task_id, "failed", key)
            empty = number % 50 == 0 and "_long/" not in name
            body = b"" if empty else json.dumps({"key": key, "reason": "UNAVAILABLE"}).encode()
            box.oss.put(box.source_bucket, key, b"contents")
            box.oss.put(box.log_bucket, name, body)
        deploy(box, Path(folder))  # after the uploads, each of which would otherwise invoke forward
        return run(box, "replay")


def check_throttling(console: Console) -> list[str]:
    """Run replay and the vendor's function while OMS throttles; print the results, and return the missed targets.

    The target is an average of at least nine keys in the calls of replay that OMS admits.
    """
    with Sandbox() as box, TemporaryDirectory() as folder:
        for number in range(THROTTLED_KEYS):
            body = json.dumps({"key": f"photos/{number:05}.jpg", "reason": "THROTTLED"}).encode()
            box.oss.put(box.source_bucket, f"photos/{number:05}.jpg", b"contents")
            box.oss.put(box.log_bucket, record_name(box.task_id, "failed", f"photos/{number:05}.jpg"), body)
        deploy(box, Path(folder))
        box.oms.throttle(200)
        job = run(box, "replay")
        admitted_calls = sum(call.status == 200 for call in box.oms.calls)
    with Sandbox() as box, TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        shutil.copytree(ROOT / "template" / "code", code)
        shutil.copy(ROOT / "benchmarks" / "baseline.py", code)
        environment = {**box.environment(), "BASELINE_V4": "1"}
        box.fc.create_function(
            "baseline",
            code,
            handler="baseline.handler",
            environment=environment,
            credentials=box.function_credentials,
            max_retries=0,
            instances=8,
        )
        box.oms.throttle(100, 20)  # this machine is too slow to reach 200 calls a second with the vendor's function
        for number in range(VENDOR_KEYS):
            box.fc.submit("baseline", event(number))
        box.fc.wait_idle(600)
        lost_keys = sum(call.status == 429 for call in box.oms.calls)
    console.print(
        f"While OMS throttles at 200 calls a second, replay brings {THROTTLED_KEYS / admitted_calls:.1f} keys a call"
        f" and drains {THROTTLED_KEYS:,} keys in {job.seconds:.0f} s. The vendor's way brings 1, and at 100 calls a"
        f" second it lost {lost_keys} of {VENDOR_KEYS} keys for good.",
        soft_wrap=True,
    )
    return (
        []
        if THROTTLED_KEYS / admitted_calls >= 9
        else [f"{THROTTLED_KEYS / admitted_calls:.1f} keys an admitted call, and 9 are wanted"]
    )


def event(number: int) -> bytes:
    change = {"oss": {"bucket": {"name": "photos"}, "object": {"key": f"photos/{number:05}.jpg"}}}
    return json.dumps({"events": [change]}).encode()


def failed_keys() -> list[str]:
    hostile_keys = [*HOSTILE_KEYS, *(f"{key}{number}" for number in range(100) for key in HOSTILE_KEYS[:12])]
    return [*hostile_keys, *(f"photos/{number:05}.jpg" for number in range(FAILED - len(hostile_keys)))]


def has_control_character(key: str) -> bool:
    """Return True if XML 1.0 cannot carry the key unchanged."""
    return any(ord(character) < 0x20 and character not in "\t\n" for character in key)


def reconcile() -> Job:
    with Sandbox() as box, TemporaryDirectory() as folder:
        etag = etag_of(b"contents").encode()
        for number in range(OBJECTS):
            key = f"photos/{number:06}.jpg"
            box.oss.put(box.source_bucket, key, b"contents")
            if number % 100:
                box.oss.put(box.log_bucket, record_name(box.task_id, "success", key), etag)
        box.advance(HOUR)
        deploy(box, Path(folder))
        return run(box, "reconcile")


def deploy(box: Sandbox, folder: Path) -> None:
    """Deploy the project with a high rate of calls of OMS, so that pauses between calls are not measured."""
    render(box.answers(), folder)
    box.deploy_project(folder, environment={**box.environment(), "OMS_RATE": "1000"})


def run(box: Sandbox, function: str) -> Job:
    requests: Counter[str] = Counter()

    def count_request(request: Request) -> bool:
        requests[name_of(request)] += 1
        return False

    for cloud in (box.oss, box.oms):
        cloud.faults.add(Fault.hang(), where=count_request)
    count_before, started, finished = len(box.fc.invocations), time.monotonic(), False
    while not finished:
        finished = box.tick(function).value["finished"]
        box.wait_idle(600)
    invocations = len(box.fc.invocations) - count_before
    return Job(invocations, time.monotonic() - started, len(box.oms.accepted), requests)


def name_of(request: Request) -> str:
    if request.raw_path.startswith("/v2/"):
        return "OMS call"
    if "list-type" in request.params:
        return "LIST"
    if "delete" in request.params:
        return "multi-delete"
    return "single DELETE" if request.method == "DELETE" else request.method


def replay_bounds(job: Job) -> dict[str, int]:
    """Return the maximum number of each request of replay: a page has 1,000 keys, and a call of OMS has ten."""
    pages = FAILED // 1000 + 2 * job.invocations
    single_deletes = sum(has_control_character(key) for key in failed_keys())
    return {
        "OMS call": FAILED // 10 + 2 * pages,
        "GET": FAILED + job.invocations,
        "PUT": FAILED + 2 * pages + job.invocations,
        "LIST": pages + 3 * job.invocations,
        "multi-delete": 2 * pages,
        "single DELETE": single_deletes,
    }


def reconcile_bounds(job: Job) -> dict[str, int]:
    """Return the maximum number of each request of reconcile, which stores its position every fifteen pages.

    An invocation also lists the states of passes, and reads the positions of their ranges, at most six times each.
    """
    pages = 2 * (OBJECTS // 1000) + 4 * job.invocations
    positions = pages // 15 + 2 * job.invocations
    return {
        "OMS call": job.keys // 10 + positions,
        "GET": 6 * job.invocations,
        "PUT": job.keys + positions + 2,
        "LIST": pages + 6 * job.invocations,
        "multi-delete": job.invocations,
        "single DELETE": 0,
    }


def show(console: Console, title: str, job: Job, allowed: dict[str, int], units: int) -> None:
    table = Table("request", "times", "allowed", "per 1,000", title=f"\n{title}")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, number in sorted(job.requests.items()):
        table.add_row(name, f"{number:,}", f"{allowed[name]:,}", f"{1000 * number / units:,.2f}")
    console.print(table)
    pace = f"{60 * units / job.seconds:,.0f} a minute on loopback"
    console.print(f"{job.invocations} invocations, {job.seconds:.0f} s, {job.keys:,} keys sent: {pace}.")


if __name__ == "__main__":
    sys.exit(main())
