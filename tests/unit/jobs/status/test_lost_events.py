"""Whether events arrive: what a pass found that no event told of, and what says nothing of the trigger."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from support.reconcile_world import refusing
from support.status_world import BEHIND, IN_STEP, NOW, StatusWorld
from support.world import record_name


def lose(world: StatusWorld, number: int, name: str = "lost") -> None:
    """Objects of an hour ago, of which no event told."""
    for count in range(number):
        world.upload(f"{name}/{count}", minutes_ago=60, accepted=False)


def test_a_dead_trigger_is_not_green_until_it_works_again():
    # GIVEN objects of this day, most of which no event told of
    world = StatusWorld()
    lose(world, 6)
    for number in range(4):
        world.upload(f"told/{number}", minutes_ago=60)

    # WHEN passes have sent them, THEN it is not green, however often they look
    for sent in (6, 0, 0):
        assert world.reconcile()["submitted"] == sent
        assert world.tells(BEHIND, "None told of 6 new objects (of 10)")

    # AND it is, once a pass finds that an event has come by itself
    world.go_to(NOW + timedelta(hours=1))
    world.upload("new", minutes_ago=30)
    world.reconcile()
    assert world.verdict()[0] == IN_STEP


@pytest.mark.parametrize("accepted", [True, False], ids=["by events", "by reconcile"])
def test_what_was_accepted_before_the_last_pass_does_not_hide_a_dead_trigger(accepted):
    # GIVEN ten objects that a pass has judged
    world = StatusWorld()
    for number in range(10):
        world.upload(f"{number}", minutes_ago=60, accepted=accepted)
    world.reconcile()

    # WHEN another pass has to send nine of the nine objects that were written since
    world.go_to(NOW + timedelta(hours=12))
    lose(world, 9)
    assert world.reconcile()["submitted"] == 9

    # THEN it is not green
    assert world.tells(BEHIND, "None told of 9 new objects (of 9)")


def test_a_pass_over_a_part_does_not_end_what_counts_as_new_for_all():
    # GIVEN objects that are lost, and a pass over a part that does not hold them
    world = StatusWorld()
    lose(world, 3)
    world.go_to(NOW + timedelta(hours=2))
    world.reconcile(prefix="elsewhere/")
    world.go_to(NOW + timedelta(hours=4))
    world.upload("told", minutes_ago=60)
    world.reconcile()
    assert "None told of 3 new objects (of 4)" in world.verdict()[1]


def test_a_lost_object_counts_once_however_often_a_pass_is_held_back_by_it():
    # GIVEN a lost object that OMS refuses, and whose failed record the log bucket does not take
    world = StatusWorld()
    lose(world, 1)
    world.oms.refuse(lambda key: True)
    with refusing(world.bucket, "put", lambda name: "failed_object/lost" in name):
        for _ in range(3):
            assert not world.reconcile()["finished"]

    # WHEN it does
    assert world.reconcile()["finished"]

    # THEN it is one
    last = world.status()["reconcile"]["last"]
    assert (last["new"], last["new_missing"]) == (1, 1)


@pytest.mark.parametrize("kind", ["success", "failed"])
@pytest.mark.parametrize(("minutes", "tells"), [(14, 1), (15, 0)])
def test_a_record_that_reconcile_may_have_made_does_not_tell_that_the_event_came(kind, minutes, tells):
    # GIVEN an object and its record of so many minutes later
    world = StatusWorld()
    world.upload("a", minutes_ago=60, accepted=kind == "success")
    if kind == "failed":
        world.fail("a", "UNAVAILABLE", etag=hashlib.md5(b"a").hexdigest().upper())
    written = NOW - timedelta(minutes=60 - minutes)
    world.bucket.modified[record_name(kind, "a")] = int(written.timestamp())

    # WHEN a pass judges it, THEN it counts as new only if its event must have come
    assert world.reconcile()["submitted"] == 0
    last = world.status()["reconcile"]["last"]
    assert (last["new"], last["new_missing"]) == (tells, 0)


@pytest.mark.parametrize(
    ("accepted", "minutes_ago"),
    [(5, 60), (0, 5 * 24 * 60), (10, 60)],
    ids=["half of them had a record", "they were written before the installation", "all had one"],
)
def test_a_trigger_is_not_called_dead_for_what_it_could_not_know(accepted, minutes_ago):
    world = StatusWorld()
    for number in range(10):
        world.upload(f"{number}", minutes_ago, accepted=number < accepted)
    assert world.reconcile()["submitted"] == 10 - accepted
    assert world.verdict()[0] == IN_STEP


@pytest.mark.parametrize("is_older", [True, False], ids=["older than the project", "younger"])
def test_an_object_that_was_too_young_for_the_last_pass_is_new_unless_it_is_older_than_the_project(is_older):
    world = StatusWorld()
    if is_older:
        world.install(NOW)
    world.upload("a", minutes_ago=5, accepted=False)
    assert world.reconcile()["pending"] == 1

    # WHEN the second pass sends it, THEN that says something of the trigger, if there was one when it was written
    world.go_to(NOW + timedelta(minutes=20))
    assert world.reconcile()["submitted"] == 1
    state, text = world.verdict()
    assert (state == IN_STEP, "None told of 1 new object (of 1)" in text) == (is_older, not is_older)


def test_years_of_records_do_not_hide_a_trigger_that_died_yesterday():
    world = StatusWorld(RECONCILE_PERIOD="1d")
    world.install(NOW - timedelta(days=400))
    for number in range(50):
        world.upload(f"old/{number}", minutes_ago=300 * 24 * 60)
    world.reconcile()
    world.go_to(NOW + timedelta(days=1))
    lose(world, 1)
    world.reconcile()
    assert "None told of 1 new object (of 1)" in world.verdict()[1]


def test_an_idle_bucket_is_green():
    world = StatusWorld()
    world.upload("old", minutes_ago=300 * 24 * 60, accepted=False)
    world.reconcile()
    assert world.verdict()[0] == IN_STEP
