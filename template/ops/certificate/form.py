"""What all that read certificates go by: which checks and classes there are, and the hash.

The two tables stand here a second time, because who is judged must not be the judge: nothing of the function's code is
imported. A test compares them with the function's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

# Of the format.
SCHEMA = 2
KIND = "oss-oms-sync certificate"
# What the names of records begin with.
RECORDS = "oms_source_record/"
# What the keys of a canary begin with, after the prefix.
CANARY = ".oss-oms-sync-canary/"
# What the names of OMS's own lists in the destination begin with.
OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")


class Sides(Enum):
    """How many objects a class may have in the destination, for those that it has in the source."""

    EQUAL = "as many, of the same keys and sizes"
    BOTH = "as many"
    SOURCE = "none"
    PERHAPS = "at most as many"
    DESTINATION = "any number, and none in the source"
    ANY = "any number"


class CheckRule(NamedTuple):
    """What a check is told by: it passes where its classes are empty, or accepted by name, if that `accepts` makes up
    for them. Without classes the document's numbers do not decide it. `of_freeze`: a rehearsal leaves it out, because
    nothing is frozen yet."""

    classes: tuple[str, ...] = ()
    accepts: bool = False
    of_freeze: bool = False


# All of them, in the order in which certify has them.
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
# What is in the buckets, and is not what they are compared by.
NOT_COUNTED = {"source": ("outside", "canary"), "destination": ("outside", "canary", "oms_own")}
# Of these a sample is drawn.
SAMPLED = ("equal_contents", "equal_version", "equal_size")
# What OMS has not finished, by its counts.
OMS_UNFINISHED = "oms_unfinished"
# What of the objects' headers is not in OBS.
METADATA = "metadata"
ACCEPTABLE = (*(rule.classes[0] for rule in CHECKS.values() if rule.accepts), OMS_UNFINISHED, METADATA)


def gates(check: object) -> bool:
    """Whether a check counts. Only those of a sample and of its headers may not, where nothing was to be sampled."""
    if not isinstance(check, Mapping):
        return True
    is_left_out = (check.get("gates"), check.get("result")) == (False, "not run")
    return not (is_left_out and check.get("id") in ("SAMPLE", "METADATA"))


def sha256(document: Mapping[str, Any]) -> str:
    """The hash that a document has to state: of its other names and values as JSON in ASCII, the names sorted, without
    spaces."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
