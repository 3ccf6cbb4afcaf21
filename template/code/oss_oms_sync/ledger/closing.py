"""Whether the project is closed: after the cutover no job sends anything, because the users' applications now write to
the destination themselves.

oms_source_record/{task}/state/closed-{project}.json    {"closed": true, "at", "by", "why", "run",
                                                         "opened", "first"}

`run` is the run of a cutover that set the mark, empty if somebody did it by hand, be it again; a run opens only a mark
that is its own. `opened` is when the project was last open as far as that is known, which tells whether a GO still
stands. `first` is empty in the first mark since then, and in those that were set anew when OSS stored that one.

Without that object the project is open. Opening it writes the object as well, because a delete whose answer is lost
could undo a later closing; and so does the first run of replay, so that its absence is never a question of rights. If
it cannot be known whether the project is closed, nothing is sent either: every key stays where it is, or is recorded as
failed, and is sent as soon as it is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.clock import parse_http_date, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Failure, Reason, StorageError, log, presentable
from oss_oms_sync.ledger.records import record_root

# For how long an instance that saw the project open takes that for granted, from when it asked.
_KNOWN_SECONDS = 60.0
_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Closed:
    """The mark of a closed project: since when (UTC, as in records), by whom, and why (both may be empty); which run
    set it, empty if none did; and when the project was last opened before that, or closed for the first time.

    `written`: when OSS stored it, by its own clock, in the format of records; empty for a mark that was not read.
    `first`: when it stored the first one since the project was last opened; that is this one unless it was set anew.
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
        """The mark in words, without a next step: that depends on the certificates (ledger/certificates.py)."""
        detail = ": ".join(filter(None, (self.by, self.why)))
        if not detail:
            return t("The project has been closed since {since}: nothing is submitted", since=self.since)
        return t(
            "The project has been closed since {since} ({detail}): nothing is submitted",
            since=self.since,
            detail=detail,
        )


class Closing:
    """The mark of this project, whatever its prefix and suffix are."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = f"{record_root(invocation.task_id)}state/closed-{invocation.settings.project}.json"
        self._bucket = invocation.log_bucket
        self._deadline = invocation.deadline
        self._clock = invocation.clock
        self._remembered = invocation.oss.remembered

    def close(self, by: str = "", why: str = "", run: str = "") -> Closed:
        """Close the project, or close it anew, and return its mark.

        Raises StorageError: then it is not known to be closed.
        """
        try:
            before = self._read()
        except StorageError:  # unreadable, or it cannot be read now: the write decides
            before = ""
        now = timestamp(self._clock.now())
        # Where nothing says that it was closed all the time, it may have been open until now.
        opened, first = (before.opened, before.first) if isinstance(before, Closed) else (before or now, "")
        mark = Closed(now, presentable(by), presentable(why), run, opened, first=first)
        if isinstance(before, Closed) and not run:
            # By hand: closed since then, and for that reason, but no run opens it that has not closed it anew.
            mark = replace(before, run="", written="")
        self._bucket.put(self._object(mark, closed=True))
        return mark

    def open(self, by: str = "", why: str = "", run: str = "") -> Closed | None:
        """Open the project again; a `run` opens it only if the mark is its own. Return the mark that stays, or None.

        Raises StorageError: then it is not known to be open.
        """
        if run and (closed := self.state()) and closed.run != run:
            return closed
        now = timestamp(self._clock.now())
        self._bucket.put(self._object(Closed(now, presentable(by), presentable(why), run, now), closed=False))
        return None

    def establish(self) -> None:
        """Write that the project is open if it has no mark; once an instance. A late write undoes nothing, because OSS
        refuses it where there is a mark, and nothing depends on it: a failure is a warning in the log."""
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
        """The mark of the project if it is closed; None if it is open.

        Raises StorageError, also if the mark is unreadable: then neither is known.
        """
        mark = self._read()
        return mark if isinstance(mark, Closed) else None

    def opened(self) -> datetime | None:
        """When it was opened, if it was closed before that; None also while it is closed.

        Raises StorageError.
        """
        mark = self._read()
        return None if isinstance(mark, Closed) else parse_time(mark)

    def may_be_open(self) -> bool:
        """Whether it is known to be open: while that cannot be read, nothing is sent either."""
        try:
            return self.state() is None
        except StorageError:
            return False

    def refusal(self) -> Failure | None:
        """Why nothing may be sent: CLOSED, or MARK_UNREAD if that is not known; None if it may. To be asked before each
        call to OMS, retries too.

        Who has not asked the log bucket within the last minute asks, and waits for the answer: so does a new instance,
        one that was frozen, and one that was told anything else than that the project is open. So a call that begins
        does so within a minute of the closing, and has ended, or arrived although its answer was lost, within two.
        """
        asked_at = _Moment(self._clock.monotonic(), self._clock.now())
        seen_open = self._remembered.get(self.name)
        if isinstance(seen_open, _Moment) and asked_at.seconds_since(seen_open) < _KNOWN_SECONDS:
            return None
        self._remembered.pop(self.name, None)
        try:
            mark = self._read(min(_LOOK_SECONDS, self._deadline.remaining() / 2))
        except StorageError as error:
            message = f"It is not known whether the project is closed, so nothing is sent: {error}"
            return Failure(Reason.MARK_UNREAD, message=message)
        if isinstance(mark, Closed):
            return Failure(Reason.CLOSED, message=f"{mark.text.en}. What to do: python3 ops.py status")
        self._remembered[self.name] = asked_at
        return None

    def _read(self, seconds: float | None = None) -> Closed | str:
        """The mark as `read_mark`; empty if there is none. Raises StorageError."""
        bucket = self._bucket if seconds is None else self._bucket.within(seconds)
        (stored,) = bucket.get_all([self.name])
        return read_mark(stored) if stored else ""

    def _object(self, mark: Closed, *, closed: bool) -> StoredObject:
        said = {
            "at": mark.since,
            "by": mark.by,
            "why": mark.why,
            "run": mark.run,
            "opened": mark.opened,
            "first": mark.first,
        }
        return StoredObject.of_json(self.name, {"closed": closed, **said})


def read_mark(read: StoredObject) -> Closed | str:
    """What a mark says: that the project is closed, or when it was last opened, empty if never.

    Raises StorageError if that is unreadable.
    """
    match jsontext.load(read.body):
        case {"closed": False, **rest}:
            return str(rest.get("opened") or "")
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
        f"{read.name} in the log bucket is unreadable. Write it again, which closes the project: python3 ops.py close"
    )


class _Moment(NamedTuple):
    """A moment on both clocks: the monotonic one may stand still while an instance is frozen, the other may be set."""

    monotonic: float
    now: datetime

    def seconds_since(self, other: _Moment) -> float:
        """By whichever clock shows more."""
        return max(self.monotonic - other.monotonic, abs((self.now - other.now).total_seconds()))


def open_projects(invocation: Invocation, before: float = math.inf) -> list[str]:
    """The other projects of the sync task that are not closed, or were not yet `before` that time (in seconds since
    1970, by OSS's clock), or of which that cannot be read.

    Raises StorageError.
    """
    prefix, bucket = f"{record_root(invocation.task_id)}state/closed-", invocation.log_bucket
    own = f"{prefix}{invocation.settings.project}.json"
    marks = [stored for stored in bucket.iter_objects(prefix) if stored.name != own]
    read = zip(marks, bucket.get_all([mark.name for mark in marks]), strict=True)
    still_open = (listed for listed, mark in read if not (mark and _says_closed(mark) and listed.modified <= before))
    return [listed.name.removeprefix(prefix).removesuffix(".json") for listed in still_open]


def _says_closed(mark: StoredObject) -> bool:
    """Whether a mark can be read, and is that of a closed project."""
    try:
        return isinstance(read_mark(mark), Closed)
    except StorageError:
        return False
