"""Doctor's checks of unconfirmed assumptions, which do not change the result of doctor."""

import re
from itertools import count

import pytest

from ops.report import jobs
from ops.shell import remove_marks
from ops.show import lines
from ops.terminal import MarkedLine
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.job_answers import DoctorAnswer
from oss_oms_sync.unconfirmed import UNCONFIRMED
from sandbox.server.faults import Fault
from support.doctor import HOUR, deploy, find_check, states, verify_check
from support.log_bucket import LogBucket
from tools.package import ROOT

# Assumptions that no run of a project shows: only a canary does, or the clouds' documents.
FOR_EVER = {"keys submitted twice", "delay of OMS's counts", "delay of OMS's lists"}


def test_doctor_lists_the_unconfirmed_assumptions_of_a_new_project(run_doctor):
    report = run_doctor()
    names = set(states(report, "not confirmed"))
    assert report["ok"]
    assert {*FOR_EVER, "copies in one part", "order of OBS's listings", "format of lists", "encoding of keys"} <= names
    assert names <= UNCONFIRMED.keys()
    for name in names:
        check, row = find_check(report, name), UNCONFIRMED[name]
        assert check["actual"].startswith(f"{row.question.en}; assumed: {row.assumed_answer.en}")
        assert check["actual_zh"].startswith(f"{row.question.zh}；假设：{row.assumed_answer.zh}")
        assert ("ops.py canary" in check["fix"]) == (name != "format of lists")
    # The text names the setting that switches the assumption.
    assert find_check(report, "encoding of keys")["actual"].endswith("(OMS_KEY_ENCODING)")


@pytest.mark.parametrize("missing", [set(), {"encoding of keys", "keys in events", "copies in one part"}])
def test_a_comparison_confirms_assumptions_except_by_missing_objects(box, project_folder, run_doctor, missing):
    deploy(box, project_folder)
    box.bucket(box.source_bucket).put_object("a b+%41", b"contents")
    box.wait_idle(60)
    if missing:
        box.obs.delete(box.task.bucket.name, "a b+%41")
    box.advance(2 * HOUR)
    assert box.fc.invoke("compare", b"{}").value["finished"]
    assert set(states(run_doctor(), "not confirmed")) == {*FOR_EVER, "format of lists", *missing}


REPORT = {
    "counts": {"doubles": "each counted", "shown_after": "under 5 min"},
    "objects": {
        "between": {"etag": "MD5 of the contents"},
        "hostile name": {"event": "under 5 s", "in_obs": "under 1 min"},
    },
    "listing": {"order": "bytes"},
    "lists": [{"written_after": "longer"}],
    "part_size": "50 MB",
}


def keep_report(box, report):
    """Store a canary's report in the log bucket, in the form in which ops.py stores it."""
    LogBucket(box).add_canary_result(report, at="2026-02-02T00:00:00Z")


def test_a_canary_confirms_all_assumptions_except_the_form_of_lists(box, run_doctor):
    assert len(states(run_doctor(COMPARE_DEEP="on"), "not confirmed")) == 9
    keep_report(box, REPORT)
    report = run_doctor(COMPARE_DEEP="on")
    assert states(report, "not confirmed") == ["format of lists"]
    verify_check(
        report,
        "keys submitted twice",
        "ok",
        "observed by the canary of 2026-02-02T00:00:00Z: each counted; assumed: yes",
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("keys submitted twice", {"counts": {"doubles": "merged", "shown_after": "under 5 min"}}),
        ("delay of OMS's counts", {"counts": {"doubles": "each counted", "shown_after": "longer"}}),
        ("order of OBS's listings", {"listing": {"order": "utf-16"}}),
        ("part size", {"part_size": "whole"}),
    ],
)
def test_doctor_warns_of_an_observation_that_contradicts_an_assumption(box, run_doctor, name, changes):
    keep_report(box, {**REPORT, **changes})
    report = run_doctor(COMPARE_DEEP="on")
    assert report["ok"]
    verify_check(report, name, "warning", fix="Consequence: ")


@pytest.mark.parametrize(
    "report", [{}, {"counts": "x", "lists": [], "part_size": "not seen"}, {"objects": {"between": 1}}]
)
def test_doctor_confirms_no_assumption_by_an_unreadable_canary_report(box, run_doctor, report):
    keep_report(box, report)
    assert len(states(run_doctor(COMPARE_DEEP="on"), "not confirmed")) == 9


@pytest.mark.parametrize("deep", ["off", "on"])
def test_doctor_lists_the_part_size_only_if_comparisons_are_deep(run_doctor, deep):
    assert ("part size" in states(run_doctor(COMPARE_DEEP=deep), "not confirmed")) == (deep == "on")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Fault.status(503, headers={"Retry-After": "60"}), "unknown"),
        (Fault.status(200, b'{"statistic_time_type": "FIVE_MINUTES", "statistic_datas": []}'), "warning"),
    ],
)
def test_doctor_does_not_take_missing_counts_of_oms_for_hourly_counts(box, run_doctor, answer, state):
    # GIVEN an OMS that reports the last hour, but not the last day
    asked = count()
    box.oms.faults.add(answer, where=lambda request: "statistics" in request.raw_path and next(asked) > 0)
    verify_check(run_doctor(), "interval of OMS's counts", state, fix="Run doctor again in a minute")


@pytest.mark.parametrize(("language", "title"), [("en", "not confirmed: "), ("zh", "未确认：")])
def test_the_terminal_shows_each_assumption_above_its_evidence(box, run_doctor, language, title):
    report = run_doctor()
    shown = [
        "".join(marked[:2]) + marked.suffix if isinstance(marked, MarkedLine) else marked
        for marked in lines.draw(jobs.doctor(from_json(DoctorAnswer, report), language))
    ]
    begins = [place for place, line in enumerate(shown) if line.strip().startswith(title)]
    text_field, fix_field = ("actual", "fix") if language == "en" else ("actual_zh", "fix_zh")
    checks = [find_check(report, name) for name in states(report, "not confirmed")]
    for begin, is_of_a_canary in zip(begins, (True, False), strict=True):
        group = [check for check in checks if ("ops.py canary" in check["fix"]) == is_of_a_canary]
        below = map(remove_marks, shown[begin + 1 : begin + 2 + len(group)])
        expected = [*(check[text_field] for check in group), f"-> {group[0][fix_field]}"]
        assert [line.endswith(end) for line, end in zip(below, expected, strict=True)] == [True] * len(expected)


@pytest.mark.parametrize(
    ("page", "language", "pattern"),
    [("by-hand.md", "en", r"`(Setup OK: .*?)`"), ("by-hand.zh.md", "zh", r"`(配置正确：.*?)`")],
    ids=["en", "zh"],
)
def test_the_documented_output_of_doctor_has_its_form_and_number_of_checks(run_doctor, page, language, pattern):
    report = run_doctor()
    (quoted_line,) = re.findall(pattern, (ROOT / "docs" / page).read_text(encoding="utf-8"))
    printed_line = jobs.doctor(from_json(DoctorAnswer, report), language).head.explanation
    assert re.sub(r"\d+", "0", quoted_line) == re.sub(r"\d+", "0", printed_line)
    assert sum(map(int, re.findall(r"\d+", quoted_line))) == len(report["checks"])
