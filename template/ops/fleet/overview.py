"""The fields of a status for a fleet: few, because a fleet's projects may have different versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oss_oms_sync.answers.pass_answers import Lags, ObjectCount
from oss_oms_sync.answers.status_answer import UnfinishedCounts, Verdict, VerdictState
from oss_oms_sync.answers.task_group import GroupProgress
from oss_oms_sync.answers.text import Text

# Verdicts from the worst to the best; True: with an alarm.
_VERDICT_ORDER = (
    (VerdictState.BROKEN, True),
    (VerdictState.BROKEN, False),
    (VerdictState.CLOSED, True),
    (VerdictState.UNKNOWN, True),
    (VerdictState.BEHIND, True),
    (VerdictState.BEHIND, False),
    (VerdictState.UNKNOWN, False),
    (VerdictState.CLOSED, False),
    (VerdictState.IN_STEP, True),
    (VerdictState.IN_STEP, False),
)


@dataclass(frozen=True)
class BacklogOverview:
    """Keys waiting to be resent; `oldest`: the time of the first failure."""

    failed: int
    at_least: bool
    in_run_files: int
    oldest: str | None

    @property
    def objects(self) -> int:
        """Number of waiting objects; a minimum with `at_least`."""
        return self.failed + self.in_run_files


@dataclass(frozen=True)
class CopyingOverview:
    """Objects that OMS has accepted and not finished; None if OMS does not report them."""

    unfinished: UnfinishedCounts | None


@dataclass(frozen=True)
class ComparisonOverview:
    """The last comparison of all objects."""

    started: str
    source: ObjectCount
    lag: Lags


@dataclass(frozen=True)
class ComparisonsOverview:
    """The last comparison; None before the first comparison has ended."""

    last: ComparisonOverview | None


@dataclass(frozen=True)
class ClosingOverview:
    """The mark of a closed project; `go`: the name of the current GO, or empty."""

    go: str


@dataclass(frozen=True)
class StatusOverview:
    """The fields of a `status` answer that a fleet shows."""

    verdict: Verdict
    at: str
    backlog: BacklogOverview
    copying: CopyingOverview
    compare: ComparisonsOverview
    closed: ClosingOverview | None
    old_objects: GroupProgress | None


@dataclass(frozen=True)
class Member:
    """A project of a fleet: its status overview, or the problem of its query.

    `name`: the folder's name, or the folder as typed if several have this name. `is_well`: its `status` ended with exit
    code 0, so it needs no action.
    """

    name: str
    folder: Path
    overview: StatusOverview | None
    problem: Text | None = None
    is_well: bool = False

    @property
    def verdict(self) -> VerdictState:
        """The verdict; UNKNOWN without an overview."""
        return self.overview.verdict.state if self.overview else VerdictState.UNKNOWN

    @property
    def rank(self) -> int:
        """Place in the order of the fleet: 0 is the worst verdict. A project without an answer may need action."""
        return _VERDICT_ORDER.index((self.verdict, self.overview.verdict.alarm if self.overview else True))


def worst_first(members: Sequence[Member]) -> list[Member]:
    """Sort projects by their verdicts, those with equal verdicts by their names."""
    return sorted(members, key=lambda member: (member.rank, member.name))
