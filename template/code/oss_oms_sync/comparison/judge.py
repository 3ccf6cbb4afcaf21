"""The judgement of a key: its class, the proof of equal contents if both objects were read, and if it is submitted.

Each key has a single class: the first matching class in the order of ObjectClass. An entry has the rows of a key in the
listings of the source, the destination and the records.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from oss_oms_sync.answers.layout import OMS_LISTS
from oss_oms_sync.answers.object_class import EQUAL_CLASSES, UNPROVEN_CLASSES, ObjectClass
from oss_oms_sync.clouds.objects import (
    PERMISSION_CODES,
    Columns,
    ObjectSummary,
    count_equal_prefix,
    etag_of,
    find_first_index,
)
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.comparison.proof import INCONCLUSIVE_PROOFS, Proof, Prover, stored_proof
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NO_MIGRATIONS, Migrations
from oss_oms_sync.ledger.records import FailedKey, repeated_etag
from oss_oms_sync.passes.entries import MIN_EVENT_AGE, Entry, is_covered
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW, MIN_OBJECT_AGE

# Age from which an object is judged, in seconds: the event or the copy of a younger object may still be in progress.
MIN_AGE_SECONDS = MIN_EVENT_AGE.total_seconds()
MIN_CUTOVER_AGE_SECONDS = round(MIN_OBJECT_AGE.total_seconds())
MAX_CLOCK_SKEW_SECONDS = round(MAX_CLOCK_SKEW.total_seconds())

_MD5_PATTERN = re.compile(r"[0-9A-F]{32}")
_MD5_LINES = re.compile(rf"(?:{_MD5_PATTERN.pattern}\n)*{_MD5_PATTERN.pattern}")

# The class that follows from a proof. Other proofs do not change the class.
PROVEN_CLASSES = {
    Proof.EQUAL: ObjectClass.EQUAL_CONTENTS,
    Proof.DIFFERENT: ObjectClass.OVERWRITTEN,
    Proof.PARTS_DIFFER: ObjectClass.SUSPICIOUS,
    Proof.CHANGED: ObjectClass.MOVING,
}
# Classes of objects that OMS may skip because it compares contents. Their objects in OBS remain older.
POSSIBLY_SKIPPED_CLASSES = (ObjectClass.OLDER, ObjectClass.IN_FLIGHT)
# Classes of objects that may be equal. Equal objects are not submitted, because OMS does not copy them again.
POSSIBLY_EQUAL_CLASSES = (*UNPROVEN_CLASSES, *POSSIBLY_SKIPPED_CLASSES, ObjectClass.FAILED_BEFORE)


@dataclass(frozen=True)
class JudgementTimes:
    """The times by which objects are judged, and the state of OMS at these times.

    - `listing_time`: the start of the listings, in seconds since 1970.
    - `oms_progress`: OMS's progress with accepted objects; with None, all of them count as copied.
    - `min_age_seconds`: the age from which objects are judged.
    - `migrations`: the migrations of existing objects.
    """

    listing_time: float
    oms_progress: OmsProgress | None = None
    min_age_seconds: float = MIN_AGE_SECONDS
    migrations: Migrations = NO_MIGRATIONS

    @property
    def max_modified(self) -> float:
        """The write time, in seconds since 1970, after which an object is too young to be judged."""
        return self.listing_time - self.min_age_seconds


def classify(entry: Entry, times: JudgementTimes) -> ObjectClass:
    """Return the class of a key that passes the project's filter, by its rows in all listings."""
    source = entry.source
    if source is None:
        return _classify_without_source(entry.key, entry.success_record, entry.destination, times)
    if source.type == "Symlink":
        return ObjectClass.IMPOSSIBLE
    if source.modified > times.max_modified:
        return ObjectClass.MOVING
    object_class = _classify_old_object(source, entry, times)
    # FAILED_BEFORE applies to young records as well, because replay may rewrite a failed record each minute.
    is_certain = object_class in EQUAL_CLASSES or object_class is ObjectClass.FAILED_BEFORE
    return object_class if is_certain or not is_unreliable(entry, times) else ObjectClass.MOVING


def count_equal_contents(source: Columns, destination: Columns, times: JudgementTimes) -> int:
    """Return the number of leading objects to which `classify` gives the class EQUAL_CONTENTS, whatever their records.

    Their keys must pass the project's filter.
    """
    number = min(
        count_equal_prefix(source.sizes, destination.sizes), count_equal_prefix(source.etags, destination.etags)
    )
    _, etags, _, modified_times, types, _ = source.part(0, number)
    number = find_first_index((time > times.max_modified for time in modified_times), number)
    number = min(number, find_first_index(map("Symlink".__eq__, types), number))
    # A single match of all ETags nearly always succeeds, and is ten times faster than a match of each.
    if _MD5_LINES.fullmatch("\n".join(etags)):
        return number
    return min(number, find_first_index((not _MD5_PATTERN.fullmatch(etag) for etag in etags), number))


def is_unreliable(entry: Entry, times: JudgementTimes) -> bool:
    """Return True if the listings may show different states of a key.

    This is possible if an object or a record of the key is younger than the start of the listings.
    """
    return max(row.modified for row in entry[1:5] if row) > times.listing_time - MAX_CLOCK_SKEW_SECONDS


def _classify_without_source(
    key: str, success_record: ObjectSummary | None, destination: ObjectSummary | None, times: JudgementTimes
) -> ObjectClass:
    if destination is None:
        return ObjectClass.ORPHAN_RECORDS
    if key.startswith(OMS_LISTS):
        # OMS writes lists until long after the last copy, so young lists count as its own as well.
        return ObjectClass.OMS_OWN
    if destination.modified > times.max_modified:
        return ObjectClass.ARRIVING
    is_copy = success_record or times.migrations.has_written(destination)
    return ObjectClass.DELETED_AT_SOURCE if is_copy else ObjectClass.UNKNOWN


def _classify_old_object(source: ObjectSummary, entry: Entry, times: JudgementTimes) -> ObjectClass:
    _, _, success_record, failed_record, destination, _ = entry
    is_same_size = destination is not None and destination.size == source.size
    if destination and is_same_size and source.etag == destination.etag and _MD5_PATTERN.fullmatch(source.etag):
        return ObjectClass.EQUAL_CONTENTS
    proof = stored_proof(entry) if entry.proof else None
    if proof is Proof.EQUAL:
        return ObjectClass.EQUAL_CONTENTS
    if failed_record and failed_record.modified >= source.modified:
        return ObjectClass.FAILED_BEFORE
    is_accepted = is_covered(source, success_record)
    is_missing_or_older = destination is None or destination.modified < source.modified
    if (
        success_record
        and is_accepted
        and times.oms_progress
        and times.oms_progress.may_still_copy(success_record.modified, source.size)
    ):
        is_different = destination is not None and (not is_same_size or proof is Proof.DIFFERENT)
        if is_missing_or_older or (is_different and destination and destination.modified < success_record.modified):
            return ObjectClass.IN_FLIGHT
    if is_missing_or_older and times.migrations.will_copy(source):
        return ObjectClass.MIGRATING
    if destination is None or is_missing_or_older:
        return ObjectClass.OLDER if destination else ObjectClass.MISSING
    if not is_same_size:
        return ObjectClass.OVERWRITTEN
    if proof:
        return PROVEN_CLASSES[proof]
    if _MD5_PATTERN.fullmatch(source.etag) and _MD5_PATTERN.fullmatch(destination.etag):
        return ObjectClass.SUSPICIOUS
    return ObjectClass.EQUAL_VERSION if is_accepted else ObjectClass.EQUAL_SIZE


class FileSystem:
    """A destination that is a parallel file system: OBS stores its keys as paths of files and folders.

    It cannot store these objects:

    - an object whose key has an empty part between two slashes;
    - an object with contents whose key ends with a slash;
    - a file and a folder of the same name: if the file is stored first, the objects in the folder are refused,
      otherwise the file is missing.

    Source: OBS, "Parallel File System", differences from a bucket.
    """

    def __init__(self, destination: ObsBucket) -> None:
        self._destination = destination
        # Names of objects in the destination that are prefixes of the last key.
        self._files: list[str] = []

    @classmethod
    def from_bucket(cls, destination: ObsBucket) -> FileSystem | None:
        """Return the destination's file system; None for a bucket, or without the permission to query the difference.

        Raises StorageError.
        """
        try:
            return cls(destination) if destination.is_file_system() else None
        except StorageError as error:
            if error.code in PERMISSION_CODES:
                return None
            raise

    def start_after(self, key: str) -> None:
        """Read the names of files in the destination that may block `key` or later keys.

        Raises StorageError.
        """
        # All keys between a file and a later key in a folder of the same name start with the file's name.
        names = [key[:end] for end in range(1, len(key)) if key[end] <= "/"]
        self._files = [row.name for row in self._destination.find_all([*names, key]) if row]

    def refuses(self, entry: Entry) -> bool:
        """Return True if the destination cannot store the object of this key; call this for every key in order."""
        key, source, obs_object, files = entry.key, entry.source, entry.destination, self._files
        while files and not key.startswith(files[-1]):
            files.pop()
        is_in_file = any(key[len(file) :][:1] == "/" for file in files)
        if obs_object:
            files.append(key)
        if source is None or (obs_object and obs_object.size == source.size):
            return False
        return is_in_file or "//" in key or (key.endswith("/") and source.size > 0)


class KeyJudgement(NamedTuple):
    """The result of judging a key.

    - `is_inside`: True if the key passes the project's filter.
    - `key_to_submit`: None if the object needs no submission.
    """

    entry: Entry
    object_class: ObjectClass
    proof: Proof | None
    is_inside: bool
    key_to_submit: FailedKey | None


@dataclass(frozen=True)
class Judge:
    """The rules by which keys are judged.

    - `submit_since`: objects that are missing or older in the destination are submitted if they were written since this
      time, in seconds since 1970; with None, no object is submitted.
    - `overwrite_since`: this time for objects that are newer in the destination; with None, none of them is submitted.
    - `prover`: the reader of objects of the classes in `read_classes` that have no stored proof; with None, no object
      is read.
    - `file_system`: the destination, if it is a parallel file system.
    - `copies_same_size`, `always_copies`: True if OMS may copy, or always copies, an object over an object of equal
      size that is not older.
    """

    key_filter: KeyFilter
    times: JudgementTimes
    submit_since: float | None = None
    overwrite_since: float | None = None
    prover: Prover | None = None
    read_classes: Collection[ObjectClass] = POSSIBLY_EQUAL_CLASSES
    file_system: FileSystem | None = None
    copies_same_size: bool = False
    always_copies: bool = False

    def judge(self, entry: Entry) -> KeyJudgement:
        """Judge a key. If the destination is a parallel file system, the keys must be in order.

        Raises StorageError.
        """
        is_inside = self.key_filter.matches(entry.key)
        object_class = classify(entry, self.times) if is_inside else ObjectClass.OUTSIDE
        is_refused = self.file_system is not None and self.file_system.refuses(entry)
        if is_inside and self.key_filter.is_canary(entry.key):
            object_class = ObjectClass.CANARY if entry.source or entry.destination else ObjectClass.ORPHAN_RECORDS
        elif (is_refused and is_inside) or (entry.source and not is_inside and self.key_filter.withholds(entry.key)):
            object_class = ObjectClass.IMPOSSIBLE
        proof = self._read_proof(self.prover, entry, object_class) if self.prover else None
        if proof and (proof is Proof.EQUAL or proof is Proof.CHANGED or object_class in UNPROVEN_CLASSES):
            object_class = PROVEN_CLASSES.get(proof, object_class)
            if object_class not in EQUAL_CLASSES and is_unreliable(entry, self.times):
                object_class = ObjectClass.MOVING
        elif (
            object_class is ObjectClass.FAILED_BEFORE
            and (proof_result := proof or stored_proof(entry))
            and proof_result in INCONCLUSIVE_PROOFS
        ):
            # OMS may refuse a manually copied object for ever: only an acceptance by name ends the failure.
            class_without_records = classify(entry.without_records(), self.times)
            object_class = (
                PROVEN_CLASSES.get(proof_result, class_without_records)
                if class_without_records in UNPROVEN_CLASSES
                else object_class
            )
        # Nearly all objects are equal, and none of these is due.
        return KeyJudgement(
            entry,
            object_class,
            proof,
            is_inside,
            None if object_class.is_equal else self._select_key_to_submit(entry, object_class),
        )

    def count_equal(self, run: KeyRun) -> int:
        """Return the number of leading keys to which `judge` gives the class EQUAL_CONTENTS without reading objects."""
        # A file system has to check each key.
        if self.file_system:
            return 0
        return min(
            count_equal_contents(run.source, run.counterpart, self.times),
            self.key_filter.count_leading_reported(run.keys),
        )

    def judge_alone(self, entry: Entry) -> KeyJudgement:
        """Judge a key in any order, even if the destination is a parallel file system.

        Raises StorageError.
        """
        if self.file_system and entry.source and not entry.destination:
            self.file_system.start_after(entry.key)
        return self.judge(entry)

    def _read_proof(self, prover: Prover, entry: Entry, object_class: ObjectClass) -> Proof | None:
        """Read an object that may be equal, unless it has a stored proof; return None if it was not read."""
        source, destination = entry.source, entry.destination
        if not source or not destination or object_class not in self.read_classes:
            return None
        if source.size != destination.size or stored_proof(entry):
            return None
        return prover.prove(source, destination)

    def _select_key_to_submit(self, entry: Entry, object_class: ObjectClass) -> FailedKey | None:
        source, is_overwritten = entry.source, object_class is ObjectClass.OVERWRITTEN
        is_missing_or_older = object_class is ObjectClass.MISSING or object_class is ObjectClass.OLDER
        if source is None or not (is_missing_or_older or (is_overwritten and not self._is_skipped(entry))):
            return None
        min_time = self.overwrite_since if is_overwritten else self.submit_since
        if min_time is None or source.modified < min_time:
            return None
        # A submission to overwrite is never the first submission of its object.
        is_repeated = is_overwritten or is_covered(source, entry.success_record)
        return FailedKey(ObjectChange(entry.key, etag=repeated_etag(source.etag) if is_repeated else source.etag))

    def _is_skipped(self, entry: Entry) -> bool:
        """Return True if the task's overwrite mode makes OMS skip a different object of equal size."""
        may_copy = self.copies_same_size and (self.always_copies or not was_accepted_in_vain(entry))
        return are_same_size(entry) and not may_copy


def are_same_size(entry: Entry) -> bool:
    source, destination = entry.source, entry.destination
    return source is not None and destination is not None and source.size == destination.size


def was_accepted_in_vain(entry: Entry) -> bool:
    """Return True if OMS accepted this version again after OBS's object was written, and did not copy the version."""
    source, success_record, destination = entry.source, entry.success_record, entry.destination
    if (
        not source
        or not success_record
        or not destination
        or success_record.etag != etag_of(repeated_etag(source.etag))
    ):
        return False
    return success_record.modified > max(source.modified, destination.modified)
