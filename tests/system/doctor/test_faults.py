"""Wrong configurations that doctor detects only over sockets; tests/unit/jobs/doctor has all other configurations."""

from __future__ import annotations

import pytest

from sandbox.server.faults import Fault
from support.doctor import (
    QUICK,
    add_oms_fault,
    deploy,
    find_free_port,
    replace_in_url,
    set_variables,
    verify_only_fault,
)

# The change, the check that fails, and words of its remedy.
FAULTS = {
    "an impossible name": (replace_in_url(f"https://{'a' * 70}.example.com"), "OMS connection", "host in SYNC_URL"),
    "an unknown name": (replace_in_url("https://oms.nowhere.invalid"), "OMS connection", "host in SYNC_URL"),
    "a refused connection": (
        replace_in_url(f"http://127.0.0.1:{find_free_port()}"),
        "OMS connection",
        "internetAccess",
    ),
    "a refused connection to OSS": (
        set_variables(OSS_ENDPOINT=f"http://127.0.0.1:{find_free_port()}"),
        "OSS connection",
        "OSS_ENDPOINT",
    ),
    "a lost connection": (add_oms_fault(Fault.drop_before()), "OMS response", "SYNC_URL"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_misconfiguration_fails_exactly_one_check_of_doctor(box, tmp_path, run_doctor, name):
    change, check, fix = FAULTS[name]
    environment = {**box.environment(), **QUICK}
    deploy(box, tmp_path, **QUICK)
    change(box, environment)
    verify_only_fault(box, run_doctor(box, **environment), check, fix)
