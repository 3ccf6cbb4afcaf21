"""A sync task as OMS describes it, with counters per calendar month and per step of the statistics.

`QueryFailure` replaces a missing description. All counters count objects, except the counters of bytes.

Sources: the API pages ShowSyncTask (the task, counters of a month) and ListSyncTaskStatistic (counts per five minutes
or hour).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.answers.task_group import Counters, OverwriteMode, QueryFailure, StatisticsSummary, TaskSummary
from oss_oms_sync.errors import Failure

# The counts of ListSyncTaskStatistic: objects, and bytes.
OBJECT_TYPES = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")
DATA_TYPES = (*OBJECT_TYPES, "SIZE")

# All regions that offer sync tasks are in China, so a month of OMS presumably begins by China's time.
_CHINA_ZONE = timezone(timedelta(hours=8))
# Times above this are in milliseconds, times below in seconds; this holds for thousands of years.
_MIN_MILLISECONDS = 10**11
_FIVE_MINUTES, _HOUR = timedelta(minutes=5), timedelta(hours=1)
# ShowSyncTask's names of a month's counters.
_COUNTER_FIELDS = {
    "requests": "monthly_acceptance_request",
    "copied": "monthly_success_object",
    "failed": "monthly_failure_object",
    "skipped": "monthly_skip_object",
    "bytes": "monthly_size",
}


class MonthCounts(Counters):
    """The counters of a month. None: a counter is missing or not a number, in contrast to 0."""

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> MonthCounts:
        """Parse the counters in a response of ShowSyncTask."""
        return cls(**{name: _number(answer.get(field)) for name, field in _COUNTER_FIELDS.items()})

    @property
    def processed(self) -> Sequence[int] | None:
        """Number of objects copied, failed and skipped; None if a number is missing."""
        numbers = [number for number in (self.copied, self.failed, self.skipped) if number is not None]
        return numbers if len(numbers) == 3 else None

    @property
    def difference(self) -> int | None:
        """Number of accepted objects less the processed objects; negative if some were accepted in the month before."""
        return None if self.requests is None or self.processed is None else self.requests - sum(self.processed)


class Statistics(StatisticsSummary):
    """The counts of OMS; `unread` counts missing series and undocumented parts of the response."""

    @classmethod
    def parse(cls, types: Sequence[str], start: datetime, answer: Mapping[str, object]) -> Statistics:
        """Parse a response of ListSyncTaskStatistic to a request for these `types` from `start` on."""
        series: dict[str, list[tuple[int, int]]] = {name: [] for name in types}
        datas, unread, missing = answer.get("statistic_datas"), 0, set(types)
        for data in datas if isinstance(datas, list) else []:
            match data:
                case {"data_type": str(name), "data": list(points)} if name in series:
                    missing.discard(name)
                    read = [point for point in map(_parse_point, points) if point]
                    series[name] += read
                    unread += len(points) - len(read)
                case {"data_type": str(name)} if name not in series:
                    pass  # a count that was not requested
                case _:
                    unread += 1
        # A series without counts is empty or zero; the counts of a missing series are unknown.
        return cls(start, str(answer.get("statistic_time_type")), series, unread + len(missing))

    @property
    def is_exact(self) -> bool:
        """True if a step has five minutes."""
        return self.step == "FIVE_MINUTES"

    @property
    def step_length(self) -> timedelta:
        """The maximum length of a step."""
        return _FIVE_MINUTES if self.is_exact else _HOUR

    @property
    def steps(self) -> list[tuple[float, int, int]]:
        """The steps in which OMS accepted or finished objects.

        Each step has its beginning in seconds since 1970, and the numbers of objects accepted and finished in it.
        """
        steps: dict[float, tuple[int, int]] = {}
        for name in OBJECT_TYPES:
            for begin, number in self.series[name]:
                if number:  # nearly all steps are empty
                    accepted, finished = steps.get(begin / 1000, (0, 0))
                    both = (accepted + number, finished) if name == "REQUEST" else (accepted, finished + number)
                    steps[begin / 1000] = both
        return [(begin, *numbers) for begin, numbers in sorted(steps.items())]

    def count_after(self, time: datetime, data_type: str) -> int:
        """Return the count of all steps that began after `time`."""
        return sum(number for begin, number in self.series[data_type] if begin > time.timestamp() * 1000)


def remaining(differences: Iterable[int]) -> int:
    """Return the minimum number of remaining objects, by accepted less finished objects of each step.

    It is the largest sum from any step to the last. Objects that OMS finished may have been accepted before the first
    step.
    """
    left = 0
    for difference in differences:
        left = max(0, left + difference)
    return left


def month_of(time: datetime) -> datetime:
    """Return the begin of the OMS month that contains `time`."""
    return time.astimezone(_CHINA_ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_name(time: datetime) -> str:
    """Return the OMS month that contains `time`, such as "2026-01"."""
    return month_of(time).strftime("%Y-%m")


def _number(value: object) -> int | None:
    # The type is compared because True is an int.
    if type(value) is int:
        return value if value >= 0 else None
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _parse_switch(value: object) -> bool | None:
    """Return True or False; None for a missing option."""
    return value if isinstance(value, bool) else None


def _parse_point(point: object) -> tuple[int, int] | None:
    if not isinstance(point, dict):
        return None
    begin, number = _number(point.get("time_stamp")), _number(point.get("statistic_num"))
    if begin is None or number is None:
        return None
    # OMS does not document the unit of its times.
    return begin if begin >= _MIN_MILLISECONDS else begin * 1000, number


@dataclass(frozen=True)
class TaskInfo(TaskSummary):
    """A task, with its counters of the requested month.

    Texts and options that the response lacks are None. Without `status`, the response has no documented form.
    """

    month: MonthCounts
    src_cloud_type: str | None
    enable_restore: bool | None
    enable_metadata_migration: bool | None
    dst_storage_policy: str | None

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> TaskInfo:
        """Parse the task in any JSON object of OMS."""
        mode = answer.get("object_overwrite_mode")
        buckets = ("src_cloud_type", "src_region", "src_bucket", "dst_region", "dst_bucket")
        return cls(
            **{name: None if answer.get(name) is None else str(answer[name]) for name in ("status", *buckets)},
            object_overwrite_mode=None if mode is None else OverwriteMode(str(mode)),
            enable_restore=_parse_switch(answer.get("enable_restore")),
            enable_metadata_migration=_parse_switch(answer.get("enable_metadata_migration")),
            dst_storage_policy=None if answer.get("dst_storage_policy") is None else str(answer["dst_storage_policy"]),
            month=MonthCounts.parse(answer),
        )


def query_failure(answer: object, action: str, of: str = "synctask") -> QueryFailure | None:
    """Return the failure instead of an answer; None if OMS answered.

    `action` is the API's name of the call's permission, `of` its resource.
    """
    if not isinstance(answer, Failure):
        return None
    return QueryFailure(answer.reason.name, answer.status, answer.message, answer.remedy(action, of))
