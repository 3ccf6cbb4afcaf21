"""Options and answers of reconcile: its progress, and the reason why it stopped."""

from __future__ import annotations

from functools import partial

import pytest

from oss_oms_sync.clock import timestamp
from oss_oms_sync.errors import PayloadError, Reason, SettingsError
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.passes.tally import COUNTS
from support.passes import counts, limit_pages, make_busy_world, missing
from support.world import FROZEN, HOUR, NO_RIGHT, ROOT, World, oms_error


@pytest.mark.parametrize(
    ("payload", "expected_text"),
    [
        ({"since": "yesterday"}, "such as 2026-01-31"),
        ({"since": ""}, "such as 2026-01-31"),
        ({"prefix": "videos/"}, "outside OBJECT_PREFIX 'photos/': no job submits these keys$"),
        ({"all": "yes"}, "no true or false"),
        ({"dryrun": True}, "It takes prefix"),
        ({"limit": -1}, "no whole number"),
        ({"prefix": "photos/\ud800"}, "no text"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "such as 2026-01-31"),
    ],
)
def test_reconcile_refuses_an_invalid_payload_and_lists_its_options(payload, expected_text):
    world = World.installed(OBJECT_PREFIX="photos/")
    with pytest.raises(PayloadError, match=expected_text):
        world.invoke("reconcile", payload)
    assert world.oms.calls == []


def test_reconcile_without_a_source_bucket_names_the_missing_variable():
    with pytest.raises(SettingsError, match=r"^SOURCE_BUCKET is empty\. Set it .* records$"):
        World.installed(SOURCE_BUCKET="").reconcile()


def test_reconcile_reports_that_no_source_object_matches_its_filter():
    world = World.installed(OBJECT_SUFFIX=".jpg")
    world.lose_events_of("a.txt")
    assert [world.invoke("reconcile", options)["has_no_objects"] for options in ({}, {"dry_run": True})] == [True, True]
    world.upload("a.jpg")
    world.advance(10 * 24 * HOUR)
    answer = world.reconcile(since=timestamp(world.clock.now()))
    assert answer["scanned"] == 0
    assert answer["has_no_objects"] is False


def test_a_dry_run_of_reconcile_ends_at_its_limit_and_is_not_continued(world):
    world.fill(25)
    results = [world.reconcile(limit=13) for _ in range(2)]
    names = ("covered", "submitted", "finished", "stop", "next")
    assert [tuple(result[name] for name in names) for result in results] == [
        (0, 13, False, "limit", "A dry run is not continued: the next run starts over."),
        (13, 12, True, None, "All objects were checked."),
    ]
    assert max(world.oms.accepted.values()) == 1


@pytest.mark.usefixtures("small_pages")
def test_a_dry_run_of_reconcile_names_the_first_hundred_missing_objects(world):
    world.put_accepted("covered")
    world.fill(120)
    world.bucket.objects.pop(f"{ROOT}state/installed.json")
    before = dict(world.bucket.objects)
    result = world.reconcile(dry_run=True)
    assert result.pop("missing") == [f"{number:03}" for number in range(100)]
    assert counts(result) == {"scanned": 121, "covered": 1, "submitted": 120}
    assert result["finished"] is True
    assert world.oms.calls == []
    assert dict(world.bucket.objects) == before


def test_reconcile_finishes_the_pass_of_an_empty_bucket_at_once(world):
    result = world.reconcile()
    (state,) = world.passes()
    assert result == {
        **dict.fromkeys(COUNTS, 0),
        "finished": True,
        "next": "The pass is finished.",
        "stop": None,
        "stopped": None,
        "pass": state.of.name,
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
        "has_no_objects": True,
        "missing": None,
    }


def test_reconcile_estimates_the_progress_of_a_pass_by_the_last_pass(single_lane):
    # GIVEN a pass over 1500 objects, and a second pass in progress after all objects were written again
    keys = [f"{number:04}" for number in range(1500)]
    single_lane.put_accepted(*keys)
    single_lane.advance()
    single_lane.reconcile()
    single_lane.lose_events_of(*keys, data="B")
    single_lane.advance(24 * HOUR)
    single_lane.oms.round_trip = 1.0
    single_lane.tick("reconcile")

    # WHEN the user queries the progress, THEN the answer has the completed share and the remaining time
    result = single_lane.reconcile(look=True)
    walked = result["objects"]
    assert 0 < walked < 1500
    assert result["share"] == pytest.approx(walked / 1500, abs=0.001)
    assert result["minutes_left"] == -(-(1500 - walked) // result["objects_per_minute"])


def refuse_account(world: World) -> None:
    world.oms.faults.then(FROZEN)


def refuse_records(world: World) -> None:
    world.oms.faults.then(oms_error(404))
    world.bucket.fail(NO_RIGHT, "put", lambda name: "failed_object" in name)


def use_up_time(world: World) -> None:
    world.source.after = lambda kind, names: world.advance(550)


@pytest.mark.parametrize(
    ("cause", "options", "reason"),
    [
        (refuse_account, {}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (refuse_records, {}, f"OMS refuses every key: NO_TASK. {Reason.NO_TASK.fix.en}"),
        (use_up_time, {"dry_run": True}, "the time is up"),
        (refuse_account, {"limit": 10}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (lambda world: None, {"limit": 10}, "the limit is reached"),
    ],
)
@limit_pages(7)
def test_reconcile_reports_why_it_stopped_and_lists_no_more_objects(single_lane, cause, options, reason):
    single_lane.fill(100)
    cause(single_lane)
    result = single_lane.invoke("reconcile", options)
    assert result["stopped"] == reason
    assert result["finished"] is False
    assert single_lane.source.calls["list"] <= 3  # one page ahead


@pytest.mark.parametrize("options", [{}, {"limit": 5}, {"dry_run": True}])
def test_each_call_of_reconcile_logs_its_answer(world, lines, options):
    world.fill(10)
    result = world.invoke("reconcile", options)
    result.pop("missing", None)
    assert lines() == [result]


CLOSED = "and submits nothing. For the next step: python3 ops.py status"


def test_reconcile_begins_no_pass_while_the_project_is_closed():
    world = make_busy_world(LANES="1")
    ProjectState(world.invocation()).close("Li Lei")
    for work in (world.reconcile, partial(world.tick, "reconcile")):
        began = world.clock.seconds
        result = work()
        assert result["pass"] is None
        assert result["submitted"] == 0
        assert result["finished"] is False
        assert result["stop"] == "closed"
        assert CLOSED in result["stopped"]
        assert world.clock.seconds - began < 5
        world.advance(600)
    assert world.oms.calls == []
    assert [*world.store.iter_names()] == []
    # A trial is as ever.
    assert world.reconcile(dry_run=True)["submitted"] == len(missing())

    ProjectState(world.invocation()).open()
    assert world.tick_until_finished()["accepted"] == len(missing())
    assert world.accepted_keys() == missing()


def test_reconcile_in_a_closed_project_never_reports_a_finished_pass(world):
    # GIVEN a finished pass, and an object written after the close
    world.put_accepted("a")
    world.advance()
    earlier_answer = world.reconcile()
    ProjectState(world.invocation()).close("Li Lei")
    world.lose_events_of("b")
    world.advance(600)

    # WHEN the user runs reconcile, THEN the answer is that of the earlier pass, and does not count as finished
    answer = world.reconcile()
    assert answer == {
        **earlier_answer,
        "finished": False,
        "next": "No pass has begun. This is the result of an earlier pass.",
        "stop": "closed",
        "stopped": answer["stopped"],
    }
    assert CLOSED in answer["stopped"]
    # A request for the progress reports the earlier pass as it is.
    assert world.reconcile(look=True) == earlier_answer
