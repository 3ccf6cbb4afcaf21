"""The filter of the OSS trigger, and of the project: object keys by prefix and suffix."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from oss_oms_sync.answers.layout import CANARY, RECORDS


@dataclass(frozen=True)
class KeyFilter:
    """Keys that begin with `prefix` and end with `suffix`; both may be empty."""

    prefix: str = ""
    suffix: str = ""

    @cached_property
    def canary_prefix(self) -> str:
        """The prefix of the project's canaries."""
        return f"{self.prefix}{CANARY}"

    def matches(self, key: str) -> bool:
        """Return True if `key` passes the filter and is not a record; no other key is submitted."""
        return key.startswith(self.prefix) and key.endswith(self.suffix) and not key.startswith(RECORDS)

    def is_canary(self, key: str) -> bool:
        """Return True if a key that passes the filter is a canary's."""
        return key.startswith(self.canary_prefix)

    def is_reported(self, key: str) -> bool:
        """Return True if `key` counts in reports and verdicts: it passes the filter and is not a canary's."""
        return self.matches(key) and not key.startswith(self.canary_prefix)

    def count_reported(self, keys: Sequence[str]) -> int:
        """Return the number of leading keys that are reported; the keys are in ascending order."""
        if self.suffix or not all(map(self.is_reported, (keys[0], keys[-1]))):
            return next((place for place, key in enumerate(keys) if not self.is_reported(key)), len(keys))
        # Keys with the same prefix are neighbours.
        places = (bisect_left(keys, unreported) for unreported in (RECORDS, self.canary_prefix))
        return min((at for at in places if at < len(keys) and not self.is_reported(keys[at])), default=len(keys))

    def withholds(self, key: str) -> bool:
        """Return True if a key passes the filter but has the name of a record, so that it is never submitted."""
        return key.startswith(RECORDS) and key.startswith(self.prefix) and key.endswith(self.suffix)

    def overlaps(self, other: KeyFilter) -> bool:
        """Return True if a key could pass both filters."""
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        suffixes = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return prefixes and suffixes

    def is_within(self, other: KeyFilter) -> bool:
        """Return True if this filter equals `other`, or has a narrower prefix."""
        return self.prefix.startswith(other.prefix) and self.suffix == other.suffix


def prefix_problem(prefix: str) -> str:
    """Return the reason why no object key can begin with `prefix`, with its remedy; empty if keys can.

    OSS, "Object naming conventions": no name begins with a slash.
    """
    if not prefix.startswith("/"):
        return ""
    meant = prefix.lstrip("/")
    return (
        f'is {prefix!r}, but no object key begins with "/". Set it to {meant!r}'
        f"{'' if meant else ', which means all objects'}"
    )
