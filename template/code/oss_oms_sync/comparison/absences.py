"""Absences: keys that only OBS has, because the source deleted their objects, and since when they are absent.

    oms_source_record/differences/{project}-compare/{task}/{pass}/absent-{hex}.jsonl

Each piece of a comparison writes a list, with a line for each absent key in the order of keys. A line is a JSON array
of the key, the size, ETag and time of OBS's object, and the time from which the key was absent. Times are in seconds
since 1970. A comparison takes these times from the lists of the last comparison of its scope, which it reads while it
lists the buckets. If a list cannot be read, the absence of its keys starts now.
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

# Longer than a piece, because a piece may read the records of a key until it ends, and longer than the difference of
# two clocks.
_MARGIN_SECONDS = round(MIN_EVENT_AGE.total_seconds())


class Absence(NamedTuple):
    """A key without an object at the source, and OBS's object of this key. Times are in seconds since 1970.

    `modified` is the time of OBS's object. Since the time `since`, every comparison found the key absent; 0 stands for
    the end of the current piece.
    """

    key: str
    size: int
    etag: str
    modified: int
    since: int


class EarlierAbsences:
    """The absences that an earlier comparison listed after the key `after`, read in the order of keys."""

    def __init__(self, bucket: OssBucket, parts: Sequence[AbsencePart], after: str = "") -> None:
        self._absences = read_absences(bucket, parts, after)
        self._next: Absence | None = None
        self._is_begun = False

    def continue_absence(self, entry: Entry) -> Absence | None:
        """Return the absence of a key that the source lacks; return None if OBS lacks the key as well.

        The absence keeps its start from the earlier comparison. It starts again if OBS's object has changed, or if a
        record shows that the source may have had the key meanwhile.

        Raises StorageError.
        """
        key, _, success, failed, destination, _ = entry
        if destination is None:
            return None
        now = Absence(key, destination.size, destination.etag, destination.modified, 0)
        earlier_absence = self._find(key)
        if earlier_absence is None or failed or earlier_absence[:4] != now[:4]:
            return now
        return now if success and success.modified > earlier_absence.since - _MARGIN_SECONDS else earlier_absence

    def _find(self, key: str) -> Absence | None:
        while not self._is_begun or (self._next and self._next.key < key):
            self._is_begun, self._next = True, next(self._absences, None)
        return self._next if self._next and self._next.key == key else None


def read_absences(bucket: OssBucket, parts: Sequence[AbsencePart], after: str) -> Iterator[Absence]:
    """Yield the absences after a key from the lists of a comparison, reading a single list at a time.

    Unreadable lists are logged and skipped.

    Raises StorageError.
    """
    for part in parts[bisect_right([part.last for part in parts], after) :]:
        absences = _parse(bucket.get(part.name))
        if absences is None:
            log.error({"absences": part.name, "problem": "unreadable, so the absence of its keys starts over"})
        yield from (absence for absence in absences or () if absence.key > after)


def absence_list(folder: str, absences: Sequence[Absence], now: int) -> StoredObject:
    """Return the list of a piece that ended at `now`, under a name that no other worker on the same piece uses."""
    lines = (jsontext.dump(absence._replace(since=absence.since or now)) for absence in absences)
    headers = {"Content-Type": "application/x-ndjson"}
    return StoredObject(f"{folder}absent-{uuid.uuid4().hex}.jsonl", b"".join(line + b"\n" for line in lines), headers)


def _parse(body: bytes | None) -> list[Absence] | None:
    """Return the absences of a list, or None if the list is missing or unreadable."""
    absences = []
    for line in (body or b"?").splitlines():
        match jsontext.load(line):
            case [str(key), int(size), str(etag), int(modified), int(since)]:
                absences.append(Absence(key, size, etag, modified, since))
            case _:
                return None
    return absences
