"""The closed mark, an object in the log bucket: while it closes a project, no job submits anything.

    oms_source_record/{task}/state/closed-{project}.json   {"closed": true, "at", "by", "why", "run", "opened", "first"}

A project is closed for the cutover, because applications write to OBS afterwards.

- `run`: the run of a cutover that set the mark; empty if a person set or renewed the mark.
- `opened`: the last time at which the project is known to have been open; it decides if a GO is valid.
- `first`: the time when OSS stored the first mark since then; empty in the first mark itself.

A project without this object is open. To open a project, the object is overwritten, because a delete whose response is
lost could undo a later close. Replay's first run writes the object, so that a missing mark is never confused with a
missing permission. While the mark cannot be read, no key is submitted.
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
class CloseMark:
    """The mark of a closed project. Times are texts such as 2026-01-31T08:00:00Z; texts are empty if unknown.

    - `run`: the run of a cutover that set the mark.
    - `opened_at`: the time at which the project was last opened or, if it was never opened, first closed.
    - `written_at`: the time when OSS stored the mark, by OSS's clock; empty for a mark that was not read.
    - `first_written_at`: the time when OSS stored the first mark since the project was last opened. It differs from
      `written_at` if the mark was renewed.
    """

    closed_at: str
    person: str
    reason: str
    run: str = ""
    opened_at: str = ""
    written_at: str = ""
    first_written_at: str = ""

    @property
    def text(self) -> Text:
        """The mark as a sentence without the next step."""
        detail = ": ".join(filter(None, (self.person, self.reason)))
        if not detail:
            return t("The project has been closed since {since} and submits nothing", since=self.closed_at)
        return t(
            "The project has been closed since {since} ({detail}) and submits nothing",
            since=self.closed_at,
            detail=detail,
        )


class ProjectState:
    """The state of this project, open or closed, which the closed mark in the log bucket records."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = closed_mark_name(invocation.task_id, invocation.settings.project)
        self._bucket = invocation.log_bucket
        self._deadline = invocation.deadline
        self._clock = invocation.clock
        self._remembered = invocation.oss.remembered_facts

    def close(self, person: str = "", reason: str = "", run: str = "") -> CloseMark:
        """Close the project, or renew its mark if it is closed, and return the mark.

        Raises StorageError if the close is not confirmed.
        """
        try:
            previous_mark = self._read()
        except StorageError:  # unreadable, or not readable now: the write decides
            previous_mark = ""
        now = timestamp(self._clock.now())
        # If the last mark is not of a closed project, the project may have been open until now.
        opened_at, first_written_at = (
            (previous_mark.opened_at, previous_mark.first_written_at)
            if isinstance(previous_mark, CloseMark)
            else (previous_mark or now, "")
        )
        mark = CloseMark(
            now, printable_line(person), printable_line(reason), run, opened_at, first_written_at=first_written_at
        )
        if isinstance(previous_mark, CloseMark) and not run:
            # A renewal by a person keeps the time and the reason. It removes the run, because a run may open the
            # project only after its own close.
            mark = replace(previous_mark, run="", written_at="")
        self._bucket.put(self._make_object(mark, is_closed=True))
        return mark

    def open(self, person: str = "", reason: str = "", run: str = "") -> CloseMark | None:
        """Open the project; return None, or the mark if the project remains closed.

        The `run` of a cutover opens the project only if the same run has closed it.

        Raises StorageError if the opening is not confirmed.
        """
        if run and (mark := self.read_state()) and mark.run != run:
            return mark
        now = timestamp(self._clock.now())
        self._bucket.put(
            self._make_object(CloseMark(now, printable_line(person), printable_line(reason), run, now), is_closed=False)
        )
        return None

    def ensure_mark(self) -> None:
        """Write the mark of an open project if the project has no mark; do this once per instance.

        OSS refuses the write if a mark exists, so a late write has no effect. A failed write is only logged.
        """
        memory_key = f"{self.name} is there"
        if memory_key in self._remembered:
            return
        (error,) = self._bucket.try_get_all([self.name])
        problem = error if isinstance(error, StorageError) else None
        if problem and problem.code == "NoSuchKey":
            open_mark = StoredObject.of_json(self.name, {"closed": False})
            headers = {**open_mark.headers, "x-oss-forbid-overwrite": "true"}
            (problem,) = self._bucket.try_put_all([replace(open_mark, headers=headers)])
        if problem and problem.code != "FileAlreadyExists":
            log.warning({"mark": "not written", "problem": str(problem)})
        else:
            self._remembered[memory_key] = True

    def read_state(self) -> CloseMark | None:
        """Return the mark of the project, or None if the project is open.

        Raises StorageError, also if the content of the mark is invalid, because the state is then unknown.
        """
        mark = self._read()
        return mark if isinstance(mark, CloseMark) else None

    def read_opened(self) -> datetime | None:
        """Return the time at which the project was last opened, or None if it is closed now or was never closed.

        Raises StorageError.
        """
        mark = self._read()
        return None if isinstance(mark, CloseMark) else parse_time(mark)

    def is_surely_open(self) -> bool:
        """Return True if the project is known to be open."""
        try:
            return self.read_state() is None
        except StorageError:
            return False

    def refusal(self) -> Failure | None:
        """Return the reason to submit nothing: CLOSED, or MARK_UNREAD if the mark cannot be read; otherwise None.

        Call this before each call to OMS, including retries.

        An instance trusts the mark of an open project for one minute from the start of the request that read it. So the
        last call to OMS starts within a minute of the close, and has ended or arrived within two minutes. An instance
        that was frozen reads the mark again.
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
        if isinstance(mark, CloseMark):
            return Failure(Reason.CLOSED, message=f"{mark.text}. For the next step: {Step('status')}")
        self._remembered[self.name] = request_time
        return None

    def _read(self, seconds: float | None = None) -> CloseMark | str:
        """Return the closed mark, the time at which an open project was last opened, or "" if it never was.

        Waits at most `seconds` for OSS. Raises StorageError.
        """
        bucket = self._bucket if seconds is None else self._bucket.within(seconds)
        (stored_object,) = bucket.get_all([self.name])
        return read_mark(stored_object) if stored_object else ""

    def _make_object(self, mark: CloseMark, *, is_closed: bool) -> StoredObject:
        fields = {
            "at": mark.closed_at,
            "by": mark.person,
            "why": mark.reason,
            "run": mark.run,
            "opened": mark.opened_at,
            "first": mark.first_written_at,
        }
        return StoredObject.of_json(self.name, {"closed": is_closed, **fields})


def read_mark(mark_object: StoredObject) -> CloseMark | str:
    """Return the mark of a closed project or, for an open project, the time when it was last opened, or "".

    Raises StorageError if the content of the mark is invalid.
    """
    match jsontext.load(mark_object.body):
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
            modified = parse_http_date(mark_object.headers.get("last-modified"))
            written = timestamp(modified) if modified else ""
            return CloseMark(at, by, why, run, opened, written, first or written)
    raise StorageError(
        f"{mark_object.name} in the log bucket is unreadable. To write it again, which closes the project:"
        f" {Step('close')}"
    )


class _Moment(NamedTuple):
    """A point in time on the monotonic clock and on the wall clock.

    The monotonic clock may pause while an instance is frozen, and the wall clock may be adjusted.
    """

    monotonic: float
    now: datetime

    def seconds_since(self, other: _Moment) -> float:
        """Return the seconds since `other` by either clock, whichever number is greater."""
        return max(self.monotonic - other.monotonic, abs((self.now - other.now).total_seconds()))


def list_open_projects(invocation: Invocation, closed_before: float = math.inf) -> list[str]:
    """List the other projects of the sync task that are open, or whose mark cannot be read.

    Projects that were closed after `closed_before` are listed as well. It is a time in seconds since 1970, by OSS's
    clock.

    Raises StorageError.
    """
    prefix, bucket = f"{state_folder(invocation.task_id)}closed-", invocation.log_bucket
    own_name = closed_mark_name(invocation.task_id, invocation.settings.project)
    mark_rows = [mark_row for mark_row in bucket.iter_objects(prefix) if mark_row.name != own_name]
    rows_and_marks = zip(mark_rows, bucket.get_all([mark.name for mark in mark_rows]), strict=True)
    open_rows = (
        row for row, mark in rows_and_marks if not (mark and _is_closed(mark) and row.modified <= closed_before)
    )
    return [row.name.removeprefix(prefix).removesuffix(".json") for row in open_rows]


def _is_closed(mark: StoredObject) -> bool:
    try:
        return isinstance(read_mark(mark), CloseMark)
    except StorageError:
        return False
