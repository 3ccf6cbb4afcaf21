"""Pauses of failed records (the timer's runs skip them unread), and keys without an object to submit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from oss_oms_sync.clock import Clock, from_epoch, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.delivery.sender import MAX_REMEMBERED_REJECTIONS
from oss_oms_sync.events import ObjectChange

# Time until a rejected key is retried.
_REJECTED_PAUSE = timedelta(days=1)
# Time between the first and the second resend of a version that OMS failed to copy; it doubles with each further
# resend.
_FIRST_PAUSE_SECONDS = 10 * 60
_MAX_PAUSE_SECONDS = 24 * 60 * 60
# Maximum number of stored pauses, so that a single call reads the state.
_MAX_PAUSES = 2 * MAX_REMEMBERED_REJECTIONS


class Pause(NamedTuple):
    """The pause of a record; `etag` and `modified` identify the record.

    `modified` is the time of its last write in seconds since 1970, or 0 for any time.
    """

    until: str
    etag: str
    modified: int


@dataclass(frozen=True)
class ReplayState:
    """State for the next run: the name `after` which it continues, the resting records, and the last result."""

    after: str = ""
    resting: Mapping[str, Pause] = field(default_factory=dict)
    last: object = None


class RestingRecords:
    """Resting records: of keys rejected less than a day ago, and records with a due time.

    `pauses` are those of earlier runs. Name and ETag identify a record, so a new failure of the key is retried
    immediately. A record with a due time has its time as well, which distinguishes it from a later record with the same
    text: a lost answer may arrive late.
    """

    def __init__(self, pauses: Mapping[str, Pause], clock: Clock) -> None:
        self._clock = clock
        self._pauses = dict(pauses)

    def holds(self, listed: ObjectSummary) -> bool:
        """Return True if this record has to wait."""
        pause = self._pauses.get(_short(listed.name))
        is_this = pause is not None and pause.etag == listed.etag and pause.modified in (0, listed.modified)
        return is_this and pause is not None and pause.until > timestamp(self._clock.now())

    def reject(self, records: Iterable[StoredObject]) -> None:
        """Pause the records of keys that OMS has just rejected."""
        until = timestamp(self._clock.now() + _REJECTED_PAUSE)
        self._pauses.update({_short(record.name): Pause(until, etag_of(record.body), 0) for record in records})

    def until(self, due: str, listed: ObjectSummary) -> None:
        """Pause this record until its due time."""
        self._pauses[_short(listed.name)] = Pause(due, listed.etag, listed.modified)

    def kept(self) -> dict[str, Pause]:
        """Return the current pauses, only the longest if there are too many."""
        now = timestamp(self._clock.now())
        still = [(pause, name) for name, pause in self._pauses.items() if pause.until > now]
        return {name: pause for pause, name in sorted(still)[-_MAX_PAUSES:]}


def pause_seconds(attempt: int) -> int:
    """Return the pause in seconds between the last acceptance of a version and the given attempt to resend it.

    `attempt`: the number of this resend after copy failures, from 1.
    """
    if attempt <= 1:
        return 0
    # More doublings make no difference.
    return min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS << min(attempt - 2, 30))


def version(source: ObjectSummary) -> ObjectChange:
    """Return the version of the source object, in the format of the failed record of a failed copy.

    Contents may change from A to B and back to A, so the time is part of the version.
    """
    return ObjectChange(source.name, event_time=timestamp(from_epoch(source.modified)), etag=source.etag)


def _short(name: str) -> str:
    """Shorten a record's name for the state: ten thousand long names would make it too long to be read."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def nothing_to_send(source: ObjectSummary | None) -> str:
    """Return the reason, as in answers, why the source has no object to submit; empty if it has an object."""
    if source is None:
        return "gone"
    return "symlinks" if source.type == "Symlink" else ""
