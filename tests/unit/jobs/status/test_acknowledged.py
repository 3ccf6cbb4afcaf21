"""What OMS did not copy counts until somebody acknowledges it, and only that is acknowledged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.server.faults import Fault
from support.status_world import BEHIND, EARLY, IN_STEP, NOW, is_month, is_statistics
from support.world import NO_RIGHT, oms_error


def test_failures_stay_until_they_are_acknowledged_and_new_ones_count(world):
    # GIVEN three objects that OMS failed to copy
    world.counted(30, REQUEST=10, SUCCESS=7, FAILURE=3)
    assert world.tells(BEHIND, "OMS failed to copy 3 objects", "python3 ops.py status --acknowledge")

    # WHEN they are acknowledged, THEN they count no more, in this answer and the next
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    report = world.status()
    assert (report["copying"]["failed"], report["copying"]["acknowledged"]) == (0, "2026-03-10T12:00:00Z")

    # AND a new one does, and is forgotten neither after a day nor on the first
    world.later(600)
    world.counted(0, REQUEST=1, FAILURE=1)
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    for day in (datetime(2026, 3, 20, tzinfo=timezone.utc), datetime(2026, 4, 1, tzinfo=timezone.utc)):
        world.go_to(day)
        world.passed()
        assert "OMS failed to copy 1 object." in world.verdict()[1]

    # AND those of the months add up, until they are acknowledged
    world.counted(0, REQUEST=2, FAILURE=2)
    assert "OMS failed to copy 3 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(datetime(2026, 6, 15, tzinfo=timezone.utc))
    world.passed()
    assert world.verdict()[0] == IN_STEP
    world.counted(20 * 24 * 60, REQUEST=1, FAILURE=1)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_failures_that_only_the_statistics_tell_of_count(world):
    # GIVEN counters of the month that stand still
    world.describes()
    world.counted(30, REQUEST=2, FAILURE=2)
    assert "OMS failed to copy 2 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP

    # WHEN OMS fails again in the step of the acknowledgement, THEN only the month's counter would tell; later, they do
    world.counted(-3, REQUEST=2, FAILURE=2)
    world.later(5 * 60)
    assert world.verdict()[0] == IN_STEP
    world.later(3600)
    world.counted(30, REQUEST=1, FAILURE=1)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_a_counter_that_began_anew_is_not_taken_for_the_acknowledged_one(world):
    # GIVEN that OMS's month did not begin when it does in China
    world.counted(EARLY, REQUEST=9, SUCCESS=4, FAILURE=5)
    world.verdict(acknowledge=True)
    world.describes(monthly_acceptance_request=4, monthly_success_object=0, monthly_failure_object=4)
    assert "OMS failed to copy 4 objects" in world.verdict()[1]


@pytest.mark.parametrize(
    ("early", "words"),
    [
        ("unfinished", "not worked on 1 object that it accepted (over 15 minutes ago: 1)"),
        ("refused", "does not say what it copied, REFUSED"),
        ("lacking", "lacks some of its counters"),
    ],
)
def test_a_difference_of_long_ago_counts_until_it_is_acknowledged(world, early, words):
    # GIVEN a month of long ago that OMS did not finish, or does not tell
    world.install(NOW)
    world.go_to(datetime(2026, 12, 20, tzinfo=timezone.utc))
    world.passed()
    month, fault = is_month("2026-06"), None
    if early == "unfinished":
        world.counted(180 * 24 * 60, REQUEST=1)
    else:
        fault = oms_error(400, "OMS.0001") if early == "refused" else Fault.status(200, b'{"status": "SYNCHRONIZING"}')
        world.oms.faults.add(fault, where=month)
    state, text = world.verdict()
    assert (state, words in text) == (BEHIND, True), text

    # WHEN it is acknowledged, THEN it counts no more
    assert "acknowledge" in text or "lacks" in text
    assert world.verdict(acknowledge=True)[0] == IN_STEP

    # AND a new one does
    world.later(3600)
    world.counted(50, REQUEST=1)
    assert "over 15 minutes ago: 1" in world.verdict()[1]


def test_what_is_unfinished_is_acknowledged_and_only_the_difference_counts(world):
    # GIVEN three objects that OMS leaves unfinished, and two that are on their way
    world.counted(EARLY, REQUEST=10, SUCCESS=10)
    world.series(REQUEST={200: 3, 10: 2})
    assert "not worked on 5 objects that it accepted (over 15 minutes ago: 3)" in world.verdict()[1]

    # WHEN they are acknowledged, THEN it is green, and those on their way are not acknowledged
    assert world.tells(IN_STEP, "yet to work on 2 objects", acknowledge=True)
    world.go_to(NOW + timedelta(hours=1))
    assert "over 15 minutes ago: 2" in world.verdict()[1]

    # AND once OMS has worked on these it is green again, the next day too
    world.counted(0, SUCCESS=2)
    assert world.verdict()[0] == IN_STEP
    world.go_to(NOW + timedelta(days=2))
    world.passed()
    assert world.verdict()[0] == IN_STEP

    # AND what it leaves unfinished then counts
    world.counted(25 * 60, REQUEST=1)
    assert "not worked on 1 object that it accepted (over 15 minutes ago: 1)" in world.verdict()[1]


def test_what_was_done_just_before_the_acknowledgement_is_not_on_its_way(world):
    # GIVEN an object that OMS leaves unfinished, and others that it has just copied
    world.counted(EARLY, REQUEST=10, SUCCESS=10)
    world.series(REQUEST={200: 1, 10: 2}, SUCCESS={5: 2})
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(NOW + timedelta(hours=1))
    assert world.verdict()[0] == IN_STEP


def test_an_acknowledgement_is_taken_from_no_other_month_than_its_own(world):
    # GIVEN one of more months ago than are asked for
    world.counted(EARLY, REQUEST=3, FAILURE=3)
    world.verdict(acknowledge=True)
    world.go_to(datetime(2027, 5, 10, tzinfo=timezone.utc))
    world.passed()

    # WHEN the first month that is asked for has failures, THEN all of them count
    world.counted(360 * 24 * 60, REQUEST=5, FAILURE=5)
    assert "OMS failed to copy 5 objects" in world.verdict()[1]


def test_what_is_acknowledged_while_oms_tells_no_statistics_is_what_its_month_tells(world):
    world.counted(EARLY, REQUEST=5, SUCCESS=2, FAILURE=1)
    world.oms.deny("oms:synctask:statistics")
    assert world.status(acknowledge=True)["copying"]["failed"] == 0
    world.oms._denied.clear()
    assert world.verdict()[0] == IN_STEP


def test_no_more_than_thirteen_months_are_asked_and_what_lies_before_is_named(world):
    # GIVEN a project of 2021
    world.install(datetime(2021, 1, 10, tzinfo=timezone.utc))

    def asked() -> int:
        return sum(request.method == "GET" and not is_statistics(request) for request in world.oms.requests)

    # WHEN status is asked, THEN it looks at a year, and says so
    state, text = world.verdict()
    assert (state, asked()) == (IN_STEP, 13)
    assert "What OMS counted before 2025-03 was not checked." in text

    # AND once that is acknowledged, it looks at what came since, and says nothing of it
    world.verdict(acknowledge=True)
    world.oms.requests.clear()
    state, text = world.verdict()
    assert (state, asked(), "was not checked" in text) == (IN_STEP, 1, False)


def test_status_writes_nothing_but_what_is_acknowledged(world):
    # GIVEN a role that may not write
    world.bucket.fail(NO_RIGHT, "put")
    world.counted(EARLY, REQUEST=1, FAILURE=1)

    # WHEN nothing is to be acknowledged, THEN it answers and does not try
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    assert "OMS failed to copy 1 object." in world.verdict(acknowledge=False)[1]
    assert world.bucket.calls["put"] == 0

    # AND it does not say that it has acknowledged what it could not keep
    with pytest.raises(StorageError):
        world.status(acknowledge=True)


@pytest.mark.parametrize("answer", [Fault.status(503), Fault.status(200, b'{"status": "SYNCHRONIZING"}')])
def test_what_oms_does_not_tell_cannot_be_acknowledged(world, answer):
    world.counted(EARLY, REQUEST=1, FAILURE=1)
    world.oms.faults.add(answer, where=is_month("2026-03"))
    assert world.status(acknowledge=True)["copying"]["acknowledged"] is None
    world.oms.faults.clear()
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_an_acknowledgement_that_is_unreadable_is_none(world):
    world.counted(EARLY, REQUEST=1, FAILURE=1)
    world.verdict(acknowledge=True)
    world.keep("state/status.json", {"acknowledged": {"at": "once", "failed": 1}})
    assert "OMS failed to copy 1 object." in world.verdict()[1]
