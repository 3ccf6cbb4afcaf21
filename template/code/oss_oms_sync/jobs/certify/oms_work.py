"""Work that OMS has left, and a comparison of OMS's counts with our records of accepted keys.

Two minutes after the close nothing is submitted or recorded, so records are counted once for a mark. If a call does not
suffice, the next call continues the count:

oms_source_record/{task}/state/recorded.json {"mark", "after", "steps", "newest", "is_all"}
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
from oss_oms_sync.comparison.in_hand import OmsProgress, in_hand
from oss_oms_sync.errors import Failure
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.rules.times import CLOSE_DELAY, OMS_PATIENCE

# Time before the mark from which on OMS's counts have to cover our records.
_COUNT_LEAD = timedelta(hours=1)
# Days of the requested statistics; fewer if OMS does not report them by five minutes.
_STATISTICS_DAYS = (7, 1)
# Maximum number of earlier months to request.
_MAX_MONTHS = 24
_STEP_SECONDS = 300
# Seconds after the last record, for the other checks and the document.
_WRITING_SECONDS = 60.0


def ask_oms(invocation: Invocation, task: TaskInfo | Failure, closed: Closed | None, largest: int) -> RemainingOmsWork:
    """Return the remaining work of OMS, by its counts and, if the project is `closed`, our records.

    Raises StorageError if the records cannot be listed.
    """
    counts, months, recorded = in_hand(invocation, *_STATISTICS_DAYS), _left_in_months(invocation, task), None
    mark = parse_time(closed.written) if closed else None
    if mark:
        recorded = _recorded(invocation, mark)
    accepted = counts.accepted_since(_counted_from(mark)) if mark else 0
    if counts.left is None or months is None:
        number = recorded.number if recorded else None
        return RemainingOmsWork(None, may_finish=True, busy=None, accepted=accepted, recorded=number, largest=largest)
    uncounted = recorded.missing_in(counts) if recorded and recorded.is_all else 0
    if (left := max(months, uncounted)) > counts.left:
        counts = replace(counts, left=left, oldest=-math.inf)
    # Its counts of the last minutes may be incomplete.
    busy = max(counts.busy, recorded.newest if recorded else 0)
    return RemainingOmsWork(
        counts.left,
        may_finish=counts.may_have(busy, largest, OMS_PATIENCE.total_seconds()),
        busy=from_epoch(int(busy)) if busy > 0 else None,
        accepted=accepted,
        recorded=recorded.number if recorded and recorded.is_all else None,
        largest=largest,
    )


def _left_in_months(invocation: Invocation, task: TaskInfo | Failure) -> int | None:
    """Return the number of objects that OMS accepted and has not finished; None if OMS does not report the counts.

    It is the sum over the months back to the first earlier month without activity.
    """
    this = month = month_of(invocation.clock.now())
    left = 0
    for _ in range(_MAX_MONTHS):
        difference = None if isinstance(task, Failure) else task.month.difference
        if isinstance(task, Failure) or difference is None:
            return None
        if month != this and not task.month.requests and not difference:
            break
        left += difference
        month = month_of(month - timedelta(days=1))
        task = invocation.oms.task(invocation.deadline, month)
    return left


@dataclass(frozen=True)
class _RecordCounts:
    """Number of records in each minute from an hour before a mark on.

    `newest`: time of the last record. `after`: name of the last counted record. `is_all`: all records are counted.
    """

    mark: str
    after: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0
    is_all: bool = False

    @property
    def number(self) -> int:
        """Number of all records."""
        return sum(self.steps.values())

    def missing_in(self, counts: OmsProgress) -> int:
        """Return the number of records that OMS has not counted yet.

        Repeated or earlier acceptances do not make up for later ones.
        """
        recorded = missing = 0
        for begin, number in sorted(self.steps.items(), reverse=True):
            recorded += number
            missing = max(missing, recorded - counts.accepted_since(float(begin)))
        return missing

    def plus(self, page: Sequence[ObjectSummary], since: float) -> _RecordCounts:
        """Return the counts with those of a page."""
        times = [listed.modified for listed in page if listed.modified >= since]
        steps = Counter(self.steps) + Counter(f"{time - time % 60:012}" for time in times)
        after = page[-1].name if page else self.after
        return replace(self, after=after, steps=dict(steps), newest=max([self.newest, *times]))


def _counted_from(mark: datetime) -> int:
    """Return the begin of the first step in which OMS's counts have to cover our records."""
    time = int((mark - _COUNT_LEAD).timestamp())
    return time - time % _STEP_SECONDS


def _recorded(invocation: Invocation, mark: datetime) -> _RecordCounts | None:
    """Continue the count; None before the last record may have been written."""
    if invocation.clock.now() < mark + CLOSE_DELAY:
        return None
    state, since = JobState(invocation), _counted_from(mark)
    recorded = state.recall(_RecordCounts, "recorded")
    if recorded is None or recorded.mark != mark.isoformat():
        recorded = _RecordCounts(mark.isoformat())
    if recorded.is_all:
        return recorded
    enough = invocation.deadline.earlier_by(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))
    folder = f"{record_root(invocation.task_id)}success_object"
    with invocation.log_bucket.pages(folder, recorded.after) as pages:
        for page in pages:
            recorded = recorded.plus(page.objects, since)
            if page.objects and enough.expired():
                break
        else:
            recorded = replace(recorded, is_all=True)
    state.store("recorded", asdict(recorded))
    return recorded
