"""What all that read certificates go by: which checks there are, which count, and the hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

# Of the format.
SCHEMA = 1
# All of them, in the order in which certify has them.
CHECKS = (
    *("FROZEN", "STOOD_STILL", "SCOPE", "SUMS", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE", "PROOF_IMPOSSIBLE", "UNKNOWN"),
    *("SAMPLE", "BACKLOG", "COPY_FAILED", "TASK", "CLOCK"),
)

# The verdict at the beginning of a document's sentence.
_VERDICT = re.compile("^(GO|NO-GO|未证明|演练|Not proven|A rehearsal)(: |：)")


def gates(check: object) -> bool:
    """Whether a check counts. Only that of a sample may not, where nothing was to be sampled."""
    left_out = {"gates": False, "id": "SAMPLE", "result": "not run"}
    return not (isinstance(check, Mapping) and all(check.get(name) == value for name, value in left_out.items()))


def without_verdict(sentence: str) -> str:
    """The sentence of a document as it stands under its verdict: it does not have to begin with that."""
    rest = _VERDICT.sub("", sentence)
    return f"{rest[:1].upper()}{rest[1:]}"


def sha256(document: Mapping[str, Any]) -> str:
    """The hash that a document has to state: of its other names and values as JSON in ASCII, the names sorted, without
    spaces."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
