"""The page of a status, which has every number of the answer, and shows no unchecked fact in green."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from ops.report.comparison import CLASSES
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.object_class import IN_SCOPE
from oss_oms_sync.answers.status_answer import VerdictState
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.copy_codes import COPY_CODES
from oss_oms_sync.errors import Reason
from support.answers import answer
from support.ops import make_class_counts, missing_parts
from unit.ops.certificates import list_values, replace_values
from unit.ops.web_page import Element, parse, status_page


def page(answer_of_status: Mapping[str, Any], language: str = "en") -> Element:
    return parse(status_page(answer_of_status, language))


@pytest.fixture
def example() -> dict[str, Any]:
    return answer("status")


@pytest.fixture
def status_in_step() -> dict[str, Any]:
    """Return the example of a status in step, with few points in its series."""
    example = answer("status")
    series = example["statistics"]["series"]
    example["statistics"]["series"] = {name: points[-3:] for name, points in series.items()}
    example["verdict"].update(state="in step", text="All of it.", text_zh="全部。")
    return example


@pytest.mark.parametrize(
    ("state", "language", "word"),
    [*((state, "en", state.value.capitalize()) for state in VerdictState), (VerdictState.IN_STEP, "zh", "已同步")],
)
def test_the_page_of_a_status_is_green_only_for_the_verdict_in_step(status_in_step, state, language, word):
    status_in_step["verdict"]["state"] = state.value
    page_element = page(status_in_step, language)
    assert page_element.word()[0] == word
    assert (page_element.word()[1] == "good") == (state is VerdictState.IN_STEP)
    assert page_element.only("p", class_="lead").text == {"en": "All of it.", "zh": "全部。"}[language]


def test_the_page_of_a_status_shows_changes_after_the_close_in_red(status_in_step):
    status_in_step["verdict"].update(state="closed", alarm=True, step={"job": "open", "options": {}})
    page_element = page(status_in_step)
    assert page_element.word() == ("Closed", "bad")
    assert page_element.section("next").only("pre").text == "python3 ops.py open"
    # After a GO nothing is left to do.
    status_in_step["verdict"]["step"] = None
    assert "ops.py open" not in page(status_in_step).text


def test_the_page_of_a_status_shows_every_number_of_objects_in_the_answer(example):
    # GIVEN all counts of objects, without bytes and numbers in another form
    text, last_comparison = page(example).text, example["compare"]["last"]
    example["oms"]["month"].pop("bytes")
    for name in ("ranges", "accepted", "failed", "new"):
        example["reconcile"]["last"].pop(name)
    counts = [example["oms"]["month"], *(example[name] for name in ("copying", "backlog", "sums"))]
    counts += [example["reconcile"]["last"]]
    counts += [
        class_counts[side]["objects"]
        for class_counts in last_comparison["classes"].values()
        for side in ("source", "destination")
    ]
    for name in ("accepted", "copied"):
        counts += [last_comparison["lag"][name]["not_yet"], last_comparison["lag"][name]["within"]["60"]]
    for quads in last_comparison["folders"].values():
        counts += [sum(quad[index] for quad in quads.values()) for index in (0, 2)]
    # THEN each is there, in full
    assert [number for _, number in list_values(counts) if type(number) is int and f"{number:,}" not in text] == []


def test_the_parts_of_a_bar_add_up_to_the_objects_of_the_bucket():
    last_comparison = answer("status")["compare"]["last"]
    section = page(answer("status")).section("in-obs")
    bars = list(section.every(class_="bar"))[:2]
    for bar, side in zip(bars, ("source", "destination"), strict=True):
        shares = [int(part.attributes["style"].removeprefix("flex-grow:")) for part in bar.every("i")]
        counts = {
            object_class: last_comparison["classes"][object_class.title][side]["objects"]
            for object_class in CLASSES
            if object_class.title in last_comparison["classes"] and object_class in IN_SCOPE
        }
        assert sum(shares) == sum(counts.values())
        assert f"{sum(shares):,} objects" in bar.attributes["aria-label"]
        assert [part.attributes["class"] for part in bar.every("i")] == [
            object_class.tone for object_class, number in counts.items() if number
        ]


def test_classes_and_folders_on_a_page_count_the_same_objects(example):
    last_comparison = example["compare"]["last"]
    last_comparison["classes"] = {
        "equal_contents": make_class_counts(5, 5),
        "outside": make_class_counts(7, 7),
        "oms_own": make_class_counts(0, 2),
    }
    last_comparison["folders"] = {"": {"equal_contents": [5, 50, 5, 50], "outside": [7, 70, 7, 70]}}
    page_element = page(example)
    assert "not proven equal: 0 of 5 objects" in page_element.text
    scope, *other_cells = page_element.section("in-obs").only("tfoot").cells()
    assert (scope[0], scope[1], scope[3]) == ("total in scope", "5", "5")
    assert [row[0] for row in other_cells] == ["OMS's own listsnot in the total", "outside the scopenot in the total"]
    assert [cell[:1] for cell in page_element.section("folders").only("tfoot").cells()[0][1:3]] == ["5", "5"]


@pytest.mark.parametrize("amended", [None, "2026-01-01T22:00:00Z"])
def test_the_page_shows_late_objects_in_red_only_before_their_recheck(example, amended):
    example["compare"]["last"]["amended"] = amended
    late_section = page(example).section("lag")
    assert any(late_section.every("td", class_="n bad")) == (not amended)
    assert ("before the recheck" in late_section.text) == bool(amended)


def test_the_page_shows_an_alarm_that_the_webhook_refused_first_in_red(example):
    example["alarm_not_taken"] = "it answered 400"
    assert page(example).only("p", class_="bad").text.startswith("The webhook refused the last alarm: it answered 400.")


def tables_by_caption(section: Element) -> dict[str, Element]:
    """Return the tables of a section by their captions."""
    return {
        element.only("caption").text: element for element in section.every("table") if list(element.every("caption"))
    }


def test_the_page_separates_lasting_from_temporary_failures(example):
    # The most frequent reason comes first, in any order of the answer; equal numbers are in the order of names.
    example["backlog"]["by_reason"] = {"NO_TASK": 1, "FORBIDDEN": 2, "THROTTLED": 900, "MYSTERY": 3, "ENIGMA": 3}
    example["fixes"] = {name: to_json(Reason[name].fix) for name in ("THROTTLED", "FORBIDDEN", "NO_TASK")}
    example["lasting"] = ["FORBIDDEN", "NO_TASK"]
    tables = tables_by_caption(page(example).section("waiting"))
    lasting = tables["Persistent: action required"]
    assert [row[0] for row in lasting.cells()] == ["reason", "FORBIDDEN", "NO_TASK", "total"]
    assert Reason.FORBIDDEN.fix.en in lasting.text
    # Each group has its own scale: its largest cause is a whole bar.
    assert lasting.only("span", style="width:100.000%")
    assert [row[0] for row in tables["Temporary: resent automatically"].cells()] == ["reason", "THROTTLED", "total"]
    unknown_rows = [(row[0], row[2]) for row in tables["Unknown reason"].cells()]
    assert unknown_rows == [("reason", "objects"), ("ENIGMA", "3"), ("MYSTERY", "3"), ("total", "6")]


@pytest.mark.parametrize("unread", [0, 1])
def test_the_page_shows_an_example_of_unreadable_lines_of_oms_lists(example, unread):
    example["oms_lists"] |= {"unread": unread, "example": "x;y"}
    sentence = "Unreadable lines in OMS's lists of failed objects: 1 x;y"
    paragraphs = [paragraph.text for paragraph in page(example).section("waiting").every("p", class_="open")]
    assert paragraphs == [sentence] * unread


def test_the_page_shows_the_message_of_oms_in_the_row_of_a_failed_key(example):
    waiting_key = {"key": "a", "reason": "REFUSED", "since": example["at"], "message": "the <b>key</b> is invalid"}
    example["backlog"]["keys"] = [waiting_key, {**waiting_key, "key": "b", "message": ""}]
    table = tables_by_caption(page(example).section("waiting"))["The first 2 object keys"]
    assert [row[3] for row in table.cells()[1:]] == ["the <b>key</b> is invalid", ""]


CHART_END = 1769850000000  # 2026-01-31T09:00:00Z
# 120 objects in the last hour, ten times as fast as before.
COPIED_POINTS = [[CHART_END, 60], [CHART_END - 600_000, 60], [CHART_END - 7_200_000, 100]]
EMPTY_BACKLOG = {"failed": 0, "in_run_files": 0, "at_least": False, "oldest": None}
UNREADABLE_FIELD = {"unreadable_run_files": ["a/1.json"]}
LEFT_BEHIND_FIELD = {"left_behind": [{"project": "old", "run_files": 2, "folder": "f/", "last_run": ""}]}
DRAIN_TEXT = "Time to clear the backlog15 minestimate for 300 objects waiting for replay or OMS"
UNKNOWN_TEXTS = ["Waiting to be resentunknown", "Time to clear the backlogunknown"]
FAILURES = answer("status")["copying"]["failures"]
NO_FAILURES = {"counted": 0, **dict.fromkeys(("done", "waiting", "stuck", "outside", "unknown"), 0), "codes": {}}
OTHER_FAILURE = {"objects": 1, "passes": True, "fix": "Look at the code.", "fix_zh": ""}
LAST = answer("status")["compare"]["last"]
OPEN_PASS = {
    **answer("status")["reconcile"]["last"],
    "started": "2026-01-31T09:02:44Z",
    "objects_per_minute": 2000,
    "share": 0.25,
    "minutes_left": 7,
    "scanned": 10,
}
SILENCE = {"problem": "UNREACHABLE", "status": None, "message": "no route", "fix": "Check it.", "fix_zh": "检查。"}
NO_OMS = {"oms": None, "oms_failure": SILENCE, "statistics": None, "statistics_failure": SILENCE}


def make_backlog(copied: list[list[int]], backlog: dict[str, Any], unfinished: int | None) -> dict[str, Any]:
    """Return the changes of a status with these copied points, this backlog and these unfinished objects."""
    return {
        "statistics series SUCCESS": copied,
        "statistics series SIZE": [[CHART_END, 360_000_000]],
        "backlog": {**answer("status")["backlog"], **backlog},
        "copying unfinished": None if unfinished is None else {"objects": unfinished, "overdue": 0},
    }


# The section, changes of the example, and the texts that the section has and that it lacks.
SHOWN = {
    "counts that are minimums": (
        "waiting",
        {"backlog at_least": True, "backlog failed": 10_000, "backlog in_run_files": 0, "backlog read": 1},
        ["failed recordsat least 10,000", "in replay's run files0", "given in 1 failed record"],
        [],
    ),
    "run files of another project": (
        "waiting",
        {"backlog left_behind": LEFT_BEHIND_FIELD["left_behind"]},
        ["run files of projects that no longer run"],
        [],
    ),
    "classes that add up": ("in-obs", {}, ["The classes add up"], []),
    **{
        f"classes that do not add up: {path}": ("in-obs", {f"compare last {path}": value}, ["do not add up"], [])
        for path, value in (
            ("source objects", LAST["source"]["objects"] + 1),
            ("destination bytes", 0),
            ("adds_up", False),
        )
    },
    "a backlog and a throughput": (
        "figures",
        make_backlog(COPIED_POINTS, {"failed": 290, "in_run_files": 4}, 6),
        ["Throughput2 objects per minute", "100 kB per second", DRAIN_TEXT],
        [],
    ),
    "a backlog without copied objects": (
        "figures",
        make_backlog([], {"failed": 290, "in_run_files": 4}, 6),
        ["Time to clear the backlogunknown"],
        [],
    ),
    "one waiting object": (
        "figures",
        make_backlog(COPIED_POINTS, {**EMPTY_BACKLOG, "failed": 1}, 0),
        ["estimate for 1 object waiting for replay or OMS"],
        [],
    ),
    "one waiting object at least": (
        "figures",
        make_backlog(COPIED_POINTS, {**EMPTY_BACKLOG, **UNREADABLE_FIELD, "failed": 1}, 0),
        ["estimate for at least 1 object waiting for replay or OMS"],
        [],
    ),
    "no backlog": ("figures", make_backlog([], EMPTY_BACKLOG, 0), ["no backlog"], []),
    "unknown unfinished objects": (
        "figures",
        make_backlog([], EMPTY_BACKLOG, None),
        ["Time to clear the backlogunknown"],
        [],
    ),
    **{
        f"a backlog with {field}": (
            "figures",
            make_backlog(COPIED_POINTS, {**EMPTY_BACKLOG, field: value, "failed": failed}, 0),
            texts,
            [],
        )
        for field, value in {**UNREADABLE_FIELD, **LEFT_BEHIND_FIELD}.items()
        for failed, texts in ((0, UNKNOWN_TEXTS), (3, ["Waiting to be resentat least 3"]))
    },
    **{
        f"copy failures: {expected}": ("failures", {"copying failures": failures}, [expected], [OTHER_FAILURE["fix"]])
        for failures, expected in (
            (None, "unknown"),
            (NO_FAILURES, "OMS reports no copy failures."),
            # A counter of OMS that is too low.
            ({**NO_FAILURES, "counted": 5, "waiting": 6}, "do not add up to OMS's count of failures"),
            (
                {**NO_FAILURES, "counted": 5, "done": 1, "outside": 1, "unknown": 3},
                "Replay has not found these objects in OMS's lists of failed objects.3",
            ),
            # Only a code has the remedy of a code.
            ({**FAILURES, "codes": {"": OTHER_FAILURE}}, "Replay resent these objects, but OMS did not accept them"),
        )
    },
    "more failures of a migration than replay can resend": (
        "failures",
        {
            "old_objects": to_json(
                TaskGroup.from_response({"group_id": "g", "status": 5, "total_num": 20_000, "fail_num": 10_001})
            )
        },
        [
            "More than 10,000 objects failed",
            "retry the objects: python3 ops.py migrate --retry. If",
            "end the migration (python3 ops.py migrate --remove)",
            "missing in OBS: python3 ops.py compare --since 1970-01-01",
        ],
        [],
    ),
    "open passes": (
        "passes",
        {"reconcile open": [OPEN_PASS, {**OPEN_PASS, "share": None, "minutes_left": None, "scanned": 4321}]},
        [
            "A reconcile pass is running (begun: 10 min ago)25.0%, 10 objects scanned so far",
            "10 objects scanned so far, 2,000 objects per minute, 7 min left",
            "4,321 objects scanned so far, 2,000 objects per minute, remaining time unknown",
        ],
        [],
    ),
    "a sum that does not hold": (
        "sums",
        {},
        [
            "4,604,852 = 4,604,611 + 68 + 112 + 61adds up",
            "OMS has not processed all accepted objects yet: check the status again in a few minutes",
            "9,204,118 ≤ 9,201,006 + 412 + 2,486does not add up",
        ],
        ["Two invocations"],
    ),
    "the state of the sync task": ("oms", {}, ["stateSYNCHRONIZING"], []),
    "no answer of OMS": ("oms", NO_OMS, ["not reported by OMS: UNREACHABLE", "Check it."], []),
    "another error of the counts": (
        "oms",
        {**NO_OMS, "statistics_failure": {**SILENCE, "message": "too slow"}},
        ["no route", "too slow"],
        [],
    ),
}


@pytest.mark.parametrize("case", SHOWN)
def test_each_section_of_a_status_shows_the_facts_of_the_answer(example, case):
    section, changes, expected, absent = SHOWN[case]
    text = page(replace_values(example, changes)).section(section).text
    assert missing_parts(text, *expected, *absent) == absent


def test_the_chart_draws_the_bars_of_failures_at_their_own_scale(example):
    example["statistics"]["series"] |= {
        "REQUEST": [[CHART_END, 10**6]],
        "SUCCESS": [[CHART_END, 10**6]],
        "FAILURE": [[CHART_END, 2]],
    }
    page_element = page(example)
    assert float(page_element.only("rect", class_="failures").attributes["height"]) == 98
    assert "peak 2" in page_element.text


def test_a_chart_has_a_description_in_words():
    (picture,) = page(answer("status")).every("figure", role="group")
    series = answer("status")["statistics"]["series"]
    sums = [sum(number for _, number in series[name]) for name in ("REQUEST", "SUCCESS", "FAILURE", "SKIP")]
    assert missing_parts(picture.attributes["aria-label"], *(f"{number:,}" for number in sums)) == []


def test_the_page_shows_the_numbers_and_the_codes_of_copy_failures():
    section = page(answer("status")).section("failures")
    parts = {
        element.attributes["class"]: int(element.attributes["style"].removeprefix("flex-grow:"))
        for element in section.only(class_="bar").every("i")
    }
    assert parts == {"good": FAILURES["done"], "way": FAILURES["waiting"], "bad": FAILURES["stuck"]}
    assert "add up" not in section.text
    assert sum(parts.values()) == FAILURES["counted"]
    tables = tables_by_caption(section)
    lasting = tables["Persistent: action required"]
    assert lasting.cells()[1][::2] == ["INIT_DST_OBJ_MULTIPART_FAILURE", "6"]
    assert COPY_CODES["INIT_DST_OBJ_MULTIPART_FAILURE"].fix.en in lasting.text
    passing = tables["Temporary: resent automatically"].cells()
    assert [row[0] for row in passing[1:]] == ["GET_SRC_OBJ_FAILURE", "UPLOAD_DST_OBJ_FAILURE", "total"]


def test_the_page_colors_only_numbers_of_stuck_or_unknown_copy_failures(example):
    example["copying"]["failures"] = dict.fromkeys(NO_FAILURES, 1) | {"codes": {}}
    rows = page(example).section("failures").only("tbody").every("tr")
    tones = {row.only("i").attributes["class"]: row.only("td").attributes["class"] for row in rows}
    assert tones == {
        "swatch good": "n",
        "swatch way": "n",
        "swatch bad": "n bad",
        "swatch open": "n open",
        "swatch calm": "n",
    }


def test_the_page_highlights_commands_in_the_text_of_a_function():
    page_element = page(answer("status"))
    codes = [element.text for element in page_element.section("in-obs").every("code")]
    assert "python3 ops.py compare --deep" in codes
    # And the text around them does not.
    assert [code for code in codes if code.startswith((" ", ".", ","))] == []
    assert LAST["remedies"]["suspicious"]["en"] in page_element.text


def test_the_page_shows_each_time_with_its_age():
    for time in page(answer("status")).every("time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time.attributes["datetime"])
        assert re.search(r"\d+ (s|min|h|d) ago", time.parent.text)


@pytest.mark.parametrize(
    ("step", "command"),
    [
        ({"job": "replay", "options": {"key": "KEY"}}, "python3 ops.py replay --key KEY"),
        ({"job": "compare", "options": {"again": True}}, "python3 ops.py compare --again"),
        ({"job": "deploy", "options": {}}, "s deploy -y"),
    ],
)
def test_the_page_shows_the_step_of_the_verdict_as_the_next_command(status_in_step, step, command):
    status_in_step["verdict"]["step"] = step
    for language in ("en", "zh"):
        assert page(status_in_step, language).section("next").only("pre").text == command


def test_the_page_shows_an_error_of_oms_once_in_the_readers_language(example):
    assert page({**example, **NO_OMS}).text.count("no route") == 1
    assert "检查。" in page({**example, **NO_OMS}, "zh").text
