"""The policy that permits the functions' access key to change headers in OBS.

Huawei's pages spell this permission in several ways, for identity policies ("v5") and for policies of roles ("v3").
"""

from __future__ import annotations

from collections.abc import Mapping

from ops.accounts.both_clouds import Huawei
from ops.accounts.statements import can_change_headers
from ops.clouds.keys import Keys
from ops.errors import OpsError
from ops.session import Session
from oss_oms_sync.answers.job_answers import DoctorAnswer
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.headers_in_place import PERMISSION_CHECK

# Words of the field report.
POLICIES = IDENTITY_POLICY, ANOTHER_POLICY, UNKNOWN_POLICY = ("identity policy", "another policy", "unknown policy")


def find_policy(session: Session, variables: Mapping[str, str], keys: Keys) -> str:
    """Return the kind of the policy that permits the functions to change headers, one of POLICIES.

    Return "" if doctor does not confirm the permission. `keys` are an administrator's keys for IAM.
    """
    try:
        # An unusable setting does not end the canary.
        if not can_change_headers(variables):
            return ""
        session.progress(t("checking whether the functions' access key can change headers in OBS"))
        checks = session.ask(DoctorAnswer, "doctor", {}).checks
    except OpsError:
        return ""
    if not any(check.name.en == PERMISSION_CHECK.en and check.state == "ok" for check in checks):
        return ""
    try:
        has_policy = Huawei(session, variables, keys).has_functions_policy()
    except OpsError:
        has_policy = None
    return {True: IDENTITY_POLICY, False: ANOTHER_POLICY, None: UNKNOWN_POLICY}[has_policy]
