"""The webhook is told when the verdict changes: not of what passes by itself, and not never."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import timedelta

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import Killed
from sandbox.server.faults import Fault
from support.status_world import PERIOD, TOKEN, Watched
from support.world import NO_RIGHT

DAY = timedelta(days=1)


@pytest.fixture
def world() -> Watched:
    """In step, and the webhook has heard of it."""
    one = Watched()
    one.ticks(2)
    one.hook.took.clear()
    return one


def test_the_first_verdict_is_told_so_that_one_sees_that_it_works():
    world = Watched()
    world.ticks(5)
    assert world.states == ["in step"]
    assert world.told[0]["before"] is None


@pytest.mark.parametrize("state", ["broken", "closed"])
def test_what_does_not_pass_by_itself_is_told_at_once_and_once(world, state):
    world.go(state)
    world.ticks(1)
    assert world.states == [state]
    assert world.told[0]["before"] == "in step"
    world.ticks(5)
    assert world.states == [state]


def test_behind_is_told_when_it_lasts_for_two_ticks_and_so_is_the_way_back(world):
    world.go("behind")
    world.ticks(1)
    assert world.states == []
    world.ticks(3)
    assert world.states == ["behind"]
    world.go("in step")
    world.ticks(1)
    assert world.states == ["behind"]
    world.ticks(3)
    assert world.states == ["behind", "in step"]


def test_a_backlog_that_flaps_is_not_told(world):
    for _ in range(6):
        for state in ("behind", "in step"):
            world.go(state)
            world.ticks(1)
    assert world.states == []


def test_what_breaks_and_recovers_at_every_tick_is_told_once_a_day(world):
    for _ in range(2 * 4):
        world.go("broken")
        world.ticks(1, DAY / 4 - PERIOD / 2)
        world.go("in step")
        world.ticks(1, PERIOD / 2)
    assert world.states == ["broken"] * 2


def test_two_ticks_in_a_moment_are_not_a_state_that_lasts(world):
    world.go("behind")
    world.ticks(1)
    world.tick()
    world.tick()
    assert world.states == []


def test_what_stays_broken_is_told_again_each_day(world):
    world.go("broken")
    world.ticks(2 * 4 + 1, DAY / 4)
    assert world.states == ["broken"] * 3
    assert [one["before"] for one in world.told] == ["in step", *["broken"] * 2]


@pytest.mark.parametrize("state", ["in step", "behind", "closed"])
def test_nothing_else_is_told_again(world, state):
    world.go(state)
    world.ticks(4 + 1, DAY / 4)
    assert world.states == [state] * (state != "in step")


def test_a_closed_project_raises_no_alarm_whatever_is_broken_in_it(world):
    world.go("closed")
    world.ticks(1)
    world.fail("CREDENTIALS", "CREDENTIALS")
    world.ticks(4 + 1, DAY / 4)
    assert world.states == ["closed"]

    # AND opened again it does
    world.go("broken")
    world.ticks(1)
    assert world.states == ["closed", "broken"]


def test_what_comes_after_the_close_is_told_at_once_and_each_day_until_it_is_acknowledged(world):
    world.go("closed")
    world.ticks(1)
    world.fail("late", "CLOSED")
    world.ticks(4 + 1, DAY / 4)
    told = [(one["verdict"], one["alarm"], one["before"]) for one in world.told]
    assert told == [
        ("closed", False, "in step"),
        ("closed", True, "closed"),
        ("closed", True, "closed, alarm"),
    ]
    assert "python ops.py status --acknowledge" in world.told[1]["message"]

    # AND no more once somebody has
    world.status(acknowledge=True)
    world.ticks(4 + 1, DAY / 4)
    assert [one["alarm"] for one in world.told[3:]] == [False]


def test_a_call_by_hand_tells_nobody_and_is_no_tick(world):
    world.go("broken")
    world.status()
    assert world.states == []
    world.go("behind")
    world.status()
    world.later(PERIOD.total_seconds())
    world.status()
    world.ticks(1)
    assert world.states == []


def test_without_a_webhook_nothing_is_kept():
    world = Watched(ALERT_WEBHOOK="")
    world.go("broken")
    world.ticks(3)
    assert not [name for name in world.bucket.objects if "watch" in name]


def test_what_the_webhook_did_not_take_is_told_at_the_next_tick(world):
    world.hook.faults.add(Fault.status(503), times=5)
    world.go("broken")
    world.ticks(5)
    assert world.states == []
    world.ticks(3)
    assert world.states == ["broken"]
    assert world.told[0]["before"] == "in step"


def test_what_is_over_before_the_webhook_takes_it_is_not_told(world):
    world.hook.faults.add(Fault.status(503), times=2)
    world.go("broken")
    world.ticks(2)
    world.go("in step")
    world.ticks(3)
    assert world.states == []


def test_a_webhook_that_fails_is_in_the_log_and_its_address_is_not(world, caplog):
    world.hook.faults.add(Fault.status(503), times=1)
    world.go("broken")
    with caplog.at_level(logging.INFO):
        world.ticks(2)
    said = [record.msg for record in caplog.records if "alert" in record.msg]
    assert said == [
        {"alert": "broken", "webhook": "JSON", "alert_problem": "it answered 503:"},
        {"alert": "broken", "webhook": "JSON"},
    ]
    kept = [one.body.decode() for one in world.bucket.objects.values()]
    for text in (*kept, *map(str, said), repr(world.settings)):
        assert TOKEN not in text


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_an_instance_that_dies_before_any_of_its_writes_loses_no_alarm(world, survives):
    world.go("broken")
    puts = 0

    def die(kind: str, _: object) -> None:
        nonlocal puts
        puts += kind == "put"
        if puts > survives:
            world.die()

    world.bucket.before = die
    with contextlib.suppress(Killed):
        world.ticks(1)
    world.bucket.before = lambda *_: None
    world.start()
    world.ticks(3)
    # Its last write is what it has told; if that does not come, it is told twice.
    assert world.states == ["broken"] * (2 if survives == 1 else 1)


def test_where_the_log_bucket_takes_nothing_it_is_told_at_each_tick_rather_than_not_at_all(world):
    world.bucket.fail(NO_RIGHT, "put", lambda name: "watch" in name)
    world.go("broken")
    for _ in range(2):
        with pytest.raises(StorageError):
            world.ticks(1)
    assert world.states == ["broken"] * 2
    world.bucket.heal()
    world.ticks(3)
    assert world.states == ["broken"] * 3


def test_two_projects_on_one_log_bucket_do_not_take_each_others_verdicts_for_changes():
    world = Watched()
    mine = world.one, world._clients, world.settings
    world.given = {**world.given, "OBJECT_PREFIX": "b/"}  # no pass of its own has ended
    world.start()
    other = world.one, world._clients, world.settings
    for _ in range(8):
        for world.one, world._clients, world.settings in (mine, other):
            world.ticks(1)
    assert sorted(world.states) == ["in step", "not known"]


def test_what_it_remembers_may_be_damaged_it_begins_anew(world):
    world.go("behind")
    world.ticks(1)
    for damaged in ("?", [], {"seen": "behind", "since": "x", "told": 1}, {"seen": 1}):
        world.hook.took.clear()
        world.keep("state/watch.json", damaged)
        world.ticks(3)
        assert world.states == ["behind"], json.dumps(damaged)
