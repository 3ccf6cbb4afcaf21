"""What somebody who looked has found: a rule of doctor, or a check of a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import NOTHING, Text


class Result(Enum):
    """How a look ended; certificates have these words."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    # Nobody has looked, or could.
    NOT_RUN = "not run"
    # Nobody knows of a difference, and nobody has shown that there is none.
    NOT_PROVEN = "not proven"
    # There is nothing to look at: not yet, or because of the settings.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What was `seen` where something is `wanted`, the first `keys` concerned, and what to do `next`, as a `step`. One
    that does not gate is shown, and decides nothing; one that `waits` needs nothing but time."""

    id: str
    wanted: Text
    result: Result
    seen: Text
    next: Text = NOTHING
    step: Step | None = None
    keys: Sequence[str] = ()
    gates: bool = True
    waits: bool = False
