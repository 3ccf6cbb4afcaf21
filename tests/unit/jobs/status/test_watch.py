"""Messages to the webhook: status reliably sends each lasting change of the verdict, and sends no short change."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import timedelta

import pytest

from oss_oms_sync.errors import StorageError
from sandbox.inprocess.instance import InstanceKilled
from sandbox.server.faults import Fault
from support.status import PERIOD, TOKEN, WatchedWorld
from support.world import NO_RIGHT

DAY = timedelta(days=1)


@pytest.fixture
def world() -> WatchedWorld:
    """Return a world whose verdict is "in step", and whose webhook has received the alarm about this verdict."""
    watched = WatchedWorld()
    watched.tick_often(2)
    watched.hook.messages.clear()
    return watched


def test_status_sends_its_first_verdict_to_the_webhook():
    world = WatchedWorld()
    world.tick_often(5)
    assert [(alarm["verdict"], alarm["before"]) for alarm in world.alarms] == [("in step", None)]


DAILY = DAY / 4
# The new verdict, the number and period of the timer's ticks, and the messages up to then.
SCRIPTS = {
    "broken raises one alarm at once": [("broken", 1, PERIOD, ["broken"]), ("", 5, PERIOD, ["broken"])],
    "closed raises one alarm at once": [("closed", 1, PERIOD, ["closed"]), ("", 5, PERIOD, ["closed"])],
    "behind raises an alarm after two timer events, like the return": [
        ("behind", 1, PERIOD, []),
        ("", 3, PERIOD, ["behind"]),
        ("in step", 1, PERIOD, ["behind"]),
        ("", 3, PERIOD, ["behind", "in step"]),
    ],
    "a backlog that comes and goes raises none": [("behind", 1, PERIOD, []), ("in step", 1, PERIOD, [])] * 3,
    "a failure that comes and goes raises an alarm a day": [
        *[("broken", 1, DAILY - PERIOD / 2, None), ("in step", 1, PERIOD / 2, None)] * (2 * 4),
        ("", 0, PERIOD, ["broken"] * 2),
    ],
    "two timer events in a moment raise none": [("behind", 1, PERIOD, []), ("", 2, timedelta(), [])],
    "a lasting broken raises an alarm each day": [("broken", 2 * 4 + 1, DAILY, ["broken"] * 3)],
    "a lasting in step raises no further alarm": [("in step", 4 + 1, DAILY, [])],
    "a lasting behind raises one alarm": [("behind", 4 + 1, DAILY, ["behind"])],
    "a lasting closed raises one alarm": [("closed", 4 + 1, DAILY, ["closed"])],
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_status_sends_an_alarm_for_each_lasting_change_of_the_verdict(world, case):
    for state, ticks, period, expected in SCRIPTS[case]:
        if state:
            world.change_to(state)
        world.tick_often(ticks, period)
        assert expected in (None, world.states)
    assert [alarm["before"] for alarm in world.alarms] == ["in step", *world.states][: len(world.alarms)]


def test_status_sends_one_alarm_for_two_alternating_problems(world):
    # GIVEN a comparison that is too old, and keys that wait at every other timer event
    world.bucket.add_comparison(equal_contents=3)
    world.advance(9 * DAY.total_seconds())
    # AND the verdicts in step between the problems cause no alarm
    for expected in (["unknown"], ["unknown", "in step"]):
        for _ in range(4):
            world.change_to("behind", ticks=1)
            world.change_to("in step", ticks=1)
        assert world.states == expected
        world.bucket.add_comparison(equal_contents=3)
        world.tick_often(2)


def test_changes_after_the_close_raise_an_alarm_at_once_and_daily(world):
    world.change_to("closed", ticks=1)
    world.bucket.add_failed_records("late", reason="CLOSED")
    world.tick_often(4 + 1, DAY / 4)
    alarms = [(alarm["verdict"], alarm["alarm"], alarm["before"]) for alarm in world.alarms]
    assert alarms == [
        ("closed", False, "in step"),
        ("closed", True, "closed"),
        ("closed", True, "closed, alarm"),
    ]
    assert "python3 ops.py status --acknowledge" in world.alarms[1]["message"]

    # AND the alarm ends with the acknowledgement
    world.status(acknowledge=True)
    world.tick_often(4 + 1, DAY / 4)
    assert [alarm["alarm"] for alarm in world.alarms[3:]] == [False]


def test_status_by_hand_sends_no_alarm(world):
    for state in ("broken", "behind"):
        world.change_to(state)
        world.status()
        world.advance(PERIOD.total_seconds())
        world.status()
    world.tick_often(1)
    assert world.states == []


def test_status_stores_no_state_of_alarms_without_a_webhook():
    world = WatchedWorld(ALERT_WEBHOOK="")
    world.change_to("broken", ticks=3)
    assert not [name for name in world.bucket.objects if "watch" in name]


def test_status_sends_an_undelivered_alarm_again_at_the_next_timer_event(world):
    world.hook.faults.add(Fault.status(503), times=5)
    world.change_to("broken", ticks=5)
    assert world.states == []
    # Until then status shows that the alarm was not delivered.
    assert world.status()["alarm_not_taken"] == "it answered 503"
    world.tick_often(3)
    assert [(alarm["verdict"], alarm["before"]) for alarm in world.alarms] == [("broken", "in step")]
    assert world.status()["alarm_not_taken"] == ""


def test_status_sends_no_alarm_for_a_problem_that_ended_before_delivery(world):
    world.hook.faults.add(Fault.status(503), times=2)
    world.change_to("broken", ticks=2)
    world.change_to("in step", ticks=3)
    assert world.states == []
    assert world.status()["alarm_not_taken"] == ""


def test_the_log_has_no_address_of_a_failing_webhook(world, caplog):
    world.hook.faults.add(Fault.status(503), times=1)
    world.change_to("broken")
    with caplog.at_level(logging.INFO):
        world.tick_often(2)
    lines = [record.msg for record in caplog.records if "alert" in record.msg]
    assert lines == [
        {"alert": "broken", "webhook": "JSON", "alert_problem": "it answered 503"},
        {"alert": "broken", "webhook": "JSON"},
    ]
    kept = [stored.body.decode() for stored in world.bucket.objects.values()]
    assert TOKEN not in f"{kept} {lines} {world.settings!r}"


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_status_loses_no_alarm_if_it_is_killed_before_a_write(world, survives):
    world.change_to("broken")
    before = world.bucket.calls["put"]
    world.bucket.before = lambda *_: world.bucket.calls["put"] - before > survives and world.die()
    with contextlib.suppress(InstanceKilled):
        world.tick_often(1)
    world.bucket.before = lambda *_: None
    world.start()
    world.tick_often(3)
    # Its last write is the list of sent alarms; without the write, an alarm is sent twice.
    assert world.states == ["broken"] * (2 if survives == 1 else 1)


def test_status_repeats_an_alarm_if_it_cannot_write_to_the_log_bucket(world):
    world.bucket.fail(NO_RIGHT, "put", lambda name: "watch" in name)
    world.change_to("broken")
    for _ in range(2):
        with pytest.raises(StorageError):
            world.tick_often(1)
    assert world.states == ["broken"] * 2
    world.bucket.heal()
    world.tick_often(3)
    assert world.states == ["broken"] * 3


def test_two_projects_of_a_log_bucket_keep_separate_verdicts():
    world = WatchedWorld()
    mine = world.call_instance, world._clients, world.settings
    world.variables = {**world.variables, "OBJECT_PREFIX": "b/"}  # no pass of its own has ended
    world.start()
    other = world.call_instance, world._clients, world.settings
    for _ in range(8):
        for world.call_instance, world._clients, world.settings in (mine, other):
            world.tick_often(1)
    assert sorted(world.states) == ["in step", "unknown"]


def test_status_sends_its_verdict_again_if_its_stored_state_is_damaged(world):
    world.change_to("behind", ticks=1)
    for damaged in ("?", [], {"verdict": "behind", "since": "x", "reported": 1}, {"verdict": 1}):
        world.hook.messages.clear()
        world.bucket.add_json("state/watch.json", damaged)
        world.tick_often(3)
        assert world.states == ["behind"], json.dumps(damaged)
