"""Resting records: failed records whose keys replay does not resend yet.

The timer's runs skip these records without reading them.
"""

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

# Time after which a key that OMS rejected is resent.
_REJECTED_PAUSE = timedelta(days=1)
# Time between the first and the second resend of a version that OMS failed to copy. It doubles with each further
# resend.
_FIRST_PAUSE_SECONDS = 10 * 60
_MAX_PAUSE_SECONDS = 24 * 60 * 60
# Maximum number of stored pauses, so that the state can be read by a single call.
_MAX_PAUSES = 2 * MAX_REMEMBERED_REJECTIONS


class Pause(NamedTuple):
    """The time until which a record rests, and the values that identify the record.

    - `etag`: the record's ETag.
    - `modified`: the time of the record's last write in seconds since 1970, or 0 if any time matches.
    """

    until: str
    etag: str
    modified: int


@dataclass(frozen=True)
class ReplayState:
    """The state that a run of replay stores for the next run.

    `after` is the name of the record after which the next run continues, and `last` the result of this run.
    """

    after: str = ""
    resting: Mapping[str, Pause] = field(default_factory=dict)
    last: object = None


class RestingRecords:
    """The resting records, which belong to rejected keys, or have a time for the next resend.

    The argument `pauses` has the pauses that earlier runs stored. A record is identified by its name and ETag, so a new
    failure of its key is resent immediately. A record with a time for the next resend is also identified by its last
    write, because a later record may have the same text.
    """

    def __init__(self, pauses: Mapping[str, Pause], clock: Clock) -> None:
        self._clock = clock
        self._pauses = dict(pauses)

    def is_resting(self, record: ObjectSummary) -> bool:
        pause = self._pauses.get(_hash_name(record.name))
        is_same_record = pause is not None and pause.etag == record.etag and pause.modified in (0, record.modified)
        return is_same_record and pause is not None and pause.until > timestamp(self._clock.now())

    def pause_rejected(self, records: Iterable[StoredObject]) -> None:
        end_time = timestamp(self._clock.now() + _REJECTED_PAUSE)
        self._pauses.update({_hash_name(record.name): Pause(end_time, etag_of(record.body), 0) for record in records})

    def pause_until(self, due_time: str, record: ObjectSummary) -> None:
        self._pauses[_hash_name(record.name)] = Pause(due_time, record.etag, record.modified)

    def current_pauses(self) -> dict[str, Pause]:
        """Return the pauses that have not ended. If there are too many, return only those that end last."""
        now = timestamp(self._clock.now())
        running_pauses = [(pause, name) for name, pause in self._pauses.items() if pause.until > now]
        return {name: pause for pause, name in sorted(running_pauses)[-_MAX_PAUSES:]}


def compute_pause_seconds(attempt: int) -> int:
    """Return the seconds between the last acceptance of a version by OMS and the next attempt to resend this version.

    `attempt` is the number of this attempt after a failed copy, from 1.
    """
    if attempt <= 1:
        return 0
    # Further doublings would exceed the maximum anyway.
    return min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS << min(attempt - 2, 30))


def make_version(source: ObjectSummary) -> ObjectChange:
    """Return the current version of a source object, in the form that the failed record of a failed copy has.

    The time is part of the version, because contents may change from A to B and back to A.
    """
    return ObjectChange(source.name, event_time=timestamp(from_epoch(source.modified)), etag=source.etag)


def _hash_name(name: str) -> str:
    """Return a hash in place of a record's name: a state with ten thousand long names would be too long to read."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def find_reason_not_to_send(source: ObjectSummary | None) -> str:
    """Return the reason why the source has no object to submit, or "" if it has one.

    The reasons are "gone" for a missing object, and "symlinks" for a symbolic link.
    """
    if source is None:
        return "gone"
    return "symlinks" if source.type == "Symlink" else ""
