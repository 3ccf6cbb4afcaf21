"""The facts for a verdict: the backlog, OMS's copies, and the coverage of passes.

An object can only be "in step" if reconcile has covered it. Without a comparison, only its acceptance by OMS is known.
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
from oss_oms_sync.ledger.closing import CloseMark
from oss_oms_sync.passes.states import (
    PassState,
    answer_of,
    find_answering_pass,
    find_last_ended_pass,
    find_last_timer_pass,
    list_open_passes,
    progress_of,
)
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.settings import Settings

OpenPasses = Sequence[tuple[PassState, Progress]]


@dataclass(frozen=True)
class Coverage:
    """The coverage of reconcile.

    - `last`: the last finished pass as the timer starts them.
    - `recent`: the same pass; None if the next pass is long overdue, because lost events may be undetected then.
    - `since`: the minimum time of checked objects.
    - `open`: the unfinished passes with their progress.
    """

    last: PassState | None
    recent: PassState | None
    since: datetime
    open: OpenPasses

    @classmethod
    def from_passes(
        cls, passes: Sequence[PassState], settings: Settings, installed: datetime, now: datetime
    ) -> Coverage:
        """Return the coverage by all stored `passes`."""
        finished = [
            state for state in passes if state.ended and state.scope.key_filter.prefix == settings.key_filter.prefix
        ]
        last = find_last_timer_pass(passes, settings.key_filter.prefix)
        return cls(
            last=last,
            recent=None if last is None or last.is_late(settings.reconcile_period, now) else last,
            since=min((state.scope.min_time(installed) for state in finished), default=installed),
            open=_list_open(passes, now),
        )

    def summary(self) -> ReconcileSummary:
        """Return the coverage in the form of the answer."""
        unfinished = [UnfinishedPass(**_summary_fields(state), **vars(progress)) for state, progress in self.open]
        return ReconcileSummary(PassSummary(**_summary_fields(self.last)) if self.last else None, unfinished)


def _list_open(passes: Sequence[PassState], now: datetime) -> OpenPasses:
    return [
        (state, progress_of(state, find_last_ended_pass(passes, state.scope), now))
        for state in list_open_passes(passes)
    ]


def _summary_fields(state: PassState) -> dict[str, Any]:
    """Return the fields of a PassSummary by name."""
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
    """The state of OBS, as far as comparisons show it.

    - `last`: the result of the last comparison of all objects, including rechecks.
    - `open`: the unfinished comparisons with their progress.
    - `overdue`: the comparison is too old to cover recent objects. It is False without a comparison, because the state
      of OBS is not reported then.
    - `is_unknown`: OMS does not report its destination bucket, so it is unknown which comparisons are valid.
    - `has_changed`: a standstill pass detected that OBS changed since, although the source did not.
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
            return cls(is_unknown=next(PassStore(invocation, "compare").iter_names(), None) is not None)
        settings, now = invocation.settings, invocation.clock.now()
        states = PassStore(invocation, "compare", task.dst_bucket).read_states()
        answer = find_answering_pass(states, settings.key_filter.prefix)
        if answer is None:
            return cls(open=_list_open(states, now))
        last, mode = answer.state, task.object_overwrite_mode
        result = CompareResult(last.tally, answer_of("compare", last, None, now), last, mode, answer.stood_still)
        is_late = last.is_late(settings.compare_period, now)
        return cls(result, _list_open(states, now), is_late, has_changed=answer.has_obs_changed)

    @property
    def began(self) -> str:
        """The start of the last comparison of all objects; empty before the first."""
        return self.last.state.started if self.last and self.last.state else ""

    @property
    def lacking(self) -> int:
        """The number of objects that are missing or outdated in OBS, without those that wait at replay or OMS."""
        return self.count(*LACKING - {ObjectClass.FAILED_BEFORE})

    @property
    def is_clean(self) -> bool:
        """True if OBS had every object of the comparison, and all of them are proven equal.

        Objects of equal size do not count as equal without a proof, because OBS may have an earlier version than the
        one that OMS failed to copy. A key that waits at replay may never arrive.
        """
        waiting = (ObjectClass.FAILED_BEFORE, ObjectClass.MIGRATING)
        differing_number = self.lacking or self.count(ObjectClass.SUSPICIOUS, *waiting)
        is_valid = self.last is not None and not self.last.is_contradicted
        return is_valid and not differing_number and self.equal == self.proven

    @property
    def equal(self) -> int:
        """The number of equal objects, proven or not."""
        return self.count(*EQUAL)

    @property
    def proven(self) -> int:
        """The number of objects that are proven equal."""
        return self.count(ObjectClass.EQUAL_CONTENTS)

    @property
    def total(self) -> int:
        """The number of source objects that pass the project's filter."""
        return self.count(*IN_SCOPE)

    def summary(self) -> ObsSummary:
        """Return the state in the form of the answer."""
        unfinished = [UnfinishedComparison(started=state.started, **vars(progress)) for state, progress in self.open]
        return ObsSummary(self.last.to_result() if self.last else None, unfinished)

    def count(self, *classes: ObjectClass) -> int:
        """Return the number of source objects of these classes in the last comparison, or 0 without a comparison."""
        return self.last.tally.objects(*classes) if self.last else 0


@dataclass(frozen=True)
class Facts:
    """All facts for a verdict.

    - `closed`: the mark of a closed project, in which only changes after the close count.
    - `go`: the name of the valid GO, or "".
    - `migration`: the unfinished migration of the existing objects.
    - `old_objects`: OMS's answer about this migration; None if OMS was not queried.
    - `keys_left`: the access keys of a migration that ended more than a day ago.
    """

    copying: CopyProgress
    backlog: Backlog
    coverage: Coverage
    in_obs: ObsState
    closed: CloseMark | None
    go: str
    migration: Migration | None
    old_objects: TaskGroup | Failure | None
    keys_left: Sequence[str]

    @cached_property
    def failures(self) -> CopyFailures | None:
        """The outcomes of the objects that OMS failed to copy, or None if OMS does not report their number."""
        copying, backlog = self.copying, self.backlog
        if copying.failed is None:
            return None
        since = timestamp(copying.acknowledged.at) if copying.acknowledged else ""
        waiting = [key for key in backlog.copies if key.first_failure > since]
        return CopyFailures.classify(copying.failed, copying.listed, waiting, backlog.unread)

    def needs_action(self, reason: Reason) -> bool:
        """Return True if keys that failed for this reason need action by a person."""
        if reason in CLOSED_REASONS:
            return bool(self.backlog.after_close)
        if reason is Reason.COPY_FAILED:
            return bool(self.failures and self.failures.stuck)
        return reason in PERMANENT_REASONS or reason is Reason.REJECTED

    def main_numbers(self, now: datetime) -> dict[str, object]:
        """Return the main numbers of the facts by name. Ages and lags are in seconds, and None means unknown.

        - `waiting`: the number of keys that wait to be resent; with `at_least`, it is a minimum.
        - `oldest`, `backlog_age`: the time of their first failure, and its age.
        - `copy_failures`: the number of failed copies that may be unresolved.
        - `overdue`: the number of accepted objects that OMS should have finished by now.
        - `lag_p50`, `lag_p99`: the time from the write of an object until it was in OBS, by the last comparison.
        - `reconcile_age`, `compare_age`: the time since the start of the last pass over all objects.
        - `open_passes`: the number of unfinished passes.
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
