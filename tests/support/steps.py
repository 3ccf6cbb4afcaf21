"""Something that happens at one of the calls that a run of replay makes."""

from __future__ import annotations

from collections.abc import Callable

from support.fake_bucket import Died
from support.replay_world import ReplayWorld


def steps_of(make: Callable[[], ReplayWorld]) -> int:
    """How many calls of storage and OMS a run makes."""
    world, steps = make(), []
    watch(world, lambda: steps.append(1))
    world.replay()
    return len(steps)


def watch(world: ReplayWorld, step: Callable[[], None]) -> None:
    """Calls `step` before and after every storage call and every OMS call, and nothing else any more."""
    world.bucket.before = world.bucket.after = lambda kind, names: step()
    send = type(world.oms).send

    def watched(request, **options):
        step()
        response = send(world.oms, request, **options)
        step()
        return response

    world.oms.send = watched


def dying_at(step: int) -> Callable[[], None]:
    """A `step` for watch() that kills the process at the given one."""
    countdown = [step]

    def die() -> None:
        countdown[0] -= 1
        if countdown[0] < 0:
            raise Died

    return die
