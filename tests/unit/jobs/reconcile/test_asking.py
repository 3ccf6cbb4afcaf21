"""What reconcile is asked for, and what it returns: how far it came, and why no further."""

from __future__ import annotations

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, Reason, SettingsError
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.passes.tally import COUNTS
from support.reconcile_world import ReconcileWorld, busy_world, counts, missing
from support.world import FROZEN, HOUR, NO_RIGHT, ROOT, oms_error


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"since": ""}, "such as 2026-01-31"),
        ({"prefix": "videos/"}, "outside OBJECT_PREFIX 'photos/': nothing there is ever sent$"),
        ({"all": "yes"}, "no true or false"),
        ({"dryrun": True}, "It takes prefix"),
        ({"limit": -1}, "no whole number"),
        ({"prefix": "photos/\ud800"}, "no text"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "such as 2026-01-31"),
    ],
)
def test_a_payload_that_cannot_be_used_says_what_can(payload, says):
    world = ReconcileWorld(OBJECT_PREFIX="photos/")
    with pytest.raises(PayloadError, match=says):
        world.reconcile(payload)
    assert world.oms.calls == []


def test_without_a_source_bucket_it_says_so():
    with pytest.raises(SettingsError, match=r"^SOURCE_BUCKET is empty\. Name .* records$"):
        ReconcileWorld(SOURCE_BUCKET="").reconcile()


def test_where_nothing_is_in_scope_it_says_so_and_not_where_all_is_old():
    world = ReconcileWorld(OBJECT_SUFFIX=".jpg")
    world.upload("a.txt")
    world.later()
    assert [world.reconcile(asked)["found_nothing"] for asked in ({}, {"dry_run": True})] == [True, True]
    world.upload("a.jpg")
    world.later(10 * 24 * HOUR)
    found = world.reconcile({"since": timestamp(world.clock.now())})
    assert (found["scanned"], found["found_nothing"]) == (0, False)


def test_a_limit_bounds_one_call_and_the_next_one_begins_anew(world):
    world.fill(25)
    first = world.reconcile({"limit": 13})
    assert (first["submitted"], first["finished"], first["stop"]) == (13, False, "limit")
    assert first["next"] == "A trial is not continued: the next one begins anew."
    second = world.reconcile({"limit": 13})
    assert (second["covered"], second["submitted"], second["finished"]) == (13, 12, True)
    assert second["next"] == "Everything was looked at."
    assert max(world.oms.accepted.values()) == 1


def test_a_dry_run_names_the_first_hundred_missing_and_changes_nothing(world):
    for number in range(120):
        world.upload(f"{number:03}")
    world.in_step("covered")
    world.later()
    world.bucket.objects.pop(f"{ROOT}state/installed.json")
    before = dict(world.bucket.objects)
    result = world.reconcile({"dry_run": True})
    assert result.pop("missing") == [f"{number:03}" for number in range(100)]
    assert counts(result) == {"scanned": 121, "covered": 1, "submitted": 120}
    assert (result["finished"], world.oms.calls, dict(world.bucket.objects)) == (True, [], before)


def test_a_dry_run_that_takes_long_keeps_nothing_either(world, small_pages):
    world = busy_world()
    before = dict(world.bucket.objects)
    assert world.reconcile({"dry_run": True})["submitted"] == len(missing())
    assert dict(world.bucket.objects) == before


def test_an_empty_bucket_is_finished_at_once(world):
    result = world.reconcile()
    (one,) = world.passes()
    assert result == {
        **dict.fromkeys(COUNTS, 0),
        "finished": True,
        "next": "The pass has ended.",
        "stop": None,
        "stopped": None,
        "pass": one.of.name,
        "ranges": {"open": 0, "done": 1},
        "started": "2026-01-02T00:00:00Z",
        "ended": "2026-01-02T00:00:00Z",
        "objects": 0,
        "objects_per_minute": 0,
        "share": 1.0,
        "minutes_left": 0,
        "step": None,
        "all_the_same": None,
        "is_migration_unknown": False,
        "found_nothing": True,
        "missing": None,
    }


def test_a_trial_is_no_pass_and_has_no_pace(world):
    result = world.reconcile({"limit": 1})
    nothing = ("pass", "ranges", "started", "objects", "objects_per_minute", "share", "minutes_left")
    assert [result[name] for name in nothing] == [None] * 7
    assert not list(world.store.names())


def test_a_pass_that_is_under_way_says_how_far_it_is_how_fast_and_what_comes_next(one_lane):
    # GIVEN 1500 objects, 600 of which are sent in a minute
    world = one_lane
    world.fill(1500)
    world.oms.round_trip = 1.0

    # WHEN the first piece is done, and a minute later it is looked at
    world.tick()
    world.later(60)
    result = world.reconcile({"look": True})

    # THEN its pace is that since its beginning: two minutes of work in three
    assert result["finished"] is False
    assert result["ranges"] == {"open": 1, "done": 0}
    assert result["started"] == "2026-01-02T01:00:00Z"
    assert result["scanned"] == pytest.approx(1200, abs=20)
    assert result["objects_per_minute"] == pytest.approx(400, abs=10)
    assert result["next"].startswith("The pass goes on by itself: ")
    assert (result["share"], result["minutes_left"]) == (None, None)  # nothing tells how many there are


def test_a_look_measures_an_open_pass_by_the_one_before_it(one_lane):
    # GIVEN a pass over 1500 objects, and one that is under way after all were written again
    world = one_lane
    keys = [f"{number:04}" for number in range(1500)]
    world.in_step(*keys)
    world.later()
    world.reconcile()
    for key in keys:
        world.upload(key, "B")
    world.later(24 * HOUR)
    world.oms.round_trip = 1.0
    world.tick()

    # WHEN somebody looks, THEN it says how much of them is behind, and how long the rest takes
    result = world.reconcile({"look": True})
    assert result["finished"] is False
    assert 0 < result["objects"] < 1500
    assert result["share"] == pytest.approx(result["objects"] / 1500, abs=0.001)
    assert result["minutes_left"] == -(-(1500 - result["objects"]) // result["objects_per_minute"])


def test_ranges_that_are_open_and_done_are_counted(world, mocker):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 7)
    world.fill(40)
    assert world.tick()["ranges"] == {"open": 2, "done": 0}
    done = world.reconcile()
    assert done["finished"]
    assert done["ranges"]["open"] == 0
    assert done["ranges"]["done"] > 2
    assert world.passes()[0].tally.counts["scanned"] == 40


def account_refused(world: ReconcileWorld) -> None:
    world.oms.faults.then(FROZEN)


def records_refused(world: ReconcileWorld) -> None:
    world.oms.faults.then(oms_error(404))
    world.bucket.fail(NO_RIGHT, "put", lambda name: "failed_object" in name)


def time_used_up(world: ReconcileWorld) -> None:
    world.source.after = lambda kind, names: world.later(550)


@pytest.mark.parametrize(
    ("cause", "asked", "told"),
    [
        (account_refused, {}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (records_refused, {}, f"OMS refuses every key: NO_TASK. {Reason.NO_TASK.fix.en}"),
        (time_used_up, {"dry_run": True}, "the time is up"),
        (account_refused, {"limit": 10}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (lambda world: None, {"limit": 10}, "the limit is reached"),
    ],
)
def test_it_reports_why_it_stopped_and_lists_nothing_more(one_lane, mocker, cause, asked, told):
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 7)
    world = one_lane
    world.fill(100)
    cause(world)
    result = world.reconcile(asked)
    assert (result["stopped"], result["finished"]) == (told, False)
    assert world.source.calls["list"] <= 3  # one page ahead


@pytest.mark.parametrize("asked", [{}, {"limit": 5}, {"dry_run": True}])
def test_every_call_logs_what_it_returns(world, caplog, asked):
    caplog.set_level("INFO", "oss_oms_sync")
    world.fill(10)
    result = world.reconcile(asked)
    result.pop("missing", None)
    assert [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")] == [result]


OPEN_IT = "To open it: python3 ops.py open"


def test_no_pass_begins_and_whoever_asks_is_told_at_once_until_the_project_is_open_again():
    world = busy_world(LANES="1")
    Closing(world.invocation()).close("Li Lei")
    for work in (world.reconcile, world.tick):
        began = world.clock.seconds
        result = work()
        assert (result["pass"], result["submitted"], result["finished"], result["stop"]) == (None, 0, False, "closed")
        assert OPEN_IT in result["stopped"]
        assert world.clock.seconds - began < 5
        world.later(600)
    assert world.oms.calls == []
    assert list(world.store.names()) == []

    Closing(world.invocation()).open()
    assert world.ticks_until_finished()["accepted"] == len(missing())
    assert world.sent() == missing()


def test_a_dry_run_is_as_ever():
    world = busy_world()
    Closing(world.invocation()).close()
    assert world.reconcile({"dry_run": True})["submitted"] == len(missing())
