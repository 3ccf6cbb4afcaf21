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
from system.doctor.project import HOUR, deploy, says, states, the_check
from tools.package import ROOT

# What no run of a project shows: only a canary, or the clouds' own documents.
FOR_EVER = {"doubles", "lag of counts", "lag of lists"}


def test_a_new_project_is_told_what_it_rests_on_and_is_well(box, handler):
    report = handler(box)
    told = set(states(report, "not confirmed"))
    assert report["ok"]
    assert {*FOR_EVER, "written as a whole", "order of OBS", "form of lists", "encoding of keys"} <= told
    assert told <= UNCONFIRMED.keys()
    for name in told:
        one, row = the_check(report, name), UNCONFIRMED[name]
        assert one["seen"].startswith(f"{row.question.en}; assumed: {row.assumed.en}")
        assert one["seen_zh"].startswith(f"{row.question.zh}；假设：{row.assumed.zh}")
        assert "ops.py canary" in one["fix"]
    # With the setting that switches it.
    assert the_check(report, "encoding of keys")["seen"].endswith("(OMS_KEY_ENCODING)")


@pytest.mark.parametrize("missing", [set(), {"encoding of keys", "keys in events", "written as a whole"}])
def test_what_a_comparison_has_shown_is_not_told_any_more_but_for_what_is_missing_in_obs(
    box, tmp_path, handler, missing
):
    deploy(box, tmp_path)
    box.bucket(box.source_bucket).put_object("a b+%41", b"contents")
    box.wait_idle(60)
    if missing:
        box.obs.delete(box.task.bucket.name, "a b+%41")
    box.later(2 * HOUR)
    assert box.fc.invoke("compare", b"{}").value["finished"]
    assert set(states(handler(box), "not confirmed")) == {*FOR_EVER, "form of lists", *missing}


@pytest.mark.parametrize("deep", ["off", "on"])
def test_the_size_of_parts_concerns_who_reads(box, handler, deep):
    assert ("part size" in states(handler(box, COMPARE_DEEP=deep), "not confirmed")) == (deep == "on")


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
    assert says(handler(box), "step of counts", state, fix="Run doctor again in a minute")


@pytest.mark.parametrize(("language", "title"), [("en", "not confirmed: "), ("zh", "未确认：")])
def test_on_a_terminal_each_is_a_line_under_one_step(box, handler, language, title):
    report = handler(box)
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
    report, text = handler(box), (ROOT / "docs" / page).read_text(encoding="utf-8")
    (told,) = re.findall(r"`Setup OK: (.*?)`", text)
    assert sum(map(int, re.findall(r"\d+", told))) == len(report["checks"])
