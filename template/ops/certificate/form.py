"""The form of certificates for all readers: checks, classes and the hash.

Both tables also exist in the function's code, which this module does not import: the judge must be independent of the
judged. A test compares the tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

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
    PERHAPS = "at most as many"
    DESTINATION = "any number, and none in the source"
    ANY = "any number"


class CheckRule(NamedTuple):
    """The rule of a check: it passes if its classes are empty, or accepted by name if `accepts` is True.

    Without classes the document's numbers do not decide it. `of_freeze`: a rehearsal leaves it out, because nothing is
    frozen yet.
    """

    classes: tuple[str, ...] = ()
    accepts: bool = False
    of_freeze: bool = False


# All checks, in certify's order.
CHECKS = {
    "FROZEN": CheckRule(of_freeze=True),
    "CLOSED": CheckRule(of_freeze=True),
    "OMS_FINISHED": CheckRule(of_freeze=True),
    "STOOD_STILL": CheckRule(of_freeze=True),
    "SCOPE": CheckRule(),
    "SUMS": CheckRule(),
    "MIGRATING": CheckRule(("migrating",)),
    "MISSING": CheckRule(("missing",)),
    "OVERWRITTEN": CheckRule(("overwritten",)),
    "OLDER": CheckRule(("older",)),
    "MOVING": CheckRule(("moving", "arriving"), of_freeze=True),
    "IN_FLIGHT": CheckRule(("in_flight",), of_freeze=True),
    "FAILED": CheckRule(("failed_before",)),
    "PROOF_SUSPICIOUS": CheckRule(("suspicious",), accepts=True),
    "PROOF_EQUAL_VERSION": CheckRule(("equal_version",), accepts=True),
    "PROOF_EQUAL_SIZE": CheckRule(("equal_size",), accepts=True),
    "PROOF_IMPOSSIBLE": CheckRule(("impossible",), accepts=True),
    "UNKNOWN": CheckRule(("unknown",), accepts=True),
    "SAMPLE": CheckRule(),
    "METADATA": CheckRule(),
    "NOTHING_WAITS": CheckRule(),
    "TASK": CheckRule(),
    "CLOCK": CheckRule(),
}
CLASSES = {
    "canary": Sides.ANY,
    "impossible": Sides.PERHAPS,
    "moving": Sides.PERHAPS,
    "equal_contents": Sides.EQUAL,
    "failed_before": Sides.PERHAPS,
    "in_flight": Sides.PERHAPS,
    "migrating": Sides.PERHAPS,
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
# The name for objects that OMS has not finished, by its counts.
OMS_UNFINISHED = "oms_unfinished"
# The name for headers that OBS lacks.
METADATA = "metadata"
ACCEPTABLE = (*(rule.classes[0] for rule in CHECKS.values() if rule.accepts), OMS_UNFINISHED, METADATA)


def gates(check: object) -> bool:
    """Return True if a check counts. Only SAMPLE and METADATA may not, if no sample was requested."""
    if not isinstance(check, Mapping):
        return True
    is_left_out = (check.get("gates"), check.get("result")) == (False, "not run")
    return not (is_left_out and check.get("id") in ("SAMPLE", "METADATA"))


def sha256(document: Mapping[str, Any]) -> str:
    """Return the hash that a document has to state: SHA-256 of its other fields as sorted ASCII JSON without spaces."""
    hashed = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
