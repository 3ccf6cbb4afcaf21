"""The law of setup: setup changes no resource of other users.

Such a resource may have a name or mark of the project, or attachments to its resources. The other users create it
before, between or during commands of setup, which may be killed at any request.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.law import schedules
from unit.ops.setup.others import Others, interferences
from unit.ops.setup.setup_world import SetupWorld

ends = st.none() | st.tuples(st.sampled_from(["dies_after", "loses"]), st.integers(1, 90))
_HALVES = [("--only", "alibaba"), ("--remove", "--only", "huawei")]
commands = st.sampled_from([(), (), ("--new-key",), ("--remove",), *_HALVES])


@pytest.mark.part
@pytest.mark.law
@given(steps=st.lists(st.tuples(interferences, commands, ends, st.none() | st.integers(1, 90)), min_size=1, max_size=4))
@settings(max_examples=max(5, schedules(10) // 2))
def test_setup_changes_no_resource_of_others(
    steps: list[tuple[list[Callable[[Others], None]], tuple[str, ...], tuple[str, int] | None, int | None]],
) -> None:
    with SetupWorld() as world:
        other_users = Others(world)
        for acts, command, end, interruption in steps:
            other_users.work(acts, interruption)
            with world.cut_off(*(end or ("loses", 10**6))):
                world.setup(*command, typed="yes\nagree\n")
            other_users.check()
        other_users.work((), None)
        world.setup("--remove", typed="yes\n")
        other_users.check()
