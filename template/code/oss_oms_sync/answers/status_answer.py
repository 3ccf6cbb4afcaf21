"""What status answers. Times are as records have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.job_answers import Migration, ReplayRun, ShownMark
from oss_oms_sync.answers.pass_answers import Compared, Progress, Ranges, Reconciling
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import Silence, StatisticsShown, TaskGroup, TaskShown
from oss_oms_sync.answers.text import Text


class VerdictState(Enum):
    """The kinds of verdict, by their names in the answer."""

    IN_STEP = "in step"
    BEHIND = "behind"
    BROKEN = "broken"
    NOT_KNOWN = "not known"
    CLOSED = "closed"


@dataclass(frozen=True)
class Verdict:
    """One sentence on what matters most, its kind, and the one thing to do next (None after a GO); `alarm`: somebody
    has to act now."""

    state: VerdictState
    text: Text
    step: Step | None
    alarm: bool = False


@dataclass(frozen=True)
class TaskNamed:
    """The sync task, and the buckets on the side of OSS."""

    id: str
    source: str
    log: str


@dataclass(frozen=True)
class Unfinished:
    """The objects that OMS accepted, and has neither copied, failed nor skipped, at least. `overdue`: those accepted
    over 15 minutes ago, at least; None if OMS counts too coarsely to show it."""

    objects: int
    overdue: int | None


@dataclass(frozen=True)
class FailedForCode:
    """How many objects OMS failed to copy for one of its codes, whether each of them passes by itself, and what to
    do."""

    objects: int
    passes: bool
    fix: Text


@dataclass(frozen=True)
class CopyFailuresShown:
    """What became of the objects that OMS failed to copy: together they are `counted`, unless OMS's number is behind.
    By OMS's codes, those that wait or are stuck."""

    counted: int
    done: int
    waiting: int
    stuck: int
    outside: int
    unknown: int
    codes: Mapping[str, FailedForCode]


@dataclass(frozen=True)
class CopyingShown:
    """What follows from OMS's counters; None is what they do not tell."""

    failed: int | None
    unfinished: Unfinished | None
    acknowledged: str | None
    failures: CopyFailuresShown | None


@dataclass(frozen=True)
class KeyWaiting:
    """A failed record: its key, its reason, since when, and what was said at last; that may be empty."""

    key: str
    reason: str
    since: str
    message: str


@dataclass(frozen=True)
class LeftBehind:
    """What a project that no longer runs has left: so many run files under `folder`. `last_run` is when one of its jobs
    last ran, as far as is known."""

    project: str
    run_files: int
    folder: str
    last_run: str


@dataclass(frozen=True)
class BacklogShown:
    """What waits to be resent. `by_reason` and `keys` cover the `read` records. `at_least`: there are more than
    `failed`. `outside`: records outside the trigger's filter, which no run of this project takes. `left_behind`: run
    files of projects that no longer run; of those that are unreadable, the names."""

    failed: int
    at_least: bool
    outside: int
    oldest: str | None
    read: int
    by_reason: Mapping[str, int]
    keys: Sequence[KeyWaiting]
    run_files: int
    in_run_files: int
    unreadable_run_files: Sequence[str]
    left_behind: Sequence[LeftBehind]

    @property
    def more_may_wait(self) -> bool:
        """Whether more keys may wait than are counted."""
        return bool(self.at_least or self.unreadable_run_files or self.left_behind)


@dataclass(frozen=True, kw_only=True)
class PassShown(Reconciling):
    """A pass of reconcile, and what it counted."""

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
class PassUnderWay(Progress, PassShown):
    """One that is not at its end."""


@dataclass(frozen=True)
class CompareUnderWay(Progress):
    """A comparison that is not at its end."""

    started: str


@dataclass(frozen=True)
class Reconciled:
    """The last pass of reconcile at its end, and those under way."""

    last: PassShown | None
    open: Sequence[PassUnderWay]


@dataclass(frozen=True)
class InObsShown:
    """The last whole comparison, and those under way."""

    last: Compared | None
    open: Sequence[CompareUnderWay]


@dataclass(frozen=True)
class ListsUnread:
    """How many lines of OMS's lists of failures could not be read, one of them, and why none is read, if that is so."""

    unread: int
    example: str
    problem: str


@dataclass(frozen=True)
class Sum:
    """Counts that have to agree: `left`, = or ≤, the sum of `right`. `meaning`: what it means if they do not."""

    claim: Text
    left: int
    sign: str
    right: Sequence[int]
    holds: bool
    meaning: Text


@dataclass(frozen=True)
class StatusAnswer:
    """How far everything is. `migration`: that of the old objects, while it is not over; `old_objects`: how far it is,
    if OMS has told its id. What OMS does not say is a Silence beside None. `overdue` names the jobs whose last pass is
    too old to rely on; `fixes` say what to do about each reason in the backlog, and `lasting` are those of them that do
    not pass by themselves. `alarm_not_taken`: why the webhook did not take the last alarm, empty if it did."""

    verdict: Verdict
    at: str
    closed: ShownMark | None
    migration: Migration | None
    old_objects: TaskGroup | None
    old_objects_silence: Silence | None
    task: TaskNamed
    oms: TaskShown | None
    oms_silence: Silence | None
    copying: CopyingShown
    statistics: StatisticsShown | None
    statistics_silence: Silence | None
    backlog: BacklogShown
    replay: ReplayRun | None
    reconcile: Reconciled
    compare: InObsShown
    oms_lists: ListsUnread
    overdue: Sequence[str]
    sums: Sequence[Sum]
    fixes: Mapping[str, Text]
    lasting: Sequence[str]
    alarm_not_taken: str
