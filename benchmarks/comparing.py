"""Benchmark of comparisons: their memory, time and costs, next to those of `rclone check`.

Memory and the speed of `compare --deep` are measured; the time is estimated, and costs are computed from list prices.
The exit code is 0 only if the memory does not grow with the number of objects.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.rclone import measure_with_rclone
from benchmarks.simulated_pass import COMPARE, PIECE_SECONDS
from ops.cost.effort import MAX_LANES
from ops.cost.prices import DOLLARS_PER_REQUEST, dollars_for_function
from oss_oms_sync.clouds.bucket import _PART_BYTES
from oss_oms_sync.clouds.connection import MAX_LONG_BODY_BYTES, read_body
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.judge import Judge, JudgementTimes
from oss_oms_sync.comparison.proof import _PART_SIZES, _EtagDigest
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.tally import Tally
from sandbox.server.certificate import make_certificate

FEW, MANY = 100_000, 1_000_000
GROWTH_ALLOWED = 1.1
# OBS's list prices: for a million keys, requests and traffic out of OBS, at 7 yuan a dollar.
DOLLARS_PER_MILLION_LISTED_IN_OBS = (0.001 + 0.15) / 7
PAGE = 1000
_ROUNDS = 64
NOW = 1_800_000_000


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    few, many = measure_peak(FEW), measure_peak(MANY)
    is_flat = many <= few * GROWTH_ALLOWED
    console.print(f"Peak memory after {FEW:,} and {MANY:,} objects: {few:.0f} and {many:.0f} MB")
    bytes_per_second = measure_hashing()
    console.print(
        f"deep: {bytes_per_second / 1e6:.0f} MB of contents a second and core (read over TLS; MD5 by both part sizes)"
    )
    table = Table("a comparison of", "lanes", "time", "Function Compute", "OSS", "OBS", "dollars")
    for objects, lanes in ((10**6, 1), (10**8, MAX_LANES), (10**9, 64)):
        table.add_row(f"{objects:,} objects", str(lanes), *estimate_row(objects, lanes))
    console.print(table)
    console.print(f"Assumed: {1e6 * COMPARE.computing:.0f} us of a vCPU an object, {COMPARE.cpu:g} vCPU a lane.")
    console.print(f"A vCPU is half a core: {bytes_per_second / 2e6:.0f} MB a second and lane, if computing decides.")
    measure_with_rclone(console)
    console.print("[green]Memory is flat." if is_flat else "[red]Memory grows with the number of objects.")
    return 0 if is_flat else 1


def measure_peak(objects: int) -> float:
    """Return the peak memory in MB of a process that classifies `objects` equal objects."""
    process = os.fork()
    if process:
        _, _, usage = os.wait4(process, 0)
        return usage.ru_maxrss / 1024
    count = CompareCount(Judge(KeyFilter(), JudgementTimes(NOW, None), 0.0), Tally(), 0.0, "")
    for entry in make_entries(objects):
        count.add(entry, lambda _: True)
    count.tally()
    os._exit(0)


def make_entries(objects: int) -> Iterator[Entry]:
    for number in range(objects):
        key = f"photos/{number // 1000:06}/{number:09}.jpg"
        source = ObjectSummary(key, "A" * 32, 1000, NOW - 100_000)
        yield Entry(key, source, None, None, source._replace(modified=NOW - 99_990))


def measure_hashing() -> float:
    """Return the speed at which a core reads and hashes contents like `compare --deep`, in bytes per CPU second.

    The contents are read over TLS, and hashed into an ETag for each of OMS's two part sizes.
    """
    with TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = HTTPServer(("127.0.0.1", 0), _Contents)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        process = os.fork()
        if not process:
            server.handle_request()
            os._exit(0)
        digests = [_EtagDigest(size) for size in _PART_SIZES]
        with requests.Session() as session:
            session.trust_env, session.verify = False, str(certificate)
            start_time = time.process_time()
            for _ in range(_ROUNDS):
                body = read_body(
                    session.get(f"https://127.0.0.1:{server.server_port}/", stream=True), MAX_LONG_BODY_BYTES
                )
                for digest in digests:
                    digest.update(body)
            cpu_seconds = time.process_time() - start_time
        os.waitpid(process, 0)
        server.server_close()
    return _ROUNDS * _PART_BYTES / cpu_seconds


class _Contents(BaseHTTPRequestHandler):
    """An HTTP handler that answers each GET with as many bytes as `compare --deep` requests at once."""

    protocol_version = "HTTP/1.1"
    _body = os.urandom(_PART_BYTES)

    def do_GET(self) -> None:
        self.send_response(206)
        self.send_header("Content-Length", str(_PART_BYTES))
        self.end_headers()
        self.wfile.write(self._body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the base class
        """Print nothing; the base class would print a line for each request."""


def estimate_row(objects: int, lanes: int) -> tuple[str, ...]:
    busy = objects / PAGE * COMPARE.page_seconds()
    function = dollars_for_function(busy / PIECE_SECONDS, busy, COMPARE.cpu, COMPARE.megabytes)
    oss = 2 * objects / PAGE * DOLLARS_PER_REQUEST
    obs = objects / 1e6 * DOLLARS_PER_MILLION_LISTED_IN_OBS
    dollars = function + oss + obs
    return f"{busy / lanes / 60:,.0f} min", f"{function:.2f}", f"{oss:.2f}", f"{obs:.2f}", f"{dollars:.2f}"


if __name__ == "__main__":
    sys.exit(main())
