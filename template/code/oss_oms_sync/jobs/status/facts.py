"""The facts for a verdict: the backlog, OMS's copies, and the objects that passes have checked.

An object can only be "in step" if reconcile has checked it. Without a comparison, only its acceptance by OMS is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.answers.object_class import EQUAL_CLASSES, IN_SCOPE, LACKING_CLASSES, ObjectClass
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
    estimate_progress,
    find_answering_pass,
    find_last_ended_pass,
    find_last_timer_pass,
    list_open_passes,
    make_answer,
)
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, NEW_OBJECTS, NEW_WITHOUT_EVENT
from oss_oms_sync.settings import Settings

OpenPasses = Sequence[tuple[PassState, Progress]]


@dataclass(frozen=True)
class Coverage:
    """The objects that reconcile has checked, by its stored passes.

    - `last_pass`: the last finished pass over the keys that the timer's passes cover.
    - `recent_pass`: the same pass, or None if the next pass is long overdue, because events may have been lost since.
    - `min_object_time`: the time since which objects are checked; objects written before are not.
    """

    last_pass: PassState | None
    recent_pass: PassState | None
    min_object_time: datetime
    open_passes: OpenPasses

    @classmethod
    def from_passes(
        cls, passes: Sequence[PassState], settings: Settings, installation_time: datetime, now: datetime
    ) -> Coverage:
        finished_passes = [
            state for state in passes if state.ended and state.scope.key_filter.prefix == settings.key_filter.prefix
        ]
        last_pass = find_last_timer_pass(passes, settings.key_filter.prefix)
        return cls(
            last_pass=last_pass,
            recent_pass=None if last_pass is None or last_pass.is_late(settings.reconcile_period, now) else last_pass,
            min_object_time=min(
                (state.scope.min_time(installation_time) for state in finished_passes), default=installation_time
            ),
            open_passes=_list_open_passes(passes, now),
        )

    def summary(self) -> ReconcileSummary:
        unfinished_passes = [
            UnfinishedPass(**_list_summary_fields(state), **vars(progress)) for state, progress in self.open_passes
        ]
        return ReconcileSummary(
            PassSummary(**_list_summary_fields(self.last_pass)) if self.last_pass else None, unfinished_passes
        )


def _list_open_passes(passes: Sequence[PassState], now: datetime) -> OpenPasses:
    return [
        (state, estimate_progress(state, find_last_ended_pass(passes, state.scope), now))
        for state in list_open_passes(passes)
    ]


def _list_summary_fields(state: PassState) -> dict[str, Any]:
    return {
        "prefix": state.scope.key_filter.prefix,
        "since": timestamp(state.scope.since) if state.scope.since else None,
        "all": state.scope.everything,
        "started": state.started,
        "ended": state.ended or None,
        "pass_": state.of.name,
        "ranges": Ranges(state.ranges_open, state.ranges_done),
        **{name: state.counts.get(name, 0) for name in (*COUNTS, NEW_OBJECTS, NEW_WITHOUT_EVENT)},
    }


@dataclass(frozen=True)
class ObsState:
    """The state of OBS, as far as comparisons show it.

    - `last_comparison`: the result of the last comparison of all objects, including rechecks.
    - `is_overdue`: True if the last comparison is too old to cover recent objects; False without a comparison.
    - `is_unknown`: True if OMS does not report its destination bucket, so that the valid comparisons are unknown.
    - `has_changed`: True if a standstill pass found later changes in OBS, although the source had not changed.
    """

    last_comparison: CompareResult | None = None
    open_comparisons: OpenPasses = ()
    is_overdue: bool = False
    is_unknown: bool = False
    has_changed: bool = False

    @classmethod
    def read(cls, invocation: Invocation, task: TaskInfo | Failure) -> ObsState:
        if isinstance(task, Failure):
            return cls()
        if not task.dst_bucket:
            return cls(is_unknown=next(PassStore(invocation, "compare").iter_names(), None) is not None)
        settings, now = invocation.settings, invocation.clock.now()
        states = PassStore(invocation, "compare", task.dst_bucket).read_states()
        answering_pass = find_answering_pass(states, settings.key_filter.prefix)
        if answering_pass is None:
            return cls(open_comparisons=_list_open_passes(states, now))
        last_pass, mode = answering_pass.state, task.object_overwrite_mode
        result = CompareResult(
            last_pass.tally, make_answer("compare", last_pass, None, now), last_pass, mode, answering_pass.stood_still
        )
        is_late = last_pass.is_late(settings.compare_period, now)
        return cls(result, _list_open_passes(states, now), is_late, has_changed=answering_pass.has_obs_changed)

    @property
    def start_time(self) -> str:
        return self.last_comparison.state.started if self.last_comparison and self.last_comparison.state else ""

    @property
    def missing_count(self) -> int:
        """The number of objects that OBS lacks or has in another version, without those that wait at replay or OMS."""
        return self.count(*LACKING_CLASSES - {ObjectClass.FAILED_BEFORE})

    @property
    def is_clean(self) -> bool:
        """True if OBS had every object of the comparison, and all objects are proven equal.

        An unproven object of equal size does not count as equal: it may be an earlier version than the one that OMS
        failed to copy.
        """
        waiting_classes = (ObjectClass.FAILED_BEFORE, ObjectClass.MIGRATING)
        differing_count = self.missing_count or self.count(ObjectClass.SUSPICIOUS, *waiting_classes)
        is_valid = self.last_comparison is not None and not self.last_comparison.is_contradicted
        return is_valid and not differing_count and self.equal_count == self.proven_count

    @property
    def equal_count(self) -> int:
        return self.count(*EQUAL_CLASSES)

    @property
    def proven_count(self) -> int:
        return self.count(ObjectClass.EQUAL_CONTENTS)

    @property
    def total_count(self) -> int:
        """The number of source objects that pass the project's filter."""
        return self.count(*IN_SCOPE)

    def summary(self) -> ObsSummary:
        unfinished_comparisons = [
            UnfinishedComparison(started=state.started, **vars(progress)) for state, progress in self.open_comparisons
        ]
        return ObsSummary(self.last_comparison.to_result() if self.last_comparison else None, unfinished_comparisons)

    def count(self, *classes: ObjectClass) -> int:
        """Return the number of source objects of these classes in the last comparison, or 0 without a comparison."""
        return self.last_comparison.tally.count_objects(*classes) if self.last_comparison else 0


@dataclass(frozen=True)
class Facts:
    """All facts for a verdict.

    - `mark`: the mark of a closed project, or None if the project is open.
    - `go`: the name of the valid GO, or "".
    - `migration`: the unfinished migration of the existing objects, or None.
    - `task_group`: OMS's answer about the task group of this migration; None if OMS was not queried.
    - `remaining_access_keys`: the access keys of a migration that ended more than a day ago.
    """

    copy_progress: CopyProgress
    backlog: Backlog
    coverage: Coverage
    obs_state: ObsState
    mark: CloseMark | None
    go: str
    migration: Migration | None
    task_group: TaskGroup | Failure | None
    remaining_access_keys: Sequence[str]

    @cached_property
    def failures(self) -> CopyFailures | None:
        """The outcomes of the objects that OMS failed to copy, or None if OMS does not report their number."""
        copy_progress, backlog = self.copy_progress, self.backlog
        if copy_progress.failed_count is None:
            return None
        acknowledgement_time = timestamp(copy_progress.acknowledgement.at) if copy_progress.acknowledgement else ""
        waiting_keys = [key for key in backlog.failed_copies if key.first_failure > acknowledgement_time]
        return CopyFailures.classify(
            copy_progress.failed_count, copy_progress.listed_lines, waiting_keys, backlog.max_unread_keys
        )

    def needs_action(self, reason: Reason) -> bool:
        if reason in CLOSED_REASONS:
            return bool(self.backlog.late_record_times)
        if reason is Reason.COPY_FAILED:
            return bool(self.failures and self.failures.stuck)
        return reason in PERMANENT_REASONS or reason is Reason.REJECTED

    def main_numbers(self, now: datetime) -> dict[str, object]:
        """Return the main numbers of the facts by name. Durations are in seconds, and None means unknown.

        - `waiting`: the number of keys that wait to be resent; with `at_least`, it is a minimum.
        - `oldest`, `backlog_age`: the time of their first failure, and its age.
        - `copy_failures`: the number of failed copies that may be unresolved.
        - `overdue`: the number of accepted objects that OMS should have finished by now.
        - `lag_p50`, `lag_p99`: percentiles of the time from the write of an object until it was in OBS.
        - `reconcile_age`, `compare_age`: the time since the start of the last pass over all objects.
        """
        last_pass, obs_state, unfinished_counts = (
            self.coverage.last_pass,
            self.obs_state,
            self.copy_progress.unfinished_counts,
        )
        lag = obs_state.last_comparison.tally.copied_lag if obs_state.last_comparison else None
        return {
            "waiting": self.backlog.waiting,
            "at_least": self.backlog.more_may_wait,
            "oldest": self.backlog.oldest,
            "backlog_age": _compute_age_seconds(self.backlog.oldest, now),
            "copy_failures": self.failures.unresolved_count if self.failures else None,
            "overdue": unfinished_counts.overdue if unfinished_counts else None,
            "lag_p50": lag.percentile(50) if lag else None,
            "lag_p99": lag.percentile(99) if lag else None,
            "reconcile_age": _compute_age_seconds(last_pass.started if last_pass else None, now),
            "compare_age": _compute_age_seconds(obs_state.start_time, now),
            "open_passes": len(self.coverage.open_passes) + len(obs_state.open_comparisons),
        }


def _compute_age_seconds(time_text: str | None, now: datetime) -> int | None:
    time = parse_time(time_text or "")
    return max(0, int((now - time).total_seconds())) if time else None
