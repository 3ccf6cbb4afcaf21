"""The positions up to which OMS's lists of copy failures have been read.

OMS writes these lists to OBS. A round is a visit to all lists in the order of their names, and may take several runs of
replay. A list that is much older than the last complete round is not read again. The position in each younger list is
stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import format_month

# Maximum number of stored positions, so that the state can be read and written by a single call. A list without a
# stored position is read once more.
MAX_LISTS = 5000
# A limit for the difference of the clouds' clocks and for the delay until a new list appears.
LIST_DELAY = timedelta(hours=1)
# Time for which OMS may append to a list. A list that grows later is read again from its start.
_MAX_GROWTH_AGE = timedelta(days=1)
# Listings cost traffic, so after a round of n pages the next round waits n - 1 minutes, up to this limit.
_MAX_PAUSE_MINUTES = 10
# Number of months for which lines are counted.
_MAX_MONTHS = 14
_TAIL_BYTES = 64


class LineCount(NamedTuple):
    """Counts of the lines of a list that name an object (`lines`), and of those whose object is outside the filter."""

    lines: int = 0
    outside: int = 0


class ListPosition(NamedTuple):
    """The position in a list of copy failures.

    - `etag`, `modified`: the version of the list that was read. Times are in seconds since 1970.
    - `offset`: the list was read up to this byte.
    - `tail`: a hash of the last bytes before `offset`.
    - `ended`: True if the list was read to its end.
    - `lines`, `outside`: the numbers of lines that name an object, and an object outside the project's filter.
    - `refused_until`: the time of the next attempt if OBS refused to read the list, otherwise 0.
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
        """True if the next run has to continue with the list."""
        return not self.ended and not self.refused_until

    @property
    def read_start(self) -> int:
        """The byte from which to read next: before `offset`, because `can_resume` checks the bytes in between."""
        return max(0, self.offset - _TAIL_BYTES)

    def can_resume(self, preceding_bytes: bytes) -> bool:
        """Return True if reading can continue at the position, because the bytes before it are unchanged.

        `preceding_bytes` are the bytes from `read_start` to the position.
        """
        return self.tail == _hash(preceding_bytes)

    def advance(self, chunk: bytes, offset: int, line_count: LineCount, *, ended: bool) -> ListPosition:
        """Return the position after `chunk`, which ends at the byte `offset` of the list.

        `line_count` counts the lines of `chunk`. `ended` is True if OMS appends nothing more to the list.
        """
        lines, outside = self.lines + line_count.lines, self.outside + line_count.outside
        return ListPosition(self.etag, self.modified, offset, _hash(chunk[-_TAIL_BYTES:]), ended, lines, outside)


@dataclass
class ListPositions:
    """The positions in all lists of copy failures of a sync task.

    - `looked`: the start of the last complete round, such as 2026-01-31T08:00:00Z, or empty before the first round.
    - `began`: the start of the current round, which has visited all names up to `after`, on `pages` pages.
    - `lists`: the positions by the names of the lists.
    - `unread`: the number of unreadable lines, of which `example` is one. A list that OBS refuses to read counts as one
      line until it can be read.
    - `problem`: the reason why the last attempt read no lists, or empty.
    - `listed`: the number of lines by the month in which their list last changed ("2026-01", in China's time zone).
    - `group`: OMS's id of the task group whose lists are read as well; they are below `folder`.
    - `of_group`: the number of lines in these lists that name an object.
    """

    looked: str = ""
    began: str = ""
    after: str = ""
    pages: int = 0
    lists: dict[str, ListPosition] = field(default_factory=dict)
    unread: int = 0
    example: str = ""
    problem: str = ""
    listed: dict[str, LineCount] = field(default_factory=dict)
    group: str = ""
    folder: str = ""
    of_group: int = 0

    def follow_group(self, group: TaskGroup) -> None:
        """Set the task group whose lists are read in addition to those of the sync task."""
        if group.id != self.group:
            self.group, self.of_group = group.id, 0
        self.folder = group.lists

    def is_of_group(self, name: str) -> bool:
        return bool(self.folder) and name.startswith(self.folder)

    def has_all_failures(self, group: TaskGroup) -> bool:
        """Return True if all copy failures of a task group were read from its lists.

        A round that started after the group's end must be complete, and the lists must have as many lines as the group
        has failed objects. They may have more, because they also contain the earlier failure of an object that OMS
        retried.
        """
        last_round = parse_time(self.looked)
        is_read = self.group == group.id and last_round is not None and last_round.timestamp() >= group.ended
        return group.can_be_resent and is_read and self.of_group >= group.failed and group.finished >= group.total

    def start_round(self, now: datetime) -> bool:
        """Start the next round unless a round is in progress; return False if it is too early to start."""
        if self.after:
            return True
        last_round, pause = parse_time(self.looked), timedelta(minutes=min(self.pages - 1, _MAX_PAUSE_MINUTES))
        if last_round and now < last_round + pause:
            return False
        self.began, self.pages = timestamp(now), 0
        return True

    def move(self, name: str, position: ListPosition) -> None:
        """Store a new position in the list `name`, and count the lines after the old position."""
        old_position, month = self.lists.get(name, ListPosition()), format_month(from_epoch(position.modified))
        # A line counts once, even if its list has changed and is read again.
        new_lines, new_outside_lines = position.lines - old_position.lines, position.outside - old_position.outside
        if self.is_of_group(name):
            self.of_group += new_lines
        else:
            line_count = self.listed.get(month, LineCount())
            self.listed[month] = LineCount(line_count.lines + new_lines, line_count.outside + new_outside_lines)
        if old_position.refused_until and not position.refused_until:
            self.unread -= 1
            self.example = self.example if self.unread else ""
        self.lists[name] = position

    def without_old_lists(self) -> ListPositions:
        """Return a copy to store, without the positions in lists that are too old to grow."""
        last_round = parse_time(self.looked)
        min_modified = (last_round - LIST_DELAY - _MAX_GROWTH_AGE).timestamp() if last_round else 0
        positions = {
            name: position
            for name, position in self.lists.items()
            if not position.ended or position.modified >= min_modified or self.is_of_group(name)
        }
        newest_positions = sorted(positions.items(), key=lambda entry: (entry[1].is_half_read, entry[1].modified))[
            -MAX_LISTS:
        ]
        return replace(self, lists=dict(newest_positions), listed=dict(sorted(self.listed.items())[-_MAX_MONTHS:]))


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16] if text else ""
