"""What a call may ask for: a part, an earlier beginning, a trial, a look, another pass, and to overwrite."""

from __future__ import annotations

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, SettingsError
from support.compare_world import CompareWorld, pages_of
from support.reconcile_world import slow
from support.world import DAY, HOUR

TICK = {"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"}


@pytest.fixture
def world() -> CompareWorld:
    """Two objects are missing in OBS, one was overwritten there."""
    world = CompareWorld(["a/1", "b/1", "b/2"], LANES="1")
    world.put("a/1", "1", "md5", "lost")
    world.put("b/1", "1", "md5", "lost")
    world.lie_in_both("b/2", data="1", there="12")
    return world


def keys(answer: dict, name: str) -> list[str]:
    return answer["classes"][name]["keys"]


def test_without_anything_asked_what_is_missing_is_sent_and_what_is_newer_in_obs_is_not(world):
    answer = world.compare()
    assert keys(answer, "missing") == ["a/1", "b/1"]
    assert keys(answer, "overwritten") == ["b/2"]
    assert world.sent() == {"a/1", "b/1"}
    assert (answer["submitted"], answer["accepted"], answer["failed"]) == (2, 2, 0)


def test_overwrite_sends_what_is_newer_in_obs_as_well(world):
    assert world.compare({"overwrite": True})["submitted"] == 3
    assert world.sent() == {"a/1", "b/1", "b/2"}


def test_overwrite_sends_what_was_written_six_minutes_ago_and_a_plain_comparison_waits_for_it():
    world = CompareWorld(["a/1"], LANES="1")
    world.put("a/1", "1", "md5", "lost")
    world.later(HOUR)
    world.put("a/1", "12", "md5", "lost")
    world.later(60)
    world.write("a/1", "1")
    world.later(5 * 60)
    assert keys(world.compare(), "moving") == ["a/1"]
    world.compare({"overwrite": True})
    assert world.sent() == {"a/1"}


def test_overwrite_never_sends_what_may_be_equal(world):
    world.lie_in_both("b/2", data="12", there="34", kind="Appendable")
    assert keys(world.compare({"overwrite": True}), "equal_size") == ["b/2"]
    assert world.sent() == {"a/1", "b/1"}


def test_a_prefix_looks_at_a_part_of_both_buckets(world):
    answer = world.compare({"prefix": "b/"})
    assert answer["source"]["objects"] == 2
    assert answer["destination"]["objects"] == 1
    assert world.sent() == {"b/1"}


def test_where_no_object_of_the_source_is_in_scope_it_says_so(world):
    assert not world.compare()["found_nothing"]
    world = CompareWorld(OBJECT_SUFFIX=".jpg", LANES="1")
    world.put("1.txt", "1", "md5", "lost")
    world.write("2.jpg", "1")
    world.later(HOUR)
    # A standstill pass judges nothing.
    found = [world.compare(asked)["found_nothing"] for asked in ({}, {"dry_run": True}, {"standstill": True})]
    assert found == [True, True, False]


def test_a_prefix_outside_of_the_projects_is_an_error():
    world = CompareWorld(OBJECT_PREFIX="b/")
    with pytest.raises(PayloadError, match="outside OBJECT_PREFIX"):
        world.compare({"prefix": "a/"})


def test_outside_of_the_projects_filter_nothing_is_sent_and_all_is_counted():
    world = CompareWorld(OBJECT_PREFIX="b/", OBJECT_SUFFIX=".jpg", LANES="1")
    for key in ("a/1.jpg", "b/1.jpg", "b/2.txt"):
        world.put(key, "1", "md5", "lost")
    world.write("b/3.txt", "1")
    world.later(HOUR)
    answer = world.compare()
    assert (keys(answer, "missing"), keys(answer, "outside")) == (["b/1.jpg"], ["b/2.txt", "b/3.txt"])
    assert world.sent() == {"b/1.jpg"}


def test_what_is_older_than_the_installation_is_compared_but_sent_only_if_since_says_so(world):
    world.source.modified["a/1"] -= 9 * DAY
    assert keys(world.compare(), "missing") == ["a/1", "b/1"]
    assert world.sent() == {"b/1"}
    world.compare({"since": timestamp(world.clock.now()).replace("2026-01-02", "2025-12-01")})
    assert world.sent() == {"a/1", "b/1"}


def test_a_trial_sends_nothing_and_leaves_nothing(world):
    names = set(world.bucket.objects)
    answer = world.compare({"dry_run": True})
    assert keys(answer, "missing") == ["a/1", "b/1"]
    assert (answer["submitted"], answer["accepted"], answer["pass"], answer["watermark"]) == (2, 0, None, None)
    assert answer["finished"]
    assert not world.sent()
    assert set(world.bucket.objects) == names


def test_a_trial_that_has_no_time_for_all_says_so(world):
    slow(world.source, 4)
    with pages_of(2):
        answer = world.compare({"dry_run": True}, timeout=10)
    assert not answer["finished"]
    assert "classes" not in answer
    assert answer["next"] == "A trial is not continued: the next one begins anew."


def test_a_look_begins_nothing_and_shows_the_last_pass_of_that_scope(world):
    assert world.compare({"look": True})["next"] == "No pass of this scope has begun."
    begun = world.compare()
    assert world.compare({"look": True})["pass"] == begun["pass"]
    assert world.compare({"look": True})["classes"] == begun["classes"]
    assert world.compare({"look": True, "deep": True})["pass"] == begun["pass"]
    assert world.compare({"look": True, "prefix": "a/"})["pass"] is None


def test_a_call_after_the_end_begins_another_pass_and_so_does_restart(world):
    names = [world.compare(asked)["pass"] for asked in (None, None, {"restart": True})]
    assert names == sorted(set(names))


def test_the_timer_begins_a_pass_when_its_period_is_over_and_not_before():
    world = CompareWorld(LANES="1", COMPARE_PERIOD="7d")
    world.put("a", "1", "md5", "copied")
    world.later(HOUR)
    first = world.compare(TICK)["pass"]
    world.later(6 * DAY)
    assert world.compare(TICK)["pass"] == first
    world.later(DAY)
    assert world.compare(TICK)["pass"] > first


def test_without_a_period_the_timer_begins_nothing():
    answer = CompareWorld(COMPARE_PERIOD="off").compare(TICK)
    assert answer["stop"] == "period_off"


@pytest.mark.parametrize("asked", [{"limit": 5}, {"all": True}, {"deep": 1}, {"since": "yesterday"}, {"prefix": None}])
def test_what_it_does_not_know_is_an_error_before_anything_is_done(world, asked):
    with pytest.raises(PayloadError):
        world.compare(asked)
    assert not world.sent()


@pytest.mark.parametrize(("one", "other"), [("standstill", "deep"), ("again", "restart"), ("again", "dry_run")])
def test_what_contradicts_is_not_ignored_but_an_error(world, one, other):
    with pytest.raises(PayloadError, match=f"{one} and for {other}"):
        world.compare({one: True, other: True})
    assert not world.sent()


def test_without_a_source_bucket_it_says_what_to_set():
    world = CompareWorld(SOURCE_BUCKET="")
    with pytest.raises(SettingsError, match="SOURCE_BUCKET is empty"):
        world.compare({})


def test_a_closed_project_is_compared_to_its_end_and_sends_what_is_missing_once_it_is_open(world):
    world.shut(True)
    answer = world.compare({"overwrite": True})
    assert answer["finished"]
    assert (keys(answer, "missing"), answer["submitted"]) == (["a/1", "b/1"], 0)
    assert not world.sent()
    world.shut(False)
    world.later(HOUR)
    assert world.compare()["submitted"] == 2


def test_closing_while_it_sends_stops_it_and_the_next_call_ends_without_sending():
    # GIVEN a comparison that sends for longer than it takes for granted that the project is open
    world = CompareWorld(LANES="1", OMS_RATE="0.1", PIECE_SECONDS="300")
    for number in range(120):
        world.put(f"c/{number:03}", "1", "md5", "lost")
    world.later(HOUR)
    # WHEN somebody closes it meanwhile
    world.oms.refuse(lambda _: bool(world.shut(True)))
    assert not world.compare()["finished"]
    # THEN it stops, and the next call ends without sending
    sent = set(world.sent())
    world.later(HOUR)
    assert world.compare()["finished"]
    assert world.sent() == sent
    assert 0 < len(sent) < 120
