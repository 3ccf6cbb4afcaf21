"""Races: no key and no failed copy is lost if a run is killed, fails, or meets another run at any step."""

from __future__ import annotations

import contextlib
import itertools
from functools import partial
from operator import methodcaller

import pytest

from oss_oms_sync.errors import StorageError
from oss_oms_sync.jobs.status.backlog import read_backlog
from oss_oms_sync.ledger.waiting import list_waiting_keys
from sandbox.inprocess.instance import InstanceKilled
from support.law import sweep
from support.world import MINUTE, OK, ROOT, UNAUTHORIZED, World, oms_error, oss_error
from unit.jobs.replay.replay_world import ReplayWorld, at_each_step, at_step, many


def busy_world() -> ReplayWorld:
    """Return a world with failed records, and with the run file of an earlier run."""
    world = ReplayWorld()
    world.put_failed(*many(12), "k" * 1000)
    world.bucket.add_run_file("left")
    world.oms.refuse(lambda key: key == "key 00004")
    world.oms.faults.then(OK, oms_error(404))
    return world


def copies_world() -> ReplayWorld:
    """Return a world with OMS's lists of two sub-tasks, a key in two lists, and a deleted key."""
    world = ReplayWorld()
    world.put_old("a", "b", "k" * 1000)
    world.list_failed("a", "gone", name="1")
    world.list_failed("a", "k" * 1000, name="2")
    world.list_failed("b", sub="00")
    return world


DUE = {"a", "b", "k" * 1000}


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "run", "keys"),
    [
        (busy_world, ReplayWorld.replay, {*many(12), "k" * 1000, "left"}),
        (copies_world, methodcaller("tick", "replay"), DUE),
    ],
    ids=["keys", "failures to copy"],
)
def test_a_replay_killed_at_any_step_loses_no_key_and_is_completed_later(make, run, keys):
    # GIVEN a run that dies at some step
    for step, world in at_each_step(make, run, ReplayWorld.die):
        # THEN every key is still stored
        assert (
            keys
            <= world.bucket.failed_keys()
            | world.bucket.keys_in_run_files()
            | world.bucket.succeeded_keys()
            | world.oms.accepted.keys()
        ), step

        # AND after the end of the lease, another run submits all keys
        world.oms.faults.clear()
        world.oms.refuse(None)
        world.advance(10 * MINUTE)
        run(world)
        assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set(), step
        assert world.bucket.succeeded_keys() == world.oms.accepted.keys() == keys, step


@pytest.mark.part
@pytest.mark.long
@pytest.mark.parametrize("key", ["key 00004", "new"])
def test_a_key_that_fails_during_replay_stays_recorded_or_is_resent(key):
    sent_before = []

    def record(world: ReplayWorld) -> None:
        world.put_failed(key)
        sent_before.append(len(world.oms.requests))

    # GIVEN a new version of a key that fails, and is recorded, at some step of a run
    for step, world in at_each_step(busy_world, ReplayWorld.replay, record):
        # THEN its record is kept, or the key was submitted after the write
        assert key in world.bucket.failed_keys() | world.bucket.keys_in_run_files() | world.requested_keys(
            sent_before[-1]
        ), step


def meeting_world() -> ReplayWorld:
    """Return a world with a run file whose lease has expired; OMS refuses all calls."""
    world = ReplayWorld()
    world.bucket.add_run_file("k", held=True)
    world.put_failed("k")
    world.oms.faults.add(UNAUTHORIZED)
    return world


@pytest.mark.part
@pytest.mark.long
def test_two_replays_of_a_run_file_lose_no_key_if_either_is_killed():
    for death in sweep(itertools.count()):
        died = []

        # GIVEN a run file without an active lease, which both runs take over
        # WHEN a second run takes it over during the first, and dies
        def meet(world: ReplayWorld, death: int = death, died: list[bool] = died) -> None:
            with world.second_instance(), at_step(world, death, world.die), contextlib.suppress(InstanceKilled):
                world.replay()
                return
            died.append(True)

        # THEN the key is still stored
        for meeting, world in at_each_step(meeting_world, ReplayWorld.replay, meet):
            assert "k" in world.bucket.failed_keys() | world.bucket.keys_in_run_files(), (meeting, death)
        if not died:
            break


def move_key(world: ReplayWorld) -> None:
    """Move the key from its failed record to a run file, or from the run file to a failed record."""
    stood = [name for part in ("failed_object/", "replay/") for name in world.bucket.names(f"{ROOT}{part}")]
    world.bucket.add_run_file("k") if world.bucket.failed_keys() else world.put_failed("k")
    for name in stood:
        del world.bucket.objects[name]


@pytest.mark.parametrize(
    "look",
    [
        lambda invocation: read_backlog(invocation).waiting,
        lambda invocation: len(list_waiting_keys(invocation, 9, 9, with_reasons=True).keys),
    ],
    ids=["status", "certify"],
)
@pytest.mark.parametrize("begins", [ReplayWorld.put_failed, lambda world, key: world.bucket.add_run_file(key)])
def test_a_key_that_replay_moves_to_a_run_file_counts_once_as_waiting(look, begins):
    for step in range(8):
        World.close_all()
        world = ReplayWorld()
        begins(world, "k")
        with at_step(world, step, partial(move_key, world)):
            assert world.within(lambda world=world: look(world.invocation())) == 1, step


@pytest.mark.part
@pytest.mark.long
def test_replay_loses_no_failed_copy_if_the_log_bucket_fails_at_any_step():
    def run(world: ReplayWorld) -> None:
        with contextlib.suppress(StorageError):
            world.tick("replay")

    for step, world in at_each_step(copies_world, run, lambda world: world.bucket.fail(oss_error(409, "Busy"))):
        world.bucket.heal()
        for _ in range(2):
            world.advance(10 * MINUTE)
            world.tick("replay")
        assert world.oms.accepted.keys() >= DUE, step
        assert world.bucket.failed_keys() == world.bucket.keys_in_run_files() == set(), step
