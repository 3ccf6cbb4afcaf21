"""What a check of a certificate is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.step import Step
from oss_oms_sync.text import Text

NOTHING = Text("", "")


class Result(Enum):
    """How a check ended, by its name in the document."""

    PASSED = "passed"
    FAILED = "failed"
    # Nobody has looked, or could.
    NOT_RUN = "not run"
    # Nobody knows of a difference, and nobody has shown that there is none.
    NOT_PROVEN = "not proven"


@dataclass(frozen=True)
class Check:
    """One check: what was `seen`, what is `wanted`, the first `keys` concerned, and what to do `next`, as a `step`. One
    that does not gate is shown, and decides nothing; one that `waits` needs nothing but time."""

    id: str
    result: Result
    seen: Text
    wanted: Text
    next: Text = NOTHING
    step: Step | None = None
    keys: Sequence[str] = ()
    gates: bool = True
    waits: bool = False

    def to_json(self) -> dict[str, object]:
        """As the document has it."""
        return {
            "id": self.id,
            "result": self.result.value,
            "gates": self.gates,
            "waits": self.waits,
            "seen": self.seen.en,
            "seen_zh": self.seen.zh,
            "wanted": self.wanted.en,
            "wanted_zh": self.wanted.zh,
            "keys": list(self.keys),
            "next": self.next.en,
            "next_zh": self.next.zh,
            "step": self.step.to_json() if self.step else None,
        }


class Verdict(Enum):
    """What a certificate says, by its name in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"

    @classmethod
    def of(cls, checks: Sequence[Check]) -> Verdict:
        """What follows from checks: one that failed is a no; short of that, only what all passed is a go."""
        results = {check.result for check in checks if check.gates}
        if Result.FAILED in results:
            return cls.NO_GO
        return cls.GO if results == {Result.PASSED} else cls.NOT_PROVEN
