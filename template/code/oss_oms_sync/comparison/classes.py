"""What an object is to a comparison: exactly one class, the first in the order of the enumeration that matches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.clouds.objects import Columns, ObjectSummary, first, first_difference
from oss_oms_sync.comparison.in_hand import InHand
from oss_oms_sync.comparison.proof import Proof, kept
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.passes.classify import SETTLED, Entry, is_covered

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
    found = _of_settled(source, entry, moments)
    # Replay may write a failed record anew each minute: it stands, whatever else may have changed since.
    is_certain = found in EQUAL or found is ObjectClass.FAILED_BEFORE
    return found if is_certain or not is_late(entry, moments) else ObjectClass.MOVING


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
    return max(one.modified for one in entry[1:5] if one) > moments.listed - CLOCKS_SECONDS


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
