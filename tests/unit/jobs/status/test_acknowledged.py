"""What OMS did not copy counts until somebody acknowledges it, and only that is acknowledged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import NO_RIGHT, ROOT
from support.status_world import BEHIND, IN_STEP, NOW


def test_failures_stay_until_they_are_acknowledged_and_new_ones_count(world):
    # GIVEN three objects that OMS failed to copy
    world.counters.months["2026-03"] = (10, 7, 3, 0)
    world.counters.series["FAILURE"] = {30: 3}
    state, text = world.verdict()
    assert (state, "OMS failed to copy 3 objects" in text) == (BEHIND, True)
    assert """s status invoke -e '{"acknowledge": true}'""" in text

    # WHEN they are acknowledged, THEN they count no more, in this answer and the next
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    report = world.status()
    assert (report["copying"]["failed"], report["copying"]["acknowledged"]) == (0, "2026-03-10T12:00:00Z")

    # AND a new one does, and is forgotten neither after a day nor on the first
    world.counters.months["2026-03"] = (11, 7, 4, 0)
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    for day in (datetime(2026, 3, 20, tzinfo=timezone.utc), datetime(2026, 4, 1, tzinfo=timezone.utc)):
        world.go_to(day)
        world.passed()
        world.counters.series = {}
        assert "OMS failed to copy 1 object." in world.verdict()[1]

    # AND those of the months add up, until they are acknowledged
    world.counters.months["2026-04"] = (2, 0, 2, 0)
    assert "OMS failed to copy 3 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(datetime(2026, 6, 15, tzinfo=timezone.utc))
    world.passed()
    assert world.verdict()[0] == IN_STEP
    world.counters.months["2026-05"] = (1, 0, 1, 0)
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_failures_that_only_the_statistics_tell_of_count(world):
    world.counters.series["FAILURE"] = {30: 2}
    assert "OMS failed to copy 2 objects" in world.verdict()[1]
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.counters.series["FAILURE"] = {-3: 2}  # where OMS names a step by its end
    assert world.verdict()[0] == IN_STEP
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series["FAILURE"] = {90: 2, 30: 1}
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_a_counter_that_began_anew_is_not_taken_for_the_acknowledged_one(world):
    # GIVEN that OMS's month did not begin when it does in China
    world.counters.months["2026-03"] = (9, 4, 5, 0)
    world.verdict(acknowledge=True)
    world.counters.months["2026-03"] = (4, 0, 4, 0)
    assert "OMS failed to copy 4 objects" in world.verdict()[1]


NO_ANSWER = Failure(Reason.REFUSED, 400)


@pytest.mark.parametrize(
    ("early", "words"),
    [
        (
            {"months": {"2025-01": (1000, 999, 0, 0)}},
            "not worked on 1 object that it accepted (over 15 minutes ago: 1)",
        ),
        ({"answers": {"2025-09": NO_ANSWER}}, "does not say what it copied, REFUSED"),
        ({"months": {"2025-09": (9, None, 0, 0)}}, "lacks some of its counters"),
    ],
    ids=["unfinished", "refused", "lacking"],
)
def test_a_difference_of_long_ago_counts_until_it_is_acknowledged(world, early, words):
    # GIVEN an early month that OMS did not finish, or does not tell
    world.install(datetime(2025, 4 if "answers" in early else 1, 10, tzinfo=timezone.utc))
    world.go_to(datetime(2025, 12, 20, tzinfo=timezone.utc))
    world.passed()
    world.counters.months.update(early.get("months", {}))
    world.counters.answers.update(early.get("answers", {}))
    state, text = world.verdict()
    assert (state, words in text) == (BEHIND, True), text

    # WHEN it is acknowledged, THEN it counts no more
    assert "acknowledge" in text or "lacks" in text
    assert world.verdict(acknowledge=True)[0] == IN_STEP

    # AND a new one does
    world.counters.months["2025-12"] = (1, 0, 0, 0)
    world.counters.series = {"REQUEST": {60: 1}}
    assert "over 15 minutes ago: 1" in world.verdict()[1]


def test_what_is_unfinished_is_acknowledged_and_only_the_difference_counts(world):
    # GIVEN three objects that OMS leaves unfinished, and two that are on their way
    world.counters.months["2026-03"] = (15, 10, 0, 0)
    world.counters.series = {"REQUEST": {200: 3, 10: 2}}
    assert "not worked on 5 objects that it accepted (over 15 minutes ago: 3)" in world.verdict()[1]

    # WHEN they are acknowledged, THEN it is green, and those on their way are not acknowledged
    state, text = world.verdict(acknowledge=True)
    assert (state, "yet to work on 2 objects" in text) == (IN_STEP, True)
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series = {"REQUEST": {260: 3, 70: 2}}
    assert "over 15 minutes ago: 2" in world.verdict()[1]

    # AND once OMS has worked on these it is green again, the next day too
    world.counters.months["2026-03"] = (15, 12, 0, 0)
    world.counters.series["SUCCESS"] = {65: 2}
    assert world.verdict()[0] == IN_STEP
    world.go_to(NOW + timedelta(days=2))
    world.passed()
    world.counters.series = {}
    assert world.verdict()[0] == IN_STEP

    # AND what it leaves unfinished then counts
    world.counters.months["2026-03"] = (16, 12, 0, 0)
    assert "not worked on 1 object that it accepted (over 15 minutes ago: 1)" in world.verdict()[1]


def test_what_was_done_just_before_the_acknowledgement_is_not_on_its_way(world):
    # GIVEN an object that OMS leaves unfinished, and others that it has just copied
    world.counters.months["2026-03"] = (13, 12, 0, 0)
    world.counters.series = {"REQUEST": {200: 1, 10: 2}, "SUCCESS": {5: 2}}
    assert world.verdict(acknowledge=True)[0] == IN_STEP
    world.go_to(NOW + timedelta(hours=1))
    world.counters.series = {"REQUEST": {260: 1, 70: 2}, "SUCCESS": {65: 2}}
    assert world.verdict()[0] == IN_STEP


def test_an_acknowledgement_is_taken_from_no_other_month_than_its_own(world):
    # GIVEN one of more months ago than are asked for
    world.counters.months["2026-03"] = (3, 0, 3, 0)
    world.verdict(acknowledge=True)
    world.go_to(datetime(2027, 5, 10, tzinfo=timezone.utc))
    world.passed()

    # WHEN the first month that is asked for has failures
    world.counters.months["2026-05"] = (5, 0, 5, 0)

    # THEN all of them count
    assert "OMS failed to copy 5 objects" in world.verdict()[1]


def test_what_is_acknowledged_while_oms_tells_no_statistics_is_what_its_month_tells(world):
    world.counters.months["2026-03"] = (5, 2, 1, 0)
    world.counters.answers["statistics"] = Failure(Reason.FORBIDDEN, 403)
    assert world.status(acknowledge=True)["copying"]["failed"] == 0
    world.counters.answers.clear()
    assert world.verdict()[0] == IN_STEP


def test_no_more_than_thirteen_months_are_asked_and_what_lies_before_is_named(world, mocker):
    # GIVEN a project of 2021
    world.install(datetime(2021, 1, 10, tzinfo=timezone.utc))
    asked = mocker.spy(world.counters, "task")

    # WHEN status is asked, THEN it looks at a year, and says so
    state, text = world.verdict()
    assert (state, asked.call_count) == (IN_STEP, 13)
    assert "What OMS counted before 2025-03 was not looked at." in text

    # AND once that is acknowledged, it looks at what came since, and says nothing of it
    world.verdict(acknowledge=True)
    asked.reset_mock()
    state, text = world.verdict()
    assert (state, asked.call_count, "was not looked at" in text) == (IN_STEP, 1, False)


def test_status_writes_nothing_but_what_is_acknowledged(world):
    # GIVEN a role that may not write
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" else None
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    before = world.bucket.calls["put"]

    # WHEN nothing is to be acknowledged, THEN it answers and does not try
    assert "OMS failed to copy 1 object." in world.verdict()[1]
    assert "OMS failed to copy 1 object." in world.verdict(acknowledge=False)[1]
    assert world.bucket.calls["put"] == before

    # AND it does not say that it has acknowledged what it could not keep
    with pytest.raises(StorageError):
        world.status(acknowledge=True)


@pytest.mark.parametrize("answer", [Failure(Reason.UNAVAILABLE, 503), {"status": "SYNCHRONIZING"}])
def test_what_oms_does_not_tell_cannot_be_acknowledged(world, answer):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.counters.answers["2026-03"] = answer
    assert world.status(acknowledge=True)["copying"]["acknowledged"] is None
    world.counters.answers.clear()
    assert "OMS failed to copy 1 object." in world.verdict()[1]


def test_an_acknowledgement_that_is_unreadable_is_none(world):
    world.counters.months["2026-03"] = (1, 0, 1, 0)
    world.verdict(acknowledge=True)
    world.bucket.add(StoredObject(f"{ROOT}state/status.json", b'{"acknowledged": {"at": "once", "failed": 1}}'))
    assert "OMS failed to copy 1 object." in world.verdict()[1]
