"""Copy failures of OMS by outcome: resolved, waiting, stuck, of other projects, and unknown; the numbers add up."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from operator import methodcaller
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.status.copying import CopyFailures
from oss_oms_sync.ledger.list_positions import LineCount
from oss_oms_sync.ledger.records import FailedKey
from support.status import BEFORE, BEHIND, EARLY, IN_STEP, shows_verdict
from support.world import World

MULTIPART = "INIT_DST_OBJ_MULTIPART_FAILURE"
CLAIM = "objects that OMS failed to copy = resolved + waiting + stuck + other projects' + unknown"


def add_copy_failures(world: World, number: int, minutes_ago: int = EARLY) -> None:
    """Let OMS fail to copy this number of objects."""
    world.count_objects(minutes_ago, REQUEST=number, FAILURE=number)


def read_failures(world: World) -> dict[str, int]:
    """Return the number of copy failures by outcome, without the outcomes that have none."""
    shown = dict(world.status()["copying"]["failures"])
    del shown["codes"]
    return {name: number for name, number in shown.items() if number}


AGAIN = "OMS repeatedly fails to copy 1 object ("
IN_FEBRUARY = datetime(2026, 2, 20, tzinfo=timezone.utc)
STUCK = {"counted": 9, "done": 7, "waiting": 1, "stuck": 1}
# Events, the outcomes of the failures, the verdict, and parts of its text.
OUTCOMES = {
    "failures in no list": (
        [("fails", 3), ("add_read_lines", 1)],
        {"counted": 3, "done": 1, "unknown": 2},
        BEHIND,
        ["OMS failed to copy 2 objects that replay has not found in OMS's lists"],
    ),
    "resolved failures": ([("fails", 3), ("add_read_lines", 3)], {"counted": 3, "done": 3}, IN_STEP, []),
    "a failed copy that waits for its resend": (
        [("fails", 3), ("add_read_lines", 3), ("add_copy_failed_record", "a")],
        {"counted": 3, "done": 2, "waiting": 1},
        BEHIND,
        ["1 object has been waiting to be resent since"],
    ),
    **{
        f"stuck, {code}": (
            [
                ("fails", 9),
                ("add_read_lines", 9),
                ("add_copy_failed_record", "a", code, attempts),
                ("add_copy_failed_record", "b"),
            ],
            STUCK,
            BEHIND,
            [f"{AGAIN}{code}): ", words],
        )
        for code, attempts, words in [
            (MULTIPART, 1, "set another Content-Type at the source"),
            ("UPLOAD_DST_OBJ_FAILURE", 5, "check the destination bucket's quota"),
            ("NOBODY_KNOWS", 7, "Huawei's documentation does not list this code"),
        ]
    },
    "stuck, with several codes": (
        [
            ("fails", 9),
            ("add_read_lines", 9),
            ("add_copy_failed_record", "a", MULTIPART, 5),
            ("add_copy_failed_record", "b", "UPLOAD_DST_OBJ_FAILURE", 5),
        ],
        {"counted": 9, "done": 7, "stuck": 2},
        BEHIND,
        [f"2 objects ({MULTIPART}, UPLOAD_DST_OBJ_FAILURE): ", f"This remedy is only for {MULTIPART}; status lists"],
    ),
    "a resend that OMS throttled": (
        [("fails", 1), ("add_read_lines", 1), ("throttled", "a")],
        {"counted": 1, "waiting": 1},
        BEHIND,
        ["1 object has been waiting to be resent since"],
    ),
    "failures of another project": (
        [("fails", 3), ("add_read_lines", 3, 2)],
        {"counted": 3, "done": 1, "outside": 2},
        IN_STEP,
        [],
    ),
    "failures of last month in lists of this month": (
        [
            ("add_installation", IN_FEBRUARY),
            ("fails", 5, BEFORE),
            ("fails", 1),
            ("add_read_lines", 3, 0, "2026-02"),
            ("add_read_lines", 3),
        ],
        {"counted": 6, "done": 6},
        IN_STEP,
        [],
    ),
    "lists from before the installation": (
        [("fails", 5, BEFORE), ("fails", 1), ("add_read_lines", 5, 0, "2026-02")],
        {"counted": 1, "unknown": 1},
        BEHIND,
        [],
    ),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_status_is_never_green_with_unresolved_copy_failures(world, case):
    happened, counts, state, words = OUTCOMES[case]
    for name, *details in happened:
        if name == "fails":
            add_copy_failures(world, *details)
        elif name == "throttled":
            world.bucket.add_failed_records(*details, reason="THROTTLED", copy_attempts=2)
        else:
            getattr(world.bucket, name)(*details)
    assert read_failures(world) == counts
    assert shows_verdict(world, state, *words)


def test_status_shows_each_error_code_of_oms_with_its_remedy(world):
    add_copy_failures(world, 3)
    world.bucket.add_read_lines(3)
    world.bucket.add_copy_failed_record("a", MULTIPART)
    for key in "bc":
        world.bucket.add_copy_failed_record(key)
    codes = world.status()["copying"]["failures"]["codes"]
    assert {
        code: (failed_for_code["objects"], failed_for_code["passes"]) for code, failed_for_code in codes.items()
    } == {
        "UPLOAD_DST_OBJ_FAILURE": (2, True),
        MULTIPART: (1, False),
    }
    assert "Content-Type" in codes[MULTIPART]["fix"]
    assert "源端" in codes[MULTIPART]["fix_zh"]


def test_status_recommends_resending_an_object_that_often_fails(world):
    add_copy_failures(world, 3)
    world.bucket.add_read_lines(3)
    world.put_accepted("k1", data="k1", minutes_ago=30)
    world.bucket.add_copy_failed_record("k1", attempts=9)
    report = world.status()
    code = report["copying"]["failures"]["codes"]["UPLOAD_DST_OBJ_FAILURE"]
    assert code["passes"] is False
    assert report["lasting"] == ["COPY_FAILED"]

    # WHEN the user removes the cause and runs the printed command, THEN this key is submitted, and no other key
    step = report["verdict"]["step"]
    assert world.invoke(step["job"], step["options"], 240)["accepted"] == 1
    assert world.oms.accepted == {"k1": 1}


def test_status_counts_failures_as_unknown_if_records_are_unread(world, mocker):
    mocker.patch("oss_oms_sync.jobs.status.backlog._MAX_RECORDS_READ", 1)
    add_copy_failures(world, 5)
    world.bucket.add_read_lines(5)
    for key in "abc":
        world.bucket.add_copy_failed_record(key)
    assert read_failures(world) == {"counted": 5, "done": 2, "waiting": 1, "unknown": 2}


@pytest.mark.parametrize(
    ("failures", "lines", "outside", "right", "note"),
    [(4, 3, 1, [1, 1, 0, 1, 1], ""), (0, 1, 0, [0, 1, 0, 0, 0], "OMS's count of failures does not yet include all")],
)
def test_the_outcomes_that_status_shows_add_up_unless_oms_counts_late(world, failures, lines, outside, right, note):
    add_copy_failures(world, failures)
    world.bucket.add_read_lines(lines, outside)
    world.bucket.add_copy_failed_record("a")
    shown = next(sum_shown for sum_shown in world.status()["sums"] if sum_shown["claim"] == CLAIM)
    assert (shown["left"], shown["right"]) == (failures, right)
    assert shown["holds"] is not bool(note)
    assert note in str(shown["meaning"])


# Events in order, each with the outcomes of the failures and the verdict's text after it; `""` is in step.
advance = partial(methodcaller, "advance")
acknowledged = methodcaller("status", acknowledge=True)


def listed(lines: int) -> Callable[[World], None]:
    return lambda world: world.bucket.add_read_lines(lines)


def fail_copies(number: int, minutes_ago: int) -> Callable[[World], None]:
    return lambda world: add_copy_failures(world, number, minutes_ago)


STORIES: dict[str, list[tuple[Callable[[World], Any], dict[str, int], str]]] = {
    "an acknowledgement of failures without a list": [
        (fail_copies(10, EARLY), {"counted": 10, "unknown": 10}, "OMS failed to copy 10 objects"),
        (listed(8), {"counted": 10, "done": 8, "unknown": 2}, "OMS failed to copy 2 objects"),
        (acknowledged, {}, ""),
        (advance(2 * 3600), {}, ""),
        (fail_copies(2, 0), {"counted": 2, "unknown": 2}, "OMS failed to copy 2 objects"),
        (listed(10), {"counted": 2, "done": 2}, ""),
    ],
    "a list after the acknowledgement of its failures": [
        (fail_copies(8, EARLY), {"counted": 8, "unknown": 8}, "OMS failed to copy 8 objects"),
        (fail_copies(2, 30), {"counted": 10, "unknown": 10}, "OMS failed to copy 10 objects"),
        (listed(8), {"counted": 10, "done": 8, "unknown": 2}, "OMS failed to copy 2 objects"),
        (acknowledged, {}, ""),
        (advance(2 * 3600), {}, ""),
        (listed(10), {}, ""),
        (fail_copies(2, 30), {"counted": 2, "unknown": 2}, "OMS failed to copy 2 objects"),
        (listed(12), {"counted": 2, "done": 2}, ""),
    ],
    "an acknowledgement of a failed copy that waits": [
        (fail_copies(1, EARLY), {"counted": 1, "unknown": 1}, "OMS failed to copy 1 object"),
        (listed(1), {"counted": 1, "done": 1}, ""),
        (
            lambda world: world.bucket.add_copy_failed_record("a", MULTIPART),
            {"counted": 1, "stuck": 1},
            f"{AGAIN}{MULTIPART}): ",
        ),
        (advance(2), {"counted": 1, "stuck": 1}, f"{AGAIN}{MULTIPART}): "),
        (acknowledged, {}, "1 object has been waiting to be resent since"),
        # While it does, later failures that no list names end as well: by another acknowledgement.
        (advance(12 * 3600), {}, "1 object has been waiting to be resent since"),
        (fail_copies(1, 180), {"counted": 1, "unknown": 1}, ""),
        (
            lambda world: world.bucket.add_comparison(equal_contents=6, failed_before=1),
            {"counted": 1, "unknown": 1},
            "",
        ),
        (acknowledged, {}, "1 object has been waiting to be resent since"),
    ],
}


@pytest.mark.parametrize("case", STORIES)
def test_status_counts_copy_failures_from_the_last_acknowledgement(world, case):
    for action, counts, expected_text in STORIES[case]:
        action(world)
        assert read_failures(world) == counts
        is_green = not expected_text and "unknown" not in counts
        assert shows_verdict(world, IN_STEP if is_green else BEHIND, expected_text)


numbers = st.integers(0, 9)
keys = st.lists(
    st.builds(lambda times: FailedKey(ObjectChange("a"), copy_attempts=times), st.integers(1, 9)), max_size=9
)


@given(numbers, numbers, numbers, keys, st.one_of(numbers, st.just(math.inf)))
def test_the_outcomes_of_copy_failures_always_add_up_to_their_count(counted, lines, outside, waiting, unread):
    copy_failures = CopyFailures.classify(counted, LineCount(lines, min(lines, outside)), waiting, unread)
    assert min(copy_failures.outcome_counts) >= 0
    assert copy_failures.waiting + copy_failures.stuck == len(waiting)
    assert copy_failures.done + copy_failures.outside <= lines
    if counted >= lines >= copy_failures.outside + len(waiting):
        assert sum(copy_failures.outcome_counts) == counted
        assert copy_failures.unknown >= counted - lines
    if copy_failures.done:
        assert copy_failures.done <= lines - copy_failures.outside - len(waiting) - unread
