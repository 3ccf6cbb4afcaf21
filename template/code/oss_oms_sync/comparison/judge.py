"""Judges a key: which class its object is of, exactly one, the first in the order of the enumeration that matches; what
reading it shows; and whether it is to be sent."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.clouds.objects import NO_PERMISSION, Columns, ObjectSummary, etag_of, first, first_difference
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.in_hand import InHand
from oss_oms_sync.comparison.proof import IN_VAIN, Proof, Prover, kept
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.ledger.records import FailedKey, repeated_etag
from oss_oms_sync.passes.classify import SETTLED, Entry, is_covered
from oss_oms_sync.passes.listing import KeyRun

# The event of a younger object, or its copy, may be on its way.
SETTLED_SECONDS = SETTLED.total_seconds()
# On cutover day: by then each event has come, and what is older only saves sending twice.
CUTOVER_SECONDS = 5 * 60
# The clouds' clocks may differ by so much: what was written later than this before a listing may not be in it.
CLOCKS_SECONDS = 60
# OMS writes lists of what it did there, for ever: for sync tasks (see its "User Guide", "Viewing migration results"),
# task groups and tasks, and in former years for these elsewhere.
OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")

_MD5 = re.compile(r"[0-9A-F]{32}")
_MD5S = re.compile(rf"(?:{_MD5.pattern}\n)*{_MD5.pattern}")

# These are not known to be equal, or to differ, until somebody reads them.
UNPROVEN = (ObjectClass.SUSPICIOUS, ObjectClass.EQUAL_VERSION, ObjectClass.EQUAL_SIZE)
# What a proof makes of them; every other one leaves them as they are.
PROVEN = {
    Proof.EQUAL: ObjectClass.EQUAL_CONTENTS,
    Proof.DIFFERENT: ObjectClass.OVERWRITTEN,
    Proof.PARTS_DIFFER: ObjectClass.SUSPICIOUS,
    Proof.CHANGED: ObjectClass.MOVING,
}
# An OMS that compares contents may have skipped these rightly: then they never become newer in OBS.
PERHAPS_SKIPPED = (ObjectClass.OLDER, ObjectClass.IN_FLIGHT)
# These may be equal all the same, and then nothing is to be sent: OMS does not copy again what is equal.
PERHAPS_EQUAL = (*UNPROVEN, *PERHAPS_SKIPPED, ObjectClass.FAILED_BEFORE)


@dataclass(frozen=True)
class Moments:
    """By which times objects are judged, in seconds since 1970.

    `listed`: no listing was read earlier. `in_hand`: what OMS may not have copied yet. What is younger than
    `settling`, in seconds, is not judged. `migrations`: those of the old objects.
    """

    listed: float
    in_hand: InHand | None = None
    settling: float = SETTLED_SECONDS
    migrations: Migrations = NONE

    @property
    def settled(self) -> float:
        """What was written later is too young to be judged."""
        return self.listed - self.settling


def classify(entry: Entry, moments: Moments) -> ObjectClass:
    """The class of an entry whose key is within the project's filter."""
    source = entry.source
    if source is None:
        return _without_source(entry.key, entry.success, entry.destination, moments)
    if source.type == "Symlink":
        return ObjectClass.IMPOSSIBLE
    if source.modified > moments.settled:
        return ObjectClass.MOVING
    object_class = _of_settled(source, entry, moments)
    # Replay may write a failed record anew each minute: it stands, whatever else may have changed since.
    is_certain = object_class in EQUAL or object_class is ObjectClass.FAILED_BEFORE
    return object_class if is_certain or not is_late(entry, moments) else ObjectClass.MOVING


def equal_contents(source: Columns, destination: Columns, moments: Moments) -> int:
    """How many of the first objects, whose keys are within the project's filter, are EQUAL_CONTENTS by the first rows
    of the table, whatever their records say: `classify` finds the same of each."""
    number = min(first_difference(source.sizes, destination.sizes), first_difference(source.etags, destination.etags))
    _, etags, _, modified, types = source.part(0, number)
    number = first((time > moments.settled for time in modified), number)
    number = min(number, first(map("Symlink".__eq__, types), number))
    # All at once, as nearly always: each by itself takes ten times as long.
    if _MD5S.fullmatch("\n".join(etags)):
        return number
    return min(number, first((not _MD5.fullmatch(etag) for etag in etags), number))


def is_late(entry: Entry, moments: Moments) -> bool:
    """Whether one of the listings may lack what the others have: then a difference is not to be relied on."""
    return max(listed.modified for listed in entry[1:5] if listed) > moments.listed - CLOCKS_SECONDS


def _without_source(
    key: str, success: ObjectSummary | None, destination: ObjectSummary | None, moments: Moments
) -> ObjectClass:
    if destination is None:
        return ObjectClass.ORPHAN_RECORDS
    if key.startswith(OMS_LISTS):
        # Young ones as well: OMS writes them until long after it has copied the last object.
        return ObjectClass.OMS_OWN
    if destination.modified > moments.settled:
        return ObjectClass.ARRIVING
    is_ours = success or moments.migrations.wrote(destination)
    return ObjectClass.DELETED_AT_SOURCE if is_ours else ObjectClass.UNKNOWN


def _of_settled(source: ObjectSummary, entry: Entry, moments: Moments) -> ObjectClass:
    _, _, success, failed, destination, _ = entry
    same_size = destination is not None and destination.size == source.size
    if destination and same_size and source.etag == destination.etag and _MD5.fullmatch(source.etag):
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
        return PROVEN[proof]
    if _MD5.fullmatch(source.etag) and _MD5.fullmatch(destination.etag):
        return ObjectClass.SUSPICIOUS
    return ObjectClass.EQUAL_VERSION if is_accepted else ObjectClass.EQUAL_SIZE


class FileSystem:
    """A destination that is a parallel file system, as a walk in the order of keys sees it: keys are paths of files and
    folders. Source: OBS, "Parallel File System", differences from a bucket: no key with an empty part between two
    slashes, none that ends with a slash and has contents, and no file and folder of one name.

    Of a file and a folder of one name, the objects in the folder are refused if the file is in the destination, because
    the walk comes to the file first. If the folder is there, the file is not known to be refused: it is merely missing.
    """

    def __init__(self, destination: ObsBucket) -> None:
        self._destination = destination
        # Names of what is in the destination with which the last key begins.
        self._files: list[str] = []

    @classmethod
    def of(cls, destination: ObsBucket) -> FileSystem | None:
        """The destination if it is one; None for a bucket, as which it counts without the right to ask.

        Raises StorageError.
        """
        try:
            return cls(destination) if destination.is_file_system() else None
        except StorageError as error:
            if error.code in NO_PERMISSION:
                return None
            raise

    def begin_after(self, key: str) -> None:
        """Look up the files that may be in the way of the keys after `key`, or of itself.

        Raises StorageError.
        """
        # A file and a later key in its folder have all keys in between begin with the file's name.
        names = [key[:end] for end in range(1, len(key)) if key[end] <= "/"]
        self._files = [listed.name for listed in self._destination.find_all([*names, key]) if listed]

    def refuses(self, entry: Entry) -> bool:
        """Whether the destination cannot hold the object of this key. Keys come in order, with all that is there."""
        key, source, there, files = entry.key, entry.source, entry.destination, self._files
        while files and not key.startswith(files[-1]):
            files.pop()
        is_in_file = any(key[len(file) :][:1] == "/" for file in files)
        if there:
            files.append(key)
        if source is None or (there and there.size == source.size):
            return False
        return is_in_file or "//" in key or (key.endswith("/") and source.size > 0)


class Judged(NamedTuple):
    """A key's class, what reading it showed, whether it passes the project's filter, and what is to be sent of it."""

    entry: Entry
    found: ObjectClass
    proof: Proof | None
    is_inside: bool
    due: FailedKey | None


@dataclass(frozen=True)
class Judge:
    """How keys are judged. `sent_since` is in seconds since 1970.

    Of what is missing or older in the destination, objects written since `sent_since` are sent; None: nothing is sent.
    `overwrite`: what is newer there is sent as well. With a `prover`, objects of the classes `reads` are read where
    nothing else proves them. With a `file_system`, the destination is that. `copies_same_size`: OMS may copy an object
    over one of the same size that is not older; `always_copies`: it does, whatever it knows of both.
    """

    key_filter: KeyFilter
    moments: Moments
    sent_since: float | None = None
    overwrite: bool = False
    prover: Prover | None = None
    reads: Collection[ObjectClass] = PERHAPS_EQUAL
    file_system: FileSystem | None = None
    copies_same_size: bool = False
    always_copies: bool = False

    def judge(self, entry: Entry) -> Judged:
        """Judge a key; those of a file system in their order.

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
            object_class = PROVEN.get(proof, object_class)
            if object_class not in EQUAL and is_late(entry, self.moments):
                object_class = ObjectClass.MOVING
        elif object_class is ObjectClass.FAILED_BEFORE and (tried := proof or kept(entry)) and tried in IN_VAIN:
            # OMS may refuse for ever what somebody has copied by hand: then only accepting it by name ends that.
            aside = classify(entry.without_records(), self.moments)
            object_class = PROVEN.get(tried, aside) if aside in UNPROVEN else object_class
        # Nearly all are equal, so nothing is asked of these in vain.
        return Judged(
            entry, object_class, proof, is_inside, None if object_class.is_equal else self._due(entry, object_class)
        )

    def equal(self, run: KeyRun) -> int:
        """How many of the first keys of a run `judge` finds to be EQUAL_CONTENTS, with nothing to read or send."""
        # A file system is walked through key by key.
        if self.file_system:
            return 0
        return min(equal_contents(run.source, run.twin, self.moments), self.key_filter.count_reported(run.keys))

    def judge_alone(self, entry: Entry) -> Judged:
        """The same for a key whose neighbours are not judged before it.

        Raises StorageError.
        """
        if self.file_system and entry.source and not entry.destination:
            self.file_system.begin_after(entry.key)
        return self.judge(entry)

    def _prove(self, prover: Prover, entry: Entry, object_class: ObjectClass) -> Proof | None:
        """What reading shows of an object that may be equal, and of which nothing else tells."""
        source, destination = entry.source, entry.destination
        if not source or not destination or object_class not in self.reads:
            return None
        if source.size != destination.size or kept(entry):
            return None
        return prover.prove(source, destination)

    def _due(self, entry: Entry, object_class: ObjectClass) -> FailedKey | None:
        """What is to be sent of an object of this class."""
        source, is_overwritten = entry.source, object_class is ObjectClass.OVERWRITTEN
        if source is None or self.sent_since is None or source.modified < self.sent_since:
            return None
        is_lacking = object_class is ObjectClass.MISSING or object_class is ObjectClass.OLDER
        if not is_lacking and not (self.overwrite and is_overwritten and not self._is_skipped(entry)):
            return None
        # What is sent over something that is there is no first time either.
        is_again = is_overwritten or is_covered(source, entry.success)
        return FailedKey(ObjectChange(entry.key, etag=repeated_etag(source.etag) if is_again else source.etag))

    def _is_skipped(self, entry: Entry) -> bool:
        """Whether OMS would skip an object that differs in the same size, as far as is known."""
        may_copy = self.copies_same_size and (self.always_copies or not is_in_vain(entry))
        return are_same_size(entry) and not may_copy


def are_same_size(entry: Entry) -> bool:
    """Whether both buckets have an object of one size."""
    source, destination = entry.source, entry.destination
    return source is not None and destination is not None and source.size == destination.size


def is_in_vain(entry: Entry) -> bool:
    """Whether OMS accepted this version once more after what is in OBS was written, and did not copy it."""
    source, success, destination = entry.source, entry.success, entry.destination
    if not source or not success or not destination or success.etag != etag_of(repeated_etag(source.etag)):
        return False
    return success.modified > max(source.modified, destination.modified)
