"""Passes in many processes, whose counts equal those of a plain loop over the objects, even after kills."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from oss_oms_sync.answers.layout import record_name
from sandbox import Sandbox
from sandbox.oss.call import parse_address
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request

TIMEOUT = 120
HOUR = 3600
STALE, STORED = etag_of(b"A"), etag_of(b"B")


def fill_buckets(box: Sandbox, number: int) -> None:
    """Store objects with their records.

    In each hundred objects, one has no record, one has an outdated record, and one has a failed record.
    """
    keys = [f"photos/{index // 700:03}/{index:06}.jpg" for index in range(number)]
    box.oss.fill(box.source_bucket, keys, etag=STORED, age=2 * HOUR)
    for state, etag, some in (
        ("success", STORED, (key for index, key in enumerate(keys) if index % 100 not in (17, 42, 71))),
        ("success", STALE, keys[42::100]),
        ("failed", "{}", keys[71::100]),
    ):
        records = (record_name(box.task_id, state, key) for key in some)
        box.oss.fill(box.log_bucket, records, size=32, etag=etag_of(etag.encode()), age=HOUR)


def count(box: Sandbox) -> tuple[dict[str, int], set[str]]:
    """Return the counts that a pass should have, and the keys that it should submit, computed by a plain loop."""
    counts: Counter[str] = Counter()
    missing = set()
    records = box.oss.objects(box.log_bucket)
    for key, stored in box.oss.objects(box.source_bucket).items():
        success, failed = (records.get(record_name(box.task_id, state, key)) for state in ("success", "failed"))
        counts["scanned"] += 1
        counts["inside"] += 1  # of the project's filter: all are
        if success and success.etag == etag_of(stored.etag.encode()) and success.last_modified >= stored.last_modified:
            counts["covered"] += 1
        elif failed and failed.last_modified >= stored.last_modified:
            counts["failed_before"] += 1
        else:
            missing.add(key)
    return {**counts, "submitted": len(missing), "accepted": len(missing)}, missing


def totals(box: Sandbox) -> list[dict[str, Any]]:
    stored = box.oss.objects(box.log_bucket).copy()
    return [json.loads(piece.data) for name, piece in stored.items() if "/passes/" in name and name.endswith("/total")]


@pytest.mark.long
def test_a_reconcile_pass_counts_all_objects_despite_killed_processes(box, deploy_lanes):
    # GIVEN 32,000 objects, eight instances, and death of two in five invocations
    fill_buckets(box, 32_000)
    expected, missing = count(box)
    # With a short timeout, a tick waits only briefly for lost workers.
    deploy_lanes(8, timeout=25)

    def is_page(request: Request) -> bool:
        return parse_address(request).bucket == box.source_bucket and request.params.get("max-keys") == "1000"

    box.oss.faults.add(Fault.slow(0.3), where=is_page)
    box.fc.kill_at_random(0.4, max_seconds=1, seed=14, name="reconcile")

    # WHEN ticks come, an hour apart, until the pass ends
    ticks = 0
    while not totals(box):
        assert ticks < 20
        box.advance(HOUR if ticks else 0)
        box.tick("reconcile")
        box.wait_idle(TIMEOUT)
        ticks += 1

    # THEN exactly the missing keys are submitted
    assert box.oms.accepted.keys() == missing
    # AND each object is counted once: as submitted, or as covered if its worker died before it wrote its piece
    (total,) = totals(box)
    counts = {name: number for name, number in total["passed"]["counts"].items() if number}
    sent_before = expected["submitted"] - counts["submitted"]
    assert sent_before >= 0
    sent = dict.fromkeys(("submitted", "accepted"), counts["submitted"])
    assert counts == {**expected, **sent, "covered": expected["covered"] + sent_before}
    # AND many workers took part, and many died
    assert [invocation.outcome for invocation in box.fc.invocations].count("crashed") >= 3
    assert total["ranges_done"] >= 3
