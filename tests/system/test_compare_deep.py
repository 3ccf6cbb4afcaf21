"""Deep, over sockets: the source is read where no ETag tells, and what differs is found to the byte."""

from __future__ import annotations

import json

from oss_oms_sync.jobs import compare
from sandbox import Sandbox
from sandbox.oss.objects import OssObject
from support.instance import Instance

HOUR = 3600
MIB = 1024 * 1024
# Read in two parts, of which the second is short.
TEXT = bytes(range(256)) * 40_000
FLIPPED = TEXT[:9_000_001] + bytes([TEXT[9_000_001] ^ 1]) + TEXT[9_000_002:]
TORN = TEXT[:5_000_000] + bytes(len(TEXT) - 5_000_000)


def run(box: Sandbox, **asked: bool) -> dict:
    return compare.run(json.dumps(asked), Instance(box, LANES="1").invocation(200)).to_json()


def put(box: Sandbox, key: str, data: bytes, there: bytes, part_size: int | None = None) -> None:
    """An object that was appended, so its ETag is no MD5, and what is in OBS since an hour later."""
    objects = box.oss.buckets[box.source_bucket].objects
    objects[key] = OssObject(data, "0123456789ABCDEF", int(box.oss.now()), type="Appendable", has_crc64=False)
    box.later(HOUR)
    box.obs.put(box.destination_bucket, key, there, part_size)


def test_torn_copies_flipped_bytes_and_skipped_versions_are_found_and_equal_ones_proven(box):
    put(box, "equal", TEXT, TEXT)
    put(box, "flipped", TEXT, FLIPPED)
    put(box, "torn", TEXT, TORN)
    put(box, "skipped", b"version 2", b"version 1")
    put(box, "empty", b"", b"")
    box.obs.bucket(box.destination_bucket).encrypted = True
    put(box, "encrypted", TEXT, TEXT)
    box.later(HOUR)

    # Without it, nobody can tell.
    assert run(box, dry_run=True)["classes"]["equal_size"]["source"]["objects"] == 6

    answer = run(box, deep=True)
    found = {name: one["keys"] for name, one in answer["classes"].items() if one["keys"]}
    assert found == {
        "equal_contents": ["empty", "equal"],
        "overwritten": ["flipped", "skipped", "torn"],
        "equal_size": ["encrypted"],
    }
    counts = {name: number for name, number in answer["deep"].items() if number}
    assert counts.pop("keys") == {"encrypted": ["encrypted"]}
    assert counts == {"equal": 2, "different": 3, "encrypted": 1, "bytes": 4 * len(TEXT) + 9}
    # What was proven is known from then on.
    again = run(box, deep=True, restart=True)
    assert {name: one["keys"] for name, one in again["classes"].items() if one["keys"]} == found
    assert {name: number for name, number in again["deep"].items() if number and name != "keys"} == {
        "encrypted": 1,
        "bytes": len(TEXT),
    }
    assert not box.oms.accepted
    # Of OBS only listings are read, and heads of those that differ.
    assert not [one for one in box.obs.actions if one.status == 206]


def test_an_object_in_parts_of_50_mib_is_recognised(box):
    big = bytes(range(256)) * (106 * 4096)
    put(box, "big", big, big, 50 * MIB)
    box.later(HOUR)
    answer = run(box, deep=True)
    assert box.obs.objects(box.destination_bucket)["big"].etag.endswith("-3")
    assert answer["classes"]["equal_contents"]["keys"] == ["big"]
    assert answer["deep"]["bytes"] == len(big)
