"""What replay and reconcile remember: where it stands, what it says, and what is told of it that is unreadable."""

from __future__ import annotations

import json
import logging
import re

import pytest

from oss_oms_sync.clouds.oss import Object, Trouble
from oss_oms_sync.clouds.retry import Deadline
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import Pass, RunFile, State
from oss_oms_sync.passes.listing import Scope
from support.fake_bucket import MemoryBucket
from support.fake_clouds import TASK, World

ROOT = f"oms_source_record/{TASK}/"
NO_RIGHT = Trouble("no", answered=True, code="AccessDenied")
NONE_SUCH = Trouble("there is none", answered=True, code="NoSuchKey")
KEYS = [FailedKey(ObjectChange(key)) for key in "abc"]
EVERYTHING = Scope("", "", None, everything=False)


class Remembers(World):
    """One project's state in a log bucket in memory."""

    def __init__(self, bucket: MemoryBucket | None = None, **environment: str) -> None:
        super().__init__(**environment)
        self.bucket = bucket or MemoryBucket(self.clock)
        self.clock = self.bucket.clock
        self.state = State(self.settings, self.bucket, self.clock)

    @property
    def deadline(self) -> Deadline:
        return Deadline(60, self.clock)

    def runs(self) -> list[RunFile | None]:
        return list(self.state.leftover_runs(self.deadline))

    def begin(self, scope: Scope = EVERYTHING, *, limited: bool = False) -> Pass:
        """A pass, begun a second after whatever was before."""
        self.clock.sleep(1)
        return self.state.new_pass(scope, limited, self.deadline)

    def only(self, folder: str) -> Object:
        """The one object of a folder."""
        (name,) = self.bucket.names(f"{ROOT}{folder}/")
        return self.bucket.objects[name]


@pytest.fixture
def world() -> Remembers:
    return Remembers()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name == "oss_oms_sync"]


def test_all_that_is_kept_is_json_and_named_so_that_it_stands_in_the_order_of_time(world):
    world.state.store("replay", {"after": "a"}, world.deadline)
    world.state.installed(world.deadline, note=True)
    world.state.new_run(KEYS, [], 60, world.deadline)
    world.state.new_pass(EVERYTHING, False, world.deadline)
    patterns = [
        r"reconcile/[0-9a-f]{16}/20260102T000000\.000000Z-[0-9a-f]{8}\.json",
        r"replay/20260102T000000Z-[0-9a-f]{8}\.json",
        r"state/installed\.json",
        r"state/replay\.json",
    ]
    for (name, one), pattern in zip(world.bucket.objects.items(), patterns, strict=True):
        assert re.fullmatch(ROOT + pattern, name)
        assert one.headers == {"Content-Type": "application/json"}


def test_state_that_is_unreadable_is_told_and_begins_anew(world, lines):
    world.bucket.add(Object(f"{ROOT}state/replay.json", b"[]"))
    assert world.state.load("replay", world.deadline) == {}
    assert lines() == [{"state": "replay", "problem": "unreadable, so it begins anew"}]


# Run files


def test_a_run_file_tells_its_keys_and_which_of_them_are_held(world):
    run = world.state.new_run(KEYS, ["a", "b"], 60, world.deadline)
    assert world.runs() == [RunFile(run.name, KEYS, {"a", "b"}, free=False)]
    world.state.finish(run, KEYS[1:], ["c"], world.deadline)
    assert world.runs() == [RunFile(run.name, KEYS[1:], {"c"}, free=False)]
    assert world.only("replay").headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize(("held", "seconds"), [([], 0), (["b"], 60)])
def test_a_finished_run_file_is_free_at_once_or_once_no_delete_can_land_any_more(world, held, seconds):
    run = world.state.new_run(KEYS, ["a"], 3600, world.deadline)
    world.state.finish(run, KEYS[1:], held, world.deadline)
    world.clock.sleep(max(0, seconds - 1))
    assert [one.free for one in world.runs()] == [not held]
    world.clock.sleep(2)
    assert [one.free for one in world.runs()] == [True]


def test_the_file_of_a_run_that_died_is_free_a_minute_after_its_time_was_up(world):
    assert world.state.new_run(KEYS, [], 240, world.deadline).free is False
    world.clock.sleep(240 + 59)
    assert [one.free for one in world.runs()] == [False]
    world.clock.sleep(2)
    assert [one.free for one in world.runs()] == [True]


def test_the_oldest_run_file_comes_first(world):
    for key in KEYS:
        world.state.new_run([key], [], 60, world.deadline)
        world.clock.sleep(40 * 24 * 3600)
    assert [one.keys for one in world.runs()] == [[key] for key in KEYS]


def test_a_run_file_of_which_nothing_is_left_is_deleted(world):
    world.state.finish(world.state.new_run(KEYS, [], 60, world.deadline), [], [], world.deadline)
    assert world.runs() == []
    assert not world.bucket.objects


@pytest.mark.parametrize("body", [b"", b"[]", b'{"busy_until": "", "keys": [{}]}', b'{"busy_until": 5, "keys": []}'])
def test_a_run_file_that_is_unreadable_is_told_and_the_next_are_read(world, lines, body):
    world.bucket.add(Object(f"{ROOT}replay/1.json", body))
    run = world.state.new_run(KEYS, [], 60, world.deadline)
    assert world.runs() == [None, RunFile(run.name, KEYS, set(), free=False)]
    problem = "unreadable: look at it, and delete it when done"
    assert lines() == [{"run_file": f"{ROOT}replay/1.json", "problem": problem}]


def test_a_run_file_that_cannot_be_read_now_is_told(world, lines):
    run = world.state.new_run(KEYS, [], 60, world.deadline)
    world.bucket.trouble = lambda kind, name: NO_RIGHT if kind == "get" else None
    assert world.runs() == [None]
    assert lines() == [{"run_file": run.name, "problem": "no"}]


def test_a_run_file_that_its_owner_finished_meanwhile_is_none_and_nothing_to_tell(world, lines):
    world.state.new_run(KEYS, [], 60, world.deadline)
    world.bucket.trouble = lambda kind, name: NONE_SUCH if kind == "get" else None
    assert world.runs() == []
    assert lines() == []


@pytest.mark.parametrize("left", [[], KEYS[:1]])
def test_a_run_file_that_cannot_be_shrunk_or_deleted_is_told_and_stays(world, lines, left):
    run = world.state.new_run(KEYS, [], 60, world.deadline)
    world.bucket.trouble = lambda kind, name: NO_RIGHT if kind in ("put", "delete") else None
    world.state.finish(run, left, [], world.deadline)
    assert lines() == [{"run_file": run.name, "problem": "no"}]
    assert [one.keys for one in world.runs()] == [KEYS]


# The installation


def test_the_projects_own_note_counts_alone_and_costs_one_call(world):
    world.state.installed(world.deadline, note=True)
    older = {"at": "2020-01-01T00:00:00Z", "prefix": "a/", "suffix": ""}
    world.bucket.add(Object(f"{ROOT}state/installed-0.json", json.dumps(older).encode()))
    world.clock.sleep(3600)
    world.bucket.calls.clear()
    assert world.state.installed(world.deadline, note=True).isoformat() == "2026-01-02T00:00:00+00:00"
    assert world.bucket.calls == {"get": 1}


def test_without_leave_to_note_it_nothing_is_noted(world):
    assert world.state.installed(world.deadline, note=False) == world.clock.now()
    assert not world.bucket.objects


def test_a_note_that_is_unreadable_is_an_error_that_shows_a_right_one(world):
    world.bucket.add(Object(f"{ROOT}state/installed.json", b"?"))
    with pytest.raises(StorageError) as raised:
        world.state.installed(world.deadline, note=True)
    assert str(raised.value) == (
        f"{ROOT}state/installed.json in the log bucket is unreadable. Correct it to"
        ' {"at": "2026-01-31T00:00:00Z"} with the day of the installation'
    )


# Passes


def test_a_pass_that_is_unreadable_is_told(world, lines):
    begun = world.begin()
    world.bucket.add(Object(begun.name, b"{}"))
    assert world.state.passes(world.deadline) == []
    assert lines() == [{"pass": begun.name, "problem": "unreadable, so another begins"}]


def test_a_pass_is_kept_as_it_is_and_its_end_clears_away_those_before_it_alone(world):
    # GIVEN three passes of one scope, and one of another
    other = world.begin(Scope("a", "", None, everything=True), limited=True)
    first, second, third = (world.begin() for _ in range(3))

    # WHEN the second ends, THEN the first is gone
    world.state.finish_pass(second, world.deadline)
    kept = {one.name: one for one in world.state.passes(world.deadline)}
    assert kept.keys() == {other.name, second.name, third.name}
    assert kept[other.name] == other
    assert kept[third.name] == third
    assert kept[second.name].ended == "2026-01-02T00:00:04Z"
    assert first.started < second.started


def test_passes_that_cannot_be_cleared_away_are_told(world, lines):
    old, one = world.begin(), world.begin()
    world.bucket.trouble = lambda kind, name: NO_RIGHT if kind == "delete" else None
    world.state.finish_pass(one, world.deadline)
    world.bucket.trouble = lambda kind, name: NO_RIGHT if kind == "list" else None
    world.state.finish_pass(one, world.deadline)
    assert lines() == [{"pass": old.name, "problem": "no"}, {"passes": "not cleared away", "problem": "no"}]


def test_projects_of_one_task_keep_their_states_apart(world):
    others = [Remembers(world.bucket, OBJECT_PREFIX="a"), Remembers(world.bucket, OBJECT_SUFFIX="a")]
    for number, one in enumerate((world, *others)):
        one.state.store("replay", {"after": str(number)}, one.deadline)
    assert [one.state.load("replay", one.deadline)["after"] for one in (world, *others)] == ["0", "1", "2"]
