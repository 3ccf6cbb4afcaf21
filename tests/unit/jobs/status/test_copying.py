"""What OMS failed to copy, and what it has yet to work on, by its counters of objects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from oss_oms_sync.clouds.counters import DATA_TYPES
from oss_oms_sync.reasons import Failure, Reason
from support.status_world import BEHIND, IN_STEP, NOW, Counters

EMPTY = [{"data_type": name, "data": []} for name in DATA_TYPES]
# What OMS counted, what of it is unfinished and overdue, and the verdict.
COUNTED: dict[str, tuple[dict[str, Any], tuple[int, int | None] | None, str, str]] = {
    "nothing": ({}, (0, 0), IN_STEP, ""),
    "all is done": (
        {"REQUEST": {40: 10}, "SUCCESS": {40: 4, 35: 3}, "FAILURE": {}, "SKIP": {20: 3}, "2026-03": (10, 7, 0, 3)},
        (0, 0),
        IN_STEP,
        "",
    ),
    "some are on their way": (
        {"REQUEST": {5: 10}, "SUCCESS": {5: 4}, "2026-03": (10, 4, 0, 0)},
        (6, 0),
        IN_STEP,
        "yet to work on 6 objects",
    ),
    "some may be younger than 15 minutes": (
        {"REQUEST": {19: 10}, "2026-03": (10, 0, 0, 0)},
        (10, 0),
        IN_STEP,
        "yet to work on 10 objects",
    ),
    "some are older than 15 minutes": (
        {"REQUEST": {20: 10, 5: 2}, "SUCCESS": {5: 4}, "2026-03": (12, 4, 0, 0)},
        (8, 6),
        BEHIND,
        "not worked on 8 objects that it accepted (over 15 minutes ago: 6)",
    ),
    "what is done may be of the older ones": (
        {"REQUEST": {40: 10, 5: 10}, "SUCCESS": {5: 10}, "2026-03": (20, 10, 0, 0)},
        (10, 0),
        IN_STEP,
        "",
    ),
    "what was done at the beginning was accepted before it": (
        {"REQUEST": {40: 10}, "SUCCESS": {1435: 100}, "2026-03": (500, 500, 0, 0)},
        (10, 10),
        BEHIND,
        "over 15 minutes ago: 10",
    ),
    "what waits was accepted before the statistics begin": (
        {"2026-03": (15, 10, 0, 0)},
        (5, 5),
        BEHIND,
        "over 15 minutes ago: 5",
    ),
    "last month's objects are done in this one": (
        {"2026-02": (10, 5, 0, 0), "2026-03": (20, 25, 0, 0)},
        (0, 0),
        IN_STEP,
        "",
    ),
    "last month's objects, which are done, hide none of this month's": (
        {"2026-02": (500, 400, 0, 0), "2026-03": (10, 60, 0, 40), "REQUEST": {40: 10}},
        (10, 10),
        BEHIND,
        "over 15 minutes ago: 10",
    ),
    "last month's objects still wait": (
        {"2026-02": (10, 5, 0, 0), "2026-03": (20, 20, 0, 0)},
        (5, 5),
        BEHIND,
        "over 15 minutes ago: 5",
    ),
    "by the hour, all is done": ({"minutes": 60, "REQUEST": {90: 10}, "SUCCESS": {90: 10}}, (0, 0), IN_STEP, ""),
    "by the hour, some are left of the last": (
        {"minutes": 60, "REQUEST": {59: 10}, "SUCCESS": {59: 4}},
        (6, None),
        BEHIND,
        "counts by the hour",
    ),
    "by the hour, some are left of long before": (
        {"minutes": 60, "REQUEST": {120: 10}, "SUCCESS": {120: 4}},
        (6, 6),
        BEHIND,
        "over 15 minutes ago: 6",
    ),
    "numbers as text": (
        {"2026-03": ("10", "10", "0", "0"), "REQUEST": {40: "10"}, "SUCCESS": {40: "9"}},
        (1, 1),
        BEHIND,
        "over 15 minutes ago: 1",
    ),
    "a counter is missing": ({"2026-03": (0, None, 0, 0)}, None, BEHIND, "lacks some"),
    "an earlier month's counter is missing": ({"2026-02": (None, 0, 0, 0)}, None, BEHIND, "lacks some"),
    "a counter is no number": ({"2026-03": (0, 0, 0, "many")}, None, BEHIND, "lacks some"),
    "a counter is negative": ({"2026-03": (-1, 0, 0, 0)}, None, BEHIND, "lacks some"),
    "the failures are missing": ({"2026-03": (0, 0, None, 0)}, None, BEHIND, "lacks some"),
    "a point is no number": ({"REQUEST": {40: None}}, None, BEHIND, "lacks some"),
    "a point is none": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "SKIP", "data": [7]}]}},
        None,
        BEHIND,
        "lacks some",
    ),
    "the statistics are none": ({"statistics": {}}, None, BEHIND, "lacks some"),
    "one of them is none": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "SKIP"}]}},
        None,
        BEHIND,
        "lacks some",
    ),
    "no statistics came": (
        {"statistics": {"statistic_datas": []}, "2026-03": (500, 500, 0, 0)},
        None,
        BEHIND,
        "lacks some",
    ),
    "one of them did not come": ({"statistics": {"statistic_datas": EMPTY[1:]}}, None, BEHIND, "lacks some"),
    "what nobody asked for is no matter": (
        {"statistics": {"statistic_datas": [*EMPTY, {"data_type": "NEW", "data": 7}]}},
        (0, 0),
        IN_STEP,
        "",
    ),
    "the statistics are refused": (
        {"statistics": Failure(Reason.FORBIDDEN, 403)},
        None,
        BEHIND,
        "does not say how long it has had what it still has to copy, FORBIDDEN: Grant the IAM user behind HW_AK the"
        " action oms:synctask:statistics",
    ),
    "an earlier month is not told": (
        {"answers": {"2026-02": Failure(Reason.UNAVAILABLE, 503)}},
        None,
        BEHIND,
        "does not say what it copied, UNAVAILABLE",
    ),
}


def count(counters: Counters, counted: Mapping[str, Any]) -> None:
    """Sets what OMS counts as COUNTED writes it."""
    for name, value in counted.items():
        if name.startswith("2026"):
            counters.months[name] = value
        elif name == "minutes":
            counters.minutes = value
        elif name == "statistics":
            counters.answers[name] = value
        elif name == "answers":
            counters.answers.update(value)
        else:
            counters.series[name] = value


@pytest.mark.parametrize("what", COUNTED)
def test_the_verdict_is_made_of_how_old_what_oms_has_not_finished_is(world, what):
    # GIVEN a project that was installed last month, and what OMS counted in objects
    counted, left, state, words = COUNTED[what]
    world.install(datetime(2026, 2, 20, tzinfo=timezone.utc))
    count(world.counters, counted)

    # WHEN status is asked, THEN nothing is green that is overdue or not known, nor red that is on its way
    report = world.status()
    assert (report["verdict"]["state"], words in report["verdict"]["text"]) == (state, True), report["verdict"]
    unfinished = report["copying"]["unfinished"]
    assert (unfinished and (unfinished["objects"], unfinished["overdue"])) == left


def test_the_verdict_does_not_depend_on_the_hours_that_are_shown(world, mocker):
    count(world.counters, {"REQUEST": {600: 10}, "2026-03": (10, 0, 0, 0)})
    asked = mocker.spy(world.counters, "statistics")
    state, text = world.verdict(hours=1)
    assert (state, "over 15 minutes ago: 10" in text) == (BEHIND, True)
    windows = [end - start for start, end, _ in (call.args for call in asked.call_args_list)]
    assert windows == [timedelta(days=1), timedelta(hours=1)]


def test_last_months_failures_that_nobody_ever_looked_at_are_not_forgotten(world):
    world.install(datetime(2026, 1, 31, 17, tzinfo=timezone.utc))  # already February in China
    world.counters.months = {"2026-01": (9, 0, 9, 0), "2026-02": (4, 2, 2, 0)}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]


def test_a_failure_in_the_step_in_which_the_statistics_begin_counts(world):
    # GIVEN a step that began three minutes before the last day
    world.counters.series["FAILURE"] = {24 * 60 + 3: 2}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]


def test_times_in_seconds_are_understood(world):
    now = int(NOW.timestamp())
    requests = {"data_type": "REQUEST", "data": [{"time_stamp": now - 300, "statistic_num": 10}]}
    answer = {"statistic_time_type": "FIVE_MINUTES", "statistic_datas": [*EMPTY, requests]}
    world.counters.answers["statistics"] = answer
    report = world.status()
    assert report["copying"]["unfinished"] == {"objects": 10, "overdue": 0}
    assert report["statistics"]["series"]["REQUEST"] == [((now - 300) * 1000, 10)]


def test_what_waits_at_oms_for_a_day_still_counts_on_a_task_that_was_used_before(world):
    # GIVEN a task that worked this month on what it had accepted the month before, and ten objects that wait
    world.counters.months = {"2026-02": (500, 400, 0, 0), "2026-03": (110, 200, 0, 0)}
    world.counters.series = {"REQUEST": {40: 10}}
    assert "over 15 minutes ago: 10" in world.verdict()[1]

    # WHEN a day goes by, and nothing else happens, THEN they still wait
    world.go_to(NOW + timedelta(hours=25))
    world.passed(scanned=7)
    world.counters.series = {}
    assert "over 15 minutes ago: 10" in world.verdict()[1]


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.NO_TASK])
def test_before_the_installation_there_need_not_have_been_a_task(world, reason):
    world.counters.answers["2026-02"] = Failure(reason, 400)
    assert world.verdict()[0] == IN_STEP
    world.install(datetime(2026, 2, 20, tzinfo=timezone.utc))
    assert "does not say what it copied" in world.verdict()[1]


def test_a_month_before_the_installation_that_oms_does_not_tell_now_is_not_known(world):
    world.counters.answers["2026-02"] = Failure(Reason.UNAVAILABLE, 503)
    assert "does not say what it copied" in world.verdict()[1]


@pytest.mark.parametrize(
    ("day", "named"),
    [(datetime(2025, 3, 2, tzinfo=timezone.utc), False), (datetime(2025, 2, 20, tzinfo=timezone.utc), True)],
)
def test_months_that_are_all_asked_are_not_named(world, day, named):
    world.install(day)
    assert ("was not looked at" in world.verdict()[1]) == named


def test_without_statistics_the_failures_are_still_told(world):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.counters.answers["statistics"] = Failure(Reason.FORBIDDEN, 403)
    assert "OMS failed to copy 1 object." in world.verdict()[1]
