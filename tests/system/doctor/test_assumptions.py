"""What doctor says of what nobody has confirmed: until something shows it, and without deciding anything."""

import re
from itertools import count

import pytest

from ops.report import jobs
from ops.show import lines
from ops.terminal import Marked
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.job_answers import DoctorAnswer
from oss_oms_sync.unconfirmed import UNCONFIRMED
from sandbox.server.faults import Fault
from support.doctor import HOUR, deploy, states, the_check
from tools.package import ROOT

# What no run of a project shows: only a canary, or the clouds' own documents.
FOR_EVER = {"doubles", "lag of counts", "lag of lists"}


def test_a_new_project_is_told_what_it_rests_on_and_is_well(box, handler):
    report = handler(box, box.environment())
    told = set(states(report, "not confirmed"))
    assert report["ok"]
    assert {*FOR_EVER, "written as a whole", "order of OBS", "form of lists", "encoding of keys"} <= told
    assert told <= UNCONFIRMED.keys()
    for name in told:
        one, row = the_check(report, name), UNCONFIRMED[name]
        assert one["seen"].startswith(f"{row.question.en}; assumed: {row.assumed.en}")
        assert one["seen_zh"].startswith(f"{row.question.zh}；假设：{row.assumed.zh}")
        assert "ops.py canary" in one["fix"]


def test_the_setting_that_switches_it_is_named(box, handler):
    assert the_check(handler(box, box.environment()), "encoding of keys")["seen"].endswith("(OMS_KEY_ENCODING)")


def test_what_a_comparison_has_shown_is_not_told_any_more(box, tmp_path, handler):
    deploy(box, tmp_path, box.environment())
    box.bucket(box.source_bucket).put_object("a b+%41", b"contents")
    box.wait_idle(60)
    box.later(HOUR)
    assert box.fc.invoke("compare", b"{}").value["finished"]
    assert set(states(handler(box, box.environment()), "not confirmed")) == {*FOR_EVER, "form of lists"}


def test_what_is_missing_in_obs_confirms_no_encoding(box, tmp_path, handler):
    deploy(box, tmp_path, box.environment())
    box.bucket(box.source_bucket).put_object("a b+%41", b"contents")
    box.wait_idle(60)
    box.obs.delete(box.task.bucket.name, "a b+%41")
    box.later(2 * HOUR)
    assert box.fc.invoke("compare", b"{}").value["finished"]
    told = states(handler(box, box.environment()), "not confirmed")
    assert {"encoding of keys", "keys in events", "written as a whole"} <= set(told)
    assert "order of OBS" not in told


@pytest.mark.parametrize("deep", ["off", "on"])
def test_the_size_of_parts_concerns_who_reads(box, handler, deep):
    told = states(handler(box, {**box.environment(), "COMPARE_DEEP": deep}), "not confirmed")
    assert ("part size" in told) == (deep == "on")


@pytest.mark.parametrize("step", ["FIVE_MINUTES", "ONE_HOUR"])
def test_counts_by_the_hour_are_said_before_the_cutover(box, handler, step):
    box.task.step = step
    report = handler(box, box.environment())
    check = the_check(report, "step of counts")
    assert report["ok"]
    assert (check["state"], "oms_unfinished" in check["fix"]) == (
        ("ok", False) if step == "FIVE_MINUTES" else ("warning", True)
    )


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Fault.status(503, headers={"Retry-After": "60"}), "unknown"),
        (Fault.status(200, b'{"statistic_time_type": "FIVE_MINUTES", "statistic_datas": []}'), "warning"),
    ],
)
def test_where_oms_does_not_tell_its_counts_it_is_not_said_to_count_by_the_hour(box, handler, answer, state):
    # GIVEN an OMS that tells the last hour, and then not the last day
    asked = count()
    box.oms.faults.add(answer, where=lambda one: "statistics" in one.raw_path and next(asked) > 0)
    check = the_check(handler(box, box.environment()), "step of counts")
    assert (check["state"], check["fix"]) == (state, "Run doctor again in a minute")


@pytest.mark.parametrize(("language", "title"), [("en", "not confirmed: "), ("zh", "未确认：")])
def test_on_a_terminal_each_is_a_line_under_one_step(box, handler, language, title):
    report = handler(box, box.environment())
    shown = [
        "".join(one[:2]) + one.after if isinstance(one, Marked) else one
        for one in lines.draw(jobs.doctor(from_json(DoctorAnswer, report), language))
    ]
    (begin,) = (place for place, line in enumerate(shown) if line.strip().startswith(title))
    told = states(report, "not confirmed")
    seen = "seen" if language == "en" else "seen_zh"
    below = shown[begin + 1 : begin + 1 + len(told)]
    assert [line.endswith(the_check(report, name)[seen]) for name, line in zip(told, below, strict=True)] == [
        True
    ] * len(told)
    assert shown[begin + 1 + len(told) :] == ["      -> python3 ops.py canary"]


@pytest.mark.parametrize("page", ["by-hand.md", "by-hand.zh.md"])
def test_the_sample_in_the_documents_has_as_many_checks(box, handler, page):
    report, text = handler(box, box.environment()), (ROOT / "docs" / page).read_text(encoding="utf-8")
    (told,) = re.findall(r"`Setup OK: (.*?)`", text)
    assert sum(map(int, re.findall(r"\d+", told))) == len(report["checks"])
