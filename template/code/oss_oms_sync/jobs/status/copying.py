"""What became of the objects that OMS accepted: how many it failed to copy, how many of these are dealt with, and how
many it still has to work on.

All is computed from OMS's counters, minus what somebody has acknowledged; nothing here calls OMS. OMS names each of its
failures in a list, which replay reads. Whatever was in a list and waits no more was dealt with: it is gone at the
source, or was sent again, which OMS counts anew. That says nothing of what is in OBS, and of what no list told of
nothing is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from oss_oms_sync.answers.status_answer import CopyFailuresShown, FailedForCode, Unfinished
from oss_oms_sync.clouds.task import MonthCounts, Statistics, TaskInfo, month_name, month_of, remaining
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.ledger.list_positions import LineCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.classify import SETTLED

_LISTED_WITHIN = timedelta(hours=1)
# A key that OMS has failed to copy so often is taken for one that it never will copy as things are. By then it has been
# tried for over an hour.
_STUCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Month:
    """OMS's counters of the month that began at `begin`."""

    begin: datetime
    counts: MonthCounts


@dataclass(frozen=True)
class Acknowledged:
    """The month's counters `at` the time when somebody had dealt with what OMS had not copied. Not acknowledged are the
    `on_its_way`: objects that OMS had accepted only just before. `listed`: what OMS's lists of this month had told of
    the failures that are acknowledged, or will presumably tell."""

    at: datetime
    counts: MonthCounts
    on_its_way: int
    listed: LineCount

    @classmethod
    def up_to(
        cls, now: datetime, counts: MonthCounts, last_day: Statistics | None, listed: LineCount
    ) -> Acknowledged | None:
        """Everything that the counters show `now`, and what this month's lists told; None if one of the month's is
        missing."""
        if counts.difference is None or counts.failed is None:
            return None
        on_its_way, unlisted = 0, max(0, counts.failed - listed.lines)
        if last_day and not last_day.unread:
            on_its_way = _remaining_after(_on_its_way_since(last_day, now), last_day)
            # Lists come within minutes, or not at all.
            unlisted = min(unlisted, last_day.count_after(now - _LISTED_WITHIN - last_day.step_length, "FAILURE"))
        return cls(now, counts, on_its_way, LineCount(min(listed.lines, counts.failed) + unlisted, listed.outside))


@dataclass(frozen=True)
class Copying:
    """What OMS answered, and what follows from it; what it did not say is a Failure or None.

    `months` are those that count, the current one last. `failed`: how many objects OMS could not copy and nobody has
    acknowledged, and `listed`: of how many its lists told. `since`: the months before this one should count as well,
    but were not queried.
    """

    task: TaskInfo | Failure
    months: Sequence[Month] | Failure
    last_day: Statistics | Failure
    acknowledged: Acknowledged | None
    failed: int | None = None
    unfinished: Unfinished | None = None
    since: datetime | None = None
    listed: LineCount = field(default_factory=LineCount)

    @classmethod
    def compute(
        cls,
        task: TaskInfo | Failure,
        months: Sequence[Month] | Failure,
        last_day: Statistics | Failure,
        acknowledged: Acknowledged | None,
        installed: datetime,
        now: datetime,
        listed: Mapping[str, LineCount],
    ) -> Copying:
        """What follows `now` from the counters, for a project installed at `installed`; `listed` is what OMS's lists
        told of, by month."""
        if isinstance(months, Failure):
            return cls(task, months, last_day, acknowledged)
        counted = _subtract(acknowledged, months)
        statistics = None if isinstance(last_day, Failure) else last_day
        begin = months[0].begin
        # What failed before the installation does not concern this project.
        mine = [month for month in counted if month.begin >= month_of(installed)]
        return cls(
            task,
            months,
            last_day,
            acknowledged,
            failed=_failed(acknowledged, mine, statistics),
            unfinished=_unfinished(acknowledged, counted, statistics, now) if statistics else None,
            since=begin if begin > month_of(acknowledged.at if acknowledged else installed) else None,
            listed=_listed(acknowledged if acknowledged and acknowledged.at >= begin else None, mine, listed),
        )


@dataclass(frozen=True)
class CopyFailures(CopyFailuresShown):
    """Failures by what became of their objects.

    `done`: gone at the source, or sent again since. `waiting`: replay sends them again. `stuck`:
    it does, but that does not help until somebody removes the cause. `outside`: of another project. `unknown`: nothing
    is known of them, because no list told of them that was read. By OMS's codes, `stuck_codes` are those stuck.
    """

    stuck_codes: Mapping[str, int]

    @classmethod
    def of(cls, counted: int, listed: LineCount, waiting: Sequence[FailedKey], unread: float) -> CopyFailures:
        """What is known of the failures that OMS `counted`. Lists told of some; of these, the keys `waiting` still have
        failed records, and of `unread` records it is not known whether they are of such keys."""
        codes = Counter(_code(key) for key in waiting)
        stuck_codes = Counter(_code(key) for key in waiting if _is_stuck(key))
        stuck = stuck_codes.total()
        told = min(counted, listed.lines)
        outside = min(told, listed.outside)
        # The rest of what was told of is done, except what may be in a record that was not read.
        rest = max(0, told - outside - len(waiting))
        done = rest - int(min(unread, rest))
        unknown = max(0, counted - outside - len(waiting) - done)
        return cls(
            counted,
            done=done,
            waiting=len(waiting) - stuck,
            stuck=stuck,
            outside=outside,
            unknown=unknown,
            codes={
                code: FailedForCode(number, code not in stuck_codes, copy_code(code).fix)
                for code, number in codes.most_common()
            },
            stuck_codes=dict(stuck_codes.most_common()),
        )

    @property
    def open(self) -> int:
        """How many are not known to be dealt with."""
        return self.waiting + self.stuck + self.unknown

    @property
    def parts(self) -> list[int]:
        """What adds up."""
        return [self.done, self.waiting, self.stuck, self.outside, self.unknown]


def first_month(installed: datetime, acknowledged: Acknowledged | None) -> datetime:
    """When the first month that counts began: that of the acknowledgement, or else the one before the installation. If
    OMS worked on more objects in that month than it accepted, it had accepted the others before."""
    return month_of(acknowledged.at if acknowledged else month_of(installed) - timedelta(days=1))


def _subtract(acknowledged: Acknowledged | None, months: Sequence[Month]) -> Sequence[Month]:
    """`months` without what was acknowledged in the first of them."""
    first, *later = months
    if acknowledged is None or acknowledged.at < first.begin:
        return months
    known: Mapping[str, int | None] = asdict(acknowledged.counts)
    counts = {name: _increase(number, known[name]) for name, number in asdict(first.counts).items()}
    return [Month(first.begin, MonthCounts(**counts)), *later]


def _increase(number: int | None, known: int | None) -> int | None:
    """How much was counted since a counter was at `known`. A counter that is below has started over."""
    return number if number is None or known is None or number < known else number - known


def _failed(acknowledged: Acknowledged | None, months: Sequence[Month], last_day: Statistics | None) -> int | None:
    """How many objects OMS failed to copy in all `months` (without what was acknowledged) and the last day; None if a
    counter is missing."""
    by_month = [month.counts.failed for month in months]
    if None in by_month:
        return None
    failed = sum(filter(None, by_month))
    if last_day is None:
        return failed
    return max(failed, last_day.count_after(_not_acknowledged_since(acknowledged, last_day), "FAILURE"))


def _listed(acknowledged: Acknowledged | None, months: Sequence[Month], listed: Mapping[str, LineCount]) -> LineCount:
    """What OMS's lists told of in all `months`, without what was acknowledged in the first of them."""
    line_counts = [listed.get(month_name(month.begin), LineCount()) for month in months]
    line_count = acknowledged.listed if acknowledged else LineCount()
    lines, outside = (sum(line_count[place] for line_count in line_counts) - line_count[place] for place in (0, 1))
    return LineCount(max(0, lines), max(0, outside))


def _unfinished(
    acknowledged: Acknowledged | None, months: Sequence[Month], last_day: Statistics, now: datetime
) -> Unfinished | None:
    """What OMS still has to work on, by the counters of all `months` (without what was acknowledged) and by the
    statistics up to `now`, as if it worked in the order of acceptance. None if a counter is missing."""
    by_month = [month.counts.difference for month in months]
    if None in by_month or last_day.unread:
        return None
    # The months cover what is older than the statistics.
    known = acknowledged.on_its_way if acknowledged else 0
    objects = max(
        remaining([known, *filter(None, by_month)]),
        _remaining_after(_not_acknowledged_since(acknowledged, last_day), last_day),
    )
    overdue = max(0, objects - last_day.count_after(_on_its_way_since(last_day, now), "REQUEST"))
    is_known = overdue or not objects or last_day.step_length < SETTLED
    return Unfinished(objects, overdue if is_known else None)


def _not_acknowledged_since(acknowledged: Acknowledged | None, last_day: Statistics) -> datetime:
    """The time after which a step has to begin to hold nothing acknowledged."""
    # For the step of the acknowledgement itself, the month's counter is exact; and OMS does not document whether it
    # names a step by its beginning.
    return acknowledged.at + last_day.step_length if acknowledged else last_day.from_ - last_day.step_length


def _on_its_way_since(statistics: Statistics, now: datetime) -> datetime:
    """Steps that begin after this time may hold objects accepted less than 15 minutes ago, because a step may be as
    young as its end."""
    return now - SETTLED - statistics.step_length


def _remaining_after(time: datetime, statistics: Statistics) -> int:
    """How many of the objects accepted in the steps that began after `time` remain, at least."""
    since = time.timestamp()
    return remaining(accepted - finished for begin, accepted, finished in statistics.steps if begin > since)


def _is_stuck(key: FailedKey) -> bool:
    return key.copy_attempts >= _STUCK_ATTEMPTS or not copy_code(_code(key)).passes


def _code(key: FailedKey) -> str:
    """Why OMS failed to copy it; empty if it was sent again since, and that failed."""
    return key.error_code if key.reason == Reason.COPY_FAILED.name else ""
