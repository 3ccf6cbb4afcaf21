"""The filter of the OSS trigger and of the project, which selects object keys by prefix and suffix."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from oss_oms_sync.answers.layout import CANARY, RECORDS


@dataclass(frozen=True)
class KeyFilter:
    """A filter that passes the keys with this prefix and this suffix; both may be empty."""

    prefix: str = ""
    suffix: str = ""

    @cached_property
    def canary_prefix(self) -> str:
        """The prefix of the keys of canaries, the test objects that `ops.py canary` writes for this project."""
        return f"{self.prefix}{CANARY}"

    def matches(self, key: str) -> bool:
        """Return True if the project may submit `key`: `key` passes the filter, and is not the name of a record."""
        return key.startswith(self.prefix) and key.endswith(self.suffix) and not key.startswith(RECORDS)

    def is_canary(self, key: str) -> bool:
        """Return True if `key`, which passes the filter, belongs to a canary's test object."""
        return key.startswith(self.canary_prefix)

    def is_reported(self, key: str) -> bool:
        """Return True if reports and verdicts count `key`: `key` passes the filter and does not belong to a canary."""
        return self.matches(key) and not key.startswith(self.canary_prefix)

    def count_leading_reported(self, keys: Sequence[str]) -> int:
        """Return the number of keys before the first key that reports do not count; `keys` is in ascending order."""
        if self.suffix or not all(map(self.is_reported, (keys[0], keys[-1]))):
            return next((position for position, key in enumerate(keys) if not self.is_reported(key)), len(keys))
        # Keys with the same prefix are neighbours.
        positions = (bisect_left(keys, prefix) for prefix in (RECORDS, self.canary_prefix))
        return min(
            (position for position in positions if position < len(keys) and not self.is_reported(keys[position])),
            default=len(keys),
        )

    def withholds(self, key: str) -> bool:
        """Return True if `key` passes the filter but is never submitted, because it is the name of a record."""
        return key.startswith(RECORDS) and key.startswith(self.prefix) and key.endswith(self.suffix)

    def overlaps(self, other: KeyFilter) -> bool:
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        suffixes = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return prefixes and suffixes

    def is_within(self, other: KeyFilter) -> bool:
        """Return True if the suffixes are equal, and this filter's prefix begins with the prefix of `other`."""
        return self.prefix.startswith(other.prefix) and self.suffix == other.suffix


def prefix_problem(prefix: str) -> str:
    """Return the reason why no object key can begin with `prefix`, and the remedy; "" if the prefix is usable.

    The name of an object never begins with a slash (OSS, "Object naming conventions").
    """
    if not prefix.startswith("/"):
        return ""
    correction = prefix.lstrip("/")
    return (
        f'is {prefix!r}, but no object key begins with "/". Set it to {correction!r}'
        f"{'' if correction else ', which means all objects'}"
    )
