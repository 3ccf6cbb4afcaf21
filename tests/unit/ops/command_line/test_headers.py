"""The command headers: its report and its exit code."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.finding import Stop
from oss_oms_sync.answers.headers_answer import HeadersOutcome
from oss_oms_sync.answers.step import Step
from support.ops import OPS, FakeCaller, headers_answer, missing_parts


def test_the_command_headers_with_look_only_requests_the_progress(run):
    caller = FakeCaller()
    caller.passes["headers"] = headers_answer({HeadersOutcome.EQUAL: 1}, finished=False, ended=None)
    assert run(caller, "headers", "--look")[0] == 1
    assert caller.asked == []


@pytest.mark.parametrize(
    ("words", "answer", "code", "expected"),
    [
        (
            "--dry-run",
            headers_answer({HeadersOutcome.EQUAL: 1000, HeadersOutcome.DIFFERS: 2}, work="look", step=Step("headers")),
            3,
            ("1,000", "cache-control", "a/", "a/1", "ACLs and tags", f"{OPS} headers"),
        ),
        (
            "",
            headers_answer({HeadersOutcome.EQUAL: 2}, tagged=1200, tagged_examples=["a/tagged"]),
            0,
            ("1,200 objects have tags", "a/tagged"),
        ),
        (
            "",
            headers_answer({}, stop=Stop.HEADERS, stopped="no canary", step=Step("canary"), finished=False, pass_=None),
            2,
            (f"{OPS} canary",),
        ),
        *[
            (words, headers_answer(outcomes, **details), code, ("unsafe in this OBS bucket", "docs/objects.md"))
            for words, outcomes, details, code in (
                ("--dry-run", {HeadersOutcome.DIFFERS: 2}, {"work": "look"}, 3),
                ("", {}, {"stop": Stop.HEADERS, "stopped": "it says why", "finished": False, "pass_": None}, 2),
            )
        ],
    ],
    ids=[
        *("differences by outcome and folder", "objects with tags", "no earlier canary"),
        *("differences that must not be changed", "changes that are unsafe"),
    ],
)
def test_the_command_headers_shows_its_result_and_the_next_step(run, words, answer, code, expected):
    caller = FakeCaller(compare=answer)
    exit_code, output, _ = run(caller, "headers", *words.split())
    assert exit_code == code
    assert len(caller.asked) == 1
    assert missing_parts(output, *expected) == []
