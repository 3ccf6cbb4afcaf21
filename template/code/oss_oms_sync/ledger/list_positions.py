"""The positions up to which OMS's lists of copy failures were read.

One cursor visits the names of all lists in order. At the last name, a look is complete, and the next look begins. A
list older than the last complete look is not read again; a younger list has its position in a map.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import month_name

# Maximum number of lists, so that a single call reads or writes the state. A removed list is read once more.
MAX_LISTS = 5000
# Longer than the difference of the clouds' clocks, and than the delay of a new list.
LIST_DELAY = timedelta(hours=1)
# The time for which a list may grow. If it grows later, it is read again from its beginning.
_MAX_GROWTH_AGE = timedelta(days=1)
# Listings cost traffic: after a look at n pages, the next look waits n - 1 minutes, up to this limit.
_MAX_PAUSE_MINUTES = 10
# The number of months in the sum of a report.
_MAX_MONTHS = 14
_TAIL_BYTES = 64


class LineCount(NamedTuple):
    """Number of lines that name an object, and of lines outside the project's filter."""

    lines: int = 0
    outside: int = 0


class ListRead(NamedTuple):
    """The position in a list that was `modified` at this time.

    The list was read up to `offset`; `tail` is the hash of the bytes before it. `ended`: it was read to its end.
    `lines` named an object, `outside` of them an object outside the project's filter. `refused_until`: the time, in
    seconds since 1970, of the next request for a list that OBS refuses to read.
    """

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
        """True if the next run continues to read this list."""
        return not self.ended and not self.refused_until

    @property
    def begin(self) -> int:
        """The offset from which to read the list, so that earlier bytes are compared."""
        return max(0, self.offset - _TAIL_BYTES)

    def can_resume(self, before: bytes) -> bool:
        """Return True if `before` equals the bytes from `begin` to the offset, so that reading can continue there."""
        return self.tail == _hash(before)

    def after(self, body: bytes, offset: int, listed: LineCount, *, ended: bool) -> ListRead:
        """Return the position after `body` was read up to `offset`, with the counts of `listed`."""
        lines, outside = self.lines + listed.lines, self.outside + listed.outside
        return ListRead(self.etag, self.modified, offset, _hash(body[-_TAIL_BYTES:]), ended, lines, outside)


@dataclass
class ListPositions:
    """The positions in a task's lists.

    - `looked`: the beginning of the last complete look, in the format of records; empty before the first.
    - `began`: the beginning of the current look, which has read all names up to `after`, on `pages` pages.
    - `lists`: the lists by their names.
    - `unread`: the number of unreadable lines; a refused list counts as one line until it can be read. `example` is one
      of the lines.
    - `problem`: the reason why lists were not read last time.
    - `listed`: the lines of each month in which a list was modified ("2026-01", in China), each line once.
    - `group`: OMS's id of the task group whose lists below `folder` are read beside those of the sync task.
    - `of_group`: the number of their lines that named an object.
    """

    looked: str = ""
    began: str = ""
    after: str = ""
    pages: int = 0
    lists: dict[str, ListRead] = field(default_factory=dict)
    unread: int = 0
    example: str = ""
    problem: str = ""
    listed: dict[str, LineCount] = field(default_factory=dict)
    group: str = ""
    folder: str = ""
    of_group: int = 0

    def follow_group(self, group: TaskGroup) -> None:
        """Set the task group whose lists are read."""
        if group.id != self.group:
            self.group, self.of_group = group.id, 0
        self.folder = group.lists

    def is_of_group(self, name: str) -> bool:
        """Return True if a list is of the task group."""
        return bool(self.folder) and name.startswith(self.folder)

    def has_all_of(self, group: TaskGroup) -> bool:
        """Return True if all copy failures of the task group were read from its lists.

        A look that began after the group's end read all lists; they have as many lines as the group has failed objects;
        and the group reports every object. A retried object's earlier failure is in the lists.
        """
        looked = parse_time(self.looked)
        is_read = self.group == group.id and looked is not None and looked.timestamp() >= group.ended
        return group.can_be_resent and is_read and self.of_group >= group.failed and group.finished >= group.total

    def begin_look(self, now: datetime) -> bool:
        """Continue the current look, or begin a look; return False if it is too early to begin."""
        if self.after:
            return True
        last, pause = parse_time(self.looked), timedelta(minutes=min(self.pages - 1, _MAX_PAUSE_MINUTES))
        if last and now < last + pause:
            return False
        self.began, self.pages = timestamp(now), 0
        return True

    def move(self, name: str, at: ListRead) -> None:
        """Store the new position in a list."""
        before, month = self.lists.get(name, ListRead()), month_name(from_epoch(at.modified))
        # Each line counts once, even if its list changed and is read again.
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
        """Return the positions to store."""
        looked = parse_time(self.looked)
        forgotten = (looked - LIST_DELAY - _MAX_GROWTH_AGE).timestamp() if looked else 0
        kept = {
            name: listing
            for name, listing in self.lists.items()
            if not listing.ended or listing.modified >= forgotten or self.is_of_group(name)
        }
        newest = sorted(kept.items(), key=lambda entry: (entry[1].is_half_read, entry[1].modified))[-MAX_LISTS:]
        return replace(self, lists=dict(newest), listed=dict(sorted(self.listed.items())[-_MAX_MONTHS:]))


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16] if text else ""
