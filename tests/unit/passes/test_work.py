"""When a range splits: not before it is worth waking others for it."""

from __future__ import annotations

import pytest

from oss_oms_sync.passes import work
from support.reconcile_world import ReconcileWorld


@pytest.fixture
def split_early():
    """Here ranges split as they really do."""


def many(objects: int, seconds_a_page: float) -> ReconcileWorld:
    world = ReconcileWorld(LANES="4", PIECE_SECONDS="30")
    world.oss.latency(listing=seconds_a_page)
    for number in range(objects):
        world.upload(f"{number:04}")
        world.accept(f"{number:04}")
    world.later()
    return world


def test_without_marks_a_range_is_walked_through_first_and_a_short_one_ends_with_that(mocker):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 10)
    result = many(100, seconds_a_page=0.1).tick()
    assert (result["ranges"], result["covered"], result["finished"]) == ({"open": 0, "done": 1}, 100, True)


def test_a_range_that_is_longer_splits_after_what_was_walked_which_counts(mocker):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 10)
    world = many(100, seconds_a_page=1.0)
    result = world.tick()
    assert result["ranges"] == {"open": 2, "done": 0}
    assert 10 <= result["covered"] < 50
    while not world.tick()["finished"]:
        world.later(600)
    assert world.tick()["covered"] == 100


@pytest.mark.parametrize(("worth", "ranges"), [(101, {"open": 1, "done": 0}), (100, {"open": 2, "done": 0})])
def test_by_marks_a_range_splits_at_once_if_half_of_it_is_worth_an_invocation(mocker, worth, ranges):
    # GIVEN the marks of a pass over a hundred objects
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 10)
    mocker.patch.object(work, "WORTH_SPLITTING", worth)
    world = many(100, seconds_a_page=0.1)
    assert world.tick()["finished"]

    # WHEN the next one begins, and has no time for more than some pages
    world.oss.latency(listing=4)
    world.later(86_400)

    # THEN what it walked through tells whether it split before that
    result = world.tick()
    assert result["ranges"] == ranges
    assert (result["covered"] == 0) == (ranges["open"] == 2)


def test_a_pass_that_cannot_look_for_a_cut_is_begun_all_the_same(mocker):
    # GIVEN marks, so that the first look is for a cut, and a source that answers nothing
    mocker.patch.object(work, "WORTH_SPLITTING", 1)
    world = many(30, seconds_a_page=0.1)
    world.tick()
    world.later(86_400)

    # WHEN a pass is begun by hand, THEN it is there, and the timer goes on with it
    world.begin()
    assert [bool(one.ended) for one in world.passes()] == [True, False]
    world.later(600)
    assert world.tick()["finished"]
