"""Arrival of events: new objects without an event, and facts that do not show the state of the trigger.

The verdict in step covers only the objects that reconcile has checked, and names an open pass.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.passes import refusing
from support.status import BEHIND, IN_STEP, NOW, make_status_world, read_verdict, shows_verdict
from support.world import BACKFILL, USUAL, World, record_name


@pytest.fixture
def world() -> World:
    """Return a world in which no pass has finished."""
    return make_status_world()


def upload_objects(
    world: World, number: int, of: str = "lost", minutes_ago: int = 60, *, has_event: bool = False
) -> None:
    """Upload objects to the folder `of`; if `has_event` is True, OMS has accepted them by their events."""
    for count in range(number):
        key = f"{of}/{count}"
        (world.put_accepted if has_event else world.upload)(key, data=key, minutes_ago=minutes_ago)


def count_new_objects(world: World) -> tuple[int, int]:
    """Return the number of new objects in the last pass, and the number of those without an event."""
    last = world.status()["reconcile"]["last"]
    return last["new"], last["new_missing"]


def test_status_is_not_green_until_a_dead_trigger_works_again(world):
    # GIVEN objects of this day, most of them without events
    upload_objects(world, 6)
    upload_objects(world, 4, "told", has_event=True)

    # WHEN passes have submitted the objects, THEN the verdict is not green after any number of passes
    for sent in (6, 0, 0):
        assert world.reconcile()["submitted"] == sent
        assert shows_verdict(world, BEHIND, "Events are missing for 6 of 10 new objects")

    # AND the verdict is green once a pass finds an object with an event
    world.advance_to(NOW + timedelta(hours=1))
    world.put_accepted("new", data="new", minutes_ago=30)
    world.reconcile()
    assert read_verdict(world)[0] == IN_STEP


def test_status_counts_lost_events_across_a_pass_over_a_prefix(world):
    # GIVEN objects without events, and a pass over a part of the bucket without these objects
    upload_objects(world, 3)
    world.advance_to(NOW + timedelta(hours=2))
    world.reconcile(prefix="elsewhere/")
    world.advance_to(NOW + timedelta(hours=4))
    world.put_accepted("told", data="told", minutes_ago=60)
    world.reconcile()
    assert "Events are missing for 3 of 4 new objects" in read_verdict(world)[1]


def test_status_counts_a_lost_event_once_even_if_it_stops_many_passes(world):
    # GIVEN an object without an event that OMS refuses, and whose failed record the log bucket refuses
    upload_objects(world, 1)
    world.oms.refuse(lambda key: True)
    with refusing(world.bucket, "put", lambda name: "failed_object/lost" in name):
        for _ in range(3):
            assert not world.reconcile()["finished"]

    # WHEN the log bucket stores the record, THEN the object counts as lost
    assert world.reconcile()["finished"]
    assert count_new_objects(world) == (1, 1)


@pytest.mark.parametrize("kind", ["success", "failed"])
@pytest.mark.parametrize(("minutes", "tells"), [(14, 1), (15, 0)])
def test_status_takes_no_record_of_reconcile_for_an_event(world, kind, minutes, tells):
    # GIVEN an object, and a record that is some minutes younger
    world.put_accepted("a", minutes_ago=60)
    if kind == "failed":
        del world.bucket.objects[record_name("success", "a")]
        world.bucket.add_failed_records("a", data="A")
    uploaded = NOW - timedelta(minutes=60 - minutes)
    world.bucket.modified[record_name(kind, "a")] = int(uploaded.timestamp())

    # WHEN a pass judges the object, THEN it counts as new only if its event has certainly arrived
    assert world.reconcile()["submitted"] == 0
    assert count_new_objects(world) == (tells, 0)


@pytest.mark.parametrize(
    ("accepted", "minutes_ago", "sent"),
    [(5, 60, 5), (0, 5 * 24 * 60, 10), (10, 60, 0), (0, 300 * 24 * 60, 0)],
    ids=[
        "half of the objects have a record",
        "objects from before the installation",
        "all objects have a record",
        "an idle bucket",
    ],
)
def test_status_does_not_take_a_trigger_as_dead_for_earlier_writes(world, accepted, minutes_ago, sent):
    upload_objects(world, accepted, "told", minutes_ago, has_event=True)
    upload_objects(world, 10 - accepted, "lost", minutes_ago)
    assert world.reconcile()["submitted"] == sent
    assert read_verdict(world)[0] == IN_STEP


@pytest.mark.parametrize("is_older", [True, False], ids=["older than the project", "newer than the project"])
def test_status_counts_an_object_too_new_for_a_pass_in_the_next_pass(world, is_older):
    if is_older:
        world.bucket.add_installation(NOW)
    world.upload("a", "a", minutes_ago=5)
    assert world.reconcile()["pending"] == 1

    # WHEN the second pass submits it, THEN its event counts as missing, if the trigger existed at the write
    world.advance_to(NOW + timedelta(minutes=20))
    assert world.reconcile()["submitted"] == 1
    state, text = read_verdict(world)
    assert (state == IN_STEP, "Events are missing for 1 of 1 new object" in text) == (is_older, not is_older)


def test_status_detects_a_trigger_that_died_after_years_of_records():
    world = make_status_world(RECONCILE_PERIOD="1d")
    world.bucket.add_installation(NOW - timedelta(days=400))
    upload_objects(world, 50, "old", 300 * 24 * 60, has_event=True)
    world.reconcile()
    world.advance_to(NOW + timedelta(days=1))
    upload_objects(world, 1)
    world.reconcile()
    assert "Events are missing for 1 of 1 new object" in read_verdict(world)[1]


# Texts about passes.

THREE_DAYS_BEFORE = "Objects written before 2026-03-03T12:00:00Z were not checked."
OLDER = "were not checked."
NOTHING_LOOKED = "checked 7 objects and submitted 0. OMS accepted these objects, but no comparison has checked OBS yet"


@pytest.mark.parametrize(
    ("scope", "older", "expected_text"),
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
    ids=["a usual pass", "a pass over all objects", "a pass with the option since", "a pass over a prefix"],
)
def test_the_verdict_in_step_names_the_age_of_unchecked_objects(world, scope, older, expected_text):
    world.bucket.add_pass(scanned=7)
    if scope:
        world.bucket.add_pass(scope, scanned=100)
    state, text = read_verdict(world)
    assert state == IN_STEP
    assert expected_text in text
    assert text.endswith(older)
    assert (OLDER in text) is bool(older)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (BACKFILL, "A backfill is running, begun at 2026-03-10T12:00:00Z: 40 objects scanned so far."),
        ({**USUAL, "all": True}, "A backfill is running"),
        (USUAL, "A pass is running, begun at 2026-03-10T12:00:00Z: 40 objects scanned so far."),
        ({**USUAL, "prefix": "a/"}, "A pass is running"),
    ],
    ids=["backfill", "all", "usual", "part"],
)
def test_status_reports_an_open_pass_next_to_the_verdict_in_step(world, scope, words):
    world.bucket.add_pass(scanned=7)
    world.bucket.add_pass(scope, ended=False, scanned=40)
    assert shows_verdict(world, IN_STEP, THREE_DAYS_BEFORE, words)
    shown = world.status()["reconcile"]
    assert [(open_pass["ranges"], open_pass["ended"]) for open_pass in shown["open"]] == [
        ({"open": 1, "done": 0}, None)
    ]
    assert shown["last"]["scanned"] == 7


def test_status_counts_the_open_passes(world):
    world.bucket.add_pass(scanned=7)
    for prefix in ("a/", "b/", "c/"):
        world.bucket.add_pass({**USUAL, "prefix": prefix}, ended=False)
    assert ", and 2 other passes." in read_verdict(world)[1]


PART = {**USUAL, "prefix": "nothing/"}


@pytest.mark.parametrize("scope", [BACKFILL, {**USUAL, "all": True}, PART], ids=["since", "all", "a part"])
def test_status_does_not_judge_lost_events_by_a_partial_pass(world, scope):
    world.bucket.add_pass(scope)
    assert shows_verdict(world, "unknown", "so lost events may have gone undetected")


@pytest.mark.parametrize(("period", "days"), [("off", 3), ("1d", 2)])
def test_status_does_not_rule_out_lost_events_if_the_pass_is_overdue(period, days):
    # GIVEN a pass, after which the trigger has stopped working
    world = make_status_world(RECONCILE_PERIOD=period)
    world.bucket.add_pass(scanned=7)
    world.advance_to(NOW + timedelta(days=days))
    assert read_verdict(world)[0] == IN_STEP

    # WHEN the pass is older than three days, or than its period and a day
    world.upload("lost", "lost", minutes_ago=60)
    world.advance_to(NOW + timedelta(days=days, seconds=2))

    # THEN the verdict is unknown, neither in step nor behind
    state, text = read_verdict(world)
    assert state == "unknown"
    assert "python3 ops.py reconcile" in text
    assert "python3 ops.py compare" not in text
    assert world.status()["overdue"] == ["reconcile"]

    # AND the printed command ends this verdict, because it finds the lost objects
    world.reconcile()
    assert "Events are missing for 1 of 1 new object" in read_verdict(world)[1]
