"""Reconcile as a deployed function, which submits any number of objects with lost events in constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.oss.objects import etag_of
from support.world import HOUR
from tools.render import render


def test_a_reconcile_period_of_off_in_s_yaml_disables_the_timers_passes(box, deploy):
    deploy({"reconcilePeriod": "off"})
    box.oss.lose_events(lambda key: True)
    box.oss.put(box.source_bucket, "a", b"a")
    box.advance(HOUR)
    assert box.tick("reconcile").value["finished"] is False
    assert box.fc.invoke("reconcile", b"{}").value["accepted"] == 1


def name(number: int) -> str:
    """Return an object name; each block of ten names differs only in the number of `/a` before the ending."""
    return f"in/{number // 10:06}{'/a' * (number % 10)}.x"


def fill_buckets(box: Sandbox, number: int) -> set[str]:
    """Store `number` objects, most of them with records, and objects outside the project's prefix or suffix.

    Return the keys of the objects that are missing or outdated in OBS.
    """
    records = f"oms_source_record/{box.task_id}"
    missing, failed = range(17, number, 100), range(5, number, 1000)
    vendors = range(33, number, 500)
    same_second, overwritten, restored = range(71, number, 500), range(92, number, 500), range(342, number, 500)

    def put(keys: Iterable[str], data: bytes) -> None:
        for key in keys:
            box.oss.put(box.source_bucket, key, data)

    def record(state: str, numbers: Iterable[int], body: bytes) -> None:
        for number in numbers:
            box.oss.put(box.log_bucket, f"{records}/{state}_object/{name(number)}", body)

    put((f"in/old/{index:06}.x" for index in range(0, number, 50)), b"before the installation")
    box.advance(72 * HOUR)
    put(map(name, range(number)), b"A")
    record("success", sorted(set(range(number)) - {*missing, *failed}), etag_of(b"A").encode())
    record("success", vendors, b"")
    record("failed", failed, b"{}")
    put(map(name, same_second), b"B")  # or the next second, which comes to the same
    box.advance(HOUR)
    put(map(name, [*overwritten, *restored]), b"B")
    put(map(name, restored), b"A")
    put((f"out/{index:06}.x" for index in range(0, number, 100)), b"outside the prefix")
    put((f"in/{index:06}.y" for index in range(0, number, 100)), b"outside the suffix")
    box.advance(HOUR)
    return {name(index) for numbers in (missing, vendors, same_second, overwritten, restored) for index in numbers}


def highest_memory(box: Sandbox) -> int:
    """Return the peak memory of the function's processes in kilobytes: the maximum over all processes."""
    statuses = (Path(f"/proc/{pid}/status").read_text().splitlines() for pid in box.fc.pids())
    return max(int(line.split()[1]) for status in statuses for line in status if line.startswith("VmHWM:"))


@pytest.mark.extras
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory's peak from /proc")
def test_reconcile_submits_200_000_objects_in_constant_memory(tmp_path):
    peaks = {}
    for number in (20_000, 200_000):
        with Sandbox(overwrite_mode="FULL_OVERWRITE", forks=True) as box:
            wanted = fill_buckets(box, number)
            folder = tmp_path / str(number)
            render(box.answers(), folder)
            # In a single piece, by a single instance, at a rate that loopback sustains.
            single = {"LANES": "1", "PIECE_SECONDS": "300", "OMS_RATE": "1000"}
            scope = {"OBJECT_PREFIX": "in/", "OBJECT_SUFFIX": ".x"}
            box.deploy_project(folder, environment={**box.environment(), **single, **scope}, retry_delay=0.001)
            report = box.tick("reconcile").value
            assert box.oms.accepted == dict.fromkeys(wanted, 1)
            expected = {"finished": True, "scanned": number, "failed_before": number // 1000}
            expected |= dict.fromkeys(("submitted", "accepted"), len(wanted))
            expected["covered"] = number - len(wanted) - number // 1000
            assert {name: report[name] for name in expected} == expected
            peaks[number] = highest_memory(box)
    # Python and full pages take 44 MB at 20,000 objects and 48 MB at 400,000; keeping 200,000 names takes 20 MB more.
    assert peaks[200_000] < 1.25 * peaks[20_000], peaks
