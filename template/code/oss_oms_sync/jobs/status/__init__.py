"""The job that reports on the synchronization: its progress, and the waiting keys with their reasons.

The report is made from OMS's answers and the objects in the log bucket. By an acknowledgement, a user declares all
earlier failures resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from operator import eq, le

from oss_oms_sync import options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import ReplayRun
from oss_oms_sync.answers.status_answer import (
    CopyingSummary,
    CountCheck,
    StatusAnswer,
    TaskNames,
    UnreadLines,
    Verdict,
)
from oss_oms_sync.answers.task_group import GroupState, TaskGroup
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.task import (
    DATA_TYPES,
    MonthCounts,
    Statistics,
    TaskInfo,
    find_month_start,
    format_month,
    make_query_failure,
)
from oss_oms_sync.errors import Failure, PayloadError, Reason, log
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.jobs.status.alarm import read_webhook_problem, report_change
from oss_oms_sync.jobs.status.backlog import Backlog, read_backlog
from oss_oms_sync.jobs.status.copying import Acknowledgement, CopyFailures, CopyProgress, Month, find_first_month
from oss_oms_sync.jobs.status.facts import Coverage, Facts, ObsState
from oss_oms_sync.jobs.status.history import KeyHistory
from oss_oms_sync.jobs.status.verdict import reach_verdict
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import read_mark_with_go
from oss_oms_sync.ledger.closing import CloseMark, ProjectState
from oss_oms_sync.ledger.list_positions import LineCount, ListPositions
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import COUNTS, SCANNED_PARTS

_HOUR = timedelta(hours=1)
_MAX_HOURS = 24 * 31
# The time window of the verdict, and the default window of the displayed statistics.
DAY = timedelta(days=1)

_MAX_MONTHS = 13
_MAX_COPY_TIME = timedelta(hours=1)
_INEXACT_COUNTS = t(
    "two function instances continued the pass at the same time: the counts of the pass are inexact, but no"
    " object was missed"
)


@dataclass(frozen=True)
class StatusOptions:
    """The options in the payload of status.

    - `key`: report only the history of this key.
    - `hours`: the number of hours that the displayed statistics cover.
    - `acknowledge`: count only failures after this call.
    """

    key: str | None = None
    hours: int = DAY // _HOUR
    acknowledge: bool = False


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Report on the synchronization or, with {"key": ...} in the payload, on the history of a key.

    Return a StatusAnswer or a StoryAnswer as JSON. A call by the timer also sends a message to the webhook
    (ALERT_WEBHOOK) when the verdict has changed. Raises PayloadError, and StorageError if the log bucket cannot be read
    or written.
    """
    JobState(invocation).record_timer("status", event)
    payload, now = options.parse(event, StatusOptions), invocation.clock.now()
    if payload.key is not None:
        if payload != StatusOptions(key=payload.key):
            raise PayloadError(
                "The payload asks for a key and for something else: a key's history takes no other option"
            )
        return to_json(KeyHistory(invocation, payload.key).build())  # type: ignore[no-any-return]
    if not 1 <= payload.hours <= _MAX_HOURS:
        raise PayloadError(f"The payload's hours is {payload.hours}. Give 1 to {_MAX_HOURS}")
    verdict, facts, report = _StatusReport(invocation).build(payload.hours * _HOUR, acknowledge=payload.acknowledge)
    log.info(
        {"verdict": verdict.state.value, "alarm": verdict.alarm, "text": verdict.text.en, **facts.main_numbers(now)}
    )
    if is_timer_event(event):
        migration.record_progress(invocation, facts.task_group)
        report_change(invocation, verdict, facts)
    return to_json(report)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _LastReplay:
    """The result of the last run of replay over all failed records, as it is stored."""

    last: ReplayRun


class _StatusReport:
    """The builder of the report on the whole synchronization."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._settings = invocation.settings
        self._now = invocation.clock.now()
        self._state = JobState(invocation)

    def build(self, window: timedelta, *, acknowledge: bool) -> tuple[Verdict, Facts, StatusAnswer]:
        """Return the verdict, its facts, and the report with the statistics of the last `window`.

        If `acknowledge` is True, store that the present failures are acknowledged; the report no longer counts them.

        Raises StorageError.
        """
        task = self._invocation.oms.query_task(self._invocation.deadline)
        installation_time = self._state.read_installation_time(store_missing=False)
        # The verdict does not depend on the displayed window.
        last_day = task if isinstance(task, Failure) else self._query_statistics(DAY)
        statistics = last_day if window == DAY or isinstance(last_day, Failure) else self._query_statistics(window)
        list_positions = self._state.load_as(ListPositions, "failed_copies") or ListPositions()
        mark = ProjectState(self._invocation).read_state()
        mark_with_go = read_mark_with_go(self._invocation, mark) if mark else None
        backlog = self._read_backlog(mark, acknowledge=acknowledge)
        acknowledgement, obs_state = (
            self._state.load_as(Acknowledgement, "status"),
            ObsState.read(self._invocation, task),
        )
        # A closed project reports only changes after the close, so an acknowledgement covers only them.
        if (acknowledge and mark is None) or _are_failures_resolved(obs_state, acknowledgement, last_day):
            self._acknowledge(task, last_day, list_positions)
            acknowledgement = self._state.load_as(Acknowledgement, "status")
        months = self._query_months(task, installation_time, acknowledgement)
        copy_progress = CopyProgress.compute(
            task,
            months,
            last_day,
            acknowledgement,
            installation_time=installation_time,
            now=self._now,
            lines_by_month=list_positions.listed,
        )
        coverage = Coverage.from_passes(
            PassStore(self._invocation, "reconcile").read_states(), self._settings, installation_time, self._now
        )
        current_migration = migration.read_current_migration(self._invocation)
        group = migration.query_task_group(self._invocation, current_migration)
        end_time = group.ended if isinstance(group, TaskGroup) and group.state is GroupState.DONE else inf
        facts = Facts(
            copy_progress=copy_progress,
            backlog=backlog,
            coverage=coverage,
            obs_state=obs_state,
            mark=mark,
            go=mark_with_go.go if mark_with_go else "",
            migration=current_migration,
            task_group=group,
            # The migration ended more than a day ago, and its access keys still exist.
            remaining_access_keys=current_migration.keys
            if current_migration and end_time < (self._now - DAY).timestamp()
            else (),
        )
        verdict, failures = reach_verdict(facts), facts.failures
        last_replay = self._state.load_as(_LastReplay, "replay")
        # A record may have an unknown reason.
        reasons = [Reason[name] for name in backlog.by_reason if name in Reason.__members__]
        report = StatusAnswer(
            verdict=verdict,
            at=timestamp(self._now),
            migration=facts.migration,
            old_objects=None if isinstance(group, Failure) else group,
            old_objects_failure=make_query_failure(group, "get", "taskgroup"),
            closed=mark_with_go,
            task=TaskNames(self._invocation.task_id, self._settings.source_bucket, self._settings.log_bucket),
            oms=None if isinstance(task, Failure) else task,
            oms_failure=make_query_failure(task, "get"),
            copying=CopyingSummary(
                copy_progress.failed_count,
                copy_progress.unfinished_counts,
                timestamp(acknowledgement.at) if acknowledgement else None,
                failures,
            ),
            statistics=None if isinstance(statistics, Failure) else statistics,
            statistics_failure=make_query_failure(statistics, "statistics"),
            backlog=backlog,
            replay=last_replay.last if last_replay else None,
            reconcile=coverage.summary(),
            compare=obs_state.summary(),
            oms_lists=UnreadLines(list_positions.unread, list_positions.example, list_positions.problem),
            overdue=[
                job
                for job, is_late in (("reconcile", coverage.recent_pass is None), ("compare", obs_state.is_overdue))
                if is_late
            ],
            sums=[
                *check_sums(None if isinstance(months, Failure) else months[-1].counts, coverage.last_pass, failures)
            ],
            fixes={reason.name: reason.fix for reason in reasons},
            lasting=[reason.name for reason in reasons if facts.needs_action(reason)],
            alarm_not_taken=read_webhook_problem(self._invocation),
        )
        return verdict, facts, report

    def _read_backlog(self, mark: CloseMark | None, *, acknowledge: bool) -> Backlog:
        """Return the keys that wait to be resent, without changes to a closed project that a user has acknowledged.

        If `acknowledge` is True, first store that the present changes are acknowledged.
        """
        if mark is None:
            return read_backlog(self._invocation)
        acknowledged_until = self._state.load("after_close").get("acknowledged")
        backlog = read_backlog(self._invocation, mark, acknowledged_until if isinstance(acknowledged_until, int) else 0)
        if acknowledge and (backlog.late_record_times or backlog.may_have_more_late_records):
            # Changes that arrive during this read, or in this second, are not in the report.
            new_acknowledged_until = min(backlog.last_record_time, int(self._now.timestamp()) - 1)
            self._state.store("after_close", {"acknowledged": new_acknowledged_until})
            return self._read_backlog(mark, acknowledge=False)
        return backlog

    def _query_statistics(self, window: timedelta) -> Statistics | Failure:
        return self._invocation.oms.query_statistics(
            DATA_TYPES, self._now - window, self._now, self._invocation.deadline
        )

    def _acknowledge(
        self, task: TaskInfo | Failure, last_day: Statistics | Failure, list_positions: ListPositions
    ) -> None:
        if isinstance(task, Failure):
            return
        statistics = None if isinstance(last_day, Failure) else last_day
        line_count = list_positions.listed.get(format_month(self._now), LineCount())
        if acknowledgement := Acknowledgement.of_all_failures(self._now, task.month, statistics, line_count):
            self._state.store("status", to_json(acknowledgement))

    def _query_months(
        self, task: TaskInfo | Failure, installation_time: datetime, acknowledgement: Acknowledgement | None
    ) -> list[Month] | Failure:
        """Return OMS's counters of each month since the last acknowledgement of failures, or since the installation.

        If OMS does not answer, return its failure.
        """
        if isinstance(task, Failure):
            return task
        first_month_start = find_first_month(installation_time, acknowledgement)
        months = [Month(find_month_start(self._now), task.month)]
        while first_month_start < months[0].begin and len(months) < _MAX_MONTHS:
            last_day = months[0].begin - timedelta(days=1)
            earlier_task = self._invocation.oms.query_task(self._invocation.deadline, last_day)
            if isinstance(earlier_task, Failure):
                # Before the installation, the task may not have existed.
                if last_day < find_month_start(installation_time) and earlier_task.reason in (
                    Reason.REFUSED,
                    Reason.NO_TASK,
                ):
                    break
                return earlier_task
            months.insert(0, Month(find_month_start(last_day), earlier_task.month))
        return months


def _are_failures_resolved(
    obs_state: ObsState, acknowledgement: Acknowledgement | None, last_day: Statistics | Failure
) -> bool:
    """Return True if a comparison has checked all objects in OBS since OMS's last copy failure."""
    start_time = parse_time(obs_state.start_time)
    if not obs_state.is_clean or start_time is None or isinstance(last_day, Failure) or last_day.unread:
        return False
    is_new = acknowledgement is None or acknowledgement.at < start_time
    # An object may have been in flight in that comparison, and have failed since.
    first_copy_time = start_time - _MAX_COPY_TIME - last_day.step_length
    return is_new and first_copy_time >= last_day.from_ and not last_day.count_after(first_copy_time, "FAILURE")


def check_sums(
    month: MonthCounts | None, last_pass: PassState | None, failures: CopyFailures | None
) -> Iterator[CountCheck]:
    """Yield a check for each equation or inequality that reported counts must satisfy."""
    if last_pass:
        counts_by_name = {name: last_pass.counts.get(name, 0) for name in COUNTS}
        yield _check_sum(
            t(
                "scanned = accepted by OMS + failed before + submitted by this pass + younger than 15 minutes +"
                " migrating + not submitted (too many)"
            ),
            counts_by_name["scanned"],
            eq,
            [counts_by_name[name] for name in SCANNED_PARTS],
            _INEXACT_COUNTS,
        )
        outcomes = [counts_by_name[name] for name in ("accepted", "failed")]
        yield _check_sum(
            t("submitted by this pass = accepted + failed"), counts_by_name["submitted"], eq, outcomes, _INEXACT_COUNTS
        )
    if failures:
        yield _check_sum(
            t("objects that OMS failed to copy = resolved + waiting + stuck + other projects' + unknown"),
            failures.counted,
            eq,
            failures.outcome_counts,
            t(
                "OMS's count of failures does not yet include all objects in OMS's lists of failed objects:"
                " check the status again in a few minutes"
            ),
        )
    if month and month.requests is not None and month.processed is not None:
        yield _check_sum(
            t("objects that OMS accepted this month <= copied + failed + skipped"),
            month.requests,
            le,
            month.processed,
            t("OMS has not processed all accepted objects yet: check the status again in a few minutes"),
        )


def _check_sum(
    claim: Text, left_count: int, comparison: Callable[[int, int], bool], right_counts: Sequence[int], meaning: Text
) -> CountCheck:
    """Return the check that `left_count` and the sum of `right_counts` satisfy `comparison`.

    `claim` states this relation in words, and `meaning` explains why it may not hold.
    """
    return CountCheck(
        claim,
        left_count,
        "=" if comparison is eq else "≤",
        right_counts,
        comparison(left_count, sum(right_counts)),
        meaning,
    )
