"""What doctor says of OMS and the sync task."""

import pytest

from sandbox.server.faults import Fault
from support.doctor import states, the_check


def test_an_answer_of_oms_without_a_status_is_no_task(box, handler):
    box.oms.faults.add(Fault.status(200, b"{}"))
    report = handler(box, box.environment())
    assert states(report, "fault") == ["task"]


def test_a_region_in_another_form_is_a_warning(box, handler):
    box.task.src_region = "Hangzhou (East China 1)"
    assert "task source" in states(handler(box, box.environment()), "warning")


REGIONS = {
    "cn-north-4": "CN North-Beijing4 (cn-north-4)",
    "cn-east-3": "CN East-Shanghai1 (cn-east-3)",
    "cn-southwest-2": "CN Southwest-Guiyang1 (cn-southwest-2)",
}


@pytest.mark.parametrize("region", [*REGIONS, "cn-east-2", "cn-south-1"])
def test_a_region_that_is_not_known_to_offer_sync_tasks_is_a_warning(box, handler, mocker, region):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://oms.{region}.myhuaweicloud.com")
    mocker.patch("socket.getaddrinfo", side_effect=OSError(-2, "Name or service not known"))
    check = the_check(handler(box, {**box.environment(), "SYNC_URL": url}), "OMS region")
    if region in REGIONS:
        assert (check["state"], REGIONS[region] in check["seen"]) == ("ok", True)
    else:
        assert (check["state"], check["fix"].endswith("{}, {} or {}".format(*REGIONS.values()))) == ("warning", True)


@pytest.mark.parametrize(
    ("mode", "state", "seen"),
    [
        ("FULL_OVERWRITE", "ok", "no new version is skipped"),
        ("CRC64_COMPARISON_OVERWRITE", "warning", "has no CRC64, OMS compares size and time"),
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "warning", "same size"),
        ("ONE_THAT_IS_NOT_KNOWN", "warning", "may be skipped"),
    ],
)
def test_an_overwrite_mode_with_a_gap_is_a_warning_that_names_the_one_without(box, handler, mode, state, seen):
    box.task.overwrite_mode = mode
    report = handler(box, box.environment())
    check = the_check(report, "task overwrite mode")
    assert report["ok"]
    assert (check["state"], "FULL_OVERWRITE" in check["fix"]) == (state, state == "warning")
    assert seen in check["seen"]
