"""The answer of status, the report about the synchronization.

A time is a text such as 2026-01-31T08:00:00Z.
"""

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
    """The kinds of verdict about the synchronization; the values are the names in the answer."""

    IN_STEP = "in step"
    BEHIND = "behind"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    CLOSED = "closed"


@dataclass(frozen=True)
class Verdict:
    """The most important fact about the synchronization in a sentence, its kind, and the next step.

    - `step`: the next step, or None after a GO.
    - `alarm`: True if the verdict needs action now.
    """

    state: VerdictState
    text: Text
    step: Step | None
    alarm: bool = False


@dataclass(frozen=True)
class TaskNames:
    """The id of the sync task, and the names of the source bucket and the log bucket in OSS."""

    id: str
    source: str
    log: str


@dataclass(frozen=True)
class UnfinishedCounts:
    """The minimum number of objects that OMS accepted, but has not copied, failed or skipped.

    `overdue` is the number of those that OMS accepted over 15 minutes ago, or None if the steps of OMS's counts are too
    long to show it.
    """

    objects: int
    overdue: int | None


@dataclass(frozen=True)
class CodeFailures:
    """The number of objects that OMS failed to copy with a certain error code, and the remedy.

    `passes` is True if a later attempt may succeed without any action.
    """

    objects: int
    passes: bool
    fix: Text


@dataclass(frozen=True)
class CopyFailureCounts:
    """The numbers of objects that OMS failed to copy, by their present state.

    `counted` is the number of failed objects by OMS's counts. The states add up to it, unless OMS's counts are delayed.
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
    """The results of copying by OMS's counts; a result is None if the counts do not suffice for it."""

    failed: int | None
    unfinished: UnfinishedCounts | None
    acknowledged: str | None
    failures: CopyFailureCounts | None


@dataclass(frozen=True)
class WaitingKey:
    """A key with a failed record: the reason, the time of the first failure, and the last message or an empty text."""

    key: str
    reason: str
    since: str
    message: str


@dataclass(frozen=True)
class AbandonedRunFiles:
    """The run files of an inactive project. A run file has the keys that a run of replay has taken.

    `folder` is the folder of these files in the log bucket, and `last_run` the last recorded time at which a job of the
    project ran.
    """

    project: str
    run_files: int
    folder: str
    last_run: str


@dataclass(frozen=True)
class BacklogSummary:
    """The keys that wait to be resent. A run file has the keys that a run of replay has taken to resend them.

    - `failed`: the number of failed records, or a lower bound if `at_least` is True.
    - `read`: the number of records that were read; `by_reason` and `keys` cover only these.
    - `outside`: the number of records outside the trigger's filter, which this project does not resend.
    - `in_run_files`: the number of keys in run files.
    - `left_behind`: the run files of inactive projects.
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
        """A lower bound of the number of waiting keys."""
        return self.failed + self.in_run_files

    @property
    def more_may_wait(self) -> bool:
        return bool(self.at_least or self.unreadable_run_files or self.left_behind)


@dataclass(frozen=True, kw_only=True)
class PassSummary(ReconcileTotals):
    """A reconcile pass with its scope and its counts."""

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
    """An unfinished reconcile pass."""


@dataclass(frozen=True)
class UnfinishedComparison(Progress):
    """An unfinished comparison with the time of its start."""

    started: str


@dataclass(frozen=True)
class ReconcileSummary:
    """The last finished reconcile pass, and the unfinished passes."""

    last: PassSummary | None
    open: Sequence[UnfinishedPass]


@dataclass(frozen=True)
class ObsSummary:
    """The last comparison of all objects, and the unfinished comparisons."""

    last: ComparisonResult | None
    open: Sequence[UnfinishedComparison]


@dataclass(frozen=True)
class UnreadLines:
    """The number of unreadable lines in OMS's lists of failed copies, with an example.

    `problem` is the reason why no list can be read, or empty.
    """

    unread: int
    example: str
    problem: str


@dataclass(frozen=True)
class CountCheck:
    """A comparison of the count `left` with the sum of the counts `right`.

    - `sign`: the required relation, = or ≤.
    - `claim`: the statement that `left` and `right` are in this relation.
    - `meaning`: the explanation of a failed comparison.
    """

    claim: Text
    left: int
    sign: str
    right: Sequence[int]
    holds: bool
    meaning: Text


@dataclass(frozen=True)
class StatusAnswer:
    """The state of the synchronization.

    - `migration`: the unfinished migration of the existing objects.
    - `old_objects`: the progress of this migration if its id in OMS is recorded.
    - `..._failure`: the reason why OMS did not answer a query; the field with the query's result is None then.
    - `overdue`: the jobs whose last pass is too old to rely on.
    - `fixes`: the remedy of each reason in the backlog.
    - `lasting`: the reasons that need action.
    - `alarm_not_taken`: the reason why the webhook refused the last alarm, or empty.
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
