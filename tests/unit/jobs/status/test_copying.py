"""Objects that OMS failed to copy or has not finished, by OMS's counters."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from oss_oms_sync.clouds.task import DATA_TYPES
from sandbox.server.faults import Fault
from support.status import (
    BEFORE,
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
from support.world import oms_error

# OMS's counts by age in minutes; the unfinished and overdue objects; and the verdict.
COUNTED: dict[str, tuple[dict[str, dict[int, int]], tuple[int, int | None], str, str]] = {
    "no objects": ({}, (0, 0), IN_STEP, ""),
    "all objects are finished": (
        {"REQUEST": {40: 10}, "SUCCESS": {40: 4, 35: 3}, "SKIP": {20: 3}},
        (0, 0),
        IN_STEP,
        "",
    ),
    "objects in progress": ({"REQUEST": {5: 10}, "SUCCESS": {5: 4}}, (6, 0), IN_STEP, "not yet processed 6 objects"),
    "objects that may be newer than 15 minutes": (
        {"REQUEST": {15: 10}},
        (10, 0),
        IN_STEP,
        "not yet processed 10 objects",
    ),
    "objects older than 15 minutes": (
        {"REQUEST": {20: 10, 5: 2}, "SUCCESS": {5: 4}},
        (8, 6),
        BEHIND,
        "not processed 8 accepted objects (6 of them accepted over 15 minutes ago)",
    ),
    "the finished objects may be the older objects": (
        {"REQUEST": {40: 10, 5: 10}, "SUCCESS": {5: 10}},
        (10, 0),
        IN_STEP,
        "",
    ),
    "objects accepted before the statistics and finished within them": (
        {"REQUEST": {EARLY: 490, 40: 10}, "SUCCESS": {EARLY: 400, 1435: 100}},
        (10, 10),
        BEHIND,
        "10 of them accepted over 15 minutes ago",
    ),
    "unfinished objects from before the statistics": (
        {"REQUEST": {EARLY: 15}, "SUCCESS": {EARLY: 10}},
        (5, 5),
        BEHIND,
        "5 of them accepted over 15 minutes ago",
    ),
    "objects of last month finished this month": (
        {"REQUEST": {BEFORE: 10, EARLY: 20}, "SUCCESS": {BEFORE: 5, EARLY: 25}},
        (0, 0),
        IN_STEP,
        "",
    ),
    "finished objects of last month and unfinished objects of this month": (
        {"REQUEST": {BEFORE: 500, 40: 10}, "SUCCESS": {BEFORE: 400, EARLY: 60}, "SKIP": {EARLY: 40}},
        (10, 10),
        BEHIND,
        "10 of them accepted over 15 minutes ago",
    ),
    "unfinished objects of last month": (
        {"REQUEST": {BEFORE: 10, EARLY: 20}, "SUCCESS": {BEFORE: 5, EARLY: 20}},
        (5, 5),
        BEHIND,
        "5 of them accepted over 15 minutes ago",
    ),
}
BY_THE_HOUR: dict[str, tuple[dict[str, dict[int, int]], tuple[int, int | None], str, str]] = {
    "all objects are finished": ({"REQUEST": {90: 10}, "SUCCESS": {90: 10}}, (0, 0), IN_STEP, ""),
    "unfinished objects of the last hour": (
        {"REQUEST": {59: 10}, "SUCCESS": {59: 4}},
        (6, None),
        BEHIND,
        "reports only hourly counts",
    ),
    "unfinished objects of an earlier hour": (
        {"REQUEST": {120: 10}, "SUCCESS": {120: 4}},
        (6, 6),
        BEHIND,
        "6 of them accepted over 15 minutes ago",
    ),
}
NONE_OF_THEM = [{"data_type": name, "data": []} for name in DATA_TYPES]


def assert_copying(world, left: tuple[int, int | None] | None, state: str, words: str) -> None:
    """Assert the numbers of unfinished and overdue objects, the verdict, and the words in its text."""
    report = world.status()
    assert report["verdict"]["state"] == state, report["verdict"]
    assert words in report["verdict"]["text"], report["verdict"]
    unfinished = report["copying"]["unfinished"]
    assert (unfinished and (unfinished["objects"], unfinished["overdue"])) == left


@pytest.fixture(autouse=True)
def _installed_last_month(world) -> None:
    world.bucket.add_installation(datetime(2026, 2, 20, tzinfo=timezone.utc))


@pytest.mark.parametrize("case", COUNTED)
def test_status_is_not_green_with_overdue_objects_of_oms(world, case):
    counted, *expected = COUNTED[case]
    count_series(world, **counted)
    assert_copying(world, *expected)


@pytest.mark.parametrize("case", BY_THE_HOUR)
def test_status_detects_overdue_objects_by_hourly_counts_of_oms(world, case):
    counted, *expected = BY_THE_HOUR[case]
    world.task.step = "ONE_HOUR"
    count_series(world, **counted)
    assert_copying(world, *expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("success_object", None), ("skip_object", "many"), ("acceptance_request", -1), ("failure_object", None)],
)
def test_status_does_not_take_a_missing_counter_of_oms_for_zero(world, name, value):
    change_description(world, **{f"monthly_{name}": value})
    assert_copying(world, None, BEHIND, "lacks some")
    # Nothing waits, so there is nothing to resend.
    assert world.status()["verdict"]["step"]["job"] == "status"


def set_statistics(world, answer: dict[str, Any]) -> None:
    """Let OMS answer a query for statistics with `answer`."""
    text = json.dumps({"statistic_time_type": "FIVE_MINUTES", **answer}).encode()
    world.oms.faults.add(Fault.status(200, text), where=reads_statistics)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"statistic_datas": []},
        {"statistic_datas": NONE_OF_THEM[1:]},
        {"statistic_datas": [*NONE_OF_THEM, {"data_type": "SKIP"}]},
        {"statistic_datas": [*NONE_OF_THEM, {"data_type": "SKIP", "data": [7]}]},
        {"statistic_datas": [*NONE_OF_THEM, {"data_type": "SKIP", "data": [{"time_stamp": 0, "statistic_num": None}]}]},
    ],
)
def test_status_does_not_take_incomplete_statistics_of_oms_for_zero(world, answer):
    world.count_objects(EARLY, REQUEST=500, SUCCESS=500)
    set_statistics(world, answer)
    assert_copying(world, None, BEHIND, "lacks some")


def test_status_ignores_statistics_of_oms_that_it_did_not_request(world):
    set_statistics(world, {"statistic_datas": [*NONE_OF_THEM, {"data_type": "NEW", "data": 7}]})
    assert_copying(world, (0, 0), IN_STEP, "")


@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
def test_status_reads_times_of_oms_in_seconds_or_milliseconds(world, unit):
    then = (int(NOW.timestamp()) - 300) * unit
    requests = {"data_type": "REQUEST", "data": [{"time_stamp": then, "statistic_num": "10"}]}
    set_statistics(world, {"statistic_datas": [*NONE_OF_THEM, requests]})
    change_description(world, monthly_acceptance_request="10")
    assert_copying(world, (10, 0), IN_STEP, "")
    assert world.status()["statistics"]["series"]["REQUEST"] == [[(int(NOW.timestamp()) - 300) * 1000, 10]]


def test_status_names_the_permission_if_oms_refuses_the_statistics(world):
    world.oms.deny("oms:synctask:statistics")
    words = "(FORBIDDEN): Grant the IAM user of HW_AK the permission oms:synctask:statistics"
    assert_copying(world, None, BEHIND, f"does not report how long the objects in its queue have waited {words}")

    # AND the failures are still reported
    world.count_objects(EARLY, REQUEST=1, FAILURE=1)
    assert "OMS failed to copy 1 object that" in read_verdict(world)[1]


def test_the_verdict_does_not_depend_on_the_option_hours_of_status(world):
    world.count_objects(600, REQUEST=10)
    assert shows_verdict(world, BEHIND, "10 of them accepted over 15 minutes ago", hours=1)
    asked = [request.params for request in world.oms.requests if reads_statistics(request)]
    hours = [(int(step["end_time"]) - int(step["start_time"])) / 3_600_000 for step in asked]
    assert hours == [24, 1]


def test_status_reports_unacknowledged_failures_of_last_month(world):
    world.bucket.add_installation(datetime(2026, 1, 31, 17, tzinfo=timezone.utc))  # already February in China
    world.count_objects(45 * 24 * 60, REQUEST=9, FAILURE=9)
    world.count_objects(BEFORE, REQUEST=4, SUCCESS=2, FAILURE=2)
    assert "OMS failed to copy 2 objects" in read_verdict(world)[1]


def test_status_reports_failures_in_the_first_interval_of_the_statistics(world):
    # GIVEN a month whose counter is behind, and a step that began three minutes before the last day
    change_description(world)
    world.count_objects(24 * 60, REQUEST=2, FAILURE=2)
    world.advance_to(NOW + timedelta(minutes=3))
    assert "OMS failed to copy 2 objects" in read_verdict(world)[1]


@pytest.mark.parametrize("answer", [oms_error(400, "OMS.0001"), oms_error(404, "OMS.0404"), Fault.status(503)])
def test_status_accepts_months_without_a_task_only_before_installation(world, answer):
    world.oms.faults.add(answer, where=reads_month("2026-02"))
    assert "does not report how many objects it has copied" in read_verdict(world)[1]
    world.bucket.add_installation(NOW - timedelta(days=4))
    was_refused = answer.code != 503
    assert (read_verdict(world)[0] == IN_STEP) == was_refused


@pytest.mark.parametrize(
    ("day", "named"),
    [(datetime(2025, 3, 2, tzinfo=timezone.utc), False), (datetime(2025, 2, 20, tzinfo=timezone.utc), True)],
)
def test_the_verdict_names_only_months_whose_counts_are_incomplete(world, day, named):
    world.bucket.add_installation(day)
    assert ("counts before" in read_verdict(world)[1]) == named
