"""The objects that OMS has accepted but not finished, by OMS's counts, which are compared with the success records.

Two minutes after the close, a project records nothing any more. So the success records are counted once for each close,
by as many calls as the count takes. The log bucket stores the state of the count:

    oms_source_record/{task}/state/recorded.json    {"mark", "after", "steps", "newest", "is_all"}
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from oss_oms_sync.answers.certificate import RemainingOmsWork
from oss_oms_sync.answers.layout import record_root
from oss_oms_sync.clock import from_epoch, parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.clouds.task import TaskInfo, find_month_start
from oss_oms_sync.comparison.oms_progress import OmsProgress, query_progress
from oss_oms_sync.errors import Failure
from oss_oms_sync.ledger.closing import CloseMark
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.rules.times import CLOSE_DELAY, OMS_STALL_TIME

# OMS's counts have to cover the records from this time before the close on.
_COUNT_LEAD = timedelta(hours=1)
# Numbers of days to request. The second number is tried if OMS does not report the first by steps of five minutes.
_STATISTICS_DAYS = (7, 1)
# Maximum number of earlier months to request.
_MAX_MONTHS = 24
_STEP_SECONDS = 300
# Seconds that are left after the last record for the other checks and the document.
_WRITING_SECONDS = 60.0


def query_remaining_work(
    invocation: Invocation, task: TaskInfo | Failure, mark: CloseMark | None, largest_size: int
) -> RemainingOmsWork:
    """Return the objects that OMS has not finished, by OMS's counts and, if `mark` closes the project, by the records.

    `largest_size` is the size in bytes of the largest object, which may take the longest to copy. Raises StorageError.
    """
    counts, unfinished_by_months, record_counts = (
        query_progress(invocation, *_STATISTICS_DAYS),
        _sum_unfinished_by_month(invocation, task),
        None,
    )
    mark_time = parse_time(mark.written_at) if mark else None
    if mark_time:
        record_counts = _count_records(invocation, mark_time)
    accepted_count = counts.count_accepted_since(_find_first_counted_step(mark_time)) if mark_time else 0
    if counts.max_unfinished is None or unfinished_by_months is None:
        record_count = record_counts.record_count if record_counts else None
        return RemainingOmsWork(
            None, may_finish=True, busy=None, accepted=accepted_count, recorded=record_count, largest=largest_size
        )
    uncounted_count = record_counts.count_missing_in(counts) if record_counts and record_counts.is_all else 0
    if (unfinished_count := max(unfinished_by_months, uncounted_count)) > counts.max_unfinished:
        counts = replace(counts, max_unfinished=unfinished_count, oldest_unfinished=-math.inf)
    # OMS's counts of the last minutes may be incomplete.
    last_activity_time = max(counts.last_busy, record_counts.newest if record_counts else 0)
    return RemainingOmsWork(
        counts.max_unfinished,
        may_finish=counts.may_still_copy(last_activity_time, largest_size, OMS_STALL_TIME.total_seconds()),
        busy=from_epoch(int(last_activity_time)) if last_activity_time > 0 else None,
        accepted=accepted_count,
        recorded=record_counts.record_count if record_counts and record_counts.is_all else None,
        largest=largest_size,
    )


def _sum_unfinished_by_month(invocation: Invocation, task: TaskInfo | Failure) -> int | None:
    """Return the number of objects that OMS has accepted and not finished, or None if OMS does not report the counts.

    The number is the sum of OMS's monthly counts, from the current month back to the last month without activity.
    """
    current_month = month = find_month_start(invocation.clock.now())
    unfinished_count = 0
    for _ in range(_MAX_MONTHS):
        difference = None if isinstance(task, Failure) else task.month.difference
        if isinstance(task, Failure) or difference is None:
            return None
        if month != current_month and not task.month.requests and not difference:
            break
        unfinished_count += difference
        month = find_month_start(month - timedelta(days=1))
        task = invocation.oms.query_task(invocation.deadline, month)
    return unfinished_count


@dataclass(frozen=True)
class _RecordCounts:
    """The counts of the success records that were written since an hour before the close.

    - `mark`: the time of the close in UTC, in ISO format.
    - `after`: the name of the last counted record.
    - `steps`: the number of records by minute; a name is the start of the minute in seconds since 1970.
    - `newest`: the time of the last write of a record, in seconds since 1970.
    - `is_all`: True if all records are counted.
    """

    mark: str
    after: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0
    is_all: bool = False

    @property
    def record_count(self) -> int:
        return sum(self.steps.values())

    def count_missing_in(self, counts: OmsProgress) -> int:
        """Return the number of records that OMS's `counts` do not cover.

        For each minute, the records since this minute are compared with OMS's acceptances since this minute, and the
        largest difference is returned. The difference of both totals is not enough, because a key that OMS accepted
        twice could offset a missing acceptance.
        """
        record_count = missing_count = 0
        for begin, minute_count in sorted(self.steps.items(), reverse=True):
            record_count += minute_count
            missing_count = max(missing_count, record_count - counts.count_accepted_since(float(begin)))
        return missing_count

    def with_page(self, page: Sequence[ObjectSummary], start_time: float) -> _RecordCounts:
        times = [row.modified for row in page if row.modified >= start_time]
        steps = Counter(self.steps) + Counter(f"{time - time % 60:012}" for time in times)
        last_name = page[-1].name if page else self.after
        return replace(self, after=last_name, steps=dict(steps), newest=max([self.newest, *times]))


def _find_first_counted_step(mark_time: datetime) -> int:
    """Return the start of the first step of OMS's counts that is compared with records, in seconds since 1970."""
    time = int((mark_time - _COUNT_LEAD).timestamp())
    return time - time % _STEP_SECONDS


def _count_records(invocation: Invocation, mark_time: datetime) -> _RecordCounts | None:
    """Continue the count of records, and store it; return None if a job may still write a record."""
    if invocation.clock.now() < mark_time + CLOSE_DELAY:
        return None
    state, start_time = JobState(invocation), _find_first_counted_step(mark_time)
    counts = state.load_as(_RecordCounts, "recorded")
    if counts is None or counts.mark != mark_time.isoformat():
        counts = _RecordCounts(mark_time.isoformat())
    if counts.is_all:
        return counts
    deadline = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))
    folder = f"{record_root(invocation.task_id)}success_object"
    with invocation.log_bucket.pages(folder, counts.after) as pages:
        for page in pages:
            counts = counts.with_page(page.objects, start_time)
            if page.objects and deadline.expired():
                break
        else:
            counts = replace(counts, is_all=True)
    state.store("recorded", asdict(counts))
    return counts
