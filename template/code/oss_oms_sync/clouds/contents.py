"""Reading the contents of an object piece by piece, one piece ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from oss_oms_sync.clouds.calls import PendingCall

T = TypeVar("T")

_PART_BYTES = 8 * 1024 * 1024


def iter_parts(size: int, begin: Callable[[int, int], PendingCall[T]]) -> Iterator[T]:
    """The parts of an object of `size` bytes; `begin` asks for those from one place up to another. Each part is
    asked for while its reader works on the one before.

    Raises what the calls raise.
    """
    starts = range(0, size, _PART_BYTES)
    ahead = [begin(start, min(start + _PART_BYTES, size)) for start in starts[:1]]
    try:
        for start in starts:
            part = ahead.pop()
            following = start + _PART_BYTES
            if following < size:
                ahead.append(begin(following, min(following + _PART_BYTES, size)))
            yield part.result()
    finally:
        for part in ahead:
            part.leave()
