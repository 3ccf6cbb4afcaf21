"""OMS's data about the sync task, and about a migration task group (a single copy of existing objects).

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
    """Overwrite modes of a sync task or a task group, by OMS's names.

    A mode that OMS adds later keeps its name without being a member: callers treat it as DEFAULT, like a missing mode.

    Source: OMS, "Creating a sync task". By default OMS skips an object if the object in OBS has the same size and is
    not older. With CRC64 it does so only if one of the two objects has no CRC64.
    """

    NEVER = "NO_OVERWRITE"
    DEFAULT = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    CRC64 = "CRC64_COMPARISON_OVERWRITE"
    ALWAYS = "FULL_OVERWRITE"

    @property
    def compares_contents(self) -> bool:
        """True if OMS skips objects with equal contents only, provided that both sides have a CRC64."""
        return self is OverwriteMode.CRC64

    @property
    def copies_same_size(self) -> bool:
        """True if OMS may copy an object to OBS although OBS has it in the same size."""
        return self in (OverwriteMode.CRC64, OverwriteMode.ALWAYS)

    @classmethod
    def _missing_(cls, value: object) -> OverwriteMode | None:
        if not isinstance(value, str):
            return None
        mode = object.__new__(cls)
        mode._name_ = mode._value_ = value
        # Later look-ups of this name then return the same mode.
        return cls._value2member_map_.setdefault(value, mode)  # type: ignore[return-value]


# The value of dst_storage_policy with which OMS keeps the source's storage class; without a value it writes Standard.
KEEPS_CLASS = "SRC_STORAGE_MAPPING"
_STORAGE_POLICIES = {
    "STANDARD": t("storage class in OBS: Standard"),
    "IA": t("storage class in OBS: IA"),
    "ARCHIVE": t("storage class in OBS: Archive"),
    "DEEP_ARCHIVE": t("storage class in OBS: Deep Archive"),
    KEEPS_CLASS: t("storage class in OBS: that of the source"),
}


def storage_policy(policy: str | None) -> Text:
    """Return a sentence about the storage class of copies, by OMS's dst_storage_policy; None if OMS reports none."""
    if policy is None:
        return t("OMS does not report the storage class in OBS")
    return _STORAGE_POLICIES.get(policy, t("storage class in OBS: {policy}", policy=policy))


def storage_class_plan(alternative: Step, *, keeps: bool) -> Text:
    """Return the line of a plan about the storage class of copies; `alternative`: the command that keeps the class."""
    if keeps:
        return t(
            "Storage class in OBS: that of the source. OBS bills IA objects for at least 30 days, Archive objects for"
            " 90, Deep Archive objects for 180. Archived objects cannot be read before they are restored."
        )
    return t(
        "Storage class in OBS: Standard, also for source objects of another class. To keep the class: {command}",
        command=alternative,
    )


class GroupState(Enum):
    """State of a task group, in the order of OMS's numbers."""

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
    GroupState.CREATING: t("The migration has begun"),
    GroupState.COPYING: t("The migration is running"),
    GroupState.PAUSED: t("The migration is paused"),
    GroupState.NOT_CREATED: t("OMS could not begin the migration"),
    GroupState.FAILED: t("The migration has ended with failures"),
    GroupState.DONE: t("The migration is finished"),
    GroupState.PAUSING: t("The migration is pausing"),
    GroupState.DELETING_SOON: t("OMS is deleting the task group"),
    GroupState.DELETING: t("OMS is deleting the task group"),
}

# Maximum number of failed objects of a group that replay reads in the group's lists and resends.
MAX_RESENT = 10_000
# States in which a group lists or copies.
WORKING_STATES = (GroupState.WAITING, GroupState.CREATING, GroupState.COPYING, GroupState.PAUSING)
# Objects that a group lists in a second, by OMS's page on assessment; it copies meanwhile.
LISTED_PER_SECOND = 27_000_000 / 3600
# Seconds until a group begins: the permissions of its new keys take up to half an hour.
_START_SECONDS = 1800
# The option that reports progress and changes nothing.
LOOK_STEP = Step("migrate", {"look": True})
# The option that ends a group without progress.
_ENDING_OPTIONS = {
    GroupState.PAUSED: "go_on",
    GroupState.NOT_CREATED: "remove",
    GroupState.FAILED: "retry",
    GroupState.DELETING_SOON: "remove",
    GroupState.DELETING: "remove",
}


@dataclass(frozen=True)
class QueryFailure:
    """The error instead of OMS's answer, by OMS or by the network, and its remedy."""

    problem: str
    status: int | None
    message: str
    fix: Text


@dataclass(frozen=True)
class Counters:
    """Counts of OMS; None for a missing count."""

    requests: int | None
    copied: int | None
    failed: int | None
    skipped: int | None
    bytes: int | None


@dataclass(frozen=True)
class TaskSummary:
    """The sync task as OMS reports it, with its counters of this month."""

    status: str | None
    src_bucket: str | None
    src_region: str | None
    dst_bucket: str | None
    dst_region: str | None
    object_overwrite_mode: OverwriteMode | None
    month: Counters

    @property
    def is_running(self) -> bool:
        """True if the task accepts keys: a stopped task refuses them."""
        return self.status == "SYNCHRONIZING"


@dataclass(frozen=True)
class StatisticsSummary:
    """Counts of OMS in steps since a time.

    `series`: for each of OMS's kinds of counts, the begin of each step in milliseconds since 1970, and the count (for
    SIZE, bytes). `step` is OMS's name for the length of a step. `unread`: number of values that could not be read.
    """

    from_: datetime
    step: str
    series: Mapping[str, Sequence[tuple[int, int]]]
    unread: int


@dataclass(frozen=True)
class GroupProgress:
    """Progress of a task group: its state, and numbers of objects.

    `total`: number of objects, 0 until the source is listed. `resent`: replay took over the keys of all failed objects,
    so the group has no work left.
    """

    state: GroupState
    total: int
    copied: int
    skipped: int
    failed: int
    resent: bool = field(default=False, kw_only=True)

    @property
    def title(self) -> Text:
        """Short description of the group's state."""
        return _TITLES[self.state]

    @property
    def finished(self) -> int:
        """Number of objects that are copied, skipped or failed."""
        return self.copied + self.skipped + self.failed

    @property
    def percent(self) -> float | None:
        """Percentage of finished objects, 100 only if all are finished; None until the source is listed."""
        if not self.total:
            return None
        return 100.0 if self.finished >= self.total else min(99.9, 100 * self.finished / self.total)

    @property
    def will_copy(self) -> bool:
        """True if the group copies missing objects without further action."""
        return self.state in WORKING_STATES and self.state is not GroupState.PAUSING

    @property
    def step(self) -> Step:
        """The next step: `migrate` without an option follows the group, or deletes its access keys after the end."""
        # A group that failed before it listed objects would fail again.
        is_in_vain = self.state is GroupState.FAILED and not self.total
        option = "remove" if is_in_vain or self.resent else _ENDING_OPTIONS.get(self.state)
        return Step("migrate", {option: True} if option else {})

    @property
    def look_step(self) -> Step:
        """The step to print in other reports: `--look` while the group runs."""
        return LOOK_STEP if self.state in WORKING_STATES else self.step


@dataclass(frozen=True)
class TaskGroup(GroupProgress):
    """State of a task group, as OMS reports it.

    `size`, `copied_size`: bytes of all objects, and of the copied objects. `speed`: bytes a second. `started`, `ended`:
    seconds since 1970; `ended` is valid if the group has stopped. `can_retry_failed`: OMS can retry the failed objects
    alone. `lists`: prefix of the lists of failed objects in the destination. `why`: the reason of a failure.
    `bandwidth`: limits by the time of day.
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
        """True if replay resends the objects that the group failed to copy."""
        return self.state is GroupState.FAILED and bool(self.lists) and 0 < self.failed <= MAX_RESENT

    @classmethod
    def from_response(cls, group: Mapping[str, Any]) -> TaskGroup:
        """Return the task group in OMS's response.

        Raises ValueError if `group` is not a task group.
        """
        # Without a failure, OMS omits these or returns an empty text.
        failed, why = group.get("failed_object_record") or {}, group.get("error_reason") or {}

        def number(name: str) -> int:
            return int(group.get(name) or 0)

        try:
            return cls(
                id=str(group["group_id"]),
                state=_STATES[group["status"]],
                note=str(group.get("description") or ""),
                total=number("total_num"),
                copied=number("success_num"),
                skipped=number("skip_num"),
                failed=number("fail_num"),
                size=number("total_size"),
                copied_size=number("complete_size"),
                speed=number("migrate_speed"),
                started=number("start_time") / 1000,
                can_retry_failed=failed.get("result") is True,
                lists=str(failed.get("list_file_key") or ""),
                ended=(number("start_time") + number("total_time")) / 1000,
                why=" ".join(str(why[name]) for name in ("error_code", "error_msg") if why.get(name)),
                bandwidth=tuple(
                    Window(str(window["start"]), str(window["end"]), int(window["max_bandwidth"]))
                    for window in group.get("bandwidth_policy") or ()
                ),
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"no task group: {error}") from error


def max_submissions(keys_a_second: float) -> float:
    """Return the number of objects up to which submitting is faster than a task group, which starts slowly.

    With twenty calls of ten keys a second it is 370,000 objects, in 31 minutes. The price does not matter: copying
    costs the same either way, and only submitted objects cause calls and records of this project.
    """
    gained = 1 / keys_a_second - 1 / LISTED_PER_SECOND
    return _START_SECONDS / gained if gained > 0 else math.inf


_STATES = dict(enumerate(GroupState))
