"""The outcomes of objects that OMS accepted since the last acknowledgement: failed copies, and unfinished objects.

By an acknowledgement, a user declares all earlier failures resolved. The numbers are OMS's counters minus their values
at this time. OMS counts by month, and for the last day also by steps, intervals of five minutes or an hour.

OMS lists each object that it failed to copy, and replay reads these lists. A listed object that no longer waits was
deleted at the source, or was resent and is counted again by OMS. The state of an unlisted object is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from oss_oms_sync.answers.status_answer import CodeFailures, CopyFailureCounts, UnfinishedCounts
from oss_oms_sync.clouds.task import (
    MonthCounts,
    Statistics,
    TaskInfo,
    count_min_unfinished,
    find_month_start,
    format_month,
)
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.ledger.list_positions import LineCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.entries import MIN_EVENT_AGE

_MAX_LIST_DELAY = timedelta(hours=1)
# Number of failed copies after which a key counts as stuck until its cause is removed. The attempts take over an hour.
_STUCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Month:
    """OMS's counters of the month that started at `begin`."""

    begin: datetime
    counts: MonthCounts


@dataclass(frozen=True)
class Acknowledgement:
    """A user's declaration, at the time `at`, that all failed copies until then are resolved.

    - `counts`: OMS's counters of the month at this time.
    - `on_its_way`: the number of objects that OMS had accepted just before, which the declaration does not cover.
    - `listed`: the number of lines about the failed copies in this month's lists, including lines that OMS had not
      written yet.
    """

    at: datetime
    counts: MonthCounts
    on_its_way: int
    listed: LineCount

    @classmethod
    def of_all_failures(
        cls, now: datetime, counts: MonthCounts, last_day: Statistics | None, listed: LineCount
    ) -> Acknowledgement | None:
        """Return an acknowledgement of all failures, or None if a counter is missing in `counts`."""
        if counts.difference is None or counts.failed is None:
            return None
        recent_objects, unlisted_lines = 0, max(0, counts.failed - listed.lines)
        if last_day and not last_day.unread:
            recent_objects = _count_remaining_after(_find_recent_start(last_day, now), last_day)
            # A list appears within minutes or never, so only recent failures can still be listed.
            unlisted_lines = min(
                unlisted_lines, last_day.count_after(now - _MAX_LIST_DELAY - last_day.step_length, "FAILURE")
            )
        return cls(
            now, counts, recent_objects, LineCount(min(listed.lines, counts.failed) + unlisted_lines, listed.outside)
        )


@dataclass(frozen=True)
class CopyProgress:
    """OMS's answers about the accepted objects, and the conclusions from these answers.

    - `task`, `months`, `last_day`: OMS's answers, or the Failure of a query. `months` has OMS's counters since the
      month of the last acknowledgement or the installation, the current month last.
    - `failed_count`: the number of objects that OMS failed to copy since the last acknowledgement; None if unknown.
    - `listed_lines`: the number of lines about these objects in OMS's lists.
    - `counted_since`: the start of the counted months if earlier months were not queried, otherwise None.
    """

    task: TaskInfo | Failure
    months: Sequence[Month] | Failure
    last_day: Statistics | Failure
    acknowledgement: Acknowledgement | None
    failed_count: int | None = None
    unfinished_counts: UnfinishedCounts | None = None
    counted_since: datetime | None = None
    listed_lines: LineCount = field(default_factory=LineCount)

    @classmethod
    def compute(
        cls,
        task: TaskInfo | Failure,
        months: Sequence[Month] | Failure,
        last_day: Statistics | Failure,
        acknowledgement: Acknowledgement | None,
        installation_time: datetime,
        now: datetime,
        lines_by_month: Mapping[str, LineCount],
    ) -> CopyProgress:
        if isinstance(months, Failure):
            return cls(task, months, last_day, acknowledgement)
        counted_months = _subtract_acknowledged_counts(acknowledgement, months)
        statistics = None if isinstance(last_day, Failure) else last_day
        first_month_start = months[0].begin
        # Failures before the installation do not concern this project.
        relevant_months = [month for month in counted_months if month.begin >= find_month_start(installation_time)]
        return cls(
            task,
            months,
            last_day,
            acknowledgement,
            failed_count=_count_failed(acknowledgement, relevant_months, statistics),
            unfinished_counts=_count_unfinished(acknowledgement, counted_months, statistics, now)
            if statistics
            else None,
            counted_since=first_month_start
            if first_month_start > find_month_start(acknowledgement.at if acknowledgement else installation_time)
            else None,
            listed_lines=_count_listed(
                acknowledgement if acknowledgement and acknowledgement.at >= first_month_start else None,
                relevant_months,
                lines_by_month,
            ),
        )


@dataclass(frozen=True)
class CopyFailures(CopyFailureCounts):
    """The failed copies, by the outcome of their objects.

    - `done`: objects that were deleted at the source, or resent since.
    - `stuck`: objects that replay resends without success until the cause is removed. `stuck_codes` has their numbers
      by OMS's code.
    - `outside`: objects of other projects.
    - `unknown`: objects that no list names.
    """

    stuck_codes: Mapping[str, int]

    @classmethod
    def classify(
        cls, failure_count: int, listed_lines: LineCount, waiting_keys: Sequence[FailedKey], max_unread_keys: float
    ) -> CopyFailures:
        """Classify the failures that OMS counted, by the lines in OMS's lists.

        - `waiting_keys`: the failed keys whose records were read.
        - `max_unread_keys`: the maximum number of further failed keys, whose records were not read.
        """
        codes = Counter(_find_failure_code(key) for key in waiting_keys)
        stuck_codes = Counter(_find_failure_code(key) for key in waiting_keys if _is_stuck(key))
        stuck_count = stuck_codes.total()
        listed_count = min(failure_count, listed_lines.lines)
        outside_count = min(listed_count, listed_lines.outside)
        # The other listed objects are done, except those that an unread record may name.
        unproven_count = max(0, listed_count - outside_count - len(waiting_keys))
        done_count = unproven_count - int(min(max_unread_keys, unproven_count))
        unknown_count = max(0, failure_count - outside_count - len(waiting_keys) - done_count)
        return cls(
            failure_count,
            done=done_count,
            waiting=len(waiting_keys) - stuck_count,
            stuck=stuck_count,
            outside=outside_count,
            unknown=unknown_count,
            codes={
                code: CodeFailures(number, code not in stuck_codes, find_copy_code(code).fix)
                for code, number in codes.most_common()
            },
            stuck_codes=dict(stuck_codes.most_common()),
        )

    @property
    def unresolved_count(self) -> int:
        return self.waiting + self.stuck + self.unknown

    @property
    def outcome_counts(self) -> list[int]:
        return [self.done, self.waiting, self.stuck, self.outside, self.unknown]


def find_first_month(installation_time: datetime, acknowledgement: Acknowledgement | None) -> datetime:
    """Return the start of the first month whose counters are needed.

    It is the month in which a user last acknowledged failures, or the month before the installation: OMS may have
    accepted objects in that month and processed them in the next.
    """
    return find_month_start(
        acknowledgement.at if acknowledgement else find_month_start(installation_time) - timedelta(days=1)
    )


def _subtract_acknowledged_counts(acknowledgement: Acknowledgement | None, months: Sequence[Month]) -> Sequence[Month]:
    first_month, *later_months = months
    if acknowledgement is None or acknowledgement.at < first_month.begin:
        return months
    acknowledged_counts: Mapping[str, int | None] = asdict(acknowledgement.counts)
    counts = {
        name: _compute_increase(number, acknowledged_counts[name])
        for name, number in asdict(first_month.counts).items()
    }
    return [Month(first_month.begin, MonthCounts(**counts)), *later_months]


def _compute_increase(number: int | None, earlier_count: int | None) -> int | None:
    """Return the increase of a counter since `earlier_count`. A counter below `earlier_count` was reset to 0."""
    return number if number is None or earlier_count is None or number < earlier_count else number - earlier_count


def _count_failed(
    acknowledgement: Acknowledgement | None, months: Sequence[Month], last_day: Statistics | None
) -> int | None:
    """Return the number of objects that OMS failed to copy since the last acknowledgement, or None if it is unknown.

    It is the larger of the numbers by `months` and by the last day.
    """
    failed_by_month = [month.counts.failed for month in months]
    if None in failed_by_month:
        return None
    failed_count = sum(filter(None, failed_by_month))
    if last_day is None:
        return failed_count
    return max(failed_count, last_day.count_after(_find_unacknowledged_start(acknowledgement, last_day), "FAILURE"))


def _count_listed(
    acknowledgement: Acknowledgement | None, months: Sequence[Month], lines_by_month: Mapping[str, LineCount]
) -> LineCount:
    line_counts = [lines_by_month.get(format_month(month.begin), LineCount()) for month in months]
    line_count = acknowledgement.listed if acknowledgement else LineCount()
    lines, outside_lines = (
        sum(line_count[position] for line_count in line_counts) - line_count[position] for position in (0, 1)
    )
    return LineCount(max(0, lines), max(0, outside_lines))


def _count_unfinished(
    acknowledgement: Acknowledgement | None, months: Sequence[Month], last_day: Statistics, now: datetime
) -> UnfinishedCounts | None:
    """Return the number of objects that OMS has accepted but not finished since the last acknowledgement.

    OMS is assumed to work in the order of acceptance. The result is None if a counter is missing.
    """
    unfinished_by_month = [month.counts.difference for month in months]
    if None in unfinished_by_month or last_day.unread:
        return None
    # The months cover objects older than the statistics.
    recent_objects = acknowledgement.on_its_way if acknowledgement else 0
    unfinished_count = max(
        count_min_unfinished([recent_objects, *filter(None, unfinished_by_month)]),
        _count_remaining_after(_find_unacknowledged_start(acknowledgement, last_day), last_day),
    )
    overdue_count = max(0, unfinished_count - last_day.count_after(_find_recent_start(last_day, now), "REQUEST"))
    is_exact = overdue_count or not unfinished_count or last_day.step_length < MIN_EVENT_AGE
    return UnfinishedCounts(unfinished_count, overdue_count if is_exact else None)


def _find_unacknowledged_start(acknowledgement: Acknowledgement | None, last_day: Statistics) -> datetime:
    """Return the time from which on all intervals of the statistics are later than the last acknowledgement."""
    # In the step of the acknowledgement, the month's counter is exact. OMS does not document if a step is named by its
    # start.
    return acknowledgement.at + last_day.step_length if acknowledgement else last_day.from_ - last_day.step_length


def _find_recent_start(statistics: Statistics, now: datetime) -> datetime:
    """Return the time from which on intervals of the statistics may have objects accepted less than 15 minutes ago.

    OMS may have accepted an object at the end of an interval, so the interval before these 15 minutes is included.
    """
    return now - MIN_EVENT_AGE - statistics.step_length


def _count_remaining_after(time: datetime, statistics: Statistics) -> int:
    start_seconds = time.timestamp()
    return count_min_unfinished(
        accepted - finished for begin, accepted, finished in statistics.steps if begin > start_seconds
    )


def _is_stuck(key: FailedKey) -> bool:
    return key.copy_attempts >= _STUCK_ATTEMPTS or not find_copy_code(_find_failure_code(key)).is_transient


def _find_failure_code(key: FailedKey) -> str:
    """Return OMS's code of the failed copy, or "" if a later resend failed for another reason."""
    return key.error_code if key.reason == Reason.COPY_FAILED.name else ""
