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


def version_digest(one: ObjectSummary) -> int:
    """Of one object of either bucket, with its ETag."""
    version = f"{one.name}\0{one.size}\0{one.etag}"
    return int.from_bytes(hashlib.sha256(version.encode()).digest(), "big")


def state_digest(version: int, modified: int) -> int:
    """Of one object of the source, with its ETag and time: whether two passes saw the very same versions. A product,
    because `version`, its digest, is that of its twin as well, and a hash takes longer."""
    return version * (2 * modified + 1)


def twin_digest(version: int, source: ObjectSummary, destination: ObjectSummary) -> int:
    """Of what the destination holds of a key of the source, whose digest is `version`: without its time, which a copy
    of the same changes."""
    is_same = source.etag == destination.etag and source.size == destination.size
    return version if is_same else version_digest(destination)
