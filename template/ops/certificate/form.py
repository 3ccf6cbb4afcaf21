"""The form of a certificate's classes: the possible sides of each, and those that count."""

from __future__ import annotations

from enum import Enum


class Sides(Enum):
    """Possible numbers of a class's objects in the destination, compared with the source."""

    EQUAL = "as many, of the same keys and sizes"
    BOTH = "as many"
    SOURCE = "none"
    AT_MOST = "at most as many"
    DESTINATION = "any number, and none in the source"
    ANY = "any number"


# Possible sides of each class.
CLASSES = {
    "canary": Sides.ANY,
    "impossible": Sides.AT_MOST,
    "moving": Sides.AT_MOST,
    "equal_contents": Sides.EQUAL,
    "failed_before": Sides.AT_MOST,
    "in_flight": Sides.AT_MOST,
    "migrating": Sides.AT_MOST,
    "missing": Sides.SOURCE,
    "older": Sides.BOTH,
    "overwritten": Sides.BOTH,
    "suspicious": Sides.EQUAL,
    "equal_version": Sides.EQUAL,
    "equal_size": Sides.EQUAL,
    "oms_own": Sides.DESTINATION,
    "arriving": Sides.DESTINATION,
    "deleted_at_source": Sides.DESTINATION,
    "unknown": Sides.DESTINATION,
    "outside": Sides.ANY,
}
# Classes in the buckets that are outside the comparison.
NOT_COUNTED = {"source": ("outside", "canary"), "destination": ("outside", "canary", "oms_own")}
# Classes from which a sample is drawn.
SAMPLED = ("equal_contents", "equal_version", "equal_size")
