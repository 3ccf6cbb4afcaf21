"""OMS's counters of a sync task: what became of the objects that it accepted. All of them count objects.

Sources: the API pages ShowSyncTask (a month's counters) and ListSyncTaskStatistic (counts of five minutes or an hour).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.oms import STATISTICS

# What OMS accepted so lately is merely on its way.
_ON_ITS_WAY = timedelta(minutes=15)
# Where the regions are that have sync tasks, so presumably a month of OMS begins by its time.
_CHINA = timezone(timedelta(hours=8))
# A time in milliseconds is above that, a time in seconds below, for thousands of years.
_MILLISECONDS = 10**11
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

    @property
    def left(self) -> int | None:
        """How many more objects were accepted than worked on; below 0 where some are the month's before."""
        return None if self.requests is None or self.done is None else self.requests - sum(self.done)

    def without(self, known: Month) -> Month:
        """What was counted since the counters stood at `known`. One that is below that began anew."""
        mine, theirs = (one.counts() for one in (self, known))
        return Month(self.begin, **{name: _more(mine[name], theirs[name]) for name in mine})

    def counts(self) -> dict[str, int | None]:
        """The counters by their short names."""
        return {name: number for name, number in asdict(self).items() if name in _FIELDS}


@dataclass(frozen=True)
class Statistics:
    """Counts in steps from `start` on, by OMS's name for what is counted: when a step began (ms since 1970), and a
    number of objects (of bytes for SIZE). `step` is as OMS names it; `unread`: series that are missing, and parts of
    the answer that no document of OMS's explains."""

    start: datetime
    step: str
    series: Mapping[str, Sequence[tuple[int, int]]]
    unread: int

    @classmethod
    def read(cls, start: datetime, answer: Mapping[str, object]) -> Statistics:
        """From OMS's answer."""
        series: dict[str, list[tuple[int, int]]] = {name: [] for name in STATISTICS}
        datas, unread, missing = answer.get("statistic_datas"), 0, set(STATISTICS)
        for data in datas if isinstance(datas, list) else []:
            match data:
                case {"data_type": str(name), "data": list(points)} if name in series:
                    missing.discard(name)
                    read = [point for point in map(_point, points) if point]
                    series[name] += read
                    unread += len(points) - len(read)
                case {"data_type": str(name)} if name not in series:
                    pass  # a count that nobody asked for
                case _:
                    unread += 1
        # Nothing is counted as an empty series or as zeros; a series that did not come is not known.
        return cls(start, str(answer.get("statistic_time_type")), series, unread + len(missing))

    @property
    def length(self) -> timedelta:
        """How long a step is, at most."""
        return _FIVE_MINUTES if self.step == "FIVE_MINUTES" else _HOUR

    def after(self, time: datetime, name: str) -> int:
        """What was counted in the steps that began after `time`."""
        return sum(number for begin, number in self.series[name] if begin > time.timestamp() * 1000)

    def left_after(self, time: datetime) -> int:
        """How many objects are left, at least, of those accepted in the steps that began after `time`."""
        by_step: Counter[int] = Counter()
        for name, sign in (("REQUEST", 1), ("SUCCESS", -1), ("FAILURE", -1), ("SKIP", -1)):
            for begin, number in self.series[name]:
                by_step[begin] += sign * number
        return _left(by_step[begin] for begin in sorted(by_step) if begin > time.timestamp() * 1000)

    def on_its_way(self, now: datetime) -> datetime:
        """What was accepted in steps that began after that may be younger than 15 minutes: a step may be as young as
        its end."""
        return now - _ON_ITS_WAY - self.length


@dataclass(frozen=True)
class Acknowledged:
    """How the counters of its `month` stood `at` the time when somebody had seen to what OMS had not copied. Not
    acknowledged are the `on_its_way`: OMS had accepted them only just before."""

    at: datetime
    month: Month
    on_its_way: int

    @classmethod
    def now(cls, now: datetime, month: Month, lately: Statistics | None) -> Acknowledged | None:
        """None where one of the month's counters is missing."""
        if month.left is None:
            return None
        return cls(now, month, lately.left_after(lately.on_its_way(now)) if lately and not lately.unread else 0)

    @classmethod
    def read(cls, value: object) -> Acknowledged | None:
        """What `to_json` made; None where it is unreadable."""
        match value:
            case {"at": str(at), "month": dict(counts), "on_its_way": int(on_its_way)} if time := parse_time(at):
                return cls(time, Month(time, **{name: _number(counts.get(name)) for name in _FIELDS}), on_its_way)
        return None

    def to_json(self) -> dict[str, object]:
        return {"at": timestamp(self.at), "month": self.month.counts(), "on_its_way": self.on_its_way}


@dataclass(frozen=True)
class Unfinished:
    """The objects that OMS accepted and has neither copied, failed nor skipped, at least. `overdue`: those of them that
    it accepted over 15 minutes ago, at least; None where it counts too coarsely to tell."""

    objects: int
    overdue: int | None


def month_counts(task: Mapping[str, object]) -> dict[str, int | None]:
    """The counters in OMS's answer by their short names."""
    return {name: _number(task.get(field)) for name, field in _FIELDS.items()}


def month_of(time: datetime) -> datetime:
    """When OMS's month of `time` began."""
    return time.astimezone(_CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def without(acknowledged: Acknowledged | None, months: Sequence[Month]) -> Sequence[Month]:
    """`months` without what was acknowledged in the first of them."""
    if acknowledged is None or acknowledged.at < months[0].begin:
        return months
    return [months[0].without(acknowledged.month), *months[1:]]


def unfinished(
    acknowledged: Acknowledged | None, months: Sequence[Month], lately: Statistics, now: datetime
) -> Unfinished | None:
    """What OMS still has to work on, by the counters of all `months` (without the acknowledged) and by the statistics
    up to `now`, as if it worked in the order of acceptance. None where a counter is missing."""
    by_month = [month.left for month in months]
    if None in by_month or lately.unread:
        return None
    # The months tell of what is older than the statistics.
    known = acknowledged.on_its_way if acknowledged else 0
    objects = max(_left([known, *filter(None, by_month)]), lately.left_after(_since(acknowledged, lately)))
    overdue = max(0, objects - lately.after(lately.on_its_way(now), "REQUEST"))
    is_known = overdue or not objects or lately.length == _FIVE_MINUTES
    return Unfinished(objects, overdue if is_known else None)


def failed_since(acknowledged: Acknowledged | None, months: Sequence[Month], lately: Statistics | None) -> int | None:
    """How many objects OMS failed to copy in all `months` (without the acknowledged) and `lately`; None where a counter
    is missing."""
    by_month = 0
    for month in months:
        if month.failed is None:
            return None
        by_month += month.failed
    return by_month if lately is None else max(by_month, lately.after(_since(acknowledged, lately), "FAILURE"))


def _since(acknowledged: Acknowledged | None, lately: Statistics) -> datetime:
    # What the month's counter tells of the acknowledgement's own step is exact; and OMS does not document whether it
    # names a step by its beginning.
    return acknowledged.at + lately.length if acknowledged else lately.start - lately.length


def _more(number: int | None, known: int | None) -> int | None:
    return number if number is None or known is None or number < known else number - known


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
    if begin is None or number is None:
        return None
    # OMS does not document the unit of its times.
    return begin if begin >= _MILLISECONDS else begin * 1000, number
