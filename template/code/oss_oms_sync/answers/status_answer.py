"""Answers of status. Times are in the format of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.job_answers import MarkWithGo, Migration, ReplayRun
from oss_oms_sync.answers.pass_answers import ComparisonResult, Progress, Ranges, ReconcileTotals
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import QueryFailure, StatisticsSummary, TaskGroup, TaskSummary
from oss_oms_sync.answers.text import Text


class VerdictState(Enum):
    """Kinds of verdict, by their names in the answer."""

    IN_STEP = "in step"
    BEHIND = "behind"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    CLOSED = "closed"


@dataclass(frozen=True)
class Verdict:
    """The most important fact in a sentence, its kind, and the next step (None after a GO).

    `alarm`: the verdict needs action now.
    """

    state: VerdictState
    text: Text
    step: Step | None
    alarm: bool = False


@dataclass(frozen=True)
class TaskNames:
    """The sync task, and the OSS buckets."""

    id: str
    source: str
    log: str


@dataclass(frozen=True)
class UnfinishedCounts:
    """Minimum number of objects that OMS accepted and has not copied, failed or skipped.

    `overdue`: minimum number accepted over 15 minutes ago; None if OMS's counts are too coarse.
    """

    objects: int
    overdue: int | None


@dataclass(frozen=True)
class CodeFailures:
    """Number of objects that OMS failed to copy with this code, and the remedy.

    `passes`: the failure passes without action.
    """

    objects: int
    passes: bool
    fix: Text


@dataclass(frozen=True)
class CopyFailureCounts:
    """Outcomes of the objects that OMS failed to copy; they add up to `counted`, unless OMS's number is delayed.

    `codes`: waiting and stuck objects by OMS's code.
    """

    counted: int
    done: int
    waiting: int
    stuck: int
    outside: int
    unknown: int
    codes: Mapping[str, CodeFailures]


@dataclass(frozen=True)
class CopyingSummary:
    """Results from OMS's counters; None where the counters do not suffice."""

    failed: int | None
    unfinished: UnfinishedCounts | None
    acknowledged: str | None
    failures: CopyFailureCounts | None


@dataclass(frozen=True)
class WaitingKey:
    """A failed record: key, reason, time of the first failure, and last error message (may be empty)."""

    key: str
    reason: str
    since: str
    message: str


@dataclass(frozen=True)
class AbandonedRunFiles:
    """Run files of an inactive project, below `folder`.

    `last_run`: the last recorded time at which a job of the project ran.
    """

    project: str
    run_files: int
    folder: str
    last_run: str


@dataclass(frozen=True)
class BacklogSummary:
    """Keys waiting to be resent.

    `by_reason` and `keys` cover the `read` records. `at_least`: there are more than `failed` records. `outside`:
    records outside the trigger's filter, which no run of this project takes. `left_behind`: run files of inactive
    projects. `unreadable_run_files`: their names.
    """

    failed: int
    at_least: bool
    outside: int
    oldest: str | None
    read: int
    by_reason: Mapping[str, int]
    keys: Sequence[WaitingKey]
    run_files: int
    in_run_files: int
    unreadable_run_files: Sequence[str]
    left_behind: Sequence[AbandonedRunFiles]

    @property
    def waiting(self) -> int:
        """Minimum number of waiting keys."""
        return self.failed + self.in_run_files

    @property
    def more_may_wait(self) -> bool:
        """True if more keys than the counted ones may wait."""
        return bool(self.at_least or self.unreadable_run_files or self.left_behind)


@dataclass(frozen=True, kw_only=True)
class PassSummary(ReconcileTotals):
    """A pass of reconcile, with its scope and counts."""

    prefix: str
    since: str | None
    all: bool
    started: str
    ended: str | None
    pass_: str
    ranges: Ranges
    unsent: int
    new: int
    new_missing: int


@dataclass(frozen=True)
class UnfinishedPass(Progress, PassSummary):
    """An unfinished pass of reconcile."""


@dataclass(frozen=True)
class UnfinishedComparison(Progress):
    """An unfinished comparison."""

    started: str


@dataclass(frozen=True)
class ReconcileSummary:
    """The last finished pass of reconcile, and the unfinished passes."""

    last: PassSummary | None
    open: Sequence[UnfinishedPass]


@dataclass(frozen=True)
class ObsSummary:
    """The last comparison of all objects, and the unfinished comparisons."""

    last: ComparisonResult | None
    open: Sequence[UnfinishedComparison]


@dataclass(frozen=True)
class UnreadLines:
    """Number of unreadable lines in OMS's lists of failures, an example, and the problem if no list can be read."""

    unread: int
    example: str
    problem: str


@dataclass(frozen=True)
class CountCheck:
    """A check of counts: `left` = or ≤ the sum of `right`. `meaning`: the explanation of a failure."""

    claim: Text
    left: int
    sign: str
    right: Sequence[int]
    holds: bool
    meaning: Text


@dataclass(frozen=True)
class StatusAnswer:
    """State of the synchronization.

    `migration`: the unfinished migration of the existing objects. `old_objects`: its progress, if its id in OMS is
    recorded. If OMS did not answer, a QueryFailure is beside the None. `overdue`: jobs whose last pass is too old to
    rely on. `fixes`: the remedy of each reason in the backlog. `lasting`: reasons that need action. `alarm_not_taken`:
    the reason why the webhook refused the last alarm; empty if it accepted the alarm.
    """

    verdict: Verdict
    at: str
    closed: MarkWithGo | None
    migration: Migration | None
    old_objects: TaskGroup | None
    old_objects_failure: QueryFailure | None
    task: TaskNames
    oms: TaskSummary | None
    oms_failure: QueryFailure | None
    copying: CopyingSummary
    statistics: StatisticsSummary | None
    statistics_failure: QueryFailure | None
    backlog: BacklogSummary
    replay: ReplayRun | None
    reconcile: ReconcileSummary
    compare: ObsSummary
    oms_lists: UnreadLines
    overdue: Sequence[str]
    sums: Sequence[CountCheck]
    fixes: Mapping[str, Text]
    lasting: Sequence[str]
    alarm_not_taken: str
