"""The failed checks of a certificate without those that are only consequences of other failed checks.

Headlines name these checks, in the order in which to remedy them.
"""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.finding import Finding, Result

_PROOF_CHECKS = ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE")
_CLASS_CHECKS = (
    *("MIGRATING", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *(*_PROOF_CHECKS, "PROOF_IMPOSSIBLE", "UNKNOWN"),
)
# For each check, the checks that have to pass before it is run. A cutover closes the project after it has compared and
# proven both buckets, and lists the buckets for the last time after OMS has finished.
_PREREQUISITES = {
    "SCOPE": ("TASK",),
    **dict.fromkeys((*_CLASS_CHECKS, "FROZEN", "SUMS", "SAMPLE"), ("SCOPE",)),
    "METADATA": ("SAMPLE",),
    "CLOSED": ("SCOPE", "FROZEN", *_CLASS_CHECKS, "OMS_FINISHED"),
    "STOOD_STILL": ("SCOPE", "FROZEN", *_CLASS_CHECKS, "OMS_FINISHED", "CLOSED"),
}
# The checks in descending order of the time that their remedy takes: a migration or a pass (hours), OMS (hours), a
# permission in OBS (30 minutes), OMS's lists.
_WAIT_ORDER = ("MIGRATING", "SCOPE", *_PROOF_CHECKS, "OMS_FINISHED", "SAMPLE", "MOVING", "IN_FLIGHT", "NOTHING_WAITS")


def find_causes(checks: Sequence[Finding]) -> list[Finding]:
    """List the checks that prevent a GO by themselves; a check whose remedy takes longest comes first."""
    unmet_checks = {check.id: check for check in checks if check.gates and check.result is not Result.PASSED}

    def follows(check: Finding) -> bool:
        """Return True if this check was not run because another check did not pass, which has the next step."""
        others = (unmet_checks[name] for name in _PREREQUISITES.get(check.id, ()) if name in unmet_checks)
        return check.result is Result.NOT_RUN and (not check.next.en or any(other.next.en for other in others))

    order = {name: number for number, name in enumerate(_WAIT_ORDER)}
    causes = [check for check in unmet_checks.values() if not follows(check)] or list(unmet_checks.values())
    return sorted(causes, key=lambda check: order.get(check.id, len(order)))
