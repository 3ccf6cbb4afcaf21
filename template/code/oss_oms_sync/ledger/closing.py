"""Whether the project is closed: after the cutover no job sends anything, because the users' applications now write to
the destination themselves.

oms_source_record/{task}/state/closed-{project}.json    {"closed": true, "at": ..., "by": ..., "why": ...}

Without that object the project is open. Opening it writes the object as well, because a delete whose answer is lost
could undo a later closing. If it cannot be known whether the project is closed, nothing is sent either: every key
stays where it is, or is recorded as failed, and is sent as soon as it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError, presentable
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.reasons import OPEN_COMMAND
from oss_oms_sync.text import Text

# For how long an instance that saw the project open takes that for granted, from when it asked.
_KNOWN_SECONDS = 60.0
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
            f"The project has been closed since {self.since}{by}: nothing is sent. To open it: {OPEN_COMMAND}",
            f"项目自 {self.since} 起已关闭{by_zh}，不发送任何对象。如需重新打开：{OPEN_COMMAND}",
        )


class Closing:
    """The mark of this project, whatever its prefix and suffix are."""

    def __init__(self, invocation: Invocation) -> None:
        self.name = f"{record_root(invocation.task_id)}state/closed-{invocation.settings.project}.json"
        self._bucket = invocation.log_bucket
        self._deadline = invocation.deadline
        self._clock = invocation.clock
        self._remembered = invocation.oss.remembered

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

    def refusal(self) -> str:
        """Why nothing may be sent; empty if it may. To be asked before each call to OMS.

        Who has not asked the log bucket within the last minute asks, and waits for the answer: so does a new instance,
        one that was frozen, and one that was told anything else than that the project is open.
        """
        asked_at = _Moment(self._clock.monotonic(), self._clock.now())
        seen_open = self._remembered.get(self.name)
        if isinstance(seen_open, _Moment) and asked_at.seconds_since(seen_open) < _KNOWN_SECONDS:
            return ""
        self._remembered.pop(self.name, None)
        bucket = self._bucket.within(min(_LOOK_SECONDS, self._deadline.remaining() / 2))
        try:
            closed = parse_mark(self.name, bucket.get(self.name))
        except StorageError as error:
            return f"It is not known whether the project is closed, so nothing is sent: {error}"
        if closed:
            return closed.text.en
        self._remembered[self.name] = asked_at
        return ""

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


class _Moment(NamedTuple):
    """A moment on both clocks: the monotonic one may stand still while an instance is frozen, the other may be set."""

    monotonic: float
    now: datetime

    def seconds_since(self, other: _Moment) -> float:
        """By whichever clock shows more."""
        return max(self.monotonic - other.monotonic, abs((self.now - other.now).total_seconds()))
