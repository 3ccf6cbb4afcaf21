"""What status says of OBS: accepted where nothing has looked, and what a comparison has seen where one has."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from ops.commands import command
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.passes.tally import ClassCount, Side, Tally
from support.ops import OPS
from support.status_world import BEHIND, EARLY, IN_STEP, NOW, StatusWorld


def test_without_a_comparison_it_says_that_nothing_has_looked(world):
    assert world.tells(IN_STEP, "nothing has looked at OBS yet")
    assert world.status()["compare"] == {"last": None, "open": []}


LACKING = "found 3 objects missing in OBS, or there in another version"
ALL_THERE = (
    "All that was written before 2026-03-10T12:00:00Z was in OBS at 2026-03-10T12:00:00Z: 7 objects of 7, of which"
    " 5 are proven to be equal, and 2 are not."
)
# What a comparison found, the verdict, and what it says.
FOUND = {
    "what was in OBS, and since when": ({"equal_contents": 5, "equal_version": 2}, IN_STEP, [ALL_THERE]),
    "what it claims, beside all that there is": (
        {"equal_contents": 5, "equal_size": 2, "in_flight": 1, "failed_before": 3, "outside": 9},
        IN_STEP,
        ["7 objects of 11, of which 5", "Not among them: 3 failed_before, 1 in_flight."],
    ),
    "the time of the oldest that was not there": (
        {"oldest": int((NOW - timedelta(hours=3)).timestamp()), "equal_contents": 5, "in_flight": 1},
        IN_STEP,
        ["before 2026-03-10T09:00:00Z was in OBS at 2026-03-10T12:00:00Z"],
    ),
    **{name: ({"equal_contents": 5, name: 3}, BEHIND, [LACKING]) for name in ("missing", "older", "overwritten")},
    "an MD5 that differs, and reading as the next step": (
        {"equal_contents": 2, "suspicious": 1},
        BEHIND,
        ["of 3 objects: 1 object of the same size, but with another MD5", "python3 ops.py compare --deep"],
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_a_comparison_tells(world, what):
    found, state, words = FOUND[what]
    world.compared(**found)
    verdict, text = world.verdict()
    assert (verdict, [one for one in words if one not in text]) == (state, []), text
    assert ("Not among them" in text) == ("in_flight" in found)


# What the last comparison lacked, what it has sent, and the command that ends it.
LACKED = {
    "older than what is sent": ({"missing": 3}, {"oldest": -10}, "compare --restart --since 2026-02-28T12:00:00Z"),
    "sent, beside what is older, and not sent": (
        {"missing": 3, "overwritten": 1},
        {"oldest": -10, "submitted": 3},
        "compare --again",
    ),
    "compared while closed": ({"older": 3}, {}, "compare --restart"),
    "sent": ({"missing": 3}, {"submitted": 3}, "compare --again"),
    "what sending does not mend": ({"overwritten": 3}, {"submitted": 1}, "cutover --rehearse"),
}


@pytest.mark.parametrize("what", LACKED)
def test_what_obs_lacks_names_the_command_that_ends_it_and_none_that_sends_nothing(world, what):
    found, known, ends = LACKED[what]
    oldest = NOW + timedelta(days=known.get("oldest", -1))
    classes = {name: ClassCount(Side(number, number)) for name, number in found.items()}
    sent = Counter(submitted=known.get("submitted", 0))
    world.passed(job="compare", found=Tally(sent, classes=classes, oldest_not_there=int(oldest.timestamp())))
    verdict = world.status()["verdict"]
    assert verdict["text"].endswith(f": python3 ops.py {ends}")
    assert command(from_json(Step, verdict["step"])) == f"{OPS} {ends}"


def test_what_a_comparison_found_is_not_known_while_oms_does_not_say_where_it_copies_to(world):
    world.compared(equal_contents=2, missing=3)
    assert world.verdict()[0] == BEHIND
    world.describes(dst_bucket=None)
    assert world.tells("not known", "python3 ops.py doctor")


@pytest.mark.parametrize(("period", "days"), [("off", 3), ("1d", 2), ("7d", 8)])
def test_what_is_in_obs_is_not_known_when_the_last_comparison_is_too_old(period, days):
    # GIVEN a comparison, and passes of reconcile in its time
    world = StatusWorld(COMPARE_PERIOD=period)
    world.compared(equal_contents=7)
    world.go_to(NOW + timedelta(days=days))
    world.passed(scanned=7)
    assert world.verdict()[0] == IN_STEP

    # WHEN it is older than three days, or than its period and a day
    world.go_to(NOW + timedelta(days=days, seconds=2))

    # THEN that is a verdict of its own, which a comparison ends
    state, text = world.verdict()
    assert (state, "python3 ops.py compare" in text, "python3 ops.py reconcile" in text) == ("not known", True, False)
    assert world.status()["overdue"] == ["compare"]
    world.compared(equal_contents=7)
    assert world.verdict()[0] == IN_STEP


def test_without_any_comparison_it_says_accepted_also_where_no_timer_makes_one():
    world = StatusWorld(COMPARE_PERIOD="off")
    world.go_to(NOW + timedelta(days=20))
    world.passed(scanned=7)
    assert world.tells(IN_STEP, "nothing has looked at OBS yet")


def test_an_open_comparison_is_shown(world):
    world.compared(ended=False, equal_contents=5)
    shown = world.status()["compare"]
    assert (shown["last"], len(shown["open"])) == (None, 1)
    assert shown["open"][0]["started"] == "2026-03-10T12:00:00Z"


def test_a_clean_comparison_closes_what_oms_had_failed_to_copy_before(world):
    # GIVEN failures early in the month, of which OMS tells only how many
    world.counted(EARLY, REQUEST=9, SUCCESS=7, FAILURE=2)
    assert world.verdict()[0] == BEHIND

    # WHEN everything is seen in OBS
    world.compared(equal_contents=7)

    # THEN they are closed for good, without anybody acknowledging them, and what comes next is a rehearsal
    verdict = world.status()["verdict"]
    assert (verdict["state"], verdict["step"]) == (IN_STEP, {"job": "cutover", "options": {"rehearse": True}})
    assert world.verdict()[0] == IN_STEP


@pytest.mark.parametrize(
    ("minutes_later", "found"),
    [
        pytest.param(90, {"equal_contents": 7}, id="it failed after the comparison"),
        pytest.param(-30, {"equal_contents": 7}, id="it may have been in flight"),
        pytest.param(-480, {"equal_contents": 6, "suspicious": 1}, id="not everything is seen"),
        pytest.param(-480, {"equal_contents": 6, "equal_size": 1}, id="not everything is proven"),
        pytest.param(-480, {"equal_contents": 6, "failed_before": 1}, id="one waited to be sent again"),
    ],
)
def test_failures_stay_where_the_comparison_does_not_show_that_they_are_healed(world, minutes_later, found):
    world.compared(**found)
    world.counted(-minutes_later, REQUEST=2, FAILURE=2)
    world.later(2 * 3600)
    assert world.tells(BEHIND, "OMS failed to copy 2 objects")


def test_each_class_has_a_name_that_answers_show():
    assert len({one.title for one in ObjectClass}) == len(ObjectClass)
