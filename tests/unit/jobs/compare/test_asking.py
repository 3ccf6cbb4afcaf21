"""Options of compare: a prefix, an earlier start, a dry run, a report of the state, a restart, and overwriting.

A world simulates both clouds and a project between them.
"""

from __future__ import annotations

import itertools

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, SettingsError, StorageError
from support.passes import classes, limit_pages, slow_down_listings
from support.world import DAY, HOUR, NO_RIGHT, World


@pytest.fixture
def world() -> World:
    """Return a world with two objects that OBS lacks, and an object that was overwritten in OBS."""
    world = World.holding_copies(LANES="1")
    world.lose_events_of("a/1", "b/1")
    world.put_in_both("b/2", data="1", in_obs="12")
    return world


MISSING, OVERWRITTEN = ["a/1", "b/1"], ["b/2"]


@pytest.mark.parametrize(("options", "sent"), [({}, MISSING), ({"overwrite": True}, MISSING + OVERWRITTEN)])
def test_compare_submits_newer_objects_of_obs_only_with_overwrite(world, options, sent):
    answer = world.invoke("compare", options)
    assert classes(answer) == {"missing": MISSING, "overwritten": OVERWRITTEN}
    assert sorted(world.accepted_keys()) == sent
    assert answer["submitted"] == len(sent)
    assert answer["accepted"] == len(sent)
    assert answer["failed"] == 0


@pytest.mark.parametrize(("options", "sent"), [({}, OVERWRITTEN), ({"since": "2026-01-09"}, [])])
def test_overwrite_has_no_time_limit_but_an_explicit_since(options, sent):
    # GIVEN an object that is missing and an object that is newer in OBS, both written long before the installation
    world = World.holding_copies(LANES="1")
    world.lose_events_of("a/1", "b/2")
    world.advance(9 * DAY)
    world.write("b/2", "12")
    world.bucket.add_installation(world.clock.now())
    world.advance(HOUR)
    # WHEN compare runs with `overwrite`
    answer = world.compare(overwrite=True, **options)
    # THEN it leaves the missing object to a migration, but no migration copies the other object
    assert classes(answer) == {"missing": ["a/1"], "overwritten": OVERWRITTEN}
    assert sorted(world.accepted_keys()) == sent


def test_compare_with_overwrite_submits_an_object_that_is_six_minutes_old():
    world = World.holding_copies(LANES="1")
    world.lose_events_of("a/1")
    world.upload("a/1", "12")
    world.advance(60)
    world.write("a/1", "1")
    world.advance(5 * 60)
    assert classes(world.compare()) == {"moving": ["a/1"]}
    assert world.accepted_keys() == set()
    world.compare(overwrite=True)
    assert world.accepted_keys() == {"a/1"}


def test_compare_never_overwrites_an_object_that_may_be_equal(world):
    world.put_in_both("b/2", data="12", in_obs="34", kind="Appendable")
    assert classes(world.compare(overwrite=True)) == {"missing": MISSING, "equal_size": ["b/2"]}
    assert sorted(world.accepted_keys()) == MISSING


def test_compare_reports_that_its_scope_has_no_source_objects(world):
    assert not world.compare()["has_no_objects"]
    world = World.holding_copies(OBJECT_SUFFIX=".jpg", LANES="1")
    world.write("2.jpg", "1")
    world.lose_events_of("1.txt")
    # A standstill pass judges nothing.
    empty_scopes = [
        world.invoke("compare", options)["has_no_objects"] for options in ({}, {"dry_run": True}, {"standstill": True})
    ]
    assert empty_scopes == [True, True, False]


def test_compare_counts_and_does_not_submit_keys_outside_its_filter():
    world = World.holding_copies(OBJECT_PREFIX="b/", OBJECT_SUFFIX=".jpg", LANES="1")
    world.write("b/3.txt", "1")
    world.lose_events_of("a/1.jpg", "b/1.jpg", "b/2.txt")
    assert classes(world.compare()) == {"missing": ["b/1.jpg"], "outside": ["b/2.txt", "b/3.txt"]}
    assert world.accepted_keys() == {"b/1.jpg"}


def test_compare_submits_objects_from_before_the_setup_only_with_since(world):
    world.source.modified["a/1"] -= 9 * DAY
    assert classes(world.compare())["missing"] == MISSING
    assert world.accepted_keys() == {"b/1"}
    world.compare(since=timestamp(world.clock.now()).replace("2026-01-02", "2025-12-01"))
    assert sorted(world.accepted_keys()) == MISSING


def test_a_dry_run_of_compare_submits_no_key_and_stores_no_object(world):
    names = set(world.bucket.objects)
    answer = world.compare(dry_run=True)
    assert answer["finished"] is True
    assert classes(answer)["missing"] == MISSING
    assert answer["submitted"] == 2
    assert answer["accepted"] == 0
    assert answer["pass"] is None
    assert answer["watermark"] is None
    assert world.accepted_keys() == set()
    assert {*world.bucket.objects} == names


def test_compare_reports_that_a_dry_run_did_not_finish(world):
    slow_down_listings(world.source, 4)
    with limit_pages(2):
        answer = world.compare(dry_run=True, timeout=10)
    assert answer["finished"] is False
    assert "classes" not in answer
    assert answer["next"] == "A dry run is not continued: the next run starts over."


def test_compare_with_look_reports_the_last_pass_and_begins_none(world):
    assert world.compare(look=True)["next"] == "No pass over this scope has started yet."
    begun = world.compare()
    for options in ({}, {"deep": True}):
        look = world.compare(look=True, **options)
        assert look["pass"] == begun["pass"]
        assert look["classes"] == begun["classes"]
    assert world.compare(look=True, prefix="a/")["pass"] is None


def test_the_timer_begins_a_comparison_only_after_compare_period():
    world = World.holding_copies(LANES="1", COMPARE_PERIOD="7d")
    world.put("a", "1", "md5", "copied")
    world.advance(HOUR)
    passes = [world.tick("compare")["pass"]]
    for days in (6, 1):
        world.advance(days * DAY)
        passes.append(world.tick("compare")["pass"])
    assert passes[0] == passes[1] < passes[2]


def test_the_timer_begins_no_comparison_if_compare_period_is_off():
    assert World.holding_copies(COMPARE_PERIOD="off").tick("compare")["stop"] == "period_off"


@pytest.mark.parametrize(
    ("options", "expected_text"),
    [
        ({"limit": 5}, "It takes prefix"),
        ({"all": True}, "It takes prefix"),
        ({"deep": 1}, "no true or false"),
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"frozen_since": "yesterday"}, "frozen_since is 'yesterday'. Give a time in UTC"),
        ({"prefix": None}, "no text"),
        ({"standstill": True, "deep": True}, "standstill and for deep. A standstill pass only lists both buckets"),
        ({"standstill": True, "again": True}, "standstill and for again"),
        ({"standstill": True, "since": "2026-01-01"}, "standstill and for since"),
        ({"again": True, "restart": True}, "again and for restart"),
        ({"again": True, "dry_run": True}, "again and for dry_run"),
    ],
)
def test_compare_refuses_unknown_or_conflicting_options_before_any_work(world, options, expected_text):
    with pytest.raises(PayloadError, match=expected_text):
        world.invoke("compare", options)
    assert not world.accepted_keys()


def test_compare_without_a_source_bucket_names_the_missing_variable():
    with pytest.raises(SettingsError, match="SOURCE_BUCKET is empty"):
        World.holding_copies(SOURCE_BUCKET="").compare()


def test_compare_submits_no_key_of_a_closed_project_until_it_opens(world):
    world.bucket.add_mark(closed=True)
    answer = world.compare(overwrite=True)
    assert answer["finished"] is True
    assert classes(answer)["missing"] == MISSING
    assert answer["submitted"] == 0
    assert not world.accepted_keys()
    world.bucket.add_mark(closed=False)
    world.advance(HOUR)
    assert world.compare()["submitted"] == 2


def test_a_close_stops_the_submissions_of_a_comparison():
    # GIVEN a comparison that submits for longer than it trusts the mark of an open project
    world = World.holding_copies(LANES="1", OMS_RATE="0.1", PIECE_SECONDS="300")
    world.fill(120)
    # WHEN the project is closed meanwhile
    world.oms.refuse(lambda _: bool(world.bucket.add_mark(closed=True)))
    assert not world.compare()["finished"]
    # THEN it stops, and the next call ends the pass without submissions
    sent = world.accepted_keys()
    world.advance(HOUR)
    assert world.compare()["finished"] is True
    assert world.accepted_keys() == sent
    assert 0 < len(sent) < 120


@limit_pages(10)
def test_a_comparison_that_obs_refused_continues_at_its_position():
    # GIVEN forty objects, one of them missing in OBS, which refuses all pages but the first
    world, pages = World.holding_copies(LANES="1"), itertools.count()
    for number in range(40):
        world.put(f"{number:02}", "1", fate="lost" if number == 3 else "copied")
    world.advance(HOUR)
    world.destination.fail(NO_RIGHT, "list", lambda _: next(pages) > 0)
    with pytest.raises(StorageError, match="obs:bucket:ListBucket"):
        world.compare()
    look = world.compare(look=True)
    assert not look["finished"]
    assert look["submitted"] == 1
    # WHEN OBS answers again, THEN the next call reads the remaining pages only, and nothing is counted or sent twice
    world.destination.heal()
    before = world.destination.calls["list"]
    answer = world.compare()
    assert world.destination.calls["list"] - before == 3
    counts = {name: count["source"]["objects"] for name, count in answer["classes"].items()}
    assert (counts["equal_contents"], counts["missing"]) == (39, 1)
    assert answer["adds_up"] is True
    assert answer["source"]["objects"] == 40
    assert world.oms.accepted["03"] == 1
