"""Absences: a key is absent if only OBS has its object, because the source has deleted the object of this key.

    oms_source_record/differences/{project}-compare/{task}/{pass}/absent-{hex}.jsonl

Each invocation of a comparison writes a list, with a line for each absent key in the order of keys. A line is a JSON
array of the key, the size, ETag and time of OBS's object, and the start of the absence; times are seconds since 1970. A
comparison takes the starts from the lists of the last comparison of the same keys. If a list cannot be read, the
absences of its keys start now.
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

    - `modified`: the time of OBS's object.
    - `since`: the start of the absence: every later comparison found the key absent. 0 stands for the end of the
      current invocation's work.
    """

    key: str
    size: int
    etag: str
    modified: int
    since: int


class EarlierAbsences:
    """The absences after the key `after_key` in the lists of an earlier comparison, read in the order of keys."""

    def __init__(self, bucket: OssBucket, absence_lists: Sequence[AbsencePart], after_key: str = "") -> None:
        self._absences = read_absences(bucket, absence_lists, after_key)
        self._next_absence: Absence | None = None
        self._has_started = False

    def continue_absence(self, entry: Entry) -> Absence | None:
        """Return the absence of a key that the source lacks, or None if OBS lacks the key as well.

        The absence keeps its earlier start unless OBS's object has changed, or a record shows that the source may have
        had the key in the meantime. Call this in the order of keys.

        Raises StorageError.
        """
        key, _, success_record, failed_record, destination, _ = entry
        if destination is None:
            return None
        new_absence = Absence(key, destination.size, destination.etag, destination.modified, 0)
        earlier_absence = self._find_absence(key)
        if earlier_absence is None or failed_record or earlier_absence[:4] != new_absence[:4]:
            return new_absence
        return (
            new_absence
            if success_record and success_record.modified > earlier_absence.since - _MARGIN_SECONDS
            else earlier_absence
        )

    def _find_absence(self, key: str) -> Absence | None:
        while not self._has_started or (self._next_absence and self._next_absence.key < key):
            self._has_started, self._next_absence = True, next(self._absences, None)
        return self._next_absence if self._next_absence and self._next_absence.key == key else None


def read_absences(bucket: OssBucket, absence_lists: Sequence[AbsencePart], after_key: str) -> Iterator[Absence]:
    """Yield the absences after the key `after_key` from the lists of a comparison, reading a single list at a time.

    Unreadable lists are logged and skipped. Raises StorageError.
    """
    for absence_list in absence_lists[bisect_right([absence_list.last for absence_list in absence_lists], after_key) :]:
        absences = _parse_list(bucket.get(absence_list.name))
        if absences is None:
            log.error({"absences": absence_list.name, "problem": "unreadable, so the absence of its keys starts over"})
        yield from (absence for absence in absences or () if absence.key > after_key)


def make_absence_list(folder: str, absences: Sequence[Absence], end_time: int) -> StoredObject:
    """Return a list of absences as an object in `folder` with a unique name.

    An absence that starts now gets the time `end_time`, at which the work on its keys ended.
    """
    lines = (jsontext.dump(absence._replace(since=absence.since or end_time)) for absence in absences)
    headers = {"Content-Type": "application/x-ndjson"}
    return StoredObject(f"{folder}absent-{uuid.uuid4().hex}.jsonl", b"".join(line + b"\n" for line in lines), headers)


def _parse_list(body: bytes | None) -> list[Absence] | None:
    absences = []
    for line in (body or b"?").splitlines():
        match jsontext.load(line):
            case [str(key), int(size), str(etag), int(modified), int(since)]:
                absences.append(Absence(key, size, etag, modified, since))
            case _:
                return None
    return absences
