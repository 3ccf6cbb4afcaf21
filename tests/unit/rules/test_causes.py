"""The checks in the headline of an unproven certificate: causes, without the checks that depend on them."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.text import NOTHING, untranslated
from oss_oms_sync.rules.causes import find_causes

DO = untranslated("do something")


def make_not_run(name: str, following: bool = True) -> Finding:
    return Finding(name, NOTHING, Result.NOT_RUN, NOTHING, DO if following else NOTHING)


def make_not_proven(name: str) -> Finding:
    return Finding(name, NOTHING, Result.NOT_PROVEN, NOTHING, DO)


@pytest.mark.parametrize(
    ("left", "named"),
    [
        ([make_not_run("SAMPLE"), make_not_run("METADATA")], ["SAMPLE"]),
        ([make_not_run("SAMPLE"), make_not_proven("METADATA")], ["SAMPLE", "METADATA"]),
        (
            [make_not_run("CLOSED"), make_not_run("OMS_FINISHED", following=False), make_not_run("STOOD_STILL")],
            ["CLOSED"],
        ),
        ([make_not_run("CLOSED"), make_not_run("OMS_FINISHED"), make_not_run("STOOD_STILL")], ["OMS_FINISHED"]),
        ([make_not_run("CLOSED"), make_not_proven("PROOF_EQUAL_SIZE")], ["PROOF_EQUAL_SIZE"]),
        ([make_not_run("SCOPE"), make_not_run("MISSING"), make_not_run("TASK")], ["TASK"]),
        # The longest wait comes first: a permission in OBS takes half an hour, an acceptance no time.
        (
            [
                make_not_proven("METADATA"),
                make_not_run("NOTHING_WAITS"),
                make_not_run("SAMPLE"),
                make_not_proven("OMS_FINISHED"),
            ],
            ["OMS_FINISHED", "SAMPLE", "NOTHING_WAITS", "METADATA"],
        ),
    ],
)
def test_the_headline_of_a_certificate_lists_only_causes_not_consequences(left, named):
    passed = Finding("CLOCK", NOTHING, Result.PASSED, NOTHING)
    assert [check.id for check in find_causes([passed, *left])] == named
