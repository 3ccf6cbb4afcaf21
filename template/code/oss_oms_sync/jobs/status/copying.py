"""The outcomes of objects that OMS accepted: failed copies and their states, and unfinished objects.

The numbers are OMS's counters minus their values at the last acknowledgement. Nothing here calls OMS. OMS lists each
object that it failed to copy, and replay reads these lists. A listed object that no longer waits was deleted at the
source, or was resent and is counted again by OMS. This does not show its state in OBS. The state of an unlisted object
is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from oss_oms_sync.answers.status_answer import CodeFailures, CopyFailureCounts, UnfinishedCounts
from oss_oms_sync.clouds.task import MonthCounts, Statistics, TaskInfo, count_min_unfinished, month_name, month_of
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.ledger.list_positions import LineCount
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.passes.entries import MIN_EVENT_AGE

_MAX_LIST_DELAY = timedelta(hours=1)
# Number of failed copies after which a key counts as stuck until the cause is removed. They take over an hour.
_STUCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Month:
    """OMS's counters of the month that started at `begin`."""

    begin: datetime
    counts: MonthCounts


@dataclass(frozen=True)
class Acknowledgement:
    """An acknowledgement, at the time `at`, of all objects that OMS had failed to copy.

    - `counts`: OMS's counters of the month at this time.
    - `on_its_way`: the number of objects that OMS had accepted just before, which are not acknowledged.
    - `listed`: the number of lines about the acknowledged failures in this month's lists, including lines still to
      come.
    """

    at: datetime
    counts: MonthCounts
    on_its_way: int
    listed: LineCount

    @classmethod
    def of_all_failures(
        cls, now: datetime, counts: MonthCounts, last_day: Statistics | None, listed: LineCount
    ) -> Acknowledgement | None:
        """Return an acknowledgement of all failures in `counts` and in this month's lists.

        Return None if a counter of the month is missing.
        """
        if counts.difference is None or counts.failed is None:
            return None
        on_its_way, unlisted = 0, max(0, counts.failed - listed.lines)
        if last_day and not last_day.unread:
            on_its_way = _remaining_after(_on_its_way_since(last_day, now), last_day)
            # A list appears within minutes or never, so only recent failures can still be listed.
            unlisted = min(unlisted, last_day.count_after(now - _MAX_LIST_DELAY - last_day.step_length, "FAILURE"))
        return cls(now, counts, on_its_way, LineCount(min(listed.lines, counts.failed) + unlisted, listed.outside))


@dataclass(frozen=True)
class CopyProgress:
    """OMS's answers, and the conclusions from them. A missing answer is a Failure or None.

    - `months`: the relevant months, the current month last.
    - `failed`: the number of objects that OMS failed to copy and that are not acknowledged; `listed`: those in its
      lists.
    - `since`: the start of the counted months if earlier months were relevant but not queried, otherwise None.
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
        """Return the conclusions at the time `now`, for a project installed at `installed`.

        `listed` has the number of lines in OMS's lists, by month.
        """
        if isinstance(months, Failure):
            return cls(task, months, last_day, acknowledged)
        counted = _subtract_acknowledged(acknowledged, months)
        statistics = None if isinstance(last_day, Failure) else last_day
        begin = months[0].begin
        # Failures before the installation do not concern this project.
        relevant = [month for month in counted if month.begin >= month_of(installed)]
        return cls(
            task,
            months,
            last_day,
            acknowledged,
            failed=_count_failed(acknowledged, relevant, statistics),
            unfinished=_count_unfinished(acknowledged, counted, statistics, now) if statistics else None,
            since=begin if begin > month_of(acknowledged.at if acknowledged else installed) else None,
            listed=_count_listed(acknowledged if acknowledged and acknowledged.at >= begin else None, relevant, listed),
        )


@dataclass(frozen=True)
class CopyFailures(CopyFailureCounts):
    """The failed copies, by the outcome of their objects.

    - `done`: deleted at the source, or resent since.
    - `waiting`: replay resends them.
    - `stuck`: replay resends them, but without success until the cause is removed. `stuck_codes` has their number by
      OMS's code.
    - `outside`: other projects' objects.
    - `unknown`: objects that no list names.
    """

    stuck_codes: Mapping[str, int]

    @classmethod
    def classify(cls, counted: int, listed: LineCount, waiting: Sequence[FailedKey], unread: float) -> CopyFailures:
        """Classify the failures that OMS `counted`, by the lines in its lists.

        The keys `waiting` have failed records. Up to `unread` further keys may have them, because their records were
        not read.
        """
        codes = Counter(_failure_code(key) for key in waiting)
        stuck_codes = Counter(_failure_code(key) for key in waiting if _is_stuck(key))
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
        """The number of objects that may be unresolved."""
        return self.waiting + self.stuck + self.unknown

    @property
    def parts(self) -> list[int]:
        """The numbers that add up to `counted`."""
        return [self.done, self.waiting, self.stuck, self.outside, self.unknown]


def first_month(installed: datetime, acknowledged: Acknowledgement | None) -> datetime:
    """Return the start of the first relevant month: that of the acknowledgement, or that before the installation.

    The earlier month is relevant because OMS may have accepted objects in it and processed them in the next.
    """
    return month_of(acknowledged.at if acknowledged else month_of(installed) - timedelta(days=1))


def _subtract_acknowledged(acknowledged: Acknowledgement | None, months: Sequence[Month]) -> Sequence[Month]:
    """Return `months`, without the acknowledged counts in the first month."""
    first, *later = months
    if acknowledged is None or acknowledged.at < first.begin:
        return months
    acknowledged_counts: Mapping[str, int | None] = asdict(acknowledged.counts)
    counts = {name: _increase(number, acknowledged_counts[name]) for name, number in asdict(first.counts).items()}
    return [Month(first.begin, MonthCounts(**counts)), *later]


def _increase(number: int | None, before: int | None) -> int | None:
    """Return the increase of a counter since its value `before`; a counter below `before` was reset to 0."""
    return number if number is None or before is None or number < before else number - before


def _count_failed(
    acknowledged: Acknowledgement | None, months: Sequence[Month], last_day: Statistics | None
) -> int | None:
    """Return the number of objects that OMS failed to copy in `months` and the last day, or None if it is unknown.

    `months` are without the acknowledged counts.
    """
    by_month = [month.counts.failed for month in months]
    if None in by_month:
        return None
    failed = sum(filter(None, by_month))
    if last_day is None:
        return failed
    return max(failed, last_day.count_after(_not_acknowledged_since(acknowledged, last_day), "FAILURE"))


def _count_listed(
    acknowledged: Acknowledgement | None, months: Sequence[Month], listed: Mapping[str, LineCount]
) -> LineCount:
    """Return the number of lines in OMS's lists of all `months`, without the acknowledged lines in the first month."""
    line_counts = [listed.get(month_name(month.begin), LineCount()) for month in months]
    line_count = acknowledged.listed if acknowledged else LineCount()
    lines, outside = (sum(line_count[place] for line_count in line_counts) - line_count[place] for place in (0, 1))
    return LineCount(max(0, lines), max(0, outside))


def _count_unfinished(
    acknowledged: Acknowledgement | None, months: Sequence[Month], last_day: Statistics, now: datetime
) -> UnfinishedCounts | None:
    """Return the number of objects that OMS has not finished, if it works in the order of acceptance.

    The number follows from the counters of `months` (without the acknowledged counts) and the statistics up to `now`.
    Return None if a counter is missing.
    """
    by_month = [month.counts.difference for month in months]
    if None in by_month or last_day.unread:
        return None
    # The months cover objects older than the statistics.
    on_its_way = acknowledged.on_its_way if acknowledged else 0
    objects = max(
        count_min_unfinished([on_its_way, *filter(None, by_month)]),
        _remaining_after(_not_acknowledged_since(acknowledged, last_day), last_day),
    )
    overdue = max(0, objects - last_day.count_after(_on_its_way_since(last_day, now), "REQUEST"))
    is_exact = overdue or not objects or last_day.step_length < MIN_EVENT_AGE
    return UnfinishedCounts(objects, overdue if is_exact else None)


def _not_acknowledged_since(acknowledged: Acknowledgement | None, last_day: Statistics) -> datetime:
    """Return the time from which steps of the statistics contain no acknowledged objects."""
    # In the step of the acknowledgement, the month's counter is exact. OMS does not document if a step is named by its
    # start.
    return acknowledged.at + last_day.step_length if acknowledged else last_day.from_ - last_day.step_length


def _on_its_way_since(statistics: Statistics, now: datetime) -> datetime:
    """Return the time from which steps of the statistics may contain objects accepted less than 15 minutes ago.

    The objects may be as young as the end of a step.
    """
    return now - MIN_EVENT_AGE - statistics.step_length


def _remaining_after(time: datetime, statistics: Statistics) -> int:
    """Return the minimum number of unfinished objects that were accepted in steps that start after `time`."""
    since = time.timestamp()
    return count_min_unfinished(accepted - finished for begin, accepted, finished in statistics.steps if begin > since)


def _is_stuck(key: FailedKey) -> bool:
    return key.copy_attempts >= _STUCK_ATTEMPTS or not find_copy_code(_failure_code(key)).passes


def _failure_code(key: FailedKey) -> str:
    """Return OMS's code of the failed copy, or "" if a later resend failed for another reason."""
    return key.error_code if key.reason == Reason.COPY_FAILED.name else ""
