"""Checks of a certificate that did not pass, without those that only follow from another one: what a headline names,
and in which order somebody sees to it."""

from __future__ import annotations

from collections.abc import Sequence

from oss_oms_sync.answers.step import Finding, Result

_UNPROVEN = ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE")
_CLASSES = (
    *("MIGRATING", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *(*_UNPROVEN, "PROOF_IMPOSSIBLE", "UNKNOWN"),
)
# The checks without which another one is not run. A cutover closes nothing before both buckets are compared and proven,
# and looks for the last time after OMS has finished.
_AFTER = {
    "SCOPE": ("TASK",),
    **dict.fromkeys((*_CLASSES, "FROZEN", "SUMS", "SAMPLE"), ("SCOPE",)),
    "METADATA": ("SAMPLE",),
    "CLOSED": ("SCOPE", "FROZEN", *_CLASSES, "OMS_FINISHED"),
    "STOOD_STILL": ("SCOPE", "FROZEN", *_CLASSES, "OMS_FINISHED", "CLOSED"),
}
# By how long somebody waits: for a migration or a pass (hours), OMS (hours), a grant in OBS (30 minutes), OMS's lists.
_LONGEST_WAITS = ("MIGRATING", "SCOPE", *_UNPROVEN, "OMS_FINISHED", "SAMPLE", "MOVING", "IN_FLIGHT", "NOTHING_WAITS")


def causes(checks: Sequence[Finding]) -> list[Finding]:
    """List the gating checks that did not pass by themselves, the longest wait first."""
    left = {check.id: check for check in checks if check.gates and check.result is not Result.PASSED}

    def follows(check: Finding) -> bool:
        """Return True if the check was not run because of another one, which then has the next step."""
        others = (left[name] for name in _AFTER.get(check.id, ()) if name in left)
        return check.result is Result.NOT_RUN and (not check.next.en or any(other.next.en for other in others))

    order = {name: number for number, name in enumerate(_LONGEST_WAITS)}
    named = [check for check in left.values() if not follows(check)] or list(left.values())
    return sorted(named, key=lambda check: order.get(check.id, len(order)))
