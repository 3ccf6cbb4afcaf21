"""The webhook is told when the verdict changes: once, not of what passes by itself, and not never."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from datetime import timedelta

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.reasons import Reason
from support.fake_bucket import NO_RIGHT, ROOT, Died, MemoryBucket
from support.watched import PERIOD, WEBHOOK, Watched

DAY = timedelta(days=1)


@pytest.fixture
def world(monkeypatch) -> Watched:
    """In step, and the webhook has heard of it."""
    one = Watched(monkeypatch)
    one.ticks(2)
    one.hook.took.clear()
    return one


def test_the_first_verdict_is_told_so_that_one_sees_that_it_works(monkeypatch):
    world = Watched(monkeypatch)
    world.ticks(5)
    assert world.hook.states == ["in step"]
    assert world.hook.took[0].fields["before"] is None


@pytest.mark.parametrize("state", ["broken", "closed"])
def test_what_does_not_pass_by_itself_is_told_at_once_and_once(world, state):
    world.go(state)
    world.ticks(1)
    assert world.hook.states == [state]
    assert world.hook.took[0].fields["before"] == "in step"
    world.ticks(20)
    assert world.hook.states == [state]


def test_behind_is_told_when_it_lasts_for_two_ticks_and_so_is_the_way_back(world):
    world.go("behind")
    world.ticks(1)
    assert world.hook.states == []
    world.ticks(10)
    assert world.hook.states == ["behind"]
    world.go("in step")
    world.ticks(1)
    assert world.hook.states == ["behind"]
    world.ticks(10)
    assert world.hook.states == ["behind", "in step"]


def test_a_backlog_that_flaps_is_not_told(world):
    for _ in range(100):
        for state in ("behind", "in step"):
            world.go(state)
            world.ticks(1)
    assert world.hook.states == []


def test_what_breaks_and_recovers_at_every_tick_is_told_once_a_day(world):
    for _ in range(3 * DAY // (2 * PERIOD)):
        for state in ("broken", "in step"):
            world.go(state)
            world.ticks(1)
    assert world.hook.states == ["broken"] * 3


def test_two_ticks_in_a_moment_are_not_a_state_that_lasts(world):
    world.go("behind")
    world.ticks(1)
    world.tick()
    world.tick()
    assert world.hook.states == []


def test_what_stays_broken_is_told_again_each_day(world):
    world.go("broken")
    world.ticks(3 * DAY // PERIOD + 1)
    assert world.hook.states == ["broken"] * 4
    assert [one.fields["before"] for one in world.hook.took] == ["in step", *["broken"] * 3]


@pytest.mark.parametrize("state", ["in step", "behind", "closed"])
def test_nothing_else_is_told_again(world, state):
    world.go(state)
    world.ticks(3 * DAY // PERIOD)
    assert world.hook.states == [state] * (state != "in step")


def test_a_closed_project_raises_no_alarm_whatever_is_broken_in_it(world):
    world.go("closed")
    world.ticks(1)
    world.fail(Reason.CREDENTIALS)
    world.ticks(3 * DAY // PERIOD)
    assert world.hook.states == ["closed"]

    # AND opened again it does
    world.go("broken")
    world.ticks(1)
    assert world.hook.states == ["closed", "broken"]


def test_a_call_by_hand_tells_nobody_and_is_no_tick(world):
    world.go("broken")
    world.status()
    assert world.hook.states == []
    world.go("behind")
    world.status()
    world.clock.ahead += PERIOD
    world.status()
    world.ticks(1)
    assert world.hook.states == []


def test_without_a_webhook_nothing_is_kept(monkeypatch):
    world = Watched(monkeypatch, ALERT_WEBHOOK="")
    world.go("broken")
    world.ticks(3)
    assert world.hook.states == []
    assert not [name for name in world.bucket.objects if "alerts" in name or "watch" in name]


def test_what_the_webhook_did_not_take_is_told_at_the_next_tick(world):
    world.hook.problems = ["it answered 503"] * 5
    world.go("broken")
    world.ticks(5)
    assert world.hook.states == []
    world.ticks(10)
    assert world.hook.states == ["broken"]
    assert world.hook.took[0].fields["before"] == "in step"


def test_what_is_over_before_the_webhook_takes_it_is_not_told(world):
    world.hook.problems = ["it answered 503"] * 2
    world.go("broken")
    world.ticks(2)
    world.go("in step")
    world.ticks(10)
    assert world.hook.states == []


def test_a_webhook_that_fails_is_in_the_log_and_its_address_is_not(world, caplog):
    world.hook.problems = ["it answered 503"]
    world.go("broken")
    with caplog.at_level(logging.INFO):
        world.ticks(2)
    said = [record.msg for record in caplog.records if "alert" in record.msg]
    assert said == [
        {"alert": "broken", "webhook": "DingTalk", "number": 2, "attempt": 1, "alert_problem": "it answered 503"},
        {"alert": "broken", "webhook": "DingTalk", "number": 2, "attempt": 2},
    ]
    kept = [one.body.decode() for one in world.bucket.objects.values()]
    for text in (*kept, *map(str, said), repr(world.settings)):
        assert WEBHOOK.partition("=")[2] not in text


class Interloper:
    """Lets something happen before the call of a number on the log bucket, once."""

    def __init__(self, bucket: MemoryBucket, number: int, happen) -> None:
        self.bucket, self.left, self.happen = bucket, number, happen
        self.came = False
        bucket.before = self._before

    def _before(self, kind: str, names: Sequence[str]) -> None:
        self.left -= 1
        if self.left == 0:
            self.came = True
            self.bucket.before = lambda kind, names: None
            self.happen()


@pytest.mark.parametrize("state", ["broken", "closed", "behind"])
def test_two_instances_at_once_tell_the_same_change_once_however_they_interleave(monkeypatch, state):
    for number in range(1, 200):
        world = Watched(monkeypatch)
        world.ticks(2)
        world.go(state)
        if state == "behind":
            world.ticks(1)
        other = Interloper(world.bucket, number, world.tick)
        world.ticks(1)
        if not other.came:
            break
        assert world.hook.states == ["in step", state], number
        world.ticks(3)
        assert world.hook.states == ["in step", state], number
    assert number > 10


def test_so_they_do_while_one_of_them_is_telling(world):
    world.hook.while_told = world.tick
    world.go("broken")
    world.ticks(1)
    assert world.hook.states == ["broken"]


def test_an_instance_that_dies_loses_no_alarm_and_only_one_that_dies_after_the_answer_doubles_it(monkeypatch):
    def die() -> None:
        raise Died

    told = []
    for number in range(1, 60):
        world = Watched(monkeypatch)
        world.ticks(2)
        world.go("broken")
        death = Interloper(world.bucket, number, die)
        with contextlib.suppress(Died):
            world.ticks(1)
        if not death.came:
            break
        world.ticks(5)
        told.append(world.hook.states.count("broken"))
    # The last thing that it does is to write down that the webhook took it.
    assert told == [*[1] * (len(told) - 1), 2]


def test_where_the_log_bucket_takes_no_claim_nothing_is_told(world):
    world.bucket.problem = lambda kind, name: NO_RIGHT if kind == "put" and "alerts" in name else None
    world.go("broken")
    with pytest.raises(StorageError):
        world.ticks(1)
    assert world.hook.states == []
    world.bucket.problem = lambda kind, name: None
    world.ticks(1)
    assert world.hook.states == ["broken"]


def test_with_versioning_nothing_can_be_written_once_so_nothing_is_told(world):
    get = world.bucket._got

    def with_version(name):
        one = get(name)
        return one and type(one)(one.name, one.body, {**one.headers, "x-oss-version-id": "1"})

    world.bucket._got = with_version
    world.go("broken")
    with pytest.raises(StorageError, match="versioning"):
        world.ticks(1)
    assert world.hook.states == []


def test_two_projects_on_one_log_bucket_do_not_take_each_others_verdicts_for_changes(monkeypatch):
    one = Watched(monkeypatch)
    other = Watched(monkeypatch, OBJECT_PREFIX="b/")  # no pass of its own has ended
    other.bucket, hook = one.bucket, other.hook  # the last one stands in for both
    for _ in range(8):
        one.ticks(1)
        other.ticks(1)
    assert sorted(hook.states) == ["in step", "not known"]


def test_an_attempt_that_is_unreadable_stops_the_alarms_and_says_so(world):
    (name,) = world.bucket.names(f"{ROOT}state/alerts/")
    world.bucket.objects[name] = type(world.bucket.objects[name])(name, b"?")
    with pytest.raises(StorageError, match="Delete it"):
        world.ticks(1)


def test_what_it_remembers_may_be_damaged_it_begins_anew(world):
    world.go("behind")
    world.ticks(1)
    name = f"{ROOT}state/watch.json"
    for body in (b"?", b"[]", b'{"state": "behind", "since": "x"}', json.dumps({"state": 1}).encode()):
        world.bucket.objects[name] = type(world.bucket.objects[name])(name, body)
        world.ticks(1)
        assert world.hook.states == []
    world.ticks(1)
    assert world.hook.states == ["behind"]
