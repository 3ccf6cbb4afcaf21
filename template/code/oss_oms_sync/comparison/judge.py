"""Judgement of a key: its class, the proof by reading the objects, and the object to submit.

Each object has exactly one class: the first in the order of the enumeration that matches.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from oss_oms_sync.answers.layout import OMS_LISTS
from oss_oms_sync.answers.object_class import EQUAL, UNPROVEN, ObjectClass
from oss_oms_sync.clouds.objects import PERMISSION_CODES, Columns, ObjectSummary, etag_of, first, first_difference
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.in_hand import OmsProgress
from oss_oms_sync.comparison.proof import VAIN_PROOFS, Proof, Prover, kept
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.ledger.records import FailedKey, repeated_etag
from oss_oms_sync.passes.entries import MIN_EVENT_AGE, Entry, is_covered
from oss_oms_sync.passes.listing import KeyRun
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW
from oss_oms_sync.rules.times import SETTLED as SETTLED_FOR_CUTOVER

# The event or the copy of a younger object may still be in progress.
SETTLED_SECONDS = MIN_EVENT_AGE.total_seconds()
CUTOVER_SECONDS = round(SETTLED_FOR_CUTOVER.total_seconds())
CLOCKS_SECONDS = round(MAX_CLOCK_SKEW.total_seconds())

_MD5_PATTERN = re.compile(r"[0-9A-F]{32}")
_MD5_LINES = re.compile(rf"(?:{_MD5_PATTERN.pattern}\n)*{_MD5_PATTERN.pattern}")

# The class after these proofs; the other proofs do not change the class.
PROVEN_CLASSES = {
    Proof.EQUAL: ObjectClass.EQUAL_CONTENTS,
    Proof.DIFFERENT: ObjectClass.OVERWRITTEN,
    Proof.PARTS_DIFFER: ObjectClass.SUSPICIOUS,
    Proof.CHANGED: ObjectClass.MOVING,
}
# If OMS compares contents, it skips these, and their objects in OBS stay older.
POSSIBLY_SKIPPED_CLASSES = (ObjectClass.OLDER, ObjectClass.IN_FLIGHT)
# Classes of possibly equal objects. Equal objects are not submitted, because OMS does not copy them again.
POSSIBLY_EQUAL_CLASSES = (*UNPROVEN, *POSSIBLY_SKIPPED_CLASSES, ObjectClass.FAILED_BEFORE)


@dataclass(frozen=True)
class JudgementTimes:
    """The times by which objects are judged, in seconds since 1970.

    `listed`: the time of the earliest listing. `in_hand`: the objects that OMS may still copy. `settling`: the minimum
    age of judged objects, in seconds. `migrations`: the migrations of existing objects.
    """

    listed: float
    in_hand: OmsProgress | None = None
    settling: float = SETTLED_SECONDS
    migrations: Migrations = NONE

    @property
    def settled(self) -> float:
        """The time after which objects are too young to be judged."""
        return self.listed - self.settling


def classify(entry: Entry, moments: JudgementTimes) -> ObjectClass:
    """Return the class of an entry whose key is within the project's filter."""
    source = entry.source
    if source is None:
        return _without_source(entry.key, entry.success, entry.destination, moments)
    if source.type == "Symlink":
        return ObjectClass.IMPOSSIBLE
    if source.modified > moments.settled:
        return ObjectClass.MOVING
    object_class = _classify_settled(source, entry, moments)
    # FAILED_BEFORE applies to young records, too, because replay may rewrite a failed record each minute.
    is_certain = object_class in EQUAL or object_class is ObjectClass.FAILED_BEFORE
    return object_class if is_certain or not is_late(entry, moments) else ObjectClass.MOVING


def equal_contents(source: Columns, destination: Columns, moments: JudgementTimes) -> int:
    """Return the number of leading objects that are EQUAL_CONTENTS by both tables, whatever their records.

    `classify` returns this class for each of them. Their keys are within the project's filter.
    """
    number = min(first_difference(source.sizes, destination.sizes), first_difference(source.etags, destination.etags))
    _, etags, _, modified, types, _ = source.part(0, number)
    number = first((time > moments.settled for time in modified), number)
    number = min(number, first(map("Symlink".__eq__, types), number))
    # A single match for all nearly always succeeds, and is ten times faster than a match for each.
    if _MD5_LINES.fullmatch("\n".join(etags)):
        return number
    return min(number, first((not _MD5_PATTERN.fullmatch(etag) for etag in etags), number))


def is_late(entry: Entry, moments: JudgementTimes) -> bool:
    """Return True if a listing may lack changes of the other listings, so that differences are unreliable."""
    return max(listed.modified for listed in entry[1:5] if listed) > moments.listed - CLOCKS_SECONDS


def _without_source(
    key: str, success: ObjectSummary | None, destination: ObjectSummary | None, moments: JudgementTimes
) -> ObjectClass:
    if destination is None:
        return ObjectClass.ORPHAN_RECORDS
    if key.startswith(OMS_LISTS):
        # OMS writes lists until long after the last copy, so young lists count as its own as well.
        return ObjectClass.OMS_OWN
    if destination.modified > moments.settled:
        return ObjectClass.ARRIVING
    is_ours = success or moments.migrations.has_written(destination)
    return ObjectClass.DELETED_AT_SOURCE if is_ours else ObjectClass.UNKNOWN


def _classify_settled(source: ObjectSummary, entry: Entry, moments: JudgementTimes) -> ObjectClass:
    _, _, success, failed, destination, _ = entry
    same_size = destination is not None and destination.size == source.size
    if destination and same_size and source.etag == destination.etag and _MD5_PATTERN.fullmatch(source.etag):
        return ObjectClass.EQUAL_CONTENTS
    proof = kept(entry) if entry.proof else None
    if proof is Proof.EQUAL:
        return ObjectClass.EQUAL_CONTENTS
    if failed and failed.modified >= source.modified:
        return ObjectClass.FAILED_BEFORE
    is_accepted = is_covered(source, success)
    is_lacking = destination is None or destination.modified < source.modified
    if success and is_accepted and moments.in_hand and moments.in_hand.may_have(success.modified, source.size):
        differs = destination is not None and (not same_size or proof is Proof.DIFFERENT)
        if is_lacking or (differs and destination and destination.modified < success.modified):
            return ObjectClass.IN_FLIGHT
    if is_lacking and moments.migrations.will_copy(source):
        return ObjectClass.MIGRATING
    if destination is None or is_lacking:
        return ObjectClass.OLDER if destination else ObjectClass.MISSING
    if not same_size:
        return ObjectClass.OVERWRITTEN
    if proof:
        return PROVEN_CLASSES[proof]
    if _MD5_PATTERN.fullmatch(source.etag) and _MD5_PATTERN.fullmatch(destination.etag):
        return ObjectClass.SUSPICIOUS
    return ObjectClass.EQUAL_VERSION if is_accepted else ObjectClass.EQUAL_SIZE


class FileSystem:
    """A destination that is a parallel file system, for a walk in the order of keys.

    Keys are paths of files and folders. Source: OBS, "Parallel File System", differences from a bucket: no key with an
    empty part between two slashes, no key with contents that ends with a slash, and no file and folder of the same
    name.

    If a file in the destination and a folder have the same name, the objects in the folder are refused, because the
    walk reaches the file first. If the destination has the folder, the file counts as missing, not as refused.
    """

    def __init__(self, destination: ObsBucket) -> None:
        self._destination = destination
        # Names of objects in the destination that are prefixes of the last key.
        self._files: list[str] = []

    @classmethod
    def of(cls, destination: ObsBucket) -> FileSystem | None:
        """Return the destination's file system; None for a bucket, or without the permission to query it.

        Raises StorageError.
        """
        try:
            return cls(destination) if destination.is_file_system() else None
        except StorageError as error:
            if error.code in PERMISSION_CODES:
                return None
            raise

    def begin_after(self, key: str) -> None:
        """Look up files that may block `key` or later keys.

        Raises StorageError.
        """
        # All keys between a file and a later key in its folder begin with the file's name.
        names = [key[:end] for end in range(1, len(key)) if key[end] <= "/"]
        self._files = [listed.name for listed in self._destination.find_all([*names, key]) if listed]

    def refuses(self, entry: Entry) -> bool:
        """Return True if the destination cannot store the object of this key. Call it for every key in order."""
        key, source, twin, files = entry.key, entry.source, entry.destination, self._files
        while files and not key.startswith(files[-1]):
            files.pop()
        is_in_file = any(key[len(file) :][:1] == "/" for file in files)
        if twin:
            files.append(key)
        if source is None or (twin and twin.size == source.size):
            return False
        return is_in_file or "//" in key or (key.endswith("/") and source.size > 0)


class KeyJudgement(NamedTuple):
    """The class of a key, its proof, True if it passes the project's filter, and the object to submit."""

    entry: Entry
    object_class: ObjectClass
    proof: Proof | None
    is_inside: bool
    due: FailedKey | None


@dataclass(frozen=True)
class Judge:
    """The rules that judge keys. `sent_since` is in seconds since 1970.

    Objects missing or older in the destination are submitted if they were written since `sent_since`; with None, no
    object is submitted. `overwrite`: objects newer in the destination are submitted as well. With a `prover`, objects
    of the classes `reads` are read unless another proof exists. `file_system`: the destination, if it is a parallel
    file system. `copies_same_size`: OMS may copy an object over an object of equal size that is not older;
    `always_copies`: OMS always does.
    """

    key_filter: KeyFilter
    moments: JudgementTimes
    sent_since: float | None = None
    overwrite: bool = False
    prover: Prover | None = None
    reads: Collection[ObjectClass] = POSSIBLY_EQUAL_CLASSES
    file_system: FileSystem | None = None
    copies_same_size: bool = False
    always_copies: bool = False

    def judge(self, entry: Entry) -> KeyJudgement:
        """Judge a key and return the result; for a file system, call it in the order of keys.

        Raises StorageError.
        """
        is_inside = self.key_filter.matches(entry.key)
        object_class = classify(entry, self.moments) if is_inside else ObjectClass.OUTSIDE
        is_refused = self.file_system is not None and self.file_system.refuses(entry)
        if is_inside and self.key_filter.is_canary(entry.key):
            object_class = ObjectClass.CANARY if entry.source or entry.destination else ObjectClass.ORPHAN_RECORDS
        elif (is_refused and is_inside) or (entry.source and not is_inside and self.key_filter.withholds(entry.key)):
            object_class = ObjectClass.IMPOSSIBLE
        proof = self._prove(self.prover, entry, object_class) if self.prover else None
        if proof and (proof is Proof.EQUAL or proof is Proof.CHANGED or object_class in UNPROVEN):
            object_class = PROVEN_CLASSES.get(proof, object_class)
            if object_class not in EQUAL and is_late(entry, self.moments):
                object_class = ObjectClass.MOVING
        elif object_class is ObjectClass.FAILED_BEFORE and (reading := proof or kept(entry)) and reading in VAIN_PROOFS:
            # OMS may refuse a manually copied object for ever: only an acceptance by name ends the failure.
            unrecorded = classify(entry.without_records(), self.moments)
            object_class = PROVEN_CLASSES.get(reading, unrecorded) if unrecorded in UNPROVEN else object_class
        # Nearly all objects are equal, and none of these is due.
        return KeyJudgement(
            entry, object_class, proof, is_inside, None if object_class.is_equal else self._due(entry, object_class)
        )

    def equal(self, run: KeyRun) -> int:
        """Return the number of leading keys that `judge` finds EQUAL_CONTENTS, without any read or submission."""
        # A file system is walked key by key.
        if self.file_system:
            return 0
        return min(equal_contents(run.source, run.twin, self.moments), self.key_filter.count_reported(run.keys))

    def judge_alone(self, entry: Entry) -> KeyJudgement:
        """Judge a key whose neighbours were not judged.

        Raises StorageError.
        """
        if self.file_system and entry.source and not entry.destination:
            self.file_system.begin_after(entry.key)
        return self.judge(entry)

    def _prove(self, prover: Prover, entry: Entry, object_class: ObjectClass) -> Proof | None:
        """Read an object that may be equal and has no stored proof; return the new proof, or None without a read."""
        source, destination = entry.source, entry.destination
        if not source or not destination or object_class not in self.reads:
            return None
        if source.size != destination.size or kept(entry):
            return None
        return prover.prove(source, destination)

    def _due(self, entry: Entry, object_class: ObjectClass) -> FailedKey | None:
        """Return the key to submit for an object of this class; None if nothing is due."""
        source, is_overwritten = entry.source, object_class is ObjectClass.OVERWRITTEN
        if source is None or self.sent_since is None or source.modified < self.sent_since:
            return None
        is_lacking = object_class is ObjectClass.MISSING or object_class is ObjectClass.OLDER
        if not is_lacking and not (self.overwrite and is_overwritten and not self._is_skipped(entry)):
            return None
        # An overwriting submission is not the first submission of its object.
        is_again = is_overwritten or is_covered(source, entry.success)
        return FailedKey(ObjectChange(entry.key, etag=repeated_etag(source.etag) if is_again else source.etag))

    def _is_skipped(self, entry: Entry) -> bool:
        """Return True if OMS would skip a different object of equal size, by the task's settings."""
        may_copy = self.copies_same_size and (self.always_copies or not is_in_vain(entry))
        return are_same_size(entry) and not may_copy


def are_same_size(entry: Entry) -> bool:
    """Return True if both buckets have an object of this key with the same size."""
    source, destination = entry.source, entry.destination
    return source is not None and destination is not None and source.size == destination.size


def is_in_vain(entry: Entry) -> bool:
    """Return True if OMS accepted this version again, later than OBS's object, without copying it."""
    source, success, destination = entry.source, entry.success, entry.destination
    if not source or not success or not destination or success.etag != etag_of(repeated_etag(source.etag)):
        return False
    return success.modified > max(source.modified, destination.modified)
