"""The command headers: its payload, its report, and its exit code."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersOutcome
from oss_oms_sync.answers.step import Step
from support.ops import OPS, FakeCaller, headers_answer


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ("", {"headers": "mend"}),
        ("--dry-run --prefix a/", {"headers": "look", "prefix": "a/"}),
        ("--undo --restart", {"headers": "undo", "restart": True}),
    ],
)
def test_the_command_headers_passes_its_options_to_compare(run, words, payload):
    caller = FakeCaller(compare=headers_answer({HeadersOutcome.MENDED: 1}))
    assert run(caller, "headers", *words.split())[0] == 0
    assert caller.asked == [("compare", payload)]


def test_the_command_headers_with_look_only_requests_the_progress(run):
    caller = FakeCaller()
    caller.passes["headers"] = headers_answer({HeadersOutcome.EQUAL: 1}, finished=False, ended=None)
    assert run(caller, "headers", "--look")[0] == 1
    assert caller.asked == []


def test_the_command_headers_shows_differences_by_outcome_and_folder(run):
    outcomes = {HeadersOutcome.EQUAL: 1000, HeadersOutcome.DIFFERS: 2}
    code, output, _ = run(FakeCaller(compare=headers_answer(outcomes, work="look")), "headers", "--dry-run")
    assert code == 3
    for phrase in ("1,000", "cache-control", "a/", "a/1", "ACLs and tags", f"{OPS} headers"):
        assert phrase in output


def test_the_command_headers_names_objects_with_tags(run):
    answer = headers_answer({HeadersOutcome.EQUAL: 2}, tagged=1200, tagged_examples=["a/tagged"])
    code, output, _ = run(FakeCaller(compare=answer), "headers")
    assert code == 0
    assert "1,200 objects have tags" in output
    assert "a/tagged" in output


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [({HeadersOutcome.RECORDED: 1}, 0), ({HeadersOutcome.RECORDED: 1, HeadersOutcome.NOT_ASCII: 1}, 3)],
)
def test_the_command_headers_exits_with_0_only_if_all_headers_are_mended(run, outcomes, code):
    assert run(FakeCaller(compare=headers_answer(outcomes)), "headers")[0] == code


def test_the_command_headers_exits_with_2_without_an_earlier_canary(run):
    stopped_answer = {"stop": Stop.HEADERS, "stopped": "no canary", "step": Step("canary"), "finished": False}
    caller = FakeCaller(compare=headers_answer({}, **stopped_answer, pass_=None))
    code, output, _ = run(caller, "headers")
    assert (code, len(caller.asked)) == (2, 1)
    assert f"{OPS} canary" in output
