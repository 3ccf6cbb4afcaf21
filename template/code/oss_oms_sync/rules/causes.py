"""Failed checks of a certificate, without those that only follow from another check.

Headlines name these checks, in the order of work.
"""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.finding import Finding, Result

_UNPROVEN = ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE")
_CLASSES = (
    *("MIGRATING", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *(*_UNPROVEN, "PROOF_IMPOSSIBLE", "UNKNOWN"),
)
# Checks that are not run unless others pass. A cutover closes the project after both buckets are compared and proven,
# and lists them for the last time after OMS has finished.
_AFTER = {
    "SCOPE": ("TASK",),
    **dict.fromkeys((*_CLASSES, "FROZEN", "SUMS", "SAMPLE"), ("SCOPE",)),
    "METADATA": ("SAMPLE",),
    "CLOSED": ("SCOPE", "FROZEN", *_CLASSES, "OMS_FINISHED"),
    "STOOD_STILL": ("SCOPE", "FROZEN", *_CLASSES, "OMS_FINISHED", "CLOSED"),
}
# Longest wait first: a migration or a pass (hours), OMS (hours), a permission in OBS (30 minutes), OMS's lists.
_LONGEST_WAITS = ("MIGRATING", "SCOPE", *_UNPROVEN, "OMS_FINISHED", "SAMPLE", "MOVING", "IN_FLIGHT", "NOTHING_WAITS")


def causes(checks: Sequence[Finding]) -> list[Finding]:
    """List the gating checks that failed independently of others, the longest wait first."""
    left = {check.id: check for check in checks if check.gates and check.result is not Result.PASSED}

    def follows(check: Finding) -> bool:
        """Return True if this check was not run because of another check; the other check has the next step."""
        others = (left[name] for name in _AFTER.get(check.id, ()) if name in left)
        return check.result is Result.NOT_RUN and (not check.next.en or any(other.next.en for other in others))

    order = {name: number for number, name in enumerate(_LONGEST_WAITS)}
    named = [check for check in left.values() if not follows(check)] or list(left.values())
    return sorted(named, key=lambda check: order.get(check.id, len(order)))
