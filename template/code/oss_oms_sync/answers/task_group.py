"""Data from OMS about the sync task, and about a task group: a migration, which copies the existing objects once.

Source: support.huaweicloud.com/api-oms (ShowSyncTask, ListSyncTaskStatistic, ShowTaskGroup, ListTaskGroup).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from oss_oms_sync.answers.bandwidth import Window
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t


class OverwriteMode(Enum):
    """Overwrite modes of a sync task or a task group; the values are OMS's names.

    - By default OMS skips an object if the object in OBS has the same size and is not older.
    - With CRC64, OMS compares the CRC64s instead. If one of the two objects has none, OMS decides as by default.
    - A mode that OMS adds later keeps its name without being a member. Callers treat it as DEFAULT, like a missing
      mode.

    Source: OMS, "Creating a sync task".
    """

    NEVER = "NO_OVERWRITE"
    DEFAULT = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    CRC64 = "CRC64_COMPARISON_OVERWRITE"
    ALWAYS = "FULL_OVERWRITE"

    @property
    def compares_contents(self) -> bool:
        """True if OMS skips an object only if both contents are equal, provided that both objects have a CRC64."""
        return self is OverwriteMode.CRC64

    @property
    def copies_same_size(self) -> bool:
        """True if OMS may replace an object in OBS by an object of the same size."""
        return self in (OverwriteMode.CRC64, OverwriteMode.ALWAYS)

    @classmethod
    def _missing_(cls, value: object) -> OverwriteMode | None:
        if not isinstance(value, str):
            return None
        mode = object.__new__(cls)
        mode._name_ = mode._value_ = value
        # Later look-ups of this name then return the same mode.
        return cls._value2member_map_.setdefault(value, mode)  # type: ignore[return-value]


# The value of dst_storage_policy with which OMS keeps the source's storage class. By default OMS writes Standard.
SOURCE_CLASS_POLICY = "SRC_STORAGE_MAPPING"
_STORAGE_POLICIES = {
    "STANDARD": t("storage class in OBS: Standard"),
    "IA": t("storage class in OBS: IA"),
    "ARCHIVE": t("storage class in OBS: Archive"),
    "DEEP_ARCHIVE": t("storage class in OBS: Deep Archive"),
    SOURCE_CLASS_POLICY: t("storage class in OBS: same as at the source"),
}


def storage_policy(policy: str | None) -> Text:
    """Return a sentence about the storage class of copies in OBS, by OMS's dst_storage_policy (None if unknown)."""
    if policy is None:
        return t("OMS does not report the storage class of the copies in OBS")
    return _STORAGE_POLICIES.get(policy, t("storage class in OBS: {policy}", policy=policy))


def storage_class_plan(keeping_step: Step, *, keeps_class: bool) -> Text:
    """Return a sentence of a migration's plan about the storage class of copies.

    If they do not keep the source's class (`keeps_class`), it names `keeping_step`, the command that would keep the
    class.
    """
    if keeps_class:
        return t(
            "Storage class in OBS: same as at the source. OBS bills IA objects for at least 30 days, Archive"
            " objects for 90 and Deep Archive objects for 180. Archived objects must be restored before they can be"
            " read."
        )
    return t(
        "Storage class in OBS: Standard, even for source objects of another class. To keep their class: {command}",
        command=keeping_step,
    )


class GroupState(Enum):
    """States of a task group, in the order of OMS's numbers for the states, which begin at 0."""

    WAITING = "waiting"
    CREATING = "creating"
    COPYING = "copying"
    PAUSED = "paused"
    NOT_CREATED = "not_created"
    FAILED = "failed"
    DONE = "done"
    PAUSING = "pausing"
    DELETING_SOON = "deleting_soon"
    DELETING = "deleting"


_TITLES = {
    GroupState.WAITING: t("The migration is starting"),
    GroupState.CREATING: t("The migration has started"),
    GroupState.COPYING: t("The migration is running"),
    GroupState.PAUSED: t("The migration is paused"),
    GroupState.NOT_CREATED: t("OMS could not start the migration"),
    GroupState.FAILED: t("The migration has ended with failures"),
    GroupState.DONE: t("The migration is finished"),
    GroupState.PAUSING: t("The migration is pausing"),
    GroupState.DELETING_SOON: t("OMS is deleting the task group"),
    GroupState.DELETING: t("OMS is deleting the task group"),
}

# Maximum number of failed objects of a group for which replay reads the group's lists and resends the objects.
MAX_RESENT_OBJECTS = 10_000
# States in which a group lists or copies.
WORKING_STATES = (GroupState.WAITING, GroupState.CREATING, GroupState.COPYING, GroupState.PAUSING)
# Number of objects that a group lists per second, by OMS's page on assessment. The group copies at the same time.
LISTED_OBJECTS_PER_SECOND = 27_000_000 / 3600
# Seconds until a group begins to copy: permissions of its new access keys take effect within half an hour.
_START_SECONDS = 1800
# The command that reports a migration's progress and changes nothing.
LOOK_STEP = Step("migrate", {"look": True})
# The option of `migrate` that helps a group that makes no progress, by its state.
_RESCUE_OPTIONS = {
    GroupState.PAUSED: "go_on",
    GroupState.NOT_CREATED: "remove",
    GroupState.FAILED: "retry",
    GroupState.DELETING_SOON: "remove",
    GroupState.DELETING: "remove",
}


@dataclass(frozen=True)
class QueryFailure:
    """A failed query to OMS: the error of OMS or of the network, and its remedy."""

    problem: str
    status: int | None
    message: str
    fix: Text


@dataclass(frozen=True)
class Counters:
    """Counts that OMS reports; a count that OMS does not report is None."""

    requests: int | None
    copied: int | None
    failed: int | None
    skipped: int | None
    bytes: int | None


@dataclass(frozen=True)
class TaskSummary:
    """The sync task as OMS reports it, with its counts of this month."""

    status: str | None
    src_bucket: str | None
    src_region: str | None
    dst_bucket: str | None
    dst_region: str | None
    object_overwrite_mode: OverwriteMode | None
    month: Counters

    @property
    def is_running(self) -> bool:
        """True if the task accepts keys; OMS refuses the keys for a stopped task."""
        return self.status == "SYNCHRONIZING"


@dataclass(frozen=True)
class StatisticsSummary:
    """OMS's counts since the time `from_`, in steps: intervals of equal length.

    - `step`: OMS's name for the length of a step.
    - `series`: for each kind of count, the start of each step in milliseconds since 1970, and the count in this step;
      for the kind SIZE, the bytes.
    - `unread`: the number of values that could not be read.
    """

    from_: datetime
    step: str
    series: Mapping[str, Sequence[tuple[int, int]]]
    unread: int


@dataclass(frozen=True)
class GroupProgress:
    """The progress of a task group, with its state and its numbers of objects.

    - `total`: the number of all objects, or 0 until OMS has listed the source.
    - `resent`: True if replay took over the keys of all failed objects.
    """

    state: GroupState
    total: int
    copied: int
    skipped: int
    failed: int
    resent: bool = field(default=False, kw_only=True)

    @property
    def title(self) -> Text:
        return _TITLES[self.state]

    @property
    def finished(self) -> int:
        """The number of objects that the group copied, skipped or failed to copy."""
        return self.copied + self.skipped + self.failed

    @property
    def percent(self) -> float | None:
        """The percentage of finished objects, or None until OMS has listed the source.

        The result is 100 only if all objects are finished.
        """
        if not self.total:
            return None
        return 100.0 if self.finished >= self.total else min(99.9, 100 * self.finished / self.total)

    @property
    def will_copy(self) -> bool:
        """True if the group copies missing objects without any action."""
        return self.state in WORKING_STATES and self.state is not GroupState.PAUSING

    @property
    def step(self) -> Step:
        """The next step; `migrate` without options follows a running group, or deletes an ended group's access keys."""
        # A group that failed before it listed objects would fail again.
        would_fail_again = self.state is GroupState.FAILED and not self.total
        option = "remove" if would_fail_again or self.resent else _RESCUE_OPTIONS.get(self.state)
        return Step("migrate", {option: True} if option else {})

    @property
    def look_step(self) -> Step:
        """The step for reports that only mention the group: `migrate --look` while the group runs, otherwise `step`."""
        return LOOK_STEP if self.state in WORKING_STATES else self.step


@dataclass(frozen=True)
class TaskGroup(GroupProgress):
    """The state of a task group as OMS reports it.

    - `size`, `copied_size`: the bytes of all objects, and of the copied objects.
    - `speed`: the speed in bytes per second.
    - `started`, `ended`: times in seconds since 1970; `ended` is valid only if the group has stopped.
    - `can_retry_failed`: True if OMS can retry the failed objects alone.
    - `lists`: the prefix of the lists of failed objects in the destination.
    - `why`: the reason of a failure.
    """

    id: str
    note: str
    size: int
    copied_size: int
    speed: int
    started: float
    can_retry_failed: bool
    lists: str
    why: str
    ended: float = 0
    bandwidth: Sequence[Window] = ()

    @property
    def can_be_resent(self) -> bool:
        return self.state is GroupState.FAILED and bool(self.lists) and 0 < self.failed <= MAX_RESENT_OBJECTS

    @classmethod
    def from_response(cls, group: Mapping[str, Any]) -> TaskGroup:
        """Return the task group in a response of OMS.

        Raises ValueError if `group` is not a task group.
        """
        # OMS omits these fields, or returns empty texts in them, if the group has no failure.
        failure_list, failure_reason = group.get("failed_object_record") or {}, group.get("error_reason") or {}

        def parse_number(name: str) -> int:
            return int(group.get(name) or 0)

        try:
            return cls(
                id=str(group["group_id"]),
                state=_STATES[group["status"]],
                note=str(group.get("description") or ""),
                total=parse_number("total_num"),
                copied=parse_number("success_num"),
                skipped=parse_number("skip_num"),
                failed=parse_number("fail_num"),
                size=parse_number("total_size"),
                copied_size=parse_number("complete_size"),
                speed=parse_number("migrate_speed"),
                started=parse_number("start_time") / 1000,
                can_retry_failed=failure_list.get("result") is True,
                lists=str(failure_list.get("list_file_key") or ""),
                ended=(parse_number("start_time") + parse_number("total_time")) / 1000,
                why=" ".join(
                    str(failure_reason[name]) for name in ("error_code", "error_msg") if failure_reason.get(name)
                ),
                bandwidth=tuple(
                    Window(str(window["start"]), str(window["end"]), int(window["max_bandwidth"]))
                    for window in group.get("bandwidth_policy") or ()
                ),
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"no task group: {error}") from error


def max_submissions(keys_a_second: float) -> float:
    """Return the number of objects up to which submitting them is faster than a task group, which starts slowly.

    At twenty calls of ten keys per second the number is 370,000 objects, which take 31 minutes.
    """
    seconds_saved = 1 / keys_a_second - 1 / LISTED_OBJECTS_PER_SECOND
    return _START_SECONDS / seconds_saved if seconds_saved > 0 else math.inf


_STATES = dict(enumerate(GroupState))
