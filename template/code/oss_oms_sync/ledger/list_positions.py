"""How far OMS's lists of what it failed to copy were read: one map of lists, and one cursor through all their names.

When the cursor comes to the last name, that was a complete look, and the next one begins. A list that is older than the
last complete look is not read again; the map says of younger ones up to where they were read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import month_name

# So that the state stays small enough to be read and written in one go. What is forgotten is read once more.
MAX_LISTS = 5000
# More than the clouds' clocks differ, and than a list takes to appear.
MARGIN = timedelta(hours=1)
# A list may grow for so long. What is written into it later is read with all that was there before.
_GROWS = timedelta(days=1)
# Listings cost traffic: a look at so many pages is followed by as many minutes without one, up to these.
_LONGEST_PAUSE = 10
# Nobody adds up more of them.
_MAX_MONTHS = 14
_TAIL_BYTES = 64


class LineCount(NamedTuple):
    """How many lines told of an object, and of how many that is outside of the project's filter."""

    lines: int = 0
    outside: int = 0


class ListRead(NamedTuple):
    """How a list was read that was `modified` then: up to `offset`, before which there are bytes with the hash `tail`.
    `ended`: to its end. `lines` told of an object, `outside` of them of one that is not the project's. `refused_until`:
    when OBS, which does not let it be read, is asked for it again, in seconds since 1970."""

    etag: str = ""
    modified: int = 0
    offset: int = 0
    tail: str = ""
    ended: bool = False
    lines: int = 0
    outside: int = 0
    refused_until: int = 0

    @property
    def is_half_read(self) -> bool:
        """Whether the next run goes on reading it."""
        return not self.ended and not self.refused_until

    @property
    def begin(self) -> int:
        """From where on it has to be read to see whether what was read is still there."""
        return max(0, self.offset - _TAIL_BYTES)

    def can_resume(self, before: bytes) -> bool:
        """Whether `before` is what was there from `begin` up to the offset, so that reading goes on behind it."""
        return self.tail == _hash(before)

    def after(self, body: bytes, offset: int, listed: LineCount, *, ended: bool) -> ListRead:
        """How it is read when `body` was read up to `offset`, where it told of what is `listed`."""
        lines, outside = self.lines + listed.lines, self.outside + listed.outside
        return ListRead(self.etag, self.modified, offset, _hash(body[-_TAIL_BYTES:]), ended, lines, outside)


@dataclass
class ListPositions:
    """What is known of a task's lists.

    `looked`: when the last complete look began, in the format of records; empty before the first. `began`: when the one
    began that is done with all names up to `after`, on `pages` pages. `lists`: by their names. `unread`: how many lines
    could not be read so far, a refused list being one until it can be read, and `example` one of them. `said`: why
    lists were not read last time. `listed`: by the month in which a list was modified ("2026-01", in China), what it
    told, each line once. `group`: OMS's id of the task group whose lists below `folder` are read beside those of the
    sync task; `of_group`: how many lines they told.
    """

    looked: str = ""
    began: str = ""
    after: str = ""
    pages: int = 0
    lists: dict[str, ListRead] = field(default_factory=dict)
    unread: int = 0
    example: str = ""
    said: str = ""
    listed: dict[str, LineCount] = field(default_factory=dict)
    group: str = ""
    folder: str = ""
    of_group: int = 0

    def follow_group(self, group: TaskGroup) -> None:
        """Whose lists are read from now on."""
        if group.id != self.group:
            self.group, self.of_group = group.id, 0
        self.folder = group.lists

    def is_of_group(self, name: str) -> bool:
        """Whether a list is of the task group."""
        return bool(self.folder) and name.startswith(self.folder)

    def has_all_of(self, group: TaskGroup) -> bool:
        """Whether a look that began after the group's end saw all lists, and they told as many lines as objects which
        it failed to copy, and it told of all objects. What it fails once more when it is retried was told before."""
        looked = parse_time(self.looked)
        is_read = self.group == group.id and looked is not None and looked.timestamp() >= group.ended
        return group.can_be_resent and is_read and self.of_group >= group.failed and group.finished >= group.total

    def begin_look(self, now: datetime) -> bool:
        """Go on with the look that was begun, or begin one; return False if it is too early for that."""
        if self.after:
            return True
        last, pause = parse_time(self.looked), timedelta(minutes=min(self.pages - 1, _LONGEST_PAUSE))
        if last and now < last + pause:
            return False
        self.began, self.pages = timestamp(now), 0
        return True

    def move(self, name: str, at: ListRead) -> None:
        """A list was read so far."""
        before, month = self.lists.get(name, ListRead()), month_name(from_epoch(at.modified))
        # It counts once, also if it has changed and is read anew.
        lines, outside = at.lines - before.lines, at.outside - before.outside
        if self.is_of_group(name):
            self.of_group += lines
        else:
            line_count = self.listed.get(month, LineCount())
            self.listed[month] = LineCount(line_count.lines + lines, line_count.outside + outside)
        if before.refused_until and not at.refused_until:
            self.unread -= 1
            self.example = self.example if self.unread else ""
        self.lists[name] = at

    def kept(self) -> ListPositions:
        """What of it is worth storing."""
        looked = parse_time(self.looked)
        forgotten = (looked - MARGIN - _GROWS).timestamp() if looked else 0
        kept = {
            name: listing
            for name, listing in self.lists.items()
            if not listing.ended or listing.modified >= forgotten or self.is_of_group(name)
        }
        newest = sorted(kept.items(), key=lambda item: (item[1].is_half_read, item[1].modified))[-MAX_LISTS:]
        return replace(self, lists=dict(newest), listed=dict(sorted(self.listed.items())[-_MAX_MONTHS:]))


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16] if text else ""
