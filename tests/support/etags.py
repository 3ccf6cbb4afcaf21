"""What ETags OBS gives."""

from __future__ import annotations

import hashlib


def obs_etag(data: bytes, part_size: int | None = None) -> str:
    """The MD5 of an object that came whole; of one that came in parts, the MD5 of the parts' MD5s and their number."""
    if part_size is None or len(data) <= part_size:
        return hashlib.md5(data).hexdigest()
    parts = [hashlib.md5(data[start : start + part_size]).digest() for start in range(0, len(data), part_size)]
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"
