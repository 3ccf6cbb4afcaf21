"""The form of certificates for all readers: the possible sides of each class, and the hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

# Version of the format.
SCHEMA = 2
KIND = "oss-oms-sync certificate"
# Prefix of the names of records.
RECORDS = "oms_source_record/"
# Beginning of a canary's keys, after the project's prefix.
CANARY = ".oss-oms-sync-canary/"
# Prefixes of OMS's own lists in the destination.
OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")


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


def sha256(document: Mapping[str, Any]) -> str:
    """Return the hash that a document has to state: SHA-256 of its other fields as sorted ASCII JSON without spaces."""
    hashed = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
