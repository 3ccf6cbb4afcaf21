"""Whether the project is closed: after the cutover no job sends anything, because the users' applications now write to
the destination themselves.

oms_source_record/{task}/state/closed.json    {"closed": true, "at": ..., "by": ..., "why": ...}

Without that object the project is open. Opening it writes the object as well, because a delete whose answer is lost
could undo a later closing. If it cannot be known whether the project is closed, nothing is sent either: every key
stays where it is, or is recorded as failed, and is sent as soon as it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from oss_oms_sync import jsontext
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.calls import PendingCall
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError, presentable
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import state_name
from oss_oms_sync.reasons import OPEN_COMMAND
from oss_oms_sync.text import Text

# How long what was last seen of the mark is taken for granted.
LOOK_AGAIN = timedelta(minutes=1)
# An event that is older may have waited in Function Compute's queue while the project was closed.
_OLD = timedelta(minutes=15)
_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Closed:
    """The mark of a closed project: since when (UTC, as in records), by whom, and why (both may be empty)."""

    since: str
    by: str
    why: str

    @property
    def text(self) -> Text:
        """The same in words, with what to do."""
        detail = ": ".join(filter(None, (self.by, self.why)))
        by, by_zh = (f" ({detail})", f"（{detail}）") if detail else ("", "")
        return Text(
            f"The project is closed since {self.since}{by}: nothing is sent. To open it: {OPEN_COMMAND}",
            f"项目自 {self.since} 起已关闭{by_zh}，不发送任何对象。如需重新打开：{OPEN_COMMAND}",
        )


class Closing:
    """The mark of this project, which is the one of its filter."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = state_name(invocation.task_id, invocation.settings.key_filter, "closed")
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def close(self, by: str = "", why: str = "") -> Closed:
        """Close the project, and return its mark; a project that is closed already keeps the one it has.

        Raises StorageError: then it is not known to be closed.
        """
        body = self._bucket.get(self.name)
        try:
            mark = parse_mark(self.name, body)
        except StorageError:  # unreadable
            mark = None
        return mark or self._write(by, why, closed=True)

    def open(self, by: str = "", why: str = "") -> None:
        """Open the project again.

        Raises StorageError: then it is not known to be open.
        """
        self._write(by, why, closed=False)

    def state(self) -> Closed | None:
        """The mark of the project if it is closed; None if it is open.

        Raises StorageError, also if the mark is unreadable: then neither is known.
        """
        return parse_mark(self.name, self._bucket.get(self.name))

    def _write(self, by: str, why: str, *, closed: bool) -> Closed:
        mark = Closed(timestamp(self._clock.now()), presentable(by), presentable(why))
        value = {"closed": closed, "at": mark.since, "by": mark.by, "why": mark.why}
        self._bucket.put(StoredObject.of_json(self.name, value))
        return mark


def parse_mark(name: str, body: bytes | None) -> Closed | None:
    """What a mark says of the project: when it was closed, or None if it is open; `body` is None if there is no mark.

    Raises StorageError if that is unreadable.
    """
    match {"closed": False} if body is None else jsontext.load(body):
        case {"closed": False}:
            return None
        case {"closed": True, "at": str(since), "by": str(by), "why": str(why)}:
            return Closed(since, by, why)
    raise StorageError(f"{name} in the log bucket is unreadable. Write it anew: {OPEN_COMMAND}")


def refusal(look: Callable[[], Closed | None]) -> str:
    """Why nothing may be sent, by what `look` returns or raises; empty if the project is open."""
    try:
        closed = look()
    except StorageError as error:
        return f"It is not known whether the project is closed, so nothing is sent: {error}"
    return closed.text.en if closed else ""


@dataclass(frozen=True)
class _Seen:
    """What an instance last saw of the mark: when it asked, and why nothing may be sent."""

    at: datetime
    refusal: str


class Watch:
    """What `forward` knows of the mark in one invocation. It does not wait for it unless it has to.

    An instance that last saw the project open asks again after a minute, beside its call to OMS, and so does a new one:
    what it learns counts from then on, in this invocation and in those that follow. It waits for the answer before it
    sends a change that is older than 15 minutes, and after it last saw the project closed, or could not see.
    """

    def __init__(self, invocation: Invocation, changes: Sequence[ObjectChange]) -> None:
        self._name = Closing(invocation).name
        self._bucket = invocation.log_bucket
        self._remembered = invocation.oss.remembered
        self._now = invocation.clock.now()
        self._asked: PendingCall[StoredObject] | None = None
        seen = self._seen
        must_wait = bool(seen and seen.refusal) or self._may_have_waited(changes)
        is_due = seen is None or abs(self._now - seen.at) >= LOOK_AGAIN
        if changes and (must_wait or is_due):
            seconds = min(_LOOK_SECONDS, invocation.deadline.remaining() / 2)
            self._asked = self._bucket.begin_get(self._name, seconds)
            if must_wait:
                self.end()

    def refusal(self) -> str:
        """Why no key may be sent, as far as it is known by now; empty if keys may be sent."""
        if self._asked and self._asked.is_done():
            self.end()
        return self._seen.refusal if self._seen else ""

    def end(self) -> None:
        """Remember what was asked for, which has usually come long before."""
        if self._asked:
            asked, self._asked = self._asked, None
            self._remembered[self._name] = _Seen(self._now, refusal(partial(self._answer, asked)))

    @property
    def _seen(self) -> _Seen | None:
        seen = self._remembered.get(self._name)
        return seen if isinstance(seen, _Seen) else None

    def _answer(self, asked: PendingCall[StoredObject]) -> Closed | None:
        try:
            return parse_mark(self._name, asked.result().body)
        except StorageError as error:
            if error.code == "NoSuchKey":
                return None
            raise

    def _may_have_waited(self, changes: Sequence[ObjectChange]) -> bool:
        """Whether some change is too old; so is one whose time is unknown."""
        # As texts, because parsing them takes long: OSS writes 2026-01-31T12:00:00.000Z, and nothing else is compared.
        earliest, latest = timestamp(self._now - _OLD), timestamp(self._now + _OLD)
        times = [change.event_time for change in changes]
        return not all(earliest <= time <= latest and time[10:11] == "T" and time[-1] == "Z" for time in times)
