"""How late objects were, as a histogram that adds up over ranges in any order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

# Each bucket ends at 2^(1/8) times the end of the one before: its middle is within 4.5 % of all that is in it.
_STEPS = 8
# Counted exactly: within a minute, 5 and 15 minutes, an hour, a day.
WITHIN = (60, 300, 900, 3600, 86400)


@dataclass(frozen=True)
class Histogram:
    """Lags in whole seconds. `buckets` has counts by the bucket's number (0: no lag at all), `within` those of WITHIN;
    `not_yet` counts what has not arrived."""

    buckets: Mapping[int, int] = field(default_factory=dict)
    within: Mapping[int, int] = field(default_factory=dict)
    longest: int = 0
    not_yet: int = 0

    @property
    def objects(self) -> int:
        """How many have arrived."""
        return sum(self.buckets.values())

    def merged(self, other: Histogram) -> Histogram:
        """The sum of both."""
        return Histogram(
            Counter(self.buckets) + Counter(other.buckets),
            Counter(self.within) + Counter(other.within),
            max(self.longest, other.longest),
            self.not_yet + other.not_yet,
        )

    def percentile(self, percent: float) -> float | None:
        """The lag within which so many percent arrived, in seconds, within 5 %; None if nothing arrived."""
        wanted, seen = math.ceil(self.objects * percent / 100), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= max(1, wanted):
                return min(_middle(bucket), self.longest)
        return None

    def summary(self) -> dict[str, object]:
        """As the answer shows it, in seconds."""
        return {
            "objects": self.objects,
            "not_yet": self.not_yet,
            **{f"p{percent}": self.percentile(percent) for percent in (50, 90, 99)},
            "max": self.longest if self.objects else None,
            "within": {str(seconds): self.within.get(seconds, 0) for seconds in WITHIN},
        }

    def to_json(self) -> dict[str, object]:
        """As it is stored in pieces."""
        return {
            "buckets": {str(bucket): count for bucket, count in self.buckets.items()},
            "within": {str(seconds): count for seconds, count in self.within.items()},
            "longest": self.longest,
            "not_yet": self.not_yet,
        }

    @classmethod
    def from_json(cls, value: object) -> Histogram:
        """What `to_json` made; empty if it is anything else."""
        match value:
            case {"buckets": dict(buckets), "within": dict(within), "longest": int(longest), "not_yet": int(not_yet)}:
                return cls(_counts(buckets), _counts(within), longest, not_yet)
        return cls()


class Lags:
    """Collects lags; `histogram` is what was collected."""

    def __init__(self, start: Histogram) -> None:
        self._buckets = Counter(start.buckets)
        self._within = Counter(start.within)
        self._longest = start.longest
        self.not_yet = start.not_yet

    def add(self, seconds: int) -> None:
        """Count an object that arrived `seconds` late; fewer than none are the clocks' difference."""
        lag = max(0, seconds)
        self._buckets[_bucket(lag)] += 1
        self._longest = max(self._longest, lag)
        for limit in WITHIN:
            if lag <= limit:
                self._within[limit] += 1

    def histogram(self) -> Histogram:
        """All so far."""
        return Histogram(dict(self._buckets), dict(self._within), self._longest, self.not_yet)


def _bucket(seconds: int) -> int:
    return 0 if seconds == 0 else 1 + math.floor(_STEPS * math.log2(seconds))


def _middle(bucket: int) -> float:
    return 0.0 if bucket == 0 else float(2 ** ((bucket - 0.5) / _STEPS))


def _counts(value: Mapping[str, object]) -> dict[int, int]:
    return {int(name): count for name, count in value.items() if name.isdecimal() and type(count) is int}
