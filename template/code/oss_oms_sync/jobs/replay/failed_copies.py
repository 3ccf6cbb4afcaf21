"""Reads OMS's lists of what it failed to copy, for replay's timer: what is new, and at times all of them.

The position moves past a line after its key is in a state that `copy_records` names. After any failure to look or to
write, it is before the line, which the next run reads again: harmless, because that looks again, too. What cannot be
read is counted and said; compare finds the object.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.destination import destination
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectPart
from oss_oms_sync.clouds.oms_lists import lists_folder, read_lines, sub_task
from oss_oms_sync.errors import StorageError, presentable
from oss_oms_sync.jobs.replay.copy_records import CopyRecords
from oss_oms_sync.ledger.list_positions import FullLook, Listed, ListPosition, ListPositions
from oss_oms_sync.ledger.state import JobState

_STATE = "failed_copies"
# Of a run's time, so that sending gets its share however many lists there are.
_SHARE = 1 / 4
_FULL_LOOK_SECONDS = 60 * 60
# A list that the last full look did not see is not older than this before it began.
_LISTED_WITHIN = 15 * 60
# Read at once; longer than any line.
_PART_BYTES = 256 * 1024
# Looked at, and recorded, side by side.
_GROUP = 100
# The first run may come later than the first lists.
_BEFORE_INSTALLATION = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FailedCopiesResult:
    """What a run read in OMS's lists: lines by what became of their objects, lines outside of the project's filter, and
    unreadable ones, in this run and in all. `stopped` says why it did not read all, or is None."""

    lists: int
    lines: Mapping[str, int]
    outside: int
    unread: int
    unread_in_all: int
    unread_example: str
    stopped: str | None

    @classmethod
    def of(cls, reader: _Reader | None, positions: ListPositions, stopped: str) -> FailedCopiesResult:
        """What `reader` did, if there was one."""
        known = (positions.unread, positions.example, stopped or None)
        if reader is None:
            return cls(0, Counter(), 0, 0, *known)
        return cls(reader.lists, reader.records.lines, reader.records.outside, reader.unread, *known)

    def to_json(self) -> dict[str, object]:
        """As the caller gets it."""
        return {
            "lists": self.lists,
            **{became: self.lines.get(became, 0) for became in ("recorded", "gone", "symlinks", "accepted_again")},
            "outside": self.outside,
            "unread": self.unread,
            "unread_in_all": self.unread_in_all,
            "unread_example": self.unread_example or None,
            "stopped": self.stopped,
        }


class _TimeIsUp(Exception):  # noqa: N818  what it is
    """The rest of the run's time is for sending."""


class FailedCopies:
    """What OMS failed to copy."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._state = JobState(invocation)

    def record(self) -> FailedCopiesResult:
        """Read what is new, and write failed records. Whatever prevents that is said in the result, because failed
        records can be sent without it.

        Raises StorageError if the log bucket does not tell how far the lists were read.
        """
        before = self._state.load(_STATE)
        positions = ListPositions.from_json(before)
        reader: _Reader | None = None
        stopped = ""
        try:
            reader = _Reader(self._invocation, self._destination(positions), positions)
            reader.look()
        except _TimeIsUp:
            stopped = "the time for reading lists is up: the next run goes on"
        except StorageError as error:
            stopped = str(error)
        if stopped != positions.said:
            # Once, and not in each run: it may be meant to be so.
            log.info({"failed_copies": stopped or "OMS's lists can be read"})
            positions.said = stopped
        self._store(positions.to_json(), before)
        return FailedCopiesResult.of(reader, positions, stopped)

    def _destination(self, positions: ListPositions) -> ObsBucket:
        if not self._invocation.settings.source_bucket:
            raise StorageError(
                "SOURCE_BUCKET is empty, so what OMS failed to copy cannot be looked at. Name the bucket"
            )
        if positions.since is None:
            positions.since = int((self._state.installed(note=False) - _BEFORE_INSTALLATION).timestamp())
        return destination(self._invocation)

    def _store(self, after: dict[str, object], before: dict[str, object]) -> None:
        if after == before:
            return
        try:
            self._state.store(_STATE, after)
        except StorageError as error:
            # The next run reads the same lines again.
            log.error({"state": "not stored", "problem": str(error)})  # noqa: TRY400


class _Reader:
    """Reads the lists in `bucket` from `positions` on, and moves these."""

    def __init__(self, invocation: Invocation, bucket: ObsBucket, positions: ListPositions) -> None:
        self._clock = invocation.clock
        self._secrets = invocation.settings.secrets
        self._until = Deadline(invocation.deadline.remaining() * _SHARE, invocation.clock)
        self._folder = lists_folder(invocation.task_id)
        self._bucket = bucket
        self._positions = positions
        self.records = CopyRecords(invocation)
        self.lists = self.unread = 0
        # What a line tells that has no end yet: it is read again with what is written on.
        self._open = Listed()

    def look(self) -> None:
        """Read what is new, and what a full look finds.

        Raises StorageError and _TimeIsUp; the positions say what was done until then.
        """
        for one in self._new_lists():
            self._follow(one)
        self._look_at_all()

    def _new_lists(self) -> Iterator[ObjectSummary]:
        """The lists from each sub-task's position on, and those of sub-tasks that have none."""
        after, more = "", True
        while more:
            page, jumped = self._page(after), False
            for one in page.objects:
                known = self._positions.positions.get(sub_task(one.name))
                # No name that OMS gives is between the position's and that without its last character.
                target = known.name[:-1] if known else ""
                if known and one.name < target:
                    after, jumped = target, True
                    break
                after = one.name
                if not known or one.name >= known.name:
                    yield one
            more = jumped or page.more

    def _follow(self, one: ObjectSummary) -> None:
        """Read a list from the position of its sub-task on, and move that."""
        known = self._positions.positions.get(sub_task(one.name))
        if known and known.ended and known.is_about(one):
            return
        was_read = self._positions.was_read(one)
        self._positions.move(ListPosition.end_of(one) if was_read else self._read(one, known))

    def _look_at_all(self) -> None:
        """Look for lists that came late, or changed, from time to time. What is new was read before."""
        positions, now = self._positions, int(self._clock.now().timestamp())
        if positions.full is None and now - positions.looked < _FULL_LOOK_SECONDS:
            return
        full = positions.full = positions.full or FullLook(now)
        more = True
        while more:
            page = self._page(full.after)
            for one in page.objects:
                known = positions.positions.get(sub_task(one.name))
                is_late = known and one.name < known.name and one.modified >= (positions.since or 0)
                if is_late and not positions.was_read(one):
                    self._read(one, full.reading, full)
                full.after, full.reading = one.name, None
            more = page.more
        positions.end_full_look(full.began - _LISTED_WITHIN)

    def _page(self, after: str) -> ListPage:
        self._check_time()
        return self._bucket.list_page(self._folder, after)

    def _read(self, one: ObjectSummary, known: ListPosition | None, full: FullLook | None = None) -> ListPosition:
        """Read a list to its end, from the position `known` on if that is one in it.

        What is done is stored on the way, as the position of its sub-task or of the `full` look.
        """
        self._check_time()
        position, self._open = self._resumed(one, known), Listed()
        self.lists += 1
        while not position.ended:
            part = self._bucket.read(one.name, position.offset, _PART_BYTES) if position.offset < one.size else None
            if part is None:
                at = ListPosition.end_of(one)
                position = replace(position, etag=at.etag, modified=at.modified, offset=at.offset, ended=True)
            elif part.head.etag != one.etag:
                one = one._replace(etag=part.head.etag, size=part.head.size, modified=part.head.modified)
                position = self._resumed(one, position)
            else:
                for moved in self._read_part(position, part):
                    position = moved
                    if full:
                        full.reading = position
                    else:
                        self._positions.move(position)
                    if not position.ended:
                        self._check_time()
        self._positions.note(one, Listed(position.lines + self._open.lines, position.outside + self._open.outside))
        return position

    def _resumed(self, one: ObjectSummary, known: ListPosition | None) -> ListPosition:
        """Where to go on in a list: at its beginning, unless it is as it was up to the position `known`."""
        if known and known.is_about(one):
            return known
        if known and known.name == one.name and known.hashed and known.offset <= one.size:
            part = self._bucket.read(one.name, known.offset - known.hashed, known.hashed)
            if part and part.head.etag == one.etag and known.follows(part.body):
                return replace(known, etag=one.etag, modified=one.modified, ended=False)
        return ListPosition(one.name, one.etag, one.modified)

    def _read_part(self, position: ListPosition, part: ObjectPart) -> Iterator[ListPosition]:
        """Deal with what lines tell, group by group; yield the position after each."""
        body, start = part.body, 0
        ends = part.start + len(body) == part.head.size
        while start < len(body) and not position.ended:
            lines = read_lines(body, start, begins=part.start == 0, ends=ends, most=_GROUP)
            outside = self.records.record(lines.failures, part.head.modified)
            self.unread += lines.unread
            self._positions.unread += lines.unread
            if lines.unread:
                self._positions.example = presentable(lines.example, self._secrets)
                log.warning({"list": position.name, "lines_unread": lines.unread, "example": self._positions.example})
            is_done = ends and (lines.open_line or lines.end == len(body))
            if lines.end == start and not is_done:
                return
            start = lines.end
            settled, open_line = Counter(outside[: lines.settled]), Counter(outside[lines.settled :])
            self._open = Listed(open_line.total(), open_line[True])
            position = position.after(
                body[:start], part.start + start, ended=is_done, lines=settled.total(), outside=settled[True]
            )
            yield position

    def _check_time(self) -> None:
        if self._until.expired():
            raise _TimeIsUp
