"""Outcomes of the objects that OMS accepted: copy failures, their state, and unfinished objects.

All numbers are OMS's counters minus the acknowledged ones; no function here calls OMS. OMS lists each of its failures,
and replay reads these lists. A listed object that no longer waits was deleted at the source, or was resent, and then
OMS counts it again. This does not show its state in OBS, and the state of unlisted objects is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from oss_oms_sync.answers.status_answer import CodeFailures, CopyFailureCounts, UnfinishedCounts
from oss_oms_sync.clouds.task import MonthCounts, Statistics, TaskInfo, month_name, month_of, remaining
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.ledger.list_positions import LineCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.entries import MIN_EVENT_AGE

_MAX_LIST_DELAY = timedelta(hours=1)
# Copy failures of a key after which it counts as stuck until its cause is removed: they take over an hour.
_STUCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Month:
    """OMS's counters of the month that began at `begin`."""

    begin: datetime
    counts: MonthCounts


@dataclass(frozen=True)
class Acknowledgement:
    """The month's counters at the time `at` of an acknowledgement of the objects that OMS had not copied.

    The `on_its_way` objects, which OMS had accepted only just before, are not acknowledged. `listed`: lines in OMS's
    lists of this month about the acknowledged failures, including expected lines.
    """

    at: datetime
    counts: MonthCounts
    on_its_way: int
    listed: LineCount

    @classmethod
    def up_to(
        cls, now: datetime, counts: MonthCounts, last_day: Statistics | None, listed: LineCount
    ) -> Acknowledgement | None:
        """Return an acknowledgement of all failures in `counts` and in this month's lists.

        None if one of the month's counters is missing.
        """
        if counts.difference is None or counts.failed is None:
            return None
        on_its_way, unlisted = 0, max(0, counts.failed - listed.lines)
        if last_day and not last_day.unread:
            on_its_way = _remaining_after(_on_its_way_since(last_day, now), last_day)
            # Lists appear within minutes, or never.
            unlisted = min(unlisted, last_day.count_after(now - _MAX_LIST_DELAY - last_day.step_length, "FAILURE"))
        return cls(now, counts, on_its_way, LineCount(min(listed.lines, counts.failed) + unlisted, listed.outside))


@dataclass(frozen=True)
class CopyProgress:
    """OMS's answers, and the conclusions; missing answers are a Failure or None.

    `months` are the relevant months, the current month last. `failed`: number of unacknowledged objects that OMS failed
    to copy, and `listed`: those in its lists. `since`: the begin of the counted months, if earlier months were relevant
    but not queried.
    """

    task: TaskInfo | Failure
    months: Sequence[Month] | Failure
    last_day: Statistics | Failure
    acknowledged: Acknowledgement | None
    failed: int | None = None
    unfinished: UnfinishedCounts | None = None
    since: datetime | None = None
    listed: LineCount = field(default_factory=LineCount)

    @classmethod
    def compute(
        cls,
        task: TaskInfo | Failure,
        months: Sequence[Month] | Failure,
        last_day: Statistics | Failure,
        acknowledged: Acknowledgement | None,
        installed: datetime,
        now: datetime,
        listed: Mapping[str, LineCount],
    ) -> CopyProgress:
        """Return the conclusions from the counters at `now`, for a project installed at `installed`.

        `listed` has the lines of OMS's lists by month.
        """
        if isinstance(months, Failure):
            return cls(task, months, last_day, acknowledged)
        counted = _subtract(acknowledged, months)
        statistics = None if isinstance(last_day, Failure) else last_day
        begin = months[0].begin
        # Failures before the installation do not concern this project.
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
class CopyFailures(CopyFailureCounts):
    """Copy failures by the outcomes of their objects.

    `done`: deleted at the source, or resent since then. `waiting`: replay resends them. `stuck`: replay resends them,
    but without success until the cause is removed. `outside`: of another project. `unknown`: in no read list.
    `stuck_codes`: number of stuck objects by OMS's code.
    """

    stuck_codes: Mapping[str, int]

    @classmethod
    def of(cls, counted: int, listed: LineCount, waiting: Sequence[FailedKey], unread: float) -> CopyFailures:
        """Classify the failures that OMS `counted`, by the lines in its lists.

        The keys `waiting` still have failed records; `unread` records may be of such keys.
        """
        codes = Counter(_code(key) for key in waiting)
        stuck_codes = Counter(_code(key) for key in waiting if _is_stuck(key))
        stuck = stuck_codes.total()
        listed_lines = min(counted, listed.lines)
        outside = min(listed_lines, listed.outside)
        # The other listed objects are done, except those that an unread record may name.
        unproven = max(0, listed_lines - outside - len(waiting))
        done = unproven - int(min(unread, unproven))
        unknown = max(0, counted - outside - len(waiting) - done)
        return cls(
            counted,
            done=done,
            waiting=len(waiting) - stuck,
            stuck=stuck,
            outside=outside,
            unknown=unknown,
            codes={
                code: CodeFailures(number, code not in stuck_codes, find_copy_code(code).fix)
                for code, number in codes.most_common()
            },
            stuck_codes=dict(stuck_codes.most_common()),
        )

    @property
    def open(self) -> int:
        """Number of possibly unresolved objects."""
        return self.waiting + self.stuck + self.unknown

    @property
    def parts(self) -> list[int]:
        """The summands of `counted`."""
        return [self.done, self.waiting, self.stuck, self.outside, self.unknown]


def first_month(installed: datetime, acknowledged: Acknowledgement | None) -> datetime:
    """Return the begin of the first relevant month: that of the acknowledgement, or the month before the installation.

    If OMS processed more objects in that month than it accepted, it had accepted the others before.
    """
    return month_of(acknowledged.at if acknowledged else month_of(installed) - timedelta(days=1))


def _subtract(acknowledged: Acknowledgement | None, months: Sequence[Month]) -> Sequence[Month]:
    """Return `months` without the acknowledged counts in the first of them."""
    first, *later = months
    if acknowledged is None or acknowledged.at < first.begin:
        return months
    acknowledged_counts: Mapping[str, int | None] = asdict(acknowledged.counts)
    counts = {name: _increase(number, acknowledged_counts[name]) for name, number in asdict(first.counts).items()}
    return [Month(first.begin, MonthCounts(**counts)), *later]


def _increase(number: int | None, before: int | None) -> int | None:
    """Return the increase of a counter since its value `before`; after a lower value, the counter restarted."""
    return number if number is None or before is None or number < before else number - before


def _failed(acknowledged: Acknowledgement | None, months: Sequence[Month], last_day: Statistics | None) -> int | None:
    """Return the number of objects that OMS failed to copy in `months` and the last day; None if a counter is missing.

    `months` are without the acknowledged counts.
    """
    by_month = [month.counts.failed for month in months]
    if None in by_month:
        return None
    failed = sum(filter(None, by_month))
    if last_day is None:
        return failed
    return max(failed, last_day.count_after(_not_acknowledged_since(acknowledged, last_day), "FAILURE"))


def _listed(
    acknowledged: Acknowledgement | None, months: Sequence[Month], listed: Mapping[str, LineCount]
) -> LineCount:
    """Return the lines of OMS's lists in all `months`, without the acknowledged lines in the first of them."""
    line_counts = [listed.get(month_name(month.begin), LineCount()) for month in months]
    line_count = acknowledged.listed if acknowledged else LineCount()
    lines, outside = (sum(line_count[place] for line_count in line_counts) - line_count[place] for place in (0, 1))
    return LineCount(max(0, lines), max(0, outside))


def _unfinished(
    acknowledged: Acknowledgement | None, months: Sequence[Month], last_day: Statistics, now: datetime
) -> UnfinishedCounts | None:
    """Return the objects that OMS has not finished, on the assumption that it works in the order of acceptance.

    They follow from the counters of `months` (without the acknowledged counts) and the statistics up to `now`. None if
    a counter is missing.
    """
    by_month = [month.counts.difference for month in months]
    if None in by_month or last_day.unread:
        return None
    # The months cover objects older than the statistics.
    on_its_way = acknowledged.on_its_way if acknowledged else 0
    objects = max(
        remaining([on_its_way, *filter(None, by_month)]),
        _remaining_after(_not_acknowledged_since(acknowledged, last_day), last_day),
    )
    overdue = max(0, objects - last_day.count_after(_on_its_way_since(last_day, now), "REQUEST"))
    is_exact = overdue or not objects or last_day.step_length < MIN_EVENT_AGE
    return UnfinishedCounts(objects, overdue if is_exact else None)


def _not_acknowledged_since(acknowledged: Acknowledgement | None, last_day: Statistics) -> datetime:
    """Return the time after which a step has no acknowledged object."""
    # In the step of the acknowledgement, the month's counter is exact; OMS does not document if a step has the name of
    # its begin.
    return acknowledged.at + last_day.step_length if acknowledged else last_day.from_ - last_day.step_length


def _on_its_way_since(statistics: Statistics, now: datetime) -> datetime:
    """Return the time after which a step may have objects accepted less than 15 minutes ago.

    The objects may be as young as the end of the step.
    """
    return now - MIN_EVENT_AGE - statistics.step_length


def _remaining_after(time: datetime, statistics: Statistics) -> int:
    """Return the minimum number of unfinished objects accepted in steps that began after `time`."""
    since = time.timestamp()
    return remaining(accepted - finished for begin, accepted, finished in statistics.steps if begin > since)


def _is_stuck(key: FailedKey) -> bool:
    return key.copy_attempts >= _STUCK_ATTEMPTS or not find_copy_code(_code(key)).passes


def _code(key: FailedKey) -> str:
    """Return OMS's code of the copy failure; empty if a later resend failed for another reason."""
    return key.error_code if key.reason == Reason.COPY_FAILED.name else ""
