"""The failed records that wait for a later run: so a run need not read them to pass them over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from oss_oms_sync.clock import Clock, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.delivery.sender import MAX_REJECTED_KEPT

# How long a rejected key rests before it is retried.
_REJECTED_REST = timedelta(days=1)
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
        due, etag = self._due.get(_short(one.name), ["", ""])
        return etag == one.etag and due > timestamp(self._clock.now())

    def reject(self, records: Iterable[StoredObject]) -> None:
        """Let the records of keys rest that were just rejected."""
        for record in records:
            self._rejected[_short(record.name)] = [timestamp(self._clock.now()), etag_of(record.body)]

    def until(self, due: str, one: ObjectSummary) -> bool:
        """Let this record rest until it is due; return whether that is later than now."""
        if due <= timestamp(self._clock.now()):
            return False
        self._due[_short(one.name)] = [due, one.etag]
        return True

    def to_json(self) -> dict[str, object]:
        """What is worth storing."""
        now = timestamp(self._clock.now())
        return {"rejected": _newest(self._rejected, self._rested), "due": _newest(self._due, now)}

    @property
    def _rested(self) -> str:
        return timestamp(self._clock.now() - _REJECTED_REST)


def _marks(stored: object) -> _Marks:
    given = stored if isinstance(stored, dict) else {}
    return {
        name: [str(part) for part in one[:2]] for name, one in given.items() if isinstance(one, list) and len(one) > 1
    }


def _newest(marks: _Marks, after: str) -> _Marks:
    recent = ((name, one) for name, one in marks.items() if one[0] > after)
    return dict(sorted(recent, key=lambda item: item[1][0])[-MAX_REJECTED_KEPT:])


def _short(name: str) -> str:
    """A record's name as the state stores it: ten thousand long names would make it too long to be read."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
