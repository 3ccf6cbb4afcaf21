"""The fields of a `status` answer that the command `fleet` needs; a fleet is a set of projects.

Only a few fields are required, because the projects may run different versions of this program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oss_oms_sync.answers.pass_answers import Lags, ObjectCount
from oss_oms_sync.answers.status_answer import UnfinishedCounts, Verdict, VerdictState
from oss_oms_sync.answers.task_group import GroupProgress
from oss_oms_sync.answers.text import Text

# Verdicts from the worst to the best, each with True if it raises an alarm.
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
    """The keys of a project that wait to be resent.

    - `failed` counts failed records, and `at_least` is True if there may be more.
    - `in_run_files` counts the keys that replay has taken from failed records and not resent yet.
    - `oldest` is the time of the oldest failure, or None without a failure.
    """

    failed: int
    at_least: bool
    in_run_files: int
    oldest: str | None

    @property
    def objects(self) -> int:
        """The number of waiting keys, or its minimum if `at_least` is True."""
        return self.failed + self.in_run_files


@dataclass(frozen=True)
class CopyingOverview:
    """The counts of objects that OMS has accepted but not finished.

    `unfinished` is None if OMS did not report the counts.
    """

    unfinished: UnfinishedCounts | None


@dataclass(frozen=True)
class ComparisonOverview:
    """The last comparison: the time of its start, the objects in the source, and the synchronization lag."""

    started: str
    source: ObjectCount
    lag: Lags


@dataclass(frozen=True)
class ComparisonsOverview:
    """The comparisons of a project; `last` is None until a comparison has finished."""

    last: ComparisonOverview | None


@dataclass(frozen=True)
class ClosingOverview:
    """The mark of a closed project; `go` is the object key of the GO's certificate, or empty without a GO."""

    go: str


@dataclass(frozen=True)
class StatusOverview:
    """The fields of a `status` answer that the command `fleet` prints or measures.

    `at` is the time of the answer, and `old_objects` is OMS's progress on the existing objects.
    """

    verdict: Verdict
    at: str
    backlog: BacklogOverview
    copying: CopyingOverview
    compare: ComparisonsOverview
    closed: ClosingOverview | None
    old_objects: GroupProgress | None


@dataclass(frozen=True)
class Member:
    """A project of a fleet, with its status overview, or with the problem that prevented the overview.

    `name` is the folder's name, or its path if several folders have this name. `is_healthy` is True if `status` ended
    with exit code 0.
    """

    name: str
    folder: Path
    overview: StatusOverview | None
    problem: Text | None = None
    is_healthy: bool = False

    @property
    def verdict(self) -> VerdictState:
        return self.overview.verdict.state if self.overview else VerdictState.UNKNOWN

    @property
    def rank(self) -> int:
        """The position of the verdict in `_VERDICT_ORDER`, from 0 for the worst verdict.

        A project that gave no answer counts as unknown with an alarm.
        """
        return _VERDICT_ORDER.index((self.verdict, self.overview.verdict.alarm if self.overview else True))


def sort_worst_first(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda member: (member.rank, member.name))
