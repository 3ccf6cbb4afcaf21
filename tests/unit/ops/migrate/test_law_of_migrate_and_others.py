"""The law of migrations: migrate changes no resource of others, even if killed or if others act at any request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.law import schedules
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.others import Others, interferences

ends = st.none() | st.tuples(st.sampled_from(["dies_after", "loses"]), st.integers(1, 60))
commands = st.sampled_from([("migrate", "--yes"), ("migrate", "--remove", "--yes"), ("setup", "--remove")])


@pytest.mark.part
@pytest.mark.law
@given(steps=st.lists(st.tuples(interferences, commands, ends, st.none() | st.integers(1, 60)), min_size=1, max_size=3))
@settings(max_examples=max(3, schedules(10) // 6))
def test_a_migration_changes_no_resource_of_others(
    steps: list[tuple[list[Callable[[Others], None]], tuple[str, ...], tuple[str, int] | None, int | None]],
) -> None:
    with MigrateWorld() as world:
        world.fill(20)
        other_users = Others(world)
        for acts, command, end, interruption in steps:
            other_users.work(acts, interruption)
            with world.cut_off(*(end or ("loses", 10**6))):
                world.run(*command, typed="yes\n")
            other_users.check()
