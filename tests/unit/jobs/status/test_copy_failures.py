"""What OMS failed to copy adds up: resolved, waiting, stuck, another project's, and not known."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.status.copying import CopyFailures
from oss_oms_sync.ledger.list_positions import Listed
from oss_oms_sync.ledger.records import FailedKey
from support.status_world import BEFORE, BEHIND, EARLY, IN_STEP, NOW, StatusWorld

MULTIPART = "INIT_DST_OBJ_MULTIPART_FAILURE"
CLAIM = "objects that OMS failed to copy = resolved + waiting + stuck + other projects' + not known"


def fail(world: StatusWorld, number: int, minutes_ago: int = EARLY) -> None:
    """OMS failed to copy so many objects."""
    world.counted(minutes_ago, REQUEST=number, FAILURE=number)


def failures(world: StatusWorld) -> dict[str, int]:
    """What became of them; without what is zero."""
    shown = dict(world.status()["copying"]["failures"])
    del shown["codes"]
    return {name: number for name, number in shown.items() if number}


def sum_of(world: StatusWorld) -> dict[str, object]:
    (found,) = (one for one in world.status()["sums"] if one["claim"] == CLAIM)
    return found


AGAIN = "OMS fails again and again to copy 1 object, "
IN_FEBRUARY = datetime(2026, 2, 20, tzinfo=timezone.utc)
STUCK = {"counted": 9, "done": 7, "waiting": 1, "stuck": 1}
# What happened, what became of the failures, the verdict, and what it says.
FOUND = {
    "no list has told of them": (
        [("fails", 3), ("listed", 1)],
        {"counted": 3, "done": 1, "unknown": 2},
        BEHIND,
        ["OMS failed to copy 2 objects. Replay has not seen which in OMS's lists"],
    ),
    "dealt with since": ([("fails", 3), ("listed", 3)], {"counted": 3, "done": 3}, IN_STEP, []),
    "one waits to be sent again": (
        [("fails", 3), ("listed", 3), ("copy_failed", "a")],
        {"counted": 3, "done": 2, "waiting": 1},
        BEHIND,
        ["1 object waiting since"],
    ),
    **{
        f"stuck, {code}": (
            [("fails", 9), ("listed", 9), ("copy_failed", "a", code, attempts), ("copy_failed", "b")],
            STUCK,
            BEHIND,
            [f"{AGAIN}{code}: ", words],
        )
        for code, attempts, words in [
            (MULTIPART, 1, "set another Content-Type at the source"),
            ("UPLOAD_DST_OBJ_FAILURE", 5, "check the destination bucket's quota"),
            ("NOBODY_KNOWS", 7, "Huawei's documents do not name this code"),
        ]
    },
    "of another project": ([("fails", 3), ("listed", 3, 2)], {"counted": 3, "done": 1, "outside": 2}, IN_STEP, []),
    "of last month, whose lists came in this one": (
        [("install", IN_FEBRUARY), ("fails", 5, BEFORE), ("fails", 1), ("listed", 3, 0, "2026-02"), ("listed", 3)],
        {"counted": 6, "done": 6},
        IN_STEP,
        [],
    ),
    "with lists of before the installation": (
        [("fails", 5, BEFORE), ("fails", 1), ("listed", 5, 0, "2026-02")],
        {"counted": 1, "unknown": 1},
        BEHIND,
        [],
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_became_of_failures_is_told_and_none_is_green_that_is_open(world, what):
    happened, found, state, words = FOUND[what]
    for name, *details in happened:
        if name == "fails":
            fail(world, *details)
        else:
            getattr(world, name)(*details)
    assert failures(world) == found
    assert world.tells(state, *words)


def test_each_code_is_shown_with_what_to_do_in_both_languages(world):
    fail(world, 3)
    world.listed(3)
    world.copy_failed("a", MULTIPART)
    for key in "bc":
        world.copy_failed(key)
    codes = world.status()["copying"]["failures"]["codes"]
    assert {code: (one["objects"], one["passes"]) for code, one in codes.items()} == {
        "UPLOAD_DST_OBJ_FAILURE": (2, True),
        MULTIPART: (1, False),
    }
    assert "Content-Type" in codes[MULTIPART]["fix"]
    assert "源端" in codes[MULTIPART]["fix_zh"]


def test_a_code_for_which_an_object_is_stuck_does_not_pass_and_what_sends_all_that_are_stuck_is_the_next_step(world):
    fail(world, 3)
    world.listed(3)
    world.upload("k1", 30)
    world.copy_failed("k1", attempts=9)
    report = world.status()
    assert not report["copying"]["failures"]["codes"]["UPLOAD_DST_OBJ_FAILURE"]["passes"]
    assert report["lasting"] == ["COPY_FAILED"]

    # WHEN somebody removes the cause, and does as is said, THEN it is sent, and no other key
    step = report["verdict"]["step"]
    assert world.ask(step["job"], step["options"], 240)["accepted"] == 1
    assert [*world.oms.accepted] == ["k1"]


def test_what_was_throttled_when_it_was_sent_again_still_waits_as_a_copy(world):
    fail(world, 1)
    world.listed(1)
    world.fail("a", "THROTTLED", copy_attempts=2)
    assert failures(world) == {"counted": 1, "waiting": 1}


def test_a_record_that_was_not_read_may_be_of_one_of_them(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.facts._MAX_RECORDS_READ", 1)
    fail(world, 5)
    world.listed(5)
    for key in "abc":
        world.copy_failed(key)
    assert failures(world) == {"counted": 5, "done": 2, "waiting": 1, "unknown": 2}


def test_the_sum_is_shown_and_holds(world):
    fail(world, 4)
    world.listed(3, outside=1)
    world.copy_failed("a")
    shown = sum_of(world)
    assert (shown["left"], shown["right"], shown["holds"]) == (4, [1, 1, 0, 1, 1], True)


def test_a_counter_that_is_behind_its_lists_is_said_to_be(world):
    world.listed(1)
    world.copy_failed("a")
    shown = sum_of(world)
    assert (shown["left"], shown["right"], shown["holds"]) == (0, [0, 1, 0, 0, 0], False)
    assert "OMS's counter does not have all yet" in str(shown["meaning"])


def test_what_is_acknowledged_without_a_list_does_not_make_later_failures_unknown(world):
    # GIVEN failures of long ago, two of which no list tells of
    fail(world, 10)
    world.listed(8)
    assert world.verdict()[0] == BEHIND
    assert world.verdict(acknowledge=True)[0] == IN_STEP

    # WHEN two more are listed, and dealt with, THEN they are done
    world.go_to(NOW + timedelta(hours=2))
    fail(world, 2, 0)
    assert failures(world) == {"counted": 2, "unknown": 2}
    world.listed(10)
    assert failures(world) == {"counted": 2, "done": 2}


def test_a_list_that_comes_after_its_failures_were_acknowledged_hides_no_later_ones(world):
    # GIVEN that two failures of just now are acknowledged before their list is there
    fail(world, 8)
    fail(world, 2, 30)
    world.listed(8)
    world.verdict(acknowledge=True)

    # WHEN that comes, and two more objects fail, THEN these are not known
    world.go_to(NOW + timedelta(hours=2))
    world.listed(10)
    fail(world, 2, 30)
    assert failures(world) == {"counted": 2, "unknown": 2}
    world.listed(12)
    assert failures(world) == {"counted": 2, "done": 2}


def test_what_still_waits_when_it_is_acknowledged_waits_in_the_backlog_only(world):
    fail(world, 1)
    world.listed(1)
    world.copy_failed("a", MULTIPART)
    world.later(2)
    world.verdict(acknowledge=True)
    assert failures(world) == {}
    assert world.verdict()[1].startswith("1 object waiting since")

    # AND while it does, later failures that no list tells of end as well: by another acknowledgement
    world.go_to(NOW + timedelta(hours=12))
    fail(world, 1, 180)
    world.compared(equal_contents=6, failed_before=1)
    assert failures(world) == {"counted": 1, "unknown": 1}
    world.verdict(acknowledge=True)
    assert failures(world) == {}


numbers = st.integers(0, 9)
keys = st.lists(
    st.builds(lambda times: FailedKey(ObjectChange("a"), copy_attempts=times), st.integers(1, 9)), max_size=9
)


@given(numbers, numbers, numbers, keys, st.one_of(numbers, st.just(math.inf)))
def test_whatever_is_known_the_parts_add_up_and_nothing_is_done_that_no_list_told_of(
    counted, lines, outside, waiting, unread
):
    found = CopyFailures.of(counted, Listed(lines, min(lines, outside)), waiting, unread)
    assert min(found.parts) >= 0
    assert found.waiting + found.stuck == len(waiting)
    assert found.done + found.outside <= lines
    if counted >= lines >= found.outside + len(waiting):
        assert sum(found.parts) == counted
        assert found.unknown >= counted - lines
    if found.done:
        assert found.done <= lines - found.outside - len(waiting) - unread
