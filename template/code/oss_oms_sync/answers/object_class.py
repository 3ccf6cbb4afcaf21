"""What an object can be to a comparison, and all that follows from that for who counts, sends, judges or tells."""

from __future__ import annotations

from enum import Enum

# The signs of classes of which each key can be judged again by itself.
AGAIN = "+*~"


_TONES = {
    "equal_contents": "good",
    **dict.fromkeys(("equal_version", "equal_size", "suspicious", "impossible", "unknown"), "open"),
    **dict.fromkeys(("failed_before", "moving", "in_flight", "migrating", "arriving"), "way"),
    **dict.fromkeys(("missing", "older", "overwritten"), "bad"),
}


class ObjectClass(Enum):
    """Classes, by their names in answers; each with its sign in lists of differences, which are those of rclone."""

    # Of a canary, on either side: it deletes them again.
    CANARY = ("canary", "-")
    # Of objects in the source bucket.
    IMPOSSIBLE = ("impossible", "!")
    MOVING = ("moving", "~")
    EQUAL_CONTENTS = ("equal_contents", "=")
    FAILED_BEFORE = ("failed_before", "~")
    IN_FLIGHT = ("in_flight", "~")
    MIGRATING = ("migrating", "~")
    MISSING = ("missing", "+")
    OLDER = ("older", "*")
    OVERWRITTEN = ("overwritten", "*")
    SUSPICIOUS = ("suspicious", "*")
    EQUAL_VERSION = ("equal_version", "=")
    EQUAL_SIZE = ("equal_size", "=")
    # Of objects that are only in the destination bucket.
    OMS_OWN = ("oms_own", "-")
    ARRIVING = ("arriving", "~")
    DELETED_AT_SOURCE = ("deleted_at_source", "-")
    UNKNOWN = ("unknown", "-")
    # Outside of the project's prefix and suffix, on either side.
    OUTSIDE = ("outside", "-")
    # Records without an object on either side.
    ORPHAN_RECORDS = ("orphan_records", "-")

    def __new__(cls, title: str, _: str) -> ObjectClass:  # noqa: PYI034  typing has Self since 3.11
        one = object.__new__(cls)
        one._value_ = title
        return one

    def __init__(self, title: str, sign: str) -> None:
        self.title = title
        self.sign = sign
        # Whether the lists of differences name it: not where nobody has to do anything about it.
        self.is_listed = sign != "=" and title not in ("canary", "oms_own", "outside")
        # Whether one key of it is judged again by itself: what is only in OBS, or impossible, stays what it is.
        self.is_judged_again = sign in AGAIN
        # These are here, and not in sets, because a pass asks for millions of objects, and a class is slow to look up.
        self.is_equal = title in ("equal_contents", "equal_version", "equal_size")
        # How good or bad it is to find one, as reports show it: proven; not proven; on its way; lacking; not judged.
        self.tone = _TONES.get(title, "calm")
        # The current version of such an object is not known to be in the destination bucket.
        self.is_lacking = title in ("failed_before", "in_flight", "migrating", "missing", "older", "overwritten")
        # Whether its objects are in the destination bucket alone, and count there.
        self.is_only_there = title in ("oms_own", "arriving", "deleted_at_source", "unknown")
        # Whether somebody may accept it by its name, although nobody has proven it.
        self.can_be_accepted = title in ("suspicious", "equal_version", "equal_size", "impossible", "unknown")


EQUAL = tuple(one for one in ObjectClass if one.is_equal)
# What stays as it was when keys are judged again, by name.
LASTING = frozenset(one.title for one in ObjectClass if not one.is_judged_again)
