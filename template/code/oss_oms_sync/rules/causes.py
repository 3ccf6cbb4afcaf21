"""Failed checks of a certificate, without those that only follow from another check.

Headlines name these checks, in the order of work.
"""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.finding import Finding, Result

_PROOF_CHECKS = ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE")
_CLASS_CHECKS = (
    *("MIGRATING", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *(*_PROOF_CHECKS, "PROOF_IMPOSSIBLE", "UNKNOWN"),
)
# Checks that are not run unless others pass. A cutover closes the project after both buckets are compared and proven,
# and lists them for the last time after OMS has finished.
_PREREQUISITES = {
    "SCOPE": ("TASK",),
    **dict.fromkeys((*_CLASS_CHECKS, "FROZEN", "SUMS", "SAMPLE"), ("SCOPE",)),
    "METADATA": ("SAMPLE",),
    "CLOSED": ("SCOPE", "FROZEN", *_CLASS_CHECKS, "OMS_FINISHED"),
    "STOOD_STILL": ("SCOPE", "FROZEN", *_CLASS_CHECKS, "OMS_FINISHED", "CLOSED"),
}
# Longest wait first: a migration or a pass (hours), OMS (hours), a permission in OBS (30 minutes), OMS's lists.
_WAIT_ORDER = ("MIGRATING", "SCOPE", *_PROOF_CHECKS, "OMS_FINISHED", "SAMPLE", "MOVING", "IN_FLIGHT", "NOTHING_WAITS")


def find_causes(checks: Sequence[Finding]) -> list[Finding]:
    """List the gating checks that failed independently of others, the longest wait first."""
    left = {check.id: check for check in checks if check.gates and check.result is not Result.PASSED}

    def follows(check: Finding) -> bool:
        """Return True if this check was not run because of another check; the other check has the next step."""
        others = (left[name] for name in _PREREQUISITES.get(check.id, ()) if name in left)
        return check.result is Result.NOT_RUN and (not check.next.en or any(other.next.en for other in others))

    order = {name: number for number, name in enumerate(_WAIT_ORDER)}
    named = [check for check in left.values() if not follows(check)] or list(left.values())
    return sorted(named, key=lambda check: order.get(check.id, len(order)))
