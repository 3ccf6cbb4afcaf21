"""Acknowledgements: failed copies count until a user acknowledges them, and later failures count again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from operator import methodcaller
from typing import Any

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.server.faults import Fault
from support.status import (
    BEHIND,
    EARLY,
    IN_STEP,
    NOW,
    change_description,
    count_series,
    read_verdict,
    reads_month,
    reads_statistics,
    shows_verdict,
)
from support.world import NO_RIGHT, World, oms_error

LACKING = Fault.status(200, b'{"status": "SYNCHRONIZING"}')
# Events of the stories below; `looked`: a pass of reconcile ends, on another day.
counted, advance = (partial(methodcaller, name) for name in ("count_objects", "advance"))
acknowledged = methodcaller("status", acknowledge=True)


def acknowledge_at(year: int, month: int, day: int, hour: int = 0) -> Callable[[World], None]:
    def go(world: World) -> None:
        world.advance_to(datetime(year, month, day, hour, tzinfo=timezone.utc))
        world.bucket.add_pass()

    return go


# Events in order, each with the verdict after it; `""` is in step.
STORIES: dict[str, list[tuple[Callable[[World], Any], str]]] = {
    "failures count until acknowledged, and new failures count": [
        (counted(30, REQUEST=10, SUCCESS=7, FAILURE=3), "OMS failed to copy 3 objects"),
        (acknowledged, ""),
        (advance(600), ""),
        # A new failure is forgotten neither after a day nor on the first,
        (counted(0, REQUEST=1, FAILURE=1), "OMS failed to copy 1 object that"),
        (acknowledge_at(2026, 3, 20), "OMS failed to copy 1 object that"),
        (acknowledge_at(2026, 4, 1), "OMS failed to copy 1 object that"),
        # and those of the months add up, until they are acknowledged.
        (counted(0, REQUEST=2, FAILURE=2), "OMS failed to copy 3 objects"),
        (acknowledged, ""),
        (acknowledge_at(2026, 6, 15), ""),
        (counted(20 * 24 * 60, REQUEST=1, FAILURE=1), "OMS failed to copy 1 object that"),
    ],
    "failures that only the statistics report": [
        # The counters of the month stand still.
        (change_description, ""),
        (counted(30, REQUEST=2, FAILURE=2), "OMS failed to copy 2 objects"),
        (acknowledged, ""),
        # Only the month's counter covers the step of the acknowledgement; the statistics cover later steps.
        (counted(-3, REQUEST=2, FAILURE=2), ""),
        (advance(5 * 60), ""),
        (advance(3600), ""),
        (counted(30, REQUEST=1, FAILURE=1), "OMS failed to copy 1 object that"),
    ],
    "a counter that restarted after the acknowledgement": [
        # OMS's month did not begin when it does in China.
        (counted(EARLY, REQUEST=9, SUCCESS=4, FAILURE=5), "OMS failed to copy 5 objects"),
        (acknowledged, ""),
        (
            partial(
                change_description, monthly_acceptance_request=4, monthly_success_object=0, monthly_failure_object=4
            ),
            "OMS failed to copy 4 objects",
        ),
    ],
    "an acknowledgement of unfinished objects": [
        # Three objects that OMS leaves unfinished, and two that are on their way, which are not acknowledged.
        (counted(EARLY, REQUEST=10, SUCCESS=10), ""),
        (
            partial(count_series, REQUEST={200: 3, 10: 2}),
            "not processed 5 accepted objects (3 of them accepted over 15 minutes ago)",
        ),
        (acknowledged, "OMS has not yet processed 2 objects"),
        (advance(3600), "(2 of them accepted over 15 minutes ago)"),
        # Once OMS has worked on these it is green again, the next day too, and what it leaves unfinished then counts.
        (counted(0, SUCCESS=2), ""),
        (acknowledge_at(2026, 3, 12, 12), ""),
        (counted(25 * 60, REQUEST=1), "not processed 1 accepted object (1 of them accepted over 15 minutes ago)"),
    ],
    "objects that OMS finished just before the acknowledgement": [
        (counted(EARLY, REQUEST=10, SUCCESS=10), ""),
        (partial(count_series, REQUEST={200: 1, 10: 2}, SUCCESS={5: 2}), "OMS has not yet processed 1 object"),
        (acknowledged, ""),
        (advance(3600), ""),
    ],
    "an acknowledgement in another month": [
        # It is of more months ago than are asked for, and the first month that is asked for has failures.
        (counted(EARLY, REQUEST=3, FAILURE=3), "OMS failed to copy 3 objects"),
        (acknowledged, ""),
        (acknowledge_at(2027, 5, 10), ""),
        (counted(360 * 24 * 60, REQUEST=5, FAILURE=5), "OMS failed to copy 5 objects"),
    ],
    "an unreadable acknowledgement": [
        (counted(EARLY, REQUEST=1, FAILURE=1), "OMS failed to copy 1 object that"),
        (acknowledged, ""),
        (
            lambda world: world.bucket.add_json("state/status.json", {"acknowledged": {"at": "once", "failed": 1}}),
            "OMS failed to copy 1 object that",
        ),
    ],
}


@pytest.mark.parametrize("case", STORIES)
def test_status_reports_new_copy_failures_after_an_acknowledgement(world, case):
    for action, expected_text in STORIES[case]:
        action(world)
        is_green = not expected_text or expected_text.startswith("OMS has not yet processed")
        assert shows_verdict(world, IN_STEP if is_green else BEHIND, expected_text)


@pytest.mark.parametrize(
    ("early", "words"),
    [
        (None, ["not processed 1 accepted object (1 of them accepted over 15 minutes ago)", "acknowledge"]),
        (oms_error(400, "OMS.0001"), ["does not report how many objects it has copied (REFUSED)", "acknowledge"]),
        (LACKING, ["lacks some counters"]),
    ],
    ids=["unfinished", "refused", "lacking"],
)
def test_status_reports_old_unfinished_objects_until_acknowledged(world, early, words):
    # GIVEN an old month that OMS did not finish, or does not report
    world.bucket.add_installation(NOW)
    world.advance_to(datetime(2026, 12, 20, tzinfo=timezone.utc))
    world.bucket.add_pass()
    if early is None:
        world.count_objects(180 * 24 * 60, REQUEST=1)
    else:
        world.oms.faults.add(early, where=reads_month("2026-06"))
    assert shows_verdict(world, BEHIND, *words)

    # WHEN the difference is acknowledged, THEN it no longer counts
    assert read_verdict(world, acknowledge=True)[0] == IN_STEP

    # AND a new failure counts
    world.advance(3600)
    world.count_objects(50, REQUEST=1)
    assert "(1 of them accepted over 15 minutes ago)" in read_verdict(world)[1]


def test_an_acknowledgement_without_statistics_covers_the_monthly_counts(world):
    world.count_objects(EARLY, REQUEST=5, SUCCESS=2, FAILURE=1)
    world.oms.deny("oms:synctask:statistics")
    copying = world.status(acknowledge=True)["copying"]
    assert (copying["failed"], copying["acknowledged"]) == (0, "2026-03-10T12:00:00Z")
    world.oms._denied_actions.clear()
    assert read_verdict(world)[0] == IN_STEP


def test_status_queries_at_most_thirteen_months_and_names_the_limit(world):
    # GIVEN a project that was installed in 2021
    world.bucket.add_installation(datetime(2021, 1, 10, tzinfo=timezone.utc))

    def count_queries() -> int:
        return sum(request.method == "GET" and not reads_statistics(request) for request in world.oms.requests)

    # WHEN status reports, THEN it queries thirteen months, and names the limit
    assert shows_verdict(world, IN_STEP, "OMS's counts before 2025-03 were not checked.")
    assert count_queries() == 13

    # AND after the acknowledgement, it only counts later failures, of which there are none
    read_verdict(world, acknowledge=True)
    world.oms.requests.clear()
    state, text = read_verdict(world)
    assert state == IN_STEP
    assert count_queries() == 1
    assert "counts before" not in text


def test_status_writes_to_the_log_bucket_only_to_acknowledge_failures(world):
    # GIVEN a role without the permission to write
    world.bucket.fail(NO_RIGHT, "put")
    world.count_objects(EARLY, REQUEST=1, FAILURE=1)

    # WHEN no acknowledgement is requested, THEN status answers without a write
    for options in ({}, {"acknowledge": False}):
        assert shows_verdict(world, BEHIND, "OMS failed to copy 1 object that", **options)
    assert world.bucket.calls["put"] == 0

    # AND an acknowledgement that cannot be stored is an error
    with pytest.raises(StorageError):
        world.status(acknowledge=True)


@pytest.mark.parametrize("answer", [Fault.status(503), LACKING])
def test_status_acknowledges_no_failures_that_oms_did_not_report(world, answer):
    world.count_objects(EARLY, REQUEST=1, FAILURE=1)
    world.oms.faults.add(answer, where=reads_month("2026-03"))
    assert world.status(acknowledge=True)["copying"]["acknowledged"] is None
    world.oms.faults.clear()
    assert "OMS failed to copy 1 object that" in read_verdict(world)[1]
