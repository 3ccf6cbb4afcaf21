"""What a pass counts, of a range or of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from oss_oms_sync.passes.digests import MODULUS
from oss_oms_sync.passes.marks import Mark, Marks

# scanned = covered + failed_before + submitted + pending, submitted = accepted + failed.
COUNTS = ("scanned", "covered", "failed_before", "submitted", "accepted", "failed", "pending", "orphans")
# Kept next to them, of the objects written since the last pass: those of which it is known whether their event arrived,
# and those whose event did not. If most did not, the trigger is dead. A pass without any takes both from the last one.
NEW, NEW_MISSING = "new", "new_missing"


@dataclass(frozen=True)
class Tally:
    """Counts by name (COUNTS, NEW, NEW_MISSING), and marks of the keys that exist. `state` is the sum of the state
    digests of all objects of the source that the project's filter lets through, below 2^256: two passes that have the
    same saw the very same versions. `twin` is that of the twin digests of what OBS holds of their keys."""

    counts: Mapping[str, int] = field(default_factory=dict)
    marks: Sequence[Mark] = ()
    state: int = 0
    twin: int = 0

    def merged(self, other: Tally) -> Tally:
        """The sum of both; `other` is of later keys."""
        return Tally(
            dict(Counter(self.counts) + Counter(other.counts)),
            tuple(Marks.merge(self.marks, other.marks)),
            (self.state + other.state) % MODULUS,
            (self.twin + other.twin) % MODULUS,
        )

    def completed(self, before: Tally | None) -> Tally:
        """The total, where this is the sum of all ranges and `before` that of the last pass: if this one met no new
        objects, what is known of events is what the last one knew."""
        if before is None or self.counts.get(NEW):
            return self
        known = {name: before.counts.get(name, 0) for name in (NEW, NEW_MISSING)}
        return replace(self, counts={**self.counts, **known})

    def to_json(self) -> dict[str, object]:
        """As it is stored in pieces and totals."""
        digests = {"state": f"{self.state:064x}", "twin": f"{self.twin:064x}"}
        return {"counts": dict(self.counts), "marks": self.marks, **digests}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Tally:
        """What `to_json` made; what is unreadable counts nothing."""
        counts = value.get("counts")
        known = counts.items() if isinstance(counts, dict) else ()
        numbers = {name: number for name, number in known if isinstance(name, str) and type(number) is int}
        digests = (value.get(name) for name in ("state", "twin"))
        state, twin = (int(one, 16) if isinstance(one, str) else 0 for one in digests)
        return cls(numbers, tuple(Marks.from_json(value.get("marks"))), state, twin)
