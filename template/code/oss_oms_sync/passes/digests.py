"""Digests of buckets, which anybody can compute again from a listing: digests.py in the project does it in 20 lines.

The digest of a set of objects is the sum modulo 2^256 of SHA-256(key, a zero byte, the size in decimal), so it does not
depend on their order, and those of parts add up. It shows that two buckets hold the same keys and sizes, against
accidents, not against an adversary.
"""

from __future__ import annotations

import hashlib

from oss_oms_sync.clouds.objects import ObjectSummary

MODULUS = 2**256


def digest(key: bytes, size: int) -> int:
    """Of one object of either bucket; `key` in UTF-8."""
    return int.from_bytes(hashlib.sha256(b"%b\0%d" % (key, size)).digest(), "big")


def state_digest(source: ObjectSummary) -> int:
    """Of one object of the source, with its ETag and time: whether two passes saw the very same versions."""
    state = f"{source.name}\0{source.size}\0{source.etag}\0{source.modified}"
    return int.from_bytes(hashlib.sha256(state.encode()).digest(), "big")
