"""The mark of a closed project: after the cutover, no job submits anything, because applications write to OBS.

    oms_source_record/{task}/state/closed-{project}.json   {"closed": true, "at", "by", "why", "run", "opened", "first"}

`run` is the run of a cutover that set the mark. It is empty if a person set or renewed the mark, because a run opens
only its own mark. `opened` is the last time at which the project is known to have been open; it decides if a GO is
valid. `first` is the time when OSS stored the first mark since then. It is empty in the first mark itself.

A project without this object is open. To open a project, the object is written as well, because a delete whose response
is lost could undo a later close. The first run of replay also writes it, so that a missing mark is never confused with
a missing permission. If the mark cannot be read, nothing is submitted: every key stays where it is, or is recorded as
failed, and is submitted once the mark can be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import closed_mark_name, state_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Failure, Reason, StorageError, log, printable_line

# Time for which an instance trusts the mark of an open project, from the start of its request.
_MAX_MARK_AGE_SECONDS = 60.0
_READ_SECONDS = 5.0


@dataclass(frozen=True)
class Closed:
    """The mark of a closed project. Times are in UTC, in the format of records; texts are empty if unknown.

    - `since`: the time of the close.
    - `by`, `why`: the person and the reason.
    - `run`: the run of a cutover that set the mark.
    - `opened`: the time of the last opening before it, or else of the first close.
    - `written`: the time when OSS stored it, by OSS's clock; empty for a mark that was not read.
    - `first`: the time when OSS stored the first mark since the project was last opened. It differs from `written` if
      the mark was renewed.
    """

    since: str
    by: str
    why: str
    run: str = ""
    opened: str = ""
    written: str = ""
    first: str = ""

    @property
    def text(self) -> Text:
        """The mark as a sentence, without the next step, which depends on the certificates (ledger/certificates.py)."""
        detail = ": ".join(filter(None, (self.by, self.why)))
        if not detail:
            return t("The project has been closed since {since}: nothing is submitted", since=self.since)
        return t(
            "The project has been closed since {since} ({detail}): nothing is submitted",
            since=self.since,
            detail=detail,
        )


class Closing:
    """The mark by which this project is closed and opened, for any prefix and suffix."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = closed_mark_name(invocation.task_id, invocation.settings.project)
        self._bucket = invocation.log_bucket
        self._deadline = invocation.deadline
        self._clock = invocation.clock
        self._remembered = invocation.oss.remembered

    def close(self, by: str = "", why: str = "", run: str = "") -> Closed:
        """Close the project, or renew its mark if it is closed, and return the mark.

        Raises StorageError if the close is not confirmed.
        """
        try:
            before = self._read()
        except StorageError:  # unreadable, or not readable now: the write decides
            before = ""
        now = timestamp(self._clock.now())
        # If the last mark is not of a closed project, the project may have been open until now.
        opened, first = (before.opened, before.first) if isinstance(before, Closed) else (before or now, "")
        mark = Closed(now, printable_line(by), printable_line(why), run, opened, first=first)
        if isinstance(before, Closed) and not run:
            # A renewal by a person keeps the time and the reason. It removes the run, because a run may open the
            # project only after its own close.
            mark = replace(before, run="", written="")
        self._bucket.put(self._object(mark, closed=True))
        return mark

    def open(self, by: str = "", why: str = "", run: str = "") -> Closed | None:
        """Open the project; return None, or the mark if the project remains closed.

        A `run` of a cutover opens the project only if the mark is its own.

        Raises StorageError if the opening is not confirmed.
        """
        if run and (closed := self.read_state()) and closed.run != run:
            return closed
        now = timestamp(self._clock.now())
        self._bucket.put(self._object(Closed(now, printable_line(by), printable_line(why), run, now), closed=False))
        return None

    def ensure_mark(self) -> None:
        """Write the mark of an open project if the project has no mark; do so once per instance.

        OSS refuses the write if a mark exists, so a late write has no effect. A failed write is only a warning in the
        log.
        """
        memory_name = f"{self.name} is there"
        if memory_name in self._remembered:
            return
        (error,) = self._bucket.try_get_all([self.name])
        problem = error if isinstance(error, StorageError) else None
        if problem and problem.code == "NoSuchKey":
            first = StoredObject.of_json(self.name, {"closed": False})
            headers = {**first.headers, "x-oss-forbid-overwrite": "true"}
            (problem,) = self._bucket.try_put_all([replace(first, headers=headers)])
        if problem and problem.code != "FileAlreadyExists":
            log.warning({"mark": "not written", "problem": str(problem)})
        else:
            self._remembered[memory_name] = True

    def read_state(self) -> Closed | None:
        """Return the mark of the project, or None if the project is open.

        Raises StorageError, also if the mark is unreadable, because the state is unknown then.
        """
        mark = self._read()
        return mark if isinstance(mark, Closed) else None

    def read_opened(self) -> datetime | None:
        """Return the time at which a closed project was opened, or None if it is closed or was never closed.

        Raises StorageError.
        """
        mark = self._read()
        return None if isinstance(mark, Closed) else parse_time(mark)

    def is_surely_open(self) -> bool:
        """Return True if the project is known to be open. If this is unknown, nothing may be submitted."""
        try:
            return self.read_state() is None
        except StorageError:
            return False

    def refusal(self) -> Failure | None:
        """Return the reason to submit nothing: CLOSED, MARK_UNREAD if the mark cannot be read, or None.

        Call this before each call to OMS, including retries.

        An instance trusts an open mark for a minute from the start of its request; otherwise it reads the mark again
        and waits for the answer. A new instance, or an instance that was frozen, reads it as well. So the last call
        starts within a minute of the close. Within two minutes it has ended, or it has arrived although its response
        was lost.
        """
        request_time = _Moment(self._clock.monotonic(), self._clock.now())
        read_open_at = self._remembered.get(self.name)
        if isinstance(read_open_at, _Moment) and request_time.seconds_since(read_open_at) < _MAX_MARK_AGE_SECONDS:
            return None
        self._remembered.pop(self.name, None)
        try:
            mark = self._read(min(_READ_SECONDS, self._deadline.remaining() / 2))
        except StorageError as error:
            message = f"Unknown whether the project is closed, so nothing is submitted: {error}"
            return Failure(Reason.MARK_UNREAD, message=message)
        if isinstance(mark, Closed):
            return Failure(Reason.CLOSED, message=f"{mark.text}. For the next step: {Step('status')}")
        self._remembered[self.name] = request_time
        return None

    def _read(self, seconds: float | None = None) -> Closed | str:
        """Return the result of `read_mark`, or "" without a mark. Raises StorageError."""
        bucket = self._bucket if seconds is None else self._bucket.within(seconds)
        (stored,) = bucket.get_all([self.name])
        return read_mark(stored) if stored else ""

    def _object(self, mark: Closed, *, closed: bool) -> StoredObject:
        fields = {
            "at": mark.since,
            "by": mark.by,
            "why": mark.why,
            "run": mark.run,
            "opened": mark.opened,
            "first": mark.first,
        }
        return StoredObject.of_json(self.name, {"closed": closed, **fields})


def read_mark(stored: StoredObject) -> Closed | str:
    """Return the mark of a closed project; for an open project, return the time of its last opening, or "".

    Raises StorageError if the mark is unreadable.
    """
    match jsontext.load(stored.body):
        case {"closed": False, **fields}:
            return str(fields.get("opened") or "")
        case {
            "closed": True,
            "at": str(at),
            "by": str(by),
            "why": str(why),
            "run": str(run),
            "opened": str(opened),
            "first": str(first),
        }:
            modified = parse_http_date(stored.headers.get("last-modified"))
            written = timestamp(modified) if modified else ""
            return Closed(at, by, why, run, opened, written, first or written)
    raise StorageError(
        f"{stored.name} in the log bucket is unreadable. Write it again, which closes the project: {Step('close')}"
    )


class _Moment(NamedTuple):
    """A point in time on the monotonic clock and on the wall clock.

    The monotonic clock may pause while an instance is frozen, and the wall clock may be adjusted.
    """

    monotonic: float
    now: datetime

    def seconds_since(self, other: _Moment) -> float:
        """Return the seconds since `other`, by the clock that shows more of them."""
        return max(self.monotonic - other.monotonic, abs((self.now - other.now).total_seconds()))


def list_open_projects(invocation: Invocation, before: float = math.inf) -> list[str]:
    """List the other projects of the sync task that are open, or whose mark cannot be read.

    With `before` (in seconds since 1970, by OSS's clock), projects that were closed later are listed as well.

    Raises StorageError.
    """
    prefix, bucket = f"{state_folder(invocation.task_id)}closed-", invocation.log_bucket
    own = closed_mark_name(invocation.task_id, invocation.settings.project)
    marks = [row_of_mark for row_of_mark in bucket.iter_objects(prefix) if row_of_mark.name != own]
    read = zip(marks, bucket.get_all([mark.name for mark in marks]), strict=True)
    still_open = (row for row, mark in read if not (mark and _is_closed(mark) and row.modified <= before))
    return [row.name.removeprefix(prefix).removesuffix(".json") for row in still_open]


def _is_closed(mark: StoredObject) -> bool:
    """Return True if a mark is readable and closes its project."""
    try:
        return isinstance(read_mark(mark), Closed)
    except StorageError:
        return False
