"""No key is lost to a death, a failure or another run at any step."""

from __future__ import annotations

import contextlib

import pytest

from support.fake_bucket import Died
from support.replay_world import UNAUTHORIZED, ReplayWorld, free_run_file, many
from support.steps import dying_at, steps_of, watch


def busy_world() -> ReplayWorld:
    world = ReplayWorld()
    world.fail(*many(23), "k" * 1000)
    world.oms.refused = {"key 00004"}
    world.oms.schedule = ["ok", 404]
    return world


@pytest.mark.parametrize("step", range(steps_of(busy_world)))
def test_a_run_killed_at_any_step_loses_no_key_and_the_next_ones_finish_it(step):
    # GIVEN a run that dies at this step
    world = busy_world()
    keys = world.failed()
    watch(world, dying_at(step))
    with pytest.raises(Died):
        world.replay()

    # THEN every key still stands somewhere
    assert keys <= world.failed() | world.in_run_files() | world.succeeded() | world.oms.accepted.keys()

    # AND once it is long dead, a run or two send everything
    watch(world, lambda: None)
    world.oms.schedule.clear()
    world.oms.refused.clear()
    world.clock.sleep(600)
    world.replay()
    assert world.failed() == world.in_run_files() == set()
    assert world.succeeded() == world.oms.accepted.keys() == keys


@pytest.mark.parametrize("step", range(steps_of(busy_world)))
@pytest.mark.parametrize("key", ["key 00000", "key 00015", "key 00004", "new"])
def test_a_failure_recorded_at_any_step_survives_or_is_covered_by_a_later_send(step, key):
    # GIVEN a new version of a key that fails, and is recorded, at this step of a run
    world = busy_world()
    countdown, sent_before = [step], []

    def record():
        countdown[0] -= 1
        if countdown[0] == -1:
            world.fail(key)
            sent_before.append(len(world.oms.calls))

    watch(world, record)
    world.replay()
    watch(world, lambda: None)

    # THEN its record stands, or OMS was asked for the key after it was written
    sent_after = {name for call in world.oms.calls[sent_before[0] :] for name in call}
    waiting = world.failed() | world.in_run_files()
    assert key in waiting or key.replace(" ", "%20") in sent_after


def meeting_world() -> ReplayWorld:
    """A run file that is free, and an OMS that refuses everybody."""
    world = ReplayWorld()
    world.bucket.add(free_run_file("k", in_doubt=True))
    world.fail("k")
    world.oms.schedule = [UNAUTHORIZED] * 10
    return world


@pytest.mark.parametrize("meeting", range(steps_of(meeting_world)))
def test_two_runs_that_take_the_same_run_file_lose_nothing_even_if_one_dies(meeting):
    for death in range(steps_of(meeting_world)):
        # GIVEN a run file that both find free
        world = meeting_world()
        countdown = [meeting]

        # WHEN a second run takes it in the middle of the first, and dies
        def meet(world=world, countdown=countdown, death=death):
            countdown[0] -= 1
            if countdown[0] == -1:
                watch(world, dying_at(death))
                with contextlib.suppress(Died):
                    world.replay()
                watch(world, lambda: None)

        watch(world, meet)
        world.replay()

        # THEN the key still stands somewhere
        assert "k" in world.failed() | world.in_run_files(), (meeting, death)
