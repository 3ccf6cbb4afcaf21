"""No failure to copy is lost to a death, or a failure, at any step."""

from __future__ import annotations

import contextlib

from oss_oms_sync.errors import StorageError
from support.copies_world import CopiesWorld
from support.steps import at_each_step
from support.world import MINUTE, oss_error

BUSY = oss_error(409, "Busy")


def busy_world() -> CopiesWorld:
    """Two sub-tasks, a key in two lists, and one that is gone."""
    world = CopiesWorld()
    world.upload("a", "b", "k" * 1000)
    world.list_failed("a", "gone", name="1")
    world.list_failed("a", "k" * 1000, name="2")
    world.list_failed("b", sub="00")
    return world


DUE = {"a", "b", "k" * 1000}


def test_a_run_killed_at_any_step_loses_no_failure_to_copy_and_the_next_ones_send_it():
    # GIVEN a run that dies at some step
    for step, world in at_each_step(busy_world, CopiesWorld.tick, CopiesWorld.die):
        # THEN every failure is sent by a run or two, once the dead one's time is up
        world.later(10 * MINUTE)
        world.tick()
        assert world.oms.accepted.keys() == DUE, step
        assert world.failed() == world.in_run_files() == set(), step


def test_a_log_bucket_that_fails_from_any_step_on_loses_no_failure_to_copy():
    def run(world: CopiesWorld) -> None:
        with contextlib.suppress(StorageError):
            world.tick()

    for step, world in at_each_step(busy_world, run, lambda world: world.bucket.fail(BUSY)):
        world.bucket.heal()
        for _ in range(2):
            world.later(10 * MINUTE)
            world.tick()
        assert world.oms.accepted.keys() >= DUE, step
        assert world.failed() == world.in_run_files() == set(), step
