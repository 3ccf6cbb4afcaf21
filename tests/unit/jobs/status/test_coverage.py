"""What reconcile looked at limits what is in step; an open pass is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.status_world import BACKFILL, IN_STEP, NOW, USUAL, StatusWorld

THREE_DAYS_BEFORE = "Objects written before 2026-03-03T12:00:00Z were not checked."
OLDER = "were not checked."
NOTHING_LOOKED = "found 0 of 7 objects to send. That is what OMS accepted: nothing has looked at OBS yet"


@pytest.mark.parametrize(
    ("scope", "older", "says"),
    [
        (None, THREE_DAYS_BEFORE, NOTHING_LOOKED),
        (BACKFILL, "", ""),
        (
            {**USUAL, "since": "2026-01-01T00:00:00Z"},
            "Objects written before 2026-01-01T00:00:00Z were not checked.",
            "",
        ),
        ({**USUAL, "prefix": "a/", "all": True}, THREE_DAYS_BEFORE, ""),
    ],
    ids=["the usual pass", "a backfill", "one from some day on", "one over a part"],
)
def test_in_step_says_before_when_objects_were_not_looked_at(world, scope, older, says):
    if scope:
        world.passed(scope, scanned=100)
    state, text = world.verdict()
    assert (state, says in text, text.endswith(older)) == (IN_STEP, True, True)
    assert (OLDER in text) is bool(older)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (BACKFILL, "A backfill is under way: begun 2026-03-10T12:00:00Z, 40 objects so far."),
        ({**USUAL, "all": True}, "A backfill is under way"),
        (USUAL, "A pass is under way: begun 2026-03-10T12:00:00Z, 40 objects so far."),
        ({**USUAL, "prefix": "a/"}, "A pass is under way"),
    ],
    ids=["backfill", "all", "usual", "part"],
)
def test_an_open_pass_is_said_and_in_step_stays_limited(world, scope, words):
    world.passed(scope, ended=False, scanned=40)
    report = world.status()
    assert THREE_DAYS_BEFORE in report["verdict"]["text"]
    assert words in report["verdict"]["text"]
    (one,) = report["reconcile"]["open"]
    assert (one["ranges"], one["ended"]) == ({"open": 1, "done": 0}, None)
    assert report["reconcile"]["last"]["scanned"] == 7


def test_several_open_passes_are_counted(world):
    for prefix in ("a/", "b/", "c/"):
        world.passed({**USUAL, "prefix": prefix}, ended=False)
    assert ", and 2 more." in world.verdict()[1]


@pytest.mark.parametrize("scope", [BACKFILL, {**USUAL, "all": True}], ids=["since", "all"])
def test_a_backfill_alone_does_not_tell_whether_events_come(scope):
    world = StatusWorld()
    world.passed(scope)
    assert "whether events were lost is not known" in world.verdict()[1]


@pytest.mark.parametrize(("period", "days"), [("off", 3), ("1d", 2)])
def test_whether_events_are_lost_is_not_known_when_the_last_pass_is_too_old(period, days):
    # GIVEN a pass, and a trigger that has been dead since
    world = StatusWorld(RECONCILE_PERIOD=period)
    world.passed(scanned=7)
    world.go_to(NOW + timedelta(days=days))
    assert world.verdict()[0] == IN_STEP

    # WHEN the pass is older than three days, or than its period and a day
    world.upload("lost", minutes_ago=60, accepted=False)
    world.go_to(NOW + timedelta(days=days, seconds=2))

    # THEN that is a verdict of its own, neither in step nor behind
    state, text = world.verdict()
    assert (state, "python3 ops.py reconcile" in text, "python3 ops.py compare" in text) == ("not known", True, False)
    assert world.status()["overdue"] == ["reconcile"]

    # AND the command that it names ends it: what was lost is seen
    world.reconcile()
    assert "None told of 1 new object (of 1)" in world.verdict()[1]


@pytest.mark.parametrize("period", ["off", "1d"])
def test_without_any_pass_it_is_not_known_until_one_has_ended(period):
    world = StatusWorld(RECONCILE_PERIOD=period, COMPARE_PERIOD="off")
    world.upload("old", 60 * 24 * 10)
    assert world.tells("not known", "python3 ops.py reconcile")
    world.reconcile()
    assert world.verdict()[0] == IN_STEP
