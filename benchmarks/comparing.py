"""What comparisons take and cost: memory and bytes of `deep` measured here, time and money reckoned from list prices;
beside `rclone check`.

Exit code 0 only when the memory does not grow with the number of objects.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from benchmarks.rclone import beside_rclone
from benchmarks.simulated_pass import CPU_AN_OBJECT, PIECE_SECONDS, page_seconds
from ops.prices import DOLLARS_A_REQUEST, dollars_for_function
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.comparison.classes import Moments
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.judge import Judge
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.classify import Entry
from oss_oms_sync.passes.tally import Tally

FEW, MANY = 100_000, 1_000_000
GROWTH_ALLOWED = 1.1
# An object of compare takes this many times what one of reconcile does (see benchmarks.listing).
TIMES_RECONCILE = 1.6
# The size of the function `compare`.
CPU, MEGABYTES = 1.0, 1024
# OBS's list prices: for a million keys, requests and traffic out of OBS, at 7 yuan a dollar.
DOLLARS_A_MILLION_LISTED_IN_OBS = (0.001 + 0.15) / 7
PAGE = 1000
NOW = 1_800_000_000


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    few, many = memory(FEW), memory(MANY)
    flat = many <= few * GROWTH_ALLOWED
    console.print(f"Peak memory after {FEW:,} and {MANY:,} objects: {few:.0f} and {many:.0f} MB")
    speed = bytes_a_second()
    console.print(f"deep: {speed / 1e6:.0f} MB of contents a second and core (MD5 by both part sizes; no network)")
    table = Table("a comparison of", "lanes", "time", "Function Compute", "OSS", "OBS", "dollars")
    for objects, lanes in ((10**6, 1), (10**8, 16), (10**8, 32), (10**9, 64)):
        table.add_row(f"{objects:,} objects", str(lanes), *reckoned(objects, lanes))
    console.print(table)
    console.print(f"Assumed: {1e6 * CPU_AN_OBJECT * TIMES_RECONCILE:.0f} us of a vCPU an object, {CPU:g} vCPU a lane.")
    seconds = 1e14 / (speed / 2 * CPU * 16)
    dollars = dollars_for_function(seconds * 16 / PIECE_SECONDS, seconds * 16, CPU, MEGABYTES)
    console.print(
        f"deep of 100 TB at 16 lanes, if computing decides (a vCPU is half a core): {seconds / 3600:.0f} h,"
        f" {dollars:.0f} dollars of Function Compute; reading within the region is free of traffic."
    )
    beside_rclone(console)
    console.print("[green]Memory is flat." if flat else "[red]Memory grows with the number of objects.")
    return 0 if flat else 1


def memory(objects: int) -> float:
    """Peak memory in MB of a process that counts so many equal objects."""
    process = os.fork()
    if process:
        _, _, used = os.wait4(process, 0)
        return used.ru_maxrss / 1024
    count = CompareCount(Judge(KeyFilter(), Moments(NOW, None), 0.0), Tally(), 0.0, "")
    for entry in entries(objects):
        count.judge(entry)
        count.add()
    count.tally()
    os._exit(0)


def entries(objects: int) -> Iterator[Entry]:
    for number in range(objects):
        key = f"photos/{number // 1000:06}/{number:09}.jpg"
        one = ObjectSummary(key, "A" * 32, 1000, NOW - 100_000)
        yield Entry(key, one, None, None, one._replace(modified=NOW - 99_990))


def bytes_a_second() -> float:
    contents, rounds = os.urandom(8 * 1024 * 1024), 32
    began = time.process_time()
    digests = [hashlib.md5(usedforsecurity=False) for _ in range(2)]
    for _ in range(rounds):
        for digest in digests:
            digest.update(contents)
    return rounds * len(contents) / (time.process_time() - began)


def reckoned(objects: int, lanes: int) -> tuple[str, ...]:
    busy = objects / PAGE * page_seconds(PAGE * CPU_AN_OBJECT * TIMES_RECONCILE / CPU)
    function = dollars_for_function(busy / PIECE_SECONDS, busy, CPU, MEGABYTES)
    oss = 2 * objects / PAGE * DOLLARS_A_REQUEST
    obs = objects / 1e6 * DOLLARS_A_MILLION_LISTED_IN_OBS
    dollars = function + oss + obs
    return f"{busy / lanes / 60:,.0f} min", f"{function:.2f}", f"{oss:.2f}", f"{obs:.2f}", f"{dollars:.2f}"


if __name__ == "__main__":
    sys.exit(main())
