"""Facts for a verdict: the backlog, OMS's copies, and the coverage of passes.

Only objects covered by reconcile can be "in step". Without a comparison, only their acceptance is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.object_class import EQUAL, IN_SCOPE, LACKING, ObjectClass
from oss_oms_sync.answers.pass_answers import Progress, Ranges
from oss_oms_sync.answers.status_answer import (
    ObsSummary,
    PassSummary,
    ReconcileSummary,
    UnfinishedComparison,
    UnfinishedPass,
)
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.result import CompareResult
from oss_oms_sync.errors import CLOSED_REASONS, PERMANENT_REASONS, Failure, Reason
from oss_oms_sync.jobs.status.backlog import Backlog
from oss_oms_sync.jobs.status.copying import CopyFailures, CopyProgress
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.passes.states import (
    PassState,
    answer_of,
    answering,
    last_ended,
    last_timer_pass,
    open_passes,
    progress_of,
)
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.settings import Settings

OpenPasses = Sequence[tuple[PassState, Progress]]


@dataclass(frozen=True)
class Coverage:
    """Coverage of reconcile.

    `last`: the last finished pass of its usual scope. `recent`: this pass, or None if the next pass is long overdue, so
    that lost events may be undetected. `since`: the minimum time of checked objects. `open`: progress of each
    unfinished pass.
    """

    last: PassState | None
    recent: PassState | None
    since: datetime
    open: OpenPasses

    @classmethod
    def of(cls, passes: Sequence[PassState], settings: Settings, installed: datetime, now: datetime) -> Coverage:
        """Return the coverage of all stored `passes`."""
        whole = [
            state for state in passes if state.ended and state.scope.key_filter.prefix == settings.key_filter.prefix
        ]
        last = last_timer_pass(passes, settings.key_filter.prefix)
        return cls(
            last=last,
            recent=None if last is None or last.is_late(settings.reconcile_period, now) else last,
            since=min((state.scope.begin(installed) for state in whole), default=installed),
            open=_open(passes, now),
        )

    def shown(self) -> ReconcileSummary:
        """Return the form for the answer."""
        under_way = [UnfinishedPass(**_shown(state), **vars(progress)) for state, progress in self.open]
        return ReconcileSummary(PassSummary(**_shown(self.last)) if self.last else None, under_way)


def _open(passes: Sequence[PassState], now: datetime) -> OpenPasses:
    return [(state, progress_of(state, last_ended(passes, state.scope), now)) for state in open_passes(passes)]


def _shown(state: PassState) -> dict[str, Any]:
    """Return the fields of a PassSummary."""
    return {
        "prefix": state.scope.key_filter.prefix,
        "since": timestamp(state.scope.since) if state.scope.since else None,
        "all": state.scope.everything,
        "started": state.started,
        "ended": state.ended or None,
        "pass_": state.of.name,
        "ranges": Ranges(state.ranges_open, state.ranges_done),
        **{name: state.counts.get(name, 0) for name in (*COUNTS, NEW, NEW_MISSING)},
    }


@dataclass(frozen=True)
class ObsState:
    """State of OBS by comparisons.

    `last`: result of the last comparison of all objects, with rechecks; `open`: unfinished comparisons.

    `overdue`: the comparison is too old to cover recent objects. Without a comparison, the state is not reported, and
    `overdue` is False. `is_unknown`: OMS does not report its destination bucket, so the valid comparisons are unknown.
    `has_changed`: a standstill pass detected a later change of OBS, although the source was unchanged.
    """

    last: CompareResult | None = None
    open: OpenPasses = ()
    overdue: bool = False
    is_unknown: bool = False
    has_changed: bool = False

    @classmethod
    def read(cls, invocation: Invocation, task: TaskInfo | Failure) -> ObsState:
        """Return the state of OBS by the stored comparisons with the destination of `task`.

        Raises StorageError.
        """
        if isinstance(task, Failure):
            return cls()
        if not task.dst_bucket:
            return cls(is_unknown=next(PassStore(invocation, "compare").names(), None) is not None)
        settings, now = invocation.settings, invocation.clock.now()
        states = PassStore(invocation, "compare", task.dst_bucket).states()
        answer = answering(states, settings.key_filter.prefix)
        if answer is None:
            return cls(open=_open(states, now))
        last, mode = answer.of, task.object_overwrite_mode
        result = CompareResult(last.tally, answer_of("compare", last, None, now), last, mode, answer.stood_still)
        is_late = last.is_late(settings.compare_period, now)
        return cls(result, _open(states, now), is_late, has_changed=answer.has_obs_changed)

    @property
    def began(self) -> str:
        """Begin of the last comparison of all objects; empty before the first."""
        return self.last.state.started if self.last and self.last.state else ""

    @property
    def lacking(self) -> int:
        """Number of objects that are missing or outdated in the destination, without those waiting at replay or OMS."""
        return self.count(*LACKING - {ObjectClass.FAILED_BEFORE})

    @property
    def is_clean(self) -> bool:
        """True if OBS had every judged object, and all of them are proven equal.

        An object of equal size may be an earlier version than the one that OMS failed to copy, and a key waiting at
        replay may never arrive.
        """
        waiting = (ObjectClass.FAILED_BEFORE, ObjectClass.MIGRATING)
        differing = self.lacking or self.count(ObjectClass.SUSPICIOUS, *waiting)
        is_believed = self.last is not None and not self.last.is_contradicted
        return is_believed and not differing and self.equal == self.proven

    @property
    def equal(self) -> int:
        """Number of equal objects, proven or not."""
        return self.count(*EQUAL)

    @property
    def proven(self) -> int:
        """Number of objects that are proven equal."""
        return self.count(ObjectClass.EQUAL_CONTENTS)

    @property
    def total(self) -> int:
        """Number of objects of the source bucket within the project's filter."""
        return self.count(*IN_SCOPE)

    def shown(self) -> ObsSummary:
        """Return the form for the answer."""
        under_way = [UnfinishedComparison(started=state.started, **vars(progress)) for state, progress in self.open]
        return ObsSummary(self.last.compared() if self.last else None, under_way)

    def count(self, *classes: ObjectClass) -> int:
        """Return the number of source objects of these classes."""
        return self.last.tally.objects(*classes) if self.last else 0


@dataclass(frozen=True)
class Facts:
    """All facts for a verdict.

    `closed`: the mark of a closed project, where only changes after the close count. `go`: the name of the current GO,
    or empty. `migration`: the unfinished migration of the existing objects. `old_objects`: its progress, None without a
    query to OMS. `keys_left`: its access keys, if it ended more than a day ago.
    """

    copying: CopyProgress
    backlog: Backlog
    coverage: Coverage
    in_obs: ObsState
    closed: Closed | None
    go: str
    migration: Migration | None
    old_objects: TaskGroup | Failure | None
    keys_left: Sequence[str]

    @cached_property
    def failures(self) -> CopyFailures | None:
        """Outcomes of the objects that OMS failed to copy; None if OMS does not report their number."""
        copying, backlog = self.copying, self.backlog
        if copying.failed is None:
            return None
        since = timestamp(copying.acknowledged.at) if copying.acknowledged else ""
        waiting = [key for key in backlog.copies if key.first_failure > since]
        return CopyFailures.of(copying.failed, copying.listed, waiting, backlog.unread)

    def lasts(self, reason: Reason) -> bool:
        """Return True if keys that failed for this reason need action."""
        if reason in CLOSED_REASONS:
            return bool(self.backlog.after_close)
        if reason is Reason.COPY_FAILED:
            return bool(self.failures and self.failures.stuck)
        return reason in PERMANENT_REASONS or reason is Reason.REJECTED

    def numbers(self, now: datetime) -> dict[str, object]:
        """Return the main numbers of the facts; ages and lags are in seconds, and None is unknown.

        `waiting`: number of keys waiting to be resent (a minimum, with `at_least`), `oldest` the time of the first
        failure, and `backlog_age` its age. `copy_failures`: possibly unresolved copy failures. `overdue`: accepted
        objects that OMS should have finished by now. `lag_p50`, `lag_p99`: delay from the write of an object until it
        was in OBS, by the last comparison. `reconcile_age`, `compare_age`: age of the begin of the last pass over all
        objects; `open_passes`: number of unfinished passes.
        """
        last, in_obs, unfinished = self.coverage.last, self.in_obs, self.copying.unfinished
        lag = in_obs.last.tally.copied_lag if in_obs.last else None
        return {
            "waiting": self.backlog.waiting,
            "at_least": self.backlog.more_may_wait,
            "oldest": self.backlog.oldest,
            "backlog_age": _age(self.backlog.oldest, now),
            "copy_failures": self.failures.open if self.failures else None,
            "overdue": unfinished.overdue if unfinished else None,
            "lag_p50": lag.percentile(50) if lag else None,
            "lag_p99": lag.percentile(99) if lag else None,
            "reconcile_age": _age(last.started if last else None, now),
            "compare_age": _age(in_obs.began, now),
            "open_passes": len(self.coverage.open) + len(in_obs.open),
        }


def _age(since: str | None, now: datetime) -> int | None:
    time = parse_time(since or "")
    return max(0, int((now - time).total_seconds())) if time else None
