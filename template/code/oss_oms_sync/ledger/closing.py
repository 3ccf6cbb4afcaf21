"""The mark of a closed project: after the cutover no job submits anything.

By then the users' applications write to the destination themselves.

oms_source_record/{task}/state/closed-{project}.json    {"closed": true, "at", "by", "why", "run",
                                                         "opened", "first"}

`run` is the run of a cutover that set the mark, empty if a person set or renewed it; a run opens only its own mark.
`opened` is the last time at which the project is known to have been open; it decides if a GO is valid. `first` is empty
in the first mark since then; in a later mark, `first` is the time when OSS stored the first mark.

Without this object the project is open. Opening it writes the object as well, because a delete whose response is lost
could undo a later closing. The first run of replay also writes it, so that an absent mark is never confused with a
missing permission. If the mark cannot be read, nothing is submitted: every key stays where it is, or is recorded as
failed, and is submitted as soon as the mark can be read.
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

# The time for which an instance trusts a mark of an open project, from its request on.
_MAX_MARK_AGE_SECONDS = 60.0
_READ_SECONDS = 5.0


@dataclass(frozen=True)
class Closed:
    """The mark of a closed project.

    `since`: the time of the close (UTC, as in records). `by` and `why`: the person and the reason; both may be empty.
    `run`: the run that set it, empty if none did. `opened`: the time of the last opening before it, or of the first
    close.

    `written`: the time when OSS stored it, by OSS's clock, in the format of records; empty for a mark that was not
    read. `first`: the time when OSS stored the first mark since the project was last opened; it equals `written` unless
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
        """The mark in words, without a next step, which depends on the certificates (ledger/certificates.py)."""
        detail = ": ".join(filter(None, (self.by, self.why)))
        if not detail:
            return t("The project has been closed since {since}: nothing is submitted", since=self.since)
        return t(
            "The project has been closed since {since} ({detail}): nothing is submitted",
            since=self.since,
            detail=detail,
        )


class Closing:
    """The mark of this project, for any prefix and suffix."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = closed_mark_name(invocation.task_id, invocation.settings.project)
        self._bucket = invocation.log_bucket
        self._deadline = invocation.deadline
        self._clock = invocation.clock
        self._remembered = invocation.oss.remembered

    def close(self, by: str = "", why: str = "", run: str = "") -> Closed:
        """Close the project, or renew its mark if it is closed, and return the mark.

        Raises StorageError: then the close is not confirmed.
        """
        try:
            before = self._read()
        except StorageError:  # unreadable, or not readable now: the write decides
            before = ""
        now = timestamp(self._clock.now())
        # Without a continuous mark, the project may have been open until now.
        opened, first = (before.opened, before.first) if isinstance(before, Closed) else (before or now, "")
        mark = Closed(now, printable_line(by), printable_line(why), run, opened, first=first)
        if isinstance(before, Closed) and not run:
            # A renewal by hand keeps time and reason, but a run can open the project only after its own close.
            mark = replace(before, run="", written="")
        self._bucket.put(self._object(mark, closed=True))
        return mark

    def open(self, by: str = "", why: str = "", run: str = "") -> Closed | None:
        """Open the project again; return the mark that remains, or None.

        A `run` opens it only if the mark is its own.

        Raises StorageError: then the opening is not confirmed.
        """
        if run and (closed := self.state()) and closed.run != run:
            return closed
        now = timestamp(self._clock.now())
        self._bucket.put(self._object(Closed(now, printable_line(by), printable_line(why), run, now), closed=False))
        return None

    def ensure_mark(self) -> None:
        """Write an open mark if the project has no mark; once per instance.

        OSS refuses the write if a mark exists, so a late write has no effect. A failure is only a warning in the log.
        """
        remembered_as = f"{self.name} is there"
        if remembered_as in self._remembered:
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
            self._remembered[remembered_as] = True

    def state(self) -> Closed | None:
        """Return the mark of the project if it is closed; None if it is open.

        Raises StorageError, also if the mark is unreadable: then the state is unknown.
        """
        mark = self._read()
        return mark if isinstance(mark, Closed) else None

    def opened(self) -> datetime | None:
        """Return the time at which a closed project was opened; None if it is closed, or was never closed.

        Raises StorageError.
        """
        mark = self._read()
        return None if isinstance(mark, Closed) else parse_time(mark)

    def may_be_open(self) -> bool:
        """Return True if the project is known to be open; while this is unknown, nothing is submitted."""
        try:
            return self.state() is None
        except StorageError:
            return False

    def refusal(self) -> Failure | None:
        """Return the reason to submit nothing: CLOSED, or MARK_UNREAD if the mark cannot be read; else None.

        Called before each call to OMS, including retries.

        An instance reads the mark and waits for it, unless it read an open mark within the last minute. A new instance,
        or an instance that was frozen, reads it as well. So the last call begins within a minute of the close. Within
        two minutes it has ended, or it arrived although its response was lost.
        """
        asked_at = _Moment(self._clock.monotonic(), self._clock.now())
        read_open_at = self._remembered.get(self.name)
        if isinstance(read_open_at, _Moment) and asked_at.seconds_since(read_open_at) < _MAX_MARK_AGE_SECONDS:
            return None
        self._remembered.pop(self.name, None)
        try:
            mark = self._read(min(_READ_SECONDS, self._deadline.remaining() / 2))
        except StorageError as error:
            message = f"Unknown whether the project is closed, so nothing is submitted: {error}"
            return Failure(Reason.MARK_UNREAD, message=message)
        if isinstance(mark, Closed):
            return Failure(Reason.CLOSED, message=f"{mark.text}. For the next step: {Step('status')}")
        self._remembered[self.name] = asked_at
        return None

    def _read(self, seconds: float | None = None) -> Closed | str:
        """Return the result of `read_mark`; an empty text without a mark. Raises StorageError."""
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


def read_mark(read: StoredObject) -> Closed | str:
    """Return the mark of a closed project; else the time of the last opening, empty without an opening.

    Raises StorageError if the mark is unreadable.
    """
    match jsontext.load(read.body):
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
            modified = parse_http_date(read.headers.get("last-modified"))
            written = timestamp(modified) if modified else ""
            return Closed(at, by, why, run, opened, written, first or written)
    raise StorageError(
        f"{read.name} in the log bucket is unreadable. Write it again, which closes the project: {Step('close')}"
    )


class _Moment(NamedTuple):
    """A point in time on the monotonic clock and on the wall clock.

    The former may pause while an instance is frozen; the latter may be adjusted.
    """

    monotonic: float
    now: datetime

    def seconds_since(self, other: _Moment) -> float:
        """Return the seconds since `other`, by the clock with the larger difference."""
        return max(self.monotonic - other.monotonic, abs((self.now - other.now).total_seconds()))


def open_projects(invocation: Invocation, before: float = math.inf) -> list[str]:
    """Return the other projects of the sync task that are not closed, or whose mark cannot be read.

    With `before` (in seconds since 1970, by OSS's clock), projects closed later count as well.

    Raises StorageError.
    """
    prefix, bucket = f"{state_folder(invocation.task_id)}closed-", invocation.log_bucket
    own = closed_mark_name(invocation.task_id, invocation.settings.project)
    marks = [stored for stored in bucket.iter_objects(prefix) if stored.name != own]
    read = zip(marks, bucket.get_all([mark.name for mark in marks]), strict=True)
    still_open = (listed for listed, mark in read if not (mark and _is_closed(mark) and listed.modified <= before))
    return [listed.name.removeprefix(prefix).removesuffix(".json") for listed in still_open]


def _is_closed(mark: StoredObject) -> bool:
    """Return True if a mark can be read and closes its project."""
    try:
        return isinstance(read_mark(mark), Closed)
    except StorageError:
        return False
