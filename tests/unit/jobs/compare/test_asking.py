"""Options of compare: a prefix, an earlier start, a dry run, a report of the state, a restart, and overwriting."""

from __future__ import annotations

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, SettingsError
from support.compare_world import CompareWorld, classes, pages_of
from support.reconcile_world import slow_down_listings
from support.world import DAY, HOUR, TICK


@pytest.fixture
def world() -> CompareWorld:
    """Return a world with two objects that OBS lacks, and an object that was overwritten in OBS."""
    world = CompareWorld(["a/1", "b/1", "b/2"], LANES="1")
    world.lost("a/1", "b/1")
    world.lie_in_both("b/2", data="1", there="12")
    return world


MISSING, OVERWRITTEN = ["a/1", "b/1"], ["b/2"]


@pytest.mark.parametrize(("options", "sent"), [({}, MISSING), ({"overwrite": True}, MISSING + OVERWRITTEN)])
def test_newer_objects_are_submitted_only_with_overwrite(world, options, sent):
    answer = world.compare(options)
    assert classes(answer) == {"missing": MISSING, "overwritten": OVERWRITTEN}
    assert sorted(world.sent()) == sent
    assert answer["submitted"] == len(sent)
    assert answer["accepted"] == len(sent)
    assert answer["failed"] == 0


def test_overwrite_submits_objects_older_than_six_minutes():
    world = CompareWorld(["a/1"], LANES="1")
    world.lost("a/1")
    world.upload("a/1", "12")
    world.advance(60)
    world.write("a/1", "1")
    world.advance(5 * 60)
    assert classes(world.compare()) == {"moving": ["a/1"]}
    assert world.sent() == set()
    world.compare({"overwrite": True})
    assert world.sent() == {"a/1"}


def test_overwrite_never_submits_objects_that_may_be_equal(world):
    world.lie_in_both("b/2", data="12", there="34", kind="Appendable")
    assert classes(world.compare({"overwrite": True})) == {"missing": MISSING, "equal_size": ["b/2"]}
    assert sorted(world.sent()) == MISSING


def test_a_prefix_limits_the_comparison_in_both_buckets(world):
    answer = world.compare({"prefix": "b/"})
    assert answer["source"]["objects"] == 2
    assert answer["destination"]["objects"] == 1
    assert world.sent() == {"b/1"}


def test_compare_reports_that_its_scope_has_no_source_objects(world):
    assert not world.compare()["has_no_objects"]
    world = CompareWorld(OBJECT_SUFFIX=".jpg", LANES="1")
    world.write("2.jpg", "1")
    world.lost("1.txt")
    # A standstill pass judges nothing.
    empty_scopes = [
        world.compare(options)["has_no_objects"] for options in ({}, {"dry_run": True}, {"standstill": True})
    ]
    assert empty_scopes == [True, True, False]


def test_objects_outside_the_filter_are_counted_and_not_submitted():
    world = CompareWorld(OBJECT_PREFIX="b/", OBJECT_SUFFIX=".jpg", LANES="1")
    world.write("b/3.txt", "1")
    world.lost("a/1.jpg", "b/1.jpg", "b/2.txt")
    assert classes(world.compare()) == {"missing": ["b/1.jpg"], "outside": ["b/2.txt", "b/3.txt"]}
    assert world.sent() == {"b/1.jpg"}


def test_objects_older_than_the_installation_are_sent_only_with_since(world):
    world.source.modified["a/1"] -= 9 * DAY
    assert classes(world.compare())["missing"] == MISSING
    assert world.sent() == {"b/1"}
    world.compare({"since": timestamp(world.clock.now()).replace("2026-01-02", "2025-12-01")})
    assert sorted(world.sent()) == MISSING


def test_a_dry_run_submits_no_key_and_leaves_no_object(world):
    names = set(world.bucket.objects)
    answer = world.compare({"dry_run": True})
    assert answer["finished"] is True
    assert classes(answer)["missing"] == MISSING
    assert answer["submitted"] == 2
    assert answer["accepted"] == 0
    assert answer["pass"] is None
    assert answer["watermark"] is None
    assert world.sent() == set()
    assert {*world.bucket.objects} == names


def test_an_incomplete_dry_run_is_reported(world):
    slow_down_listings(world.source, 4)
    with pages_of(2):
        answer = world.compare({"dry_run": True}, timeout=10)
    assert answer["finished"] is False
    assert "classes" not in answer
    assert answer["next"] == "A dry run is not continued: the next run starts over."


def test_the_option_look_reports_the_last_pass_and_begins_none(world):
    assert world.compare({"look": True})["next"] == "No pass over this scope has started yet."
    begun = world.compare()
    for options in ({}, {"deep": True}):
        look = world.compare({"look": True, **options})
        assert look["pass"] == begun["pass"]
        assert look["classes"] == begun["classes"]
    assert world.compare({"look": True, "prefix": "a/"})["pass"] is None


def test_the_timer_begins_a_pass_only_after_the_period():
    world = CompareWorld(LANES="1", COMPARE_PERIOD="7d")
    world.put("a", "1", "md5", "copied")
    world.advance(HOUR)
    passes = [world.compare(TICK)["pass"]]
    for days in (6, 1):
        world.advance(days * DAY)
        passes.append(world.compare(TICK)["pass"])
    assert passes[0] == passes[1] < passes[2]


def test_without_a_period_the_timer_begins_no_pass():
    assert CompareWorld(COMPARE_PERIOD="off").compare(TICK)["stop"] == "period_off"


@pytest.mark.parametrize(
    ("options", "expected_text"),
    [
        ({"limit": 5}, "It takes prefix"),
        ({"all": True}, "It takes prefix"),
        ({"deep": 1}, "no true or false"),
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"prefix": None}, "no text"),
        ({"standstill": True, "deep": True}, "standstill and for deep. A standstill pass only lists both buckets"),
        ({"standstill": True, "again": True}, "standstill and for again"),
        ({"standstill": True, "since": "2026-01-01"}, "standstill and for since"),
        ({"again": True, "restart": True}, "again and for restart"),
        ({"again": True, "dry_run": True}, "again and for dry_run"),
    ],
)
def test_unknown_or_contrary_options_are_refused_before_any_work(world, options, expected_text):
    with pytest.raises(PayloadError, match=expected_text):
        world.compare(options)
    assert not world.sent()


def test_compare_without_a_source_bucket_names_the_setting():
    with pytest.raises(SettingsError, match="SOURCE_BUCKET is empty"):
        CompareWorld(SOURCE_BUCKET="").compare({})


def test_a_closed_project_is_compared_and_submits_when_it_is_open(world):
    world.shut(True)
    answer = world.compare({"overwrite": True})
    assert answer["finished"] is True
    assert classes(answer)["missing"] == MISSING
    assert answer["submitted"] == 0
    assert not world.sent()
    world.shut(False)
    world.advance(HOUR)
    assert world.compare()["submitted"] == 2


def test_a_close_stops_the_submissions_of_a_comparison():
    # GIVEN a comparison that submits for longer than it trusts the mark of an open project
    world = CompareWorld(LANES="1", OMS_RATE="0.1", PIECE_SECONDS="300")
    world.fill(120)
    # WHEN the project is closed meanwhile
    world.oms.refuse(lambda _: bool(world.shut(True)))
    assert not world.compare()["finished"]
    # THEN it stops, and the next call ends the pass without submissions
    sent = world.sent()
    world.advance(HOUR)
    assert world.compare()["finished"] is True
    assert world.sent() == sent
    assert 0 < len(sent) < 120
