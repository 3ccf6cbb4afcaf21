"""How far OMS's lists of what it failed to copy were read.

A sub-task's lists are read in the order of their names, so a position for each says what is new. But a list may come
late, or grow after a later one was read; so there is also a time before which every list was read, and the lists that
were read since.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields, replace
from typing import NamedTuple

from oss_oms_sync.clock import from_epoch
from oss_oms_sync.clouds.counters import month_name
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.clouds.oms_lists import sub_task

# So that the state stays small enough to be read and written in one go. What is forgotten is read once more.
MAX_SUB_TASKS = 1000
MAX_RECENT = 5000
_HASHED_BYTES = 64
# For so long it is remembered what a list told, because it may grow. What grows later counts twice.
_GROWS_SECONDS = 24 * 60 * 60
# Nobody adds up more of them.
_MAX_MONTHS = 14


class Listed(NamedTuple):
    """How many lines told of an object, and of how many that is outside of the project's filter."""

    lines: int = 0
    outside: int = 0


class ReadList(NamedTuple):
    """A list that was read: a hash of its ETag, when it was modified, and what it told."""

    etag: str = ""
    modified: int = 0
    lines: int = 0
    outside: int = 0


@dataclass(frozen=True)
class ListPosition:
    """Where reading goes on in a list: after `offset` bytes, if it has this ETag. Otherwise the list has changed, and
    it goes on there if the last `hashed` bytes before the offset have still this `hash`.

    `ended`: all of this list was read, up to an open line at its end that may be written on. `lines`: how many lines
    before the offset told of an object, `outside`: of how many that is not the project's.
    """

    name: str
    etag: str = ""
    modified: int = 0
    offset: int = 0
    hashed: int = 0
    hash: str = ""
    ended: bool = False
    lines: int = 0
    outside: int = 0

    def is_about(self, one: ObjectSummary) -> bool:
        """Whether this is a position in that very list."""
        return (self.name, self.etag) == (one.name, one.etag)

    def after(self, before: bytes, offset: int, *, ended: bool, lines: int, outside: int) -> ListPosition:
        """A later position in the same list; `before` is what was read before it. Since this one there were so many
        `lines` that told of an object, and `outside`."""
        known, lines, outside = before[-_HASHED_BYTES:], self.lines + lines, self.outside + outside
        return ListPosition(
            self.name, self.etag, self.modified, offset, len(known), _hash(known), ended, lines, outside
        )

    def follows(self, before: bytes) -> bool:
        """Whether the bytes before the offset are still what they were."""
        return self.hashed > 0 and len(before) == self.hashed and _hash(before) == self.hash

    @classmethod
    def end_of(cls, one: ObjectSummary) -> ListPosition:
        """The position of a list of which nothing has to be read."""
        return cls(one.name, one.etag, one.modified, one.size, ended=True)


@dataclass
class FullLook:
    """A look at all lists, for those that came late or changed. `began` in seconds since 1970; `after`: the last list
    that it is done with; `reading`: where it is in the list after that one."""

    began: int
    after: str = ""
    reading: ListPosition | None = None


@dataclass
class ListPositions:
    """What is known of a task's lists. Times are in seconds since 1970; `since` is None before the first look.

    `positions`: by sub-task. `since`: every list that was modified earlier was read. `recent`: lists that were modified
    later, or not long before, and were read, by a short hash of their names. `unread`: how many lines could not be read
    so far, and `example` one of them. `said`: why lists were not read last time. `listed`: by the month in which a list
    was modified ("2026-01", in China), how many lines told of an object, and how many of these are not the project's.
    """

    since: int | None = None
    looked: int = 0
    positions: dict[str, ListPosition] = field(default_factory=dict)
    recent: dict[str, ReadList] = field(default_factory=dict)
    full: FullLook | None = None
    unread: int = 0
    example: str = ""
    said: str = ""
    listed: dict[str, Listed] = field(default_factory=dict)

    def move(self, position: ListPosition) -> None:
        """Store the position of a list, which is now that of its sub-task."""
        self.positions[sub_task(position.name)] = position

    def note(self, one: ObjectSummary, listed: Listed) -> None:
        """Remember that a list was read, and what all of it told."""
        before = self.recent.get(_hash(one.name.encode()), ReadList())
        self.recent[_hash(one.name.encode())] = ReadList(_hash(one.etag.encode()), one.modified, *listed)
        # A list that was read before counts once: it has grown, or changed.
        month = month_name(from_epoch(one.modified))
        lines, outside = self.listed.get(month, Listed())
        self.listed[month] = Listed(lines + listed.lines - before.lines, outside + listed.outside - before.outside)

    def was_read(self, one: ObjectSummary) -> bool:
        """Whether a list, as it is now, was read; it may have been even if this does not know."""
        known = self.recent.get(_hash(one.name.encode()))
        if known and known.etag == _hash(one.etag.encode()):
            return True
        return sub_task(one.name) not in self.positions and one.modified < (self.since or 0)

    def end_full_look(self, since: int) -> None:
        """All lists that were modified before `since` were read."""
        if self.full:
            self.looked, self.since, self.full = self.full.began, since, None

    def to_json(self) -> dict[str, object]:
        """As the state is stored."""
        newest = sorted(self.positions.items(), key=lambda item: item[1].modified)[-MAX_SUB_TASKS:]
        recent = sorted(self.recent.items(), key=lambda item: item[1].modified)[-MAX_RECENT:]
        return {
            **asdict(replace(self, positions=dict(newest))),
            "recent": {name: list(one) for name, one in recent if one.modified >= (self.since or 0) - _GROWS_SECONDS},
            "listed": {month: list(listed) for month, listed in sorted(self.listed.items())[-_MAX_MONTHS:]},
        }

    @classmethod
    def from_json(cls, value: dict[str, object]) -> ListPositions:
        """What `to_json` made; what is unreadable begins anew."""
        found = _known(cls, value)
        positions, recent, full = found.pop("positions", {}), found.pop("recent", {}), found.pop("full", None)
        listed = found.pop("listed", {})
        try:
            this = cls(**found)  # type: ignore[arg-type]
            this.positions = {name: ListPosition(**one) for name, one in positions.items()}  # type: ignore[attr-defined]
            this.recent = {name: ReadList(*one) for name, one in recent.items()}  # type: ignore[attr-defined]
            this.listed = {month: Listed(*one) for month, one in listed.items()}  # type: ignore[attr-defined]
            if isinstance(full, dict):
                reading = full.get("reading")
                this.full = FullLook(full["began"], full["after"], ListPosition(**reading) if reading else None)
        except (TypeError, ValueError, KeyError, AttributeError):
            return cls()
        return this


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _known(cls: type[ListPositions], value: dict[str, object]) -> dict[str, object]:
    return {one.name: value[one.name] for one in fields(cls) if one.name in value}
