"""The work that OMS has left, by its counts, which are compared with the records of accepted keys.

From two minutes after the close on, nothing is submitted or recorded, so the records are counted once for each mark of
the closed project. If the time of a call does not suffice, the next call continues the count:

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
from oss_oms_sync.clouds.task import TaskInfo, month_of
from oss_oms_sync.comparison.oms_progress import OmsProgress, query_progress
from oss_oms_sync.errors import Failure
from oss_oms_sync.ledger.closing import CloseMark
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.rules.times import CLOSE_DELAY, OMS_STALL_TIME

# Time before the close from which on OMS's counts have to cover the records.
_COUNT_LEAD = timedelta(hours=1)
# Numbers of days to request. The second number is tried if OMS does not report the first by steps of five minutes.
_STATISTICS_DAYS = (7, 1)
# Maximum number of earlier months to request.
_MAX_MONTHS = 24
_STEP_SECONDS = 300
# Seconds that are left after the last record for the other checks and the document.
_WRITING_SECONDS = 60.0


def query_remaining_work(
    invocation: Invocation, task: TaskInfo | Failure, closed: CloseMark | None, largest: int
) -> RemainingOmsWork:
    """Return OMS's remaining work, by its counts and, if the project is `closed`, the records.

    `largest` is the size in bytes of the largest object, which may take the longest to copy.

    Raises StorageError if the records cannot be listed.
    """
    counts, months, recorded = (
        query_progress(invocation, *_STATISTICS_DAYS),
        _sum_unfinished_by_month(invocation, task),
        None,
    )
    mark = parse_time(closed.written_at) if closed else None
    if mark:
        recorded = _count_records(invocation, mark)
    accepted = counts.count_accepted_since(_first_counted_step(mark)) if mark else 0
    if counts.max_unfinished is None or months is None:
        number = recorded.number if recorded else None
        return RemainingOmsWork(None, may_finish=True, busy=None, accepted=accepted, recorded=number, largest=largest)
    uncounted = recorded.count_missing_in(counts) if recorded and recorded.is_all else 0
    if (unfinished := max(months, uncounted)) > counts.max_unfinished:
        counts = replace(counts, max_unfinished=unfinished, oldest_unfinished=-math.inf)
    # OMS's counts of the last minutes may be incomplete.
    busy = max(counts.last_busy, recorded.newest if recorded else 0)
    return RemainingOmsWork(
        counts.max_unfinished,
        may_finish=counts.may_still_copy(busy, largest, OMS_STALL_TIME.total_seconds()),
        busy=from_epoch(int(busy)) if busy > 0 else None,
        accepted=accepted,
        recorded=recorded.number if recorded and recorded.is_all else None,
        largest=largest,
    )


def _sum_unfinished_by_month(invocation: Invocation, task: TaskInfo | Failure) -> int | None:
    """Return the number of objects that OMS has accepted and not finished, or None if OMS does not report the counts.

    The function adds OMS's monthly counts, from the current month backwards until an earlier month has no activity.
    """
    current_month = month = month_of(invocation.clock.now())
    unfinished = 0
    for _ in range(_MAX_MONTHS):
        difference = None if isinstance(task, Failure) else task.month.difference
        if isinstance(task, Failure) or difference is None:
            return None
        if month != current_month and not task.month.requests and not difference:
            break
        unfinished += difference
        month = month_of(month - timedelta(days=1))
        task = invocation.oms.task(invocation.deadline, month)
    return unfinished


@dataclass(frozen=True)
class _RecordCounts:
    """The number of records written in each minute, from an hour before the close on.

    `mark` is the time of the close, and `newest` the time of the last record, in seconds since 1970. `after` is the
    name of the last counted record. `is_all`: all records are counted.
    """

    mark: str
    after: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0
    is_all: bool = False

    @property
    def number(self) -> int:
        """The number of counted records."""
        return sum(self.steps.values())

    def count_missing_in(self, counts: OmsProgress) -> int:
        """Return the number of records that OMS has not counted yet.

        Other acceptances, such as repeated or earlier ones, must not hide a missing count. So the counts are compared
        from each minute to the end, and the largest difference is returned.
        """
        total = missing = 0
        for begin, number in sorted(self.steps.items(), reverse=True):
            total += number
            missing = max(missing, total - counts.count_accepted_since(float(begin)))
        return missing

    def with_page(self, page: Sequence[ObjectSummary], since: float) -> _RecordCounts:
        """Return the counts, including the records of a page written since `since`."""
        times = [row.modified for row in page if row.modified >= since]
        steps = Counter(self.steps) + Counter(f"{time - time % 60:012}" for time in times)
        after = page[-1].name if page else self.after
        return replace(self, after=after, steps=dict(steps), newest=max([self.newest, *times]))


def _first_counted_step(mark: datetime) -> int:
    """Return the start of the first step in which OMS's counts have to cover the records, in seconds since 1970."""
    time = int((mark - _COUNT_LEAD).timestamp())
    return time - time % _STEP_SECONDS


def _count_records(invocation: Invocation, mark: datetime) -> _RecordCounts | None:
    """Continue the count of records and store it; return None if the last record may not have been written yet."""
    if invocation.clock.now() < mark + CLOSE_DELAY:
        return None
    state, since = JobState(invocation), _first_counted_step(mark)
    counts = state.load_as(_RecordCounts, "recorded")
    if counts is None or counts.mark != mark.isoformat():
        counts = _RecordCounts(mark.isoformat())
    if counts.is_all:
        return counts
    deadline = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))
    folder = f"{record_root(invocation.task_id)}success_object"
    with invocation.log_bucket.pages(folder, counts.after) as pages:
        for page in pages:
            counts = counts.with_page(page.objects, since)
            if page.objects and deadline.expired():
                break
        else:
            counts = replace(counts, is_all=True)
    state.store("recorded", asdict(counts))
    return counts
