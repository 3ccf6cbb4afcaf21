"""The keys that only OBS has, because the source deleted their objects: since when comparisons find them absent.

oms_source_record/differences/{project}-compare/{task}/{pass}/absent-{hex}.jsonl

A list has a line for each absent key of a piece, in the order of keys: a JSON array of the key, the size, ETag and time
of OBS's object, and the time from which on the key was absent; times are in seconds since 1970. A comparison takes that
time from the lists of the last comparison of its scope, and reads them in the order of keys during its walk. Without a
readable list, the absence begins now.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.errors import log
from oss_oms_sync.passes.entries import MIN_EVENT_AGE, Entry
from oss_oms_sync.passes.tally import AbsencePart

# Longer than any piece, and than the difference of clocks: a piece reads the records of a key before its end.
_MARGIN_SECONDS = round(MIN_EVENT_AGE.total_seconds())


class Absence(NamedTuple):
    """A key without an object at the source, and OBS's object of this key.

    `modified`: the time of OBS's object; `since`: the time since which every comparison missed the key; 0 for the end
    of this piece.
    """

    key: str
    size: int
    etag: str
    modified: int
    since: int


class EarlierAbsences:
    """The absences of an earlier comparison after the key `after`, for a walk in the order of keys."""

    def __init__(self, bucket: OssBucket, parts: Sequence[AbsencePart], after: str = "") -> None:
        self._absences = read_absences(bucket, parts, after)
        self._next: Absence | None = None
        self._is_begun = False

    def renew(self, entry: Entry) -> Absence | None:
        """Return the absence of a key that only OBS has; None if OBS does not have it either.

        It restarts if OBS's object changed, or a record shows that the key may have existed meanwhile.

        Raises StorageError.
        """
        key, _, success, failed, destination, _ = entry
        if destination is None:
            return None
        now = Absence(key, destination.size, destination.etag, destination.modified, 0)
        earlier = self._find(key)
        if earlier is None or failed or earlier[:4] != now[:4]:
            return now
        return now if success and success.modified > earlier.since - _MARGIN_SECONDS else earlier

    def _find(self, key: str) -> Absence | None:
        while not self._is_begun or (self._next and self._next.key < key):
            self._is_begun, self._next = True, next(self._absences, None)
        return self._next if self._next and self._next.key == key else None


def read_absences(bucket: OssBucket, parts: Sequence[AbsencePart], after: str) -> Iterator[Absence]:
    """Yield the absences after a key from the lists of a comparison, one list at a time.

    Unreadable lists and lines are logged and skipped.

    Raises StorageError.
    """
    for part in parts[bisect_right([part.last for part in parts], after) :]:
        absences = _parse(bucket.get(part.name))
        if absences is None:
            log.error({"absences": part.name, "problem": "unreadable, so the absence of its keys starts over"})
        yield from (absence for absence in absences or () if absence.key > after)


def absence_list(folder: str, absences: Sequence[Absence], now: int) -> StoredObject:
    """Return the list of a piece that ended at `now`, under a unique name: several workers may do the same piece."""
    lines = (jsontext.dump(absence._replace(since=absence.since or now)) for absence in absences)
    headers = {"Content-Type": "application/x-ndjson"}
    return StoredObject(f"{folder}absent-{uuid.uuid4().hex}.jsonl", b"".join(line + b"\n" for line in lines), headers)


def _parse(body: bytes | None) -> list[Absence] | None:
    """Return the absences of a list; None if the list is missing or unreadable."""
    absences = []
    for line in (body or b"?").splitlines():
        match jsontext.load(line):
            case [str(key), int(size), str(etag), int(modified), int(since)]:
                absences.append(Absence(key, size, etag, modified, since))
            case _:
                return None
    return absences
