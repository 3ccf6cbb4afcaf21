"""Whether an object that OMS failed to copy has to be sent again, by a look at both sides and its records."""

from __future__ import annotations

from enum import Enum

from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.comparison.classes import differ

# The first attempt of a key that OMS failed to copy follows at once, the next after so long; then it doubles.
_FIRST_REST = 10 * 60
_LONGEST_REST = 24 * 60 * 60
# A success record is written after OMS accepted the key, so OMS may have failed to copy it before; and the clouds'
# clocks may differ.
_RECORDED_WITHIN = 2 * 60


class Copy(Enum):
    """What became of an object that OMS failed to copy; the value is its name in answers."""

    # Sent again.
    DUE = "recorded"
    # Closed: there is nothing to send.
    GONE = "gone"
    SYMLINK = "symlinks"
    COPIED = "copied"
    # Somebody wrote there since OMS accepted this version: status says so until compare shows it.
    NEWER_THERE = "newer_there"
    # In a failed record, so it is sent again.
    WAITING = "waiting"
    # OMS has it in hand.
    ACCEPTED_AGAIN = "accepted_again"


def by_both_sides(source: ObjectSummary | None, destination: ObjectSummary | None) -> Copy:
    """What follows from the object in the source bucket and in OBS: if it is not DUE, it is never to be sent."""
    if source is None:
        return Copy.GONE
    if source.type == "Symlink":
        return Copy.SYMLINK
    if destination is None or destination.modified < source.modified:
        return Copy.DUE
    return Copy.NEWER_THERE if differ(source, destination) else Copy.COPIED


def by_records(modified: int, failed_at: float, success_at: int, failed_record_at: int) -> Copy:
    """What follows from the records: they were written at these times, in seconds since 1970 (0: there is none).

    `modified`: when the source object was written; `failed_at`: when OMS failed to copy it.
    """
    if failed_record_at and failed_record_at >= modified:
        return Copy.WAITING
    return Copy.ACCEPTED_AGAIN if success_at > failed_at + _RECORDED_WITHIN else Copy.DUE


def rest(attempt: int) -> int:
    """How many seconds after the last acceptance a key is sent for the `attempt`-th time because OMS failed to copy it,
    beginning with 1."""
    if attempt <= 1:
        return 0
    # Doubled no more often than makes a difference.
    return min(_LONGEST_REST, _FIRST_REST << min(attempt - 2, 30))
