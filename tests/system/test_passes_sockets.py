"""A pass spreads over processes of the rendered project: whatever dies or is lost, it counts as a plain loop."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from oss_oms_sync.ledger.records import record_name
from sandbox import Sandbox
from sandbox.oss.call import address_of
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request

TIMEOUT = 120
HOUR = 3600
STALE, STORED = etag_of(b"A"), etag_of(b"B")


def furnish(box: Sandbox, number: int) -> None:
    """`number` objects, most of them in step; of each hundred one has no record, another that of an older version, a
    third a failed one."""
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
    """What a pass has to count, and the keys that it has to send, by a plain loop over what is in the buckets."""
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


def slow_pages(box: Sandbox, seconds: float, times: int | None = None) -> None:
    """Let so many pages of what is at the source take so long each, and nothing else."""

    def is_page(request: Request) -> bool:
        return address_of(request).bucket == box.source_bucket and request.params.get("max-keys") == "1000"

    box.oss.faults.add(Fault.slow(seconds), times, is_page)


def totals(box: Sandbox) -> list[dict[str, Any]]:
    stored = box.oss.objects(box.log_bucket).copy()
    return [json.loads(piece.data) for name, piece in stored.items() if "/passes/" in name and name.endswith("/total")]


def counted(total: dict[str, Any]) -> dict[str, int]:
    """Only what is not zero."""
    return {name: number for name, number in total["passed"]["counts"].items() if number}


@pytest.mark.long
def test_a_pass_whose_processes_are_killed_at_random_counts_and_sends_what_a_plain_loop_finds(box, spread):
    # GIVEN 60,000 objects, eight instances, and death for every fourth invocation that lasts
    furnish(box, 60_000)
    expected, missing = count(box)
    # A tick does not wait for long for what is lost.
    spread(8, timeout=25)
    slow_pages(box, 0.3)
    box.fc.kill_at_random(0.4, within=1, seed=14, name="reconcile")

    # WHEN ticks come, each an hour after the one before, until the pass ends
    ticks = 0
    while not totals(box):
        assert ticks < 20
        box.later(HOUR if ticks else 0)
        box.tick("reconcile")
        box.wait_idle(TIMEOUT)
        ticks += 1

    # THEN exactly those are sent that have to be
    assert box.oms.accepted.keys() == missing
    # AND each object is counted once: as sent, or as covered if whoever sent it died before its piece was written
    (total,) = totals(box)
    counts = counted(total)
    sent_before = expected["submitted"] - counts["submitted"]
    assert sent_before >= 0
    sent = dict.fromkeys(("submitted", "accepted"), counts["submitted"])
    assert counts == {**expected, **sent, "covered": expected["covered"] + sent_before}
    # AND many worked on it, and many died
    assert [invocation.outcome for invocation in box.fc.invocations].count("crashed") >= 5
    assert total["ranges_done"] >= 4


def test_after_the_first_tick_a_pass_needs_no_other(box, spread):
    furnish(box, 6_000)
    expected, missing = count(box)
    spread(4)
    # So slow that it is not walked through before it splits.
    slow_pages(box, 1.1, times=3)

    assert not box.tick("reconcile").value["finished"]
    box.wait_idle(TIMEOUT)

    (total,) = totals(box)
    assert counted(total) == expected
    assert box.oms.accepted.keys() == missing
