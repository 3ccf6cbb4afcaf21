"""The failed records that wait for a later run of the timer: so a run need not read them to pass them over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from oss_oms_sync.clock import Clock, from_epoch, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.delivery.sender import MAX_REJECTED_KEPT
from oss_oms_sync.events import ObjectChange

# How long a rejected key rests before it is retried.
_REJECTED_REST = timedelta(days=1)
# The first attempt of a version that OMS failed to copy follows at once, the next after so long; then it doubles.
_FIRST_REST = 10 * 60
_LONGEST_REST = 24 * 60 * 60
_Marks = dict[str, list[str]]


class Resting:
    """The records of rejected keys that were tried less than a day ago, and those that say when they are due; `stored`
    is what `to_json` made.

    A record is known by its name and its ETag: a new failure of the key is tried at once.
    """

    def __init__(self, stored: dict[str, object], clock: Clock) -> None:
        self._clock = clock
        # By a record's short name, when it was tried or is due, and its ETag.
        self._rejected, self._due = _marks(stored.get("rejected")), _marks(stored.get("due"))

    def holds(self, one: ObjectSummary) -> bool:
        """Whether this record has to wait."""
        tried, etag = self._rejected.get(_short(one.name), ["", ""])
        if etag == one.etag and tried > self._rested:
            return True
        due, written = self._due.get(_short(one.name), ["", ""])
        return written == _written(one) and due > timestamp(self._clock.now())

    def reject(self, records: Iterable[StoredObject]) -> None:
        """Let the records of keys rest that were just rejected."""
        for record in records:
            self._rejected[_short(record.name)] = [timestamp(self._clock.now()), etag_of(record.body)]

    def until(self, due: str, one: ObjectSummary) -> None:
        """Let this record rest until it is due."""
        self._due[_short(one.name)] = [due, _written(one)]

    def to_json(self) -> dict[str, object]:
        """What is worth storing."""
        now = timestamp(self._clock.now())
        return {"rejected": _newest(self._rejected, self._rested), "due": _newest(self._due, now)}

    @property
    def _rested(self) -> str:
        return timestamp(self._clock.now() - _REJECTED_REST)


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


def _marks(stored: object) -> _Marks:
    given = stored if isinstance(stored, dict) else {}
    return {
        name: [str(part) for part in one[:2]] for name, one in given.items() if isinstance(one, list) and len(one) > 1
    }


def _newest(marks: _Marks, after: str) -> _Marks:
    recent = ((name, one) for name, one in marks.items() if one[0] > after)
    return dict(sorted(recent, key=lambda item: item[1][0])[-MAX_REJECTED_KEPT:])


def _written(one: ObjectSummary) -> str:
    """Tells a record from what is written there later, were it the same text: an answer that was lost may come late."""
    return f"{one.etag} {one.modified}"


def _short(name: str) -> str:
    """A record's name as the state stores it: ten thousand long names would make it too long to be read."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
