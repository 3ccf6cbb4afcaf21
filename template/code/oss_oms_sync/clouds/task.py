"""A sync task as OMS describes it, with its counters by calendar month and by interval of OMS's statistics.

If OMS does not describe the task, a `QueryFailure` replaces the description. All counters count objects, except those
of bytes.

Sources: the API pages ShowSyncTask (the task, counters of a month) and ListSyncTaskStatistic (counts for intervals,
called steps, of five minutes or an hour).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from oss_oms_sync.answers.task_group import Counters, OverwriteMode, QueryFailure, StatisticsSummary, TaskSummary
from oss_oms_sync.errors import Failure

# The kinds of counts of ListSyncTaskStatistic: those that count objects, and all, SIZE counting bytes.
OBJECT_TYPES = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")
DATA_TYPES = (*OBJECT_TYPES, "SIZE")

# The time zone of OMS's months, presumably, because all regions that offer sync tasks are in China.
_CHINA_ZONE = timezone(timedelta(hours=8))
# A time is in milliseconds if it is at least this number, otherwise in seconds; this holds for thousands of years.
_MIN_MILLISECONDS = 10**11
_FIVE_MINUTES, _HOUR = timedelta(minutes=5), timedelta(hours=1)
# The names of a month's counters in the response of ShowSyncTask.
_COUNTER_FIELDS = {
    "requests": "monthly_acceptance_request",
    "copied": "monthly_success_object",
    "failed": "monthly_failure_object",
    "skipped": "monthly_skip_object",
    "bytes": "monthly_size",
}


class MonthCounts(Counters):
    """The counters of a month; a counter is None, not 0, if the response lacks it or has no number."""

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> MonthCounts:
        return cls(**{name: _parse_number(answer.get(field)) for name, field in _COUNTER_FIELDS.items()})

    @property
    def processed(self) -> Sequence[int] | None:
        """The numbers of objects copied, failed and skipped, or None if one of the three is unknown."""
        numbers = [number for number in (self.copied, self.failed, self.skipped) if number is not None]
        return numbers if len(numbers) == 3 else None

    @property
    def difference(self) -> int | None:
        """The number of accepted objects minus the number of processed objects, or None if one of them is unknown.

        It is negative if OMS accepted some of the processed objects in the month before.
        """
        return None if self.requests is None or self.processed is None else self.requests - sum(self.processed)


class Statistics(StatisticsSummary):
    """OMS's counts for steps, which are intervals of equal length.

    `unread` is the number of parts of the response that are missing or have an undocumented form.
    """

    @classmethod
    def parse(cls, types: Sequence[str], start: datetime, answer: Mapping[str, object]) -> Statistics:
        """Return the counts in a response of ListSyncTaskStatistic to a request for these `types` from `start` on."""
        series: dict[str, list[tuple[int, int]]] = {name: [] for name in types}
        series_list, unread_parts, missing_types = answer.get("statistic_datas"), 0, set(types)
        for data in series_list if isinstance(series_list, list) else []:
            match data:
                case {"data_type": str(name), "data": list(points)} if name in series:
                    missing_types.discard(name)
                    parsed_points = [point for point in map(_parse_point, points) if point]
                    series[name] += parsed_points
                    unread_parts += len(points) - len(parsed_points)
                case {"data_type": str(name)} if name not in series:
                    pass  # a count that was not requested
                case _:
                    unread_parts += 1
        # If a series is empty, its counts are zero; if a series is missing, its counts are unknown.
        return cls(start, str(answer.get("statistic_time_type")), series, unread_parts + len(missing_types))

    @property
    def is_exact(self) -> bool:
        """True if the intervals of OMS's counts last five minutes, False if they last an hour or an unknown time."""
        return self.step == "FIVE_MINUTES"

    @property
    def step_length(self) -> timedelta:
        """The length of the intervals of OMS's counts; an unknown length counts as an hour."""
        return _FIVE_MINUTES if self.is_exact else _HOUR

    @property
    def steps(self) -> list[tuple[float, int, int]]:
        """The intervals in which OMS accepted or finished objects, in the order of time.

        Each has its start in seconds since 1970, the number of accepted objects, and the number of finished objects.
        """
        steps: dict[float, tuple[int, int]] = {}
        for name in OBJECT_TYPES:
            for begin, number in self.series[name]:
                if number:  # nearly all steps are empty
                    accepted_objects, finished_objects = steps.get(begin / 1000, (0, 0))
                    counts = (
                        (accepted_objects + number, finished_objects)
                        if name == "REQUEST"
                        else (accepted_objects, finished_objects + number)
                    )
                    steps[begin / 1000] = counts
        return [(begin, *numbers) for begin, numbers in sorted(steps.items())]

    def count_after(self, time: datetime, data_type: str) -> int:
        """Return the sum of the counts of a kind such as "REQUEST" for the intervals that began after `time`."""
        return sum(number for begin, number in self.series[data_type] if begin > time.timestamp() * 1000)


def count_min_unfinished(differences: Iterable[int]) -> int:
    """Return the minimum number of objects that OMS has accepted and not finished.

    For each interval in the order of time, `differences` has the number of accepted minus the number of finished
    objects. The result is the largest sum from any interval to the last, because objects accepted before the first
    interval may be among the finished objects.
    """
    remaining_objects = 0
    for difference in differences:
        remaining_objects = max(0, remaining_objects + difference)
    return remaining_objects


def find_month_start(time: datetime) -> datetime:
    """Return the start of the calendar month of `time` in China's time zone.

    OMS's counters are assumed to use this time zone, because OMS documents none.
    """
    return time.astimezone(_CHINA_ZONE).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def format_month(time: datetime) -> str:
    """Return the calendar month of `time` in China's time zone, such as "2026-01"."""
    return find_month_start(time).strftime("%Y-%m")


def _parse_number(value: object) -> int | None:
    # The type is compared because True is an int.
    if type(value) is int:
        return value if value >= 0 else None
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _parse_flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _parse_point(point: object) -> tuple[int, int] | None:
    if not isinstance(point, dict):
        return None
    begin, number = _parse_number(point.get("time_stamp")), _parse_number(point.get("statistic_num"))
    if begin is None or number is None:
        return None
    # OMS does not document whether its times are in seconds or milliseconds.
    return begin if begin >= _MIN_MILLISECONDS else begin * 1000, number


@dataclass(frozen=True)
class TaskInfo(TaskSummary):
    """A sync task with its counters of the requested month.

    Texts and options that the response lacks are None. If `status` is None, the response does not have the documented
    form.
    """

    month: MonthCounts
    src_cloud_type: str | None
    enable_restore: bool | None
    enable_metadata_migration: bool | None
    dst_storage_policy: str | None

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> TaskInfo:
        mode = answer.get("object_overwrite_mode")
        buckets = ("src_cloud_type", "src_region", "src_bucket", "dst_region", "dst_bucket")
        return cls(
            **{name: None if answer.get(name) is None else str(answer[name]) for name in ("status", *buckets)},
            object_overwrite_mode=None if mode is None else OverwriteMode(str(mode)),
            enable_restore=_parse_flag(answer.get("enable_restore")),
            enable_metadata_migration=_parse_flag(answer.get("enable_metadata_migration")),
            dst_storage_policy=None if answer.get("dst_storage_policy") is None else str(answer["dst_storage_policy"]),
            month=MonthCounts.parse(answer),
        )


def make_query_failure(answer: object, action: str, resource: str = "synctask") -> QueryFailure | None:
    """Return the failure of a query, or None if OMS answered the query.

    The query needs a permission whose name in OMS has the parts `resource` and `action`, such as "synctask" and "get".
    """
    if not isinstance(answer, Failure):
        return None
    return QueryFailure(answer.reason.name, answer.status, answer.message, answer.remedy(action, resource))
