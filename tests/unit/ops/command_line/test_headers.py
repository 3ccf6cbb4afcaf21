"""The command headers: its payload, its report, and its exit code."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersAnswer, HeadersOutcome
from oss_oms_sync.answers.step import Step
from support.ops import OPS, FakeCaller

PASS = {"finished": True, "next": "", "stop": None, "stopped": None, "pass_": "p"}
TIMES = {"started": "2026-01-31T08:00:00Z", "ended": "2026-01-31T08:01:00Z", "objects_per_minute": 3}


def answer(outcomes, **details):
    """Return an answer with these outcomes, of objects in a folder."""
    unsettled = {outcome: ["a/1"] for outcome in outcomes if not outcome.is_settled}
    fields = {
        **PASS,
        **TIMES,
        "work": "mend",
        "outcomes": outcomes,
        "headers": {"cache-control": 2} if outcomes else {},
        "folders": {"a/": outcomes},
        "examples": unsettled,
        **details,
    }
    return to_json(HeadersAnswer(**fields))


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ("", {"headers": "mend"}),
        ("--dry-run --prefix a/", {"headers": "look", "prefix": "a/"}),
        ("--undo --restart", {"headers": "undo", "restart": True}),
    ],
)
def test_compare_gets_the_work_and_its_options(run, words, payload):
    caller = FakeCaller(compare=answer({HeadersOutcome.MENDED: 1}))
    assert run(caller, "headers", *words.split())[0] == 0
    assert caller.asked == [("compare", payload)]


def test_look_asks_for_the_progress_only(run):
    caller = FakeCaller()
    caller.passes["compare"] = answer({HeadersOutcome.EQUAL: 1}, finished=False, ended=None)
    assert run(caller, "headers", "--look")[0] == 1
    assert caller.looked == [("compare", {"headers": "mend", "look": True})]


def test_differences_are_shown_by_outcome_header_and_folder_with_examples(run):
    outcomes = {HeadersOutcome.EQUAL: 1000, HeadersOutcome.DIFFERS: 2}
    code, out, _ = run(FakeCaller(compare=answer(outcomes, work="look")), "headers", "--dry-run")
    assert code == 3
    for shown in ("1,000", "cache-control", "a/", "a/1", "ACLs and tags", f"{OPS} headers"):
        assert shown in out


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [({HeadersOutcome.RECORDED: 1}, 0), ({HeadersOutcome.RECORDED: 1, HeadersOutcome.NOT_ASCII: 1}, 3)],
)
def test_only_settled_headers_are_a_success(run, outcomes, code):
    assert run(FakeCaller(compare=answer(outcomes)), "headers")[0] == code


def test_an_unknown_effect_ends_with_2_and_the_step(run):
    stopped = {"stop": Stop.HEADERS, "stopped": "no canary", "step": Step("canary"), "finished": False}
    caller = FakeCaller(compare=answer({}, **stopped, pass_=None))
    code, out, _ = run(caller, "headers")
    assert (code, len(caller.asked)) == (2, 1)
    assert f"{OPS} canary" in out
