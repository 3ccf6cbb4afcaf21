"""Which failed records are not sent now: those that wait for a later run of the timer, so a run need not read them to
pass them over; and what there is to send of a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from oss_oms_sync.clock import Clock, from_epoch, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.delivery.sender import MAX_REJECTED_KEPT
from oss_oms_sync.events import ObjectChange

# How long a rejected key rests before it is retried.
_REJECTED_REST = timedelta(days=1)
# The first attempt of a version that OMS failed to copy follows at once, the next after so long; then it doubles.
_FIRST_REST = 10 * 60
_LONGEST_REST = 24 * 60 * 60
# So many are kept in mind: the state has to stay small enough to be read in one go.
_MOST = 2 * MAX_REJECTED_KEPT


class Rest(NamedTuple):
    """Until when the record rests that has this ETag and was written then, or at any time if that is 0."""

    until: str
    etag: str
    modified: int


@dataclass(frozen=True)
class ReplayState:
    """Where the next run goes on `after`, which records rest, and how this run ended."""

    after: str = ""
    resting: Mapping[str, Rest] = field(default_factory=dict)
    last: object = None


class Resting:
    """The records of rejected keys that were tried less than a day ago, and those that say when they are due; `known`
    are those of earlier runs.

    A record is known by its name and its ETag: a new failure of the key is tried at once. One that says when it is due
    also by its time, which tells it from what is written there later, were it the same text: an answer that was lost
    may come late.
    """

    def __init__(self, known: Mapping[str, Rest], clock: Clock) -> None:
        self._clock = clock
        self._rests = dict(known)

    def holds(self, listed: ObjectSummary) -> bool:
        """Whether this record has to wait."""
        rest = self._rests.get(_short(listed.name))
        is_this = rest is not None and rest.etag == listed.etag and rest.modified in (0, listed.modified)
        return is_this and rest is not None and rest.until > timestamp(self._clock.now())

    def reject(self, records: Iterable[StoredObject]) -> None:
        """Let the records of keys rest that were just rejected."""
        until = timestamp(self._clock.now() + _REJECTED_REST)
        self._rests.update({_short(record.name): Rest(until, etag_of(record.body), 0) for record in records})

    def until(self, due: str, listed: ObjectSummary) -> None:
        """Let this record rest until it is due."""
        self._rests[_short(listed.name)] = Rest(due, listed.etag, listed.modified)

    def kept(self) -> dict[str, Rest]:
        """Those that still rest, the longest ones if there are too many."""
        now = timestamp(self._clock.now())
        still = [(rest, name) for name, rest in self._rests.items() if rest.until > now]
        return {name: rest for rest, name in sorted(still)[-_MOST:]}


def rest(attempt: int) -> int:
    """How many seconds after the last acceptance a version is sent for the `attempt`-th time because OMS failed to copy
    it, beginning with 1."""
    if attempt <= 1:
        return 0
    # Doubled no more often than makes a difference.
    return min(_LONGEST_REST, _FIRST_REST << min(attempt - 2, 30))


def version(source: ObjectSummary) -> ObjectChange:
    """What the source has, as the failed record of a failed copy names it. Contents may go A, B, A, so the time counts
    as well."""
    return ObjectChange(source.name, event_time=timestamp(from_epoch(source.modified)), etag=source.etag)


def _short(name: str) -> str:
    """A record's name as the state stores it: ten thousand long names would make it too long to be read."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def nothing_to_send(source: ObjectSummary | None) -> str:
    """Why there is nothing to send of what the source has, as answers count it; empty if there is."""
    if source is None:
        return "gone"
    return "symlinks" if source.type == "Symlink" else ""
