"""The form of a certificate: its counts, its lists of keys, and the sides on which each class can have objects.

A class is the result of comparing an object in both buckets, such as `missing`. A side is one of the two buckets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from oss_oms_sync.answers.text import Text, t

Document = Mapping[str, Any]
# Names of the two sides for readers.
SIDE_NAMES = {"source": t("the source"), "destination": t("OBS")}


class Sides(Enum):
    """The number of a class's objects in the destination, compared with the number in the source."""

    EQUAL = "as many, of the same keys and sizes"
    BOTH = "as many"
    SOURCE = "none"
    AT_MOST = "at most as many"
    DESTINATION = "any number, and none in the source"
    ANY = "any number"


# The sides on which each class can have objects.
CLASS_SIDES = {
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


class Claim(NamedTuple):
    """A statement about a certificate, which a check found true (`holds`) or false.

    `detail` is the actual value, or the names of the fields that do not fit.
    """

    text: Text
    holds: bool
    detail: str = ""

    @classmethod
    def claim_unless(cls, text: Text, wrong_names: Sequence[str]) -> Claim:
        """Return the claim with this text; it holds if `wrong_names` contains no name."""
        return cls(text, not wrong_names, ", ".join(dict.fromkeys(wrong_names)))


def is_in_scope(document: Document, key: str) -> bool:
    scope = document["scope"]
    return key.startswith(scope["prefix"]) and key.endswith(scope["suffix"])


def list_class_counts(object_class: Document) -> list[int]:
    """Return the objects and bytes of a class in the source, then its objects and bytes in the destination."""
    return [require_count(object_class[side][unit]) for side in SIDE_NAMES for unit in ("objects", "bytes")]


def require_count(value: object) -> int:
    """Return a count; raise ValueError for another value, also for True, which is an int in Python."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def require_distinct(keys: object) -> frozenset[str]:
    """Return a list of keys as a set; raise ValueError for another value, or if a key is repeated."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise ValueError("not a list of keys")
    return frozenset(keys)


def is_hexadecimal(value: str, digits: int) -> bool:
    return len(value) == digits and set(value) <= set("0123456789abcdef")
