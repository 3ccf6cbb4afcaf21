"""Something that happens at one of the requests that a run makes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sandbox.inprocess.instance import Killed
from support.world import World

W = TypeVar("W", bound=World)


@contextmanager
def at_step(world: World, step: int, happens: Callable[[], object]) -> Iterator[None]:
    """Within it, this happens in the client's place before the instance sends its request number `step`.

    That is also after the request before it, because nothing is done in between. Of requests that go side by side,
    those that were sent already are carried out, whatever happens.
    """
    one, steps, network = world.one, itertools.count(), world.ground.network

    def before(_: object) -> None:
        if world.ground.owner() is one and next(steps) == step:
            happens()

    network.before, as_ever = before, network.before
    try:
        yield
    finally:
        network.before = as_ever


def at_each_step(
    make: Callable[[], W], run: Callable[[W], object], happens: Callable[[W], object]
) -> Iterator[tuple[int, W]]:
    """New worlds after a run in which something happened, each time a step later, until the run has no more steps. If
    it was killed, another instance is in its place."""
    for step in itertools.count():
        World.close_all()
        world, happened = make(), []

        def happen(world: W = world, happened: list[bool] = happened) -> None:
            happened.append(True)
            happens(world)

        with at_step(world, step, happen), suppress(Killed):
            run(world)
        if not happened:
            assert step > 10
            return
        if not world.one.alive:
            world.start()
        yield step, world
