"""What OMS tells of the sync task, and of a migration task group, which copies what is there once.

Source: support.huaweicloud.com/api-oms (ShowSyncTask, ListSyncTaskStatistic, ShowTaskGroup, ListTaskGroup).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t


class OverwriteMode(Enum):
    """Overwrite modes of a sync task or a task group, by OMS's names. A mode that OMS adds later keeps its name and is
    no member: callers treat it, like a mode that OMS does not report, as DEFAULT.

    Source: OMS, "Creating a sync task". By default OMS skips an object that OBS has in the same size and not older;
    with CRC64 only where one of the two objects has no CRC64.
    """

    NEVER = "NO_OVERWRITE"
    DEFAULT = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    CRC64 = "CRC64_COMPARISON_OVERWRITE"
    ALWAYS = "FULL_OVERWRITE"

    @classmethod
    def _missing_(cls, value: object) -> OverwriteMode | None:
        if not isinstance(value, str):
            return None
        mode = object.__new__(cls)
        mode._name_ = mode._value_ = value
        # So that the same name is the same mode from now on.
        return cls._value2member_map_.setdefault(value, mode)  # type: ignore[return-value]


class GroupState(Enum):
    """How a group stands, in the order of OMS's numbers."""

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
    GroupState.WAITING: t("The migration is about to begin"),
    GroupState.CREATING: t("The migration has begun"),
    GroupState.COPYING: t("The migration is on its way"),
    GroupState.PAUSED: t("The migration is paused"),
    GroupState.NOT_CREATED: t("OMS could not begin the migration"),
    GroupState.FAILED: t("The migration has ended, and something failed"),
    GroupState.DONE: t("The migration is done"),
    GroupState.PAUSING: t("The migration is about to pause"),
    GroupState.DELETING_SOON: t("OMS deletes the task group"),
    GroupState.DELETING: t("OMS deletes the task group"),
}

# Of so many objects that a group failed to copy, replay reads in its lists which they are, and resends them.
MOST_RESENT = 10_000
# What a group lists, or copies, until it rests.
MOVING = (GroupState.WAITING, GroupState.CREATING, GroupState.COPYING, GroupState.PAUSING)
# It lists, by OMS's page of assessing, so many objects a second, and copies meanwhile.
LISTED_A_SECOND = 27_000_000 / 3600
# Until then it has to be begun: what its new keys are granted takes up to half an hour.
_BEGINNING_SECONDS = 1800
# Tells how far it is, and changes nothing.
LOOK = Step("migrate", {"look": True})
# What ends a state in which a group does not go on.
_ENDS = {
    GroupState.PAUSED: "go_on",
    GroupState.NOT_CREATED: "remove",
    GroupState.FAILED: "retry",
    GroupState.DELETING_SOON: "remove",
    GroupState.DELETING: "remove",
}


@dataclass(frozen=True)
class Silence:
    """What OMS, or the way to it, said instead of an answer, and what to do about it."""

    problem: str
    status: int | None
    message: str
    fix: Text


@dataclass(frozen=True)
class Counters:
    """What OMS has counted; None if it does not say."""

    requests: int | None
    copied: int | None
    failed: int | None
    skipped: int | None
    bytes: int | None


@dataclass(frozen=True)
class TaskShown:
    """The sync task, by OMS's words, and its counters of this month."""

    status: str | None
    src_bucket: str | None
    src_region: str | None
    dst_bucket: str | None
    dst_region: str | None
    object_overwrite_mode: OverwriteMode | None
    month: Counters


@dataclass(frozen=True)
class StatisticsShown:
    """OMS's counts in steps since a time: by its name for what is counted, when each step began (in milliseconds since
    1970), and how many (of SIZE, bytes). `step` is its name for the length of a step. `unread` counts what could not be
    read."""

    from_: datetime
    step: str
    series: Mapping[str, Sequence[tuple[int, int]]]
    unread: int


@dataclass(frozen=True)
class TaskGroup:
    """What OMS tells of a group. `total` is 0 until it has listed the source. `size`: bytes in all; `copied_size`: of
    what it `copied`; `speed`: bytes a second. `started`: when, in seconds since 1970. `can_retry_failed`: whether it
    can try again what failed, and nothing else. `lists`: where it lists that in the destination. `why` it failed.
    `ended`: like `started`, where it rests. `resent`: replay has the keys of all that failed, so nothing of it is left
    to be done."""

    id: str
    state: GroupState
    note: str
    total: int
    copied: int
    skipped: int
    failed: int
    size: int
    copied_size: int
    speed: int
    started: float
    can_retry_failed: bool
    lists: str
    why: str
    ended: float = 0
    resent: bool = False

    @property
    def title(self) -> Text:
        """How it stands, in a few words."""
        return _TITLES[self.state]

    @property
    def can_be_resent(self) -> bool:
        """Whether replay resends what it failed to copy."""
        return self.state is GroupState.FAILED and bool(self.lists) and 0 < self.failed <= MOST_RESENT

    @property
    def told_of(self) -> int:
        """How many objects have come to an end."""
        return self.copied + self.skipped + self.failed

    @property
    def percent(self) -> float | None:
        """How many of all objects those are, 100 only if they are all; None until it has listed them."""
        if not self.total:
            return None
        return 100.0 if self.told_of >= self.total else min(99.9, 100 * self.told_of / self.total)

    @property
    def will_copy(self) -> bool:
        """Whether it copies what is not there, unless somebody pauses it."""
        return self.state in MOVING and self.state is not GroupState.PAUSING

    @property
    def step(self) -> Step:
        """What comes next: without an option to follow it, or to delete its access keys once it is done."""
        # What failed before anything was copied fails again.
        is_in_vain = self.state is GroupState.FAILED and not self.total
        option = "remove" if is_in_vain or self.resent else _ENDS.get(self.state)
        return Step("migrate", {option: True} if option else {})

    @property
    def step_of_others(self) -> Step:
        """The same for whoever reads of it elsewhere: while it goes on by itself, how far it is."""
        return LOOK if self.state in MOVING else self.step

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> TaskGroup:
        """Raises ValueError for what is no group."""
        # Where there is nothing to tell, OMS leaves these out, or says an empty text.
        failed, why = told.get("failed_object_record") or {}, told.get("error_reason") or {}

        def number(name: str) -> int:
            return int(told.get(name) or 0)

        try:
            return cls(
                id=str(told["group_id"]),
                state=_STATES[told["status"]],
                note=str(told.get("description") or ""),
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
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"no task group: {error}") from error


def most_sent(keys_a_second: float) -> float:
    """How many objects are sent, so many keys a second, by the time at which a group would have copied as many,
    beginning and all: with twenty calls of ten keys a second 370,000, in 31 minutes. The price decides nothing: to copy
    them costs the same in either way, and only what is sent has calls and records of its own."""
    gained = 1 / keys_a_second - 1 / LISTED_A_SECOND
    return _BEGINNING_SECONDS / gained if gained > 0 else math.inf


_STATES = dict(enumerate(GroupState))
