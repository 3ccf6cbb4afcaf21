"""What doctor says of the destination: nothing there is a fault, because only compare needs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import QUICK, a_day_of_work, deploy, states, the_check

LIST, GET, HEAD = "obs:bucket:ListBucket", "obs:object:GetObject", "obs:bucket:HeadBucket"


@pytest.fixture
def copied(box: Sandbox, tmp_path) -> Sandbox:
    """A project whose objects OMS has copied."""
    deploy(box, tmp_path, {**box.environment(), **QUICK})
    a_day_of_work(box)
    return box


def bucket(**changes: bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.obs.bucket(box.destination_bucket), name, value) for name, value in changes.items()]


def test_a_destination_that_can_be_looked_at_is_well(copied, handler):
    report = handler(copied, copied.environment())
    of_obs = [
        "OBS connection",
        "OBS clock",
        "right to list OBS",
        "destination kind",
        "right to read OMS's lists",
        "destination encryption",
        "destination versioning",
    ]
    assert set(of_obs) <= set(states(report, "ok"))


WARNINGS = {
    "not to be listed": (lambda box: box.obs.deny(LIST), "right to list OBS", LIST),
    "lists not to be read": (lambda box: box.obs.deny(GET), "right to read OMS's lists", GET),
    "kind not to be asked for": (lambda box: box.obs.deny(HEAD), "destination kind", HEAD),
    "a parallel file system": (bucket(is_file_system=True), "destination kind", "parallel file system"),
    "bucket gone": (
        lambda box: box.obs.remove_bucket(box.destination_bucket),
        "right to list OBS",
        "destination of the sync",
    ),
    "clock off": (lambda box: setattr(box.obs, "clock_offset", 1200), "OBS clock", "clock"),
    "OBS down": (lambda box: box.obs.faults.add(Fault.status(503)), "right to list OBS", ""),
}


@pytest.mark.parametrize("what", WARNINGS)
def test_what_keeps_compare_from_looking_is_a_warning_and_all_else_is_as_before(copied, handler, what):
    go_wrong, name, fix = WARNINGS[what]
    go_wrong(copied)
    report = handler(copied, copied.environment())
    assert name in states(report, "warning", "fault")
    check = the_check(report, name)
    assert fix in check["fix"] + check["seen"]
    assert not [one for one in states(report, "fault") if one != "OBS clock"]


@pytest.mark.parametrize(
    ("change", "name", "state", "seen"),
    [
        ({"has_versions": True}, "destination versioning", "ok", "keeps older versions"),
        ({}, "destination versioning", "ok", "keeps no older versions"),
    ],
)
def test_versioning_of_the_destination_is_told_by_what_oms_wrote(copied, handler, change, name, state, seen):
    bucket(**change)(copied)
    check = the_check(handler(copied, copied.environment()), name)
    assert (check["state"], seen in check["seen"]) == (state, True)


def test_an_encrypted_destination_proves_less(box, tmp_path, handler):
    bucket(encrypted=True)(box)
    deploy(box, tmp_path, {**box.environment(), **QUICK})
    a_day_of_work(box)
    check = the_check(handler(box, box.environment()), "destination encryption")
    assert (check["state"], "no MD5s" in check["seen"]) == ("warning", True)


def test_before_oms_wrote_anything_there_is_nothing_to_look_at(box, handler):
    assert "right to read OMS's lists" in states(handler(box, box.environment()), "skipped")
