"""How late objects were, as a histogram that adds up over ranges in any order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

# Each bucket ends at 2^(1/8) times the end of the one before: its middle is within 4.5 % of all that is in it.
_STEPS = 8
# Counted exactly: within a minute, 5 and 15 minutes, an hour, a day.
WITHIN = (60, 300, 900, 3600, 86400)


@dataclass
class Histogram:
    """Lags in whole seconds, which grows. `buckets` has counts by the bucket's number (0: no lag at all), `within`
    those of WITHIN; `not_yet` counts what has not arrived."""

    buckets: Counter[int] = field(default_factory=Counter)
    within: Counter[int] = field(default_factory=Counter)
    longest: int = 0
    not_yet: int = 0

    def add(self, seconds: int) -> None:
        """Count an object that arrived `seconds` late; fewer than none are the clocks' difference."""
        lag = max(0, seconds)
        self.buckets[_bucket(lag)] += 1
        self.longest = max(self.longest, lag)
        for limit in WITHIN:
            self.within[limit] += lag <= limit

    @property
    def objects(self) -> int:
        """How many have arrived."""
        return sum(self.buckets.values())

    def plus(self, other: Histogram) -> Histogram:
        """The sum of both, which shares nothing with them."""
        return Histogram(
            self.buckets + other.buckets,
            self.within + other.within,
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


def _bucket(seconds: int) -> int:
    return 0 if seconds == 0 else 1 + math.floor(_STEPS * math.log2(seconds))


def _middle(bucket: int) -> float:
    return 0.0 if bucket == 0 else float(2 ** ((bucket - 0.5) / _STEPS))
