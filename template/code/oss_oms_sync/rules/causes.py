"""The failed checks of a certificate, without those that failed only because another check failed.

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
    """List the checks that prevent a GO by themselves, in descending order of the time that their remedy takes."""
    unmet_checks = {check.id: check for check in checks if check.gates and check.result is not Result.PASSED}

    def is_consequence(check: Finding) -> bool:
        unmet_prerequisites = (unmet_checks[name] for name in _PREREQUISITES.get(check.id, ()) if name in unmet_checks)
        return check.result is Result.NOT_RUN and (
            not check.next.en or any(prerequisite.next.en for prerequisite in unmet_prerequisites)
        )

    rank_by_id = {name: rank for rank, name in enumerate(_WAIT_ORDER)}
    causes = [check for check in unmet_checks.values() if not is_consequence(check)] or list(unmet_checks.values())
    return sorted(causes, key=lambda check: rank_by_id.get(check.id, len(rank_by_id)))
