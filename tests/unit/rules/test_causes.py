"""Headlines of certificates that are not proven: they name causes, not their consequences."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.text import NOTHING, untranslated
from oss_oms_sync.rules.causes import find_causes

DO = untranslated("do something")


def not_run(name: str, following: bool = True) -> Finding:
    return Finding(name, NOTHING, Result.NOT_RUN, NOTHING, DO if following else NOTHING)


def not_proven(name: str) -> Finding:
    return Finding(name, NOTHING, Result.NOT_PROVEN, NOTHING, DO)


@pytest.mark.parametrize(
    ("left", "named"),
    [
        ([not_run("SAMPLE"), not_run("METADATA")], ["SAMPLE"]),
        ([not_run("SAMPLE"), not_proven("METADATA")], ["SAMPLE", "METADATA"]),
        ([not_run("CLOSED"), not_run("OMS_FINISHED", following=False), not_run("STOOD_STILL")], ["CLOSED"]),
        ([not_run("CLOSED"), not_run("OMS_FINISHED"), not_run("STOOD_STILL")], ["OMS_FINISHED"]),
        ([not_run("CLOSED"), not_proven("PROOF_EQUAL_SIZE")], ["PROOF_EQUAL_SIZE"]),
        ([not_run("SCOPE"), not_run("MISSING"), not_run("TASK")], ["TASK"]),
        # The longest wait comes first: a permission in OBS takes half an hour, an acceptance no time.
        (
            [not_proven("METADATA"), not_run("NOTHING_WAITS"), not_run("SAMPLE"), not_proven("OMS_FINISHED")],
            ["OMS_FINISHED", "SAMPLE", "NOTHING_WAITS", "METADATA"],
        ),
    ],
)
def test_the_headline_names_only_causes_by_descending_wait(left, named):
    passed = Finding("CLOCK", NOTHING, Result.PASSED, NOTHING)
    assert [check.id for check in find_causes([passed, *left])] == named
