"""OMS's counters of a sync task: what became of the objects that it accepted. All of them count objects.

Sources: the API pages ShowSyncTask (a month's counters) and ListSyncTaskStatistic (counts of five minutes or an hour).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .oms import STATISTICS

# What OMS accepted so lately is merely on its way.
_ON_ITS_WAY = timedelta(minutes=15)
_FIVE_MINUTES, _HOUR = timedelta(minutes=5), timedelta(hours=1)
_FIELDS = {
    "requests": "monthly_acceptance_request",
    "copied": "monthly_success_object",
    "failed": "monthly_failure_object",
    "skipped": "monthly_skip_object",
    "bytes": "monthly_size",
}


@dataclass(frozen=True)
class Month:
    """The counters of the month that began at `begin`; None for one that is missing or no number, which is not the
    same as none."""

    begin: datetime
    requests: int | None
    copied: int | None
    failed: int | None
    skipped: int | None
    bytes: int | None

    @classmethod
    def read(cls, begin: datetime, task: Mapping[str, object]) -> Month:
        """From OMS's answer."""
        return cls(begin, **month_counts(task))

    @property
    def done(self) -> Sequence[int] | None:
        """What OMS has worked on: copied, failed, skipped; None where it does not say one of them."""
        told = [number for number in (self.copied, self.failed, self.skipped) if number is not None]
        return told if len(told) == 3 else None


@dataclass(frozen=True)
class Statistics:
    """Counts in steps from `start` on, by OMS's name for what is counted: when a step began (ms since 1970), and a
    number of objects (of bytes for SIZE). `step` is as OMS names it; `unread`: parts of the answer that no document of
    OMS's explains."""

    start: datetime
    step: str
    series: Mapping[str, Sequence[tuple[int, int]]]
    unread: int

    @classmethod
    def read(cls, start: datetime, answer: Mapping[str, object]) -> Statistics:
        """From OMS's answer."""
        series: dict[str, list[tuple[int, int]]] = {name: [] for name in STATISTICS}
        datas, unread = answer.get("statistic_datas"), 0
        for data in datas if isinstance(datas, list) else [None]:
            match data:
                case {"data_type": str(name), "data": list(points)} if name in series:
                    read = [point for point in map(_point, points) if point]
                    series[name] += read
                    unread += len(points) - len(read)
                case {"data_type": str(name)} if name not in series:
                    pass  # a count that nobody asked for
                case _:
                    unread += 1
        return cls(start, str(answer.get("statistic_time_type")), series, unread)

    @property
    def length(self) -> timedelta:
        """How long a step is, at most."""
        return _FIVE_MINUTES if self.step == "FIVE_MINUTES" else _HOUR

    def after(self, time: datetime, name: str) -> int:
        """What was counted in the steps that began after `time`."""
        return sum(number for begin, number in self.series[name] if begin > time.timestamp() * 1000)


@dataclass(frozen=True)
class Acknowledged:
    """`failed`: how many objects OMS had failed to copy in the month of `at`, when somebody had seen to them."""

    at: datetime
    failed: int


@dataclass(frozen=True)
class Unfinished:
    """The objects that OMS accepted and has neither copied, failed nor skipped, at least. `overdue`: those of them that
    it accepted over 15 minutes ago, at least; None where it counts too coarsely to tell."""

    objects: int
    overdue: int | None


def month_counts(task: Mapping[str, object]) -> dict[str, int | None]:
    """The counters in OMS's answer by their short names."""
    return {name: _number(task.get(field)) for name, field in _FIELDS.items()}


def unfinished(months: Sequence[Month], lately: Statistics, now: datetime) -> Unfinished | None:
    """What OMS still has to work on, by the counters of all `months` and by the statistics up to `now`, as if it worked
    in the order of acceptance; None where one of them is missing."""
    by_month = []
    for month in months:
        if month.requests is None or month.done is None:
            return None
        by_month.append(month.requests - sum(month.done))
    if lately.unread:
        return None
    by_step: Counter[int] = Counter()
    for name, sign in (("REQUEST", 1), ("SUCCESS", -1), ("FAILURE", -1), ("SKIP", -1)):
        for begin, number in lately.series[name]:
            by_step[begin] += sign * number
    # The months tell of what is older than the statistics.
    objects = max(_left(by_month), _left(by_step[begin] for begin in sorted(by_step)))
    # A step may be as young as its end.
    overdue = max(0, objects - lately.after(now - _ON_ITS_WAY - lately.length, "REQUEST"))
    is_known = overdue or not objects or lately.length == _FIVE_MINUTES
    return Unfinished(objects, overdue if is_known else None)


def failed_since(acknowledged: Acknowledged | None, months: Sequence[Month], lately: Statistics | None) -> int | None:
    """How many objects OMS failed to copy in all `months` and `lately`, without the acknowledged ones; None where a
    counter is missing."""
    by_month = 0
    for month in reversed(months):
        is_first = acknowledged is not None and month.begin <= acknowledged.at
        known = acknowledged.failed if acknowledged and is_first else 0
        if month.failed is None:
            return None
        # A counter below what was known began anew.
        by_month += month.failed - known if month.failed >= known else month.failed
        if is_first:
            break
    if lately is None:
        return by_month
    # What the month's counter tells of the acknowledgement's own step is exact; and OMS does not document whether it
    # names a step by its beginning.
    since = acknowledged.at + lately.length if acknowledged else lately.start - lately.length
    return max(by_month, lately.after(since, "FAILURE"))


def _left(changes: Iterable[int]) -> int:
    """How many objects are left, at least, by how many more were accepted than done in one step after the other.

    What is done in excess was accepted before the first step: in the month before, or before the statistics begin.
    """
    left = 0
    for change in changes:
        left = max(0, left + change)
    return left


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None


def _point(point: object) -> tuple[int, int] | None:
    if not isinstance(point, dict):
        return None
    begin, number = _number(point.get("time_stamp")), _number(point.get("statistic_num"))
    return None if begin is None or number is None else (begin, number)
