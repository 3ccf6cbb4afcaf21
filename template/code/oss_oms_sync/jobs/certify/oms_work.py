"""What OMS has left to do, and whether its counts tell of all that our records say it accepted.

Nothing is sent two minutes after the project was closed, so no record is written later than that, and they are counted
once for a mark. What does not fit into one call is gone on with by the next:

oms_source_record/{task}/state/recorded.json    {"mark", "after", "steps", "newest", "is_all"}
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from oss_oms_sync.answers.certificate import OmsLeft
from oss_oms_sync.clock import from_epoch, parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.clouds.task import TaskInfo, month_of
from oss_oms_sync.comparison.in_hand import InHand, in_hand
from oss_oms_sync.errors import Failure
from oss_oms_sync.ledger.closing import Closed
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.ledger.state import JobState

# After this nothing is sent in a closed project.
CLOSED_AFTER = timedelta(minutes=2)
# OMS may still be at something, or about to count it, until so long after the last that it counted.
QUIET = timedelta(minutes=10)
# What it has not finished it has lost, if it finished nothing for so many seconds (and a minute for each GB).
_PATIENCE = 3600.0
# How long before the mark OMS's counts have to tell of all that our records do.
_COUNTED_BEFORE = timedelta(hours=1)
# The statistics of so many days are asked for; of fewer, where OMS does not tell that many by five minutes.
_DAYS = (7, 1)
# So many months before this one are asked for at most.
_MOST_MONTHS = 24
_STEP = 300
# For what comes after the last record: the other checks, and the document.
_WRITING_SECONDS = 60.0


class OmsWork(OmsLeft):
    """What is left, by OMS's counts and our records."""

    @property
    def finished(self) -> datetime | None:
        """From when on nothing that OMS does can change what is in OBS, if nothing is left."""
        return self.busy and self.busy + QUIET

    @classmethod
    def ask(cls, invocation: Invocation, task: TaskInfo | Failure, closed: Closed | None, largest: int) -> OmsWork:
        """Ask OMS, and count records where the project is `closed`.

        Raises StorageError if they cannot be listed.
        """
        found, months, recorded = in_hand(invocation, *_DAYS), _left_in_months(invocation, task), None
        mark = parse_time(closed.written) if closed else None
        if mark:
            recorded = _recorded(invocation, mark)
        accepted = found.accepted_since(_counted_from(mark)) if mark else 0
        if found.left is None or months is None:
            number = recorded.number if recorded else None
            return cls(None, may_finish=True, busy=None, accepted=accepted, recorded=number, largest=largest)
        uncounted = recorded.missing_in(found) if recorded and recorded.is_all else 0
        if (left := max(months, uncounted)) > found.left:
            found = replace(found, left=left, oldest=-math.inf)
        # Its counts of the last minutes may not be complete yet.
        busy = max(found.busy, recorded.newest if recorded else 0)
        return cls(
            found.left,
            may_finish=found.may_have(busy, largest, _PATIENCE),
            busy=from_epoch(int(busy)) if busy > 0 else None,
            accepted=accepted,
            recorded=recorded.number if recorded and recorded.is_all else None,
            largest=largest,
        )


def _left_in_months(invocation: Invocation, task: TaskInfo | Failure) -> int | None:
    """How many more objects OMS has accepted than finished, by the counters of all months until one before this in
    which it did nothing; None if it does not tell."""
    this = month = month_of(invocation.clock.now())
    left = 0
    for _ in range(_MOST_MONTHS):
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
class _Recorded:
    """How many records were written in each minute since an hour before a mark, by its beginning; the
    last was at `newest`. `after` is the last that was looked at, and `is_all` whether there are no more."""

    mark: str
    after: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0
    is_all: bool = False

    @property
    def number(self) -> int:
        """All of them."""
        return sum(self.steps.values())

    def missing_in(self, counts: InHand) -> int:
        """How many OMS has not counted yet: what it accepted more than once, or earlier, makes up for none of later."""
        rest = missing = 0
        for begin, number in sorted(self.steps.items(), reverse=True):
            rest += number
            missing = max(missing, rest - counts.accepted_since(float(begin)))
        return missing

    def plus(self, page: Sequence[ObjectSummary], since: float) -> _Recorded:
        """With those of a page, too."""
        times = [listed.modified for listed in page if listed.modified >= since]
        steps = Counter(self.steps) + Counter(f"{time - time % 60:012}" for time in times)
        after = page[-1].name if page else self.after
        return replace(self, after=after, steps=dict(steps), newest=max([self.newest, *times]))


def _counted_from(mark: datetime) -> int:
    """From the beginning of which step on OMS's counts have to tell of all that our records do."""
    time = int((mark - _COUNTED_BEFORE).timestamp())
    return time - time % _STEP


def _recorded(invocation: Invocation, mark: datetime) -> _Recorded | None:
    """Go on with counting; None before the last record may have been written."""
    if invocation.clock.now() < mark + CLOSED_AFTER:
        return None
    state, since = JobState(invocation), _counted_from(mark)
    recorded = state.recall(_Recorded, "recorded")
    if recorded is None or recorded.mark != mark.isoformat():
        recorded = _Recorded(mark.isoformat())
    if recorded.is_all:
        return recorded
    enough = invocation.deadline.minus(min(_WRITING_SECONDS, invocation.deadline.remaining() / 4))
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
