"""How many failures to copy OMS's lists have told of: each line counts once, however often its list is read."""

from __future__ import annotations

import json

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from support.world import HOUR, ROOT
from unit.jobs.replay.copies_world import CopiesWorld


@pytest.fixture
def world() -> CopiesWorld:
    world = CopiesWorld(OBJECT_PREFIX="photos/")
    world.upload("photos/a", "photos/b", "photos/c")
    return world


def listed(world: CopiesWorld) -> list[int]:
    """Lines, and those of other objects than the project's, after a run that looks at all lists."""
    world.later(2 * HOUR)
    world.tick()
    (name,) = (name for name in world.bucket.objects if name.startswith(f"{ROOT}state/failed_copies"))
    (month,) = json.loads(world.bucket.objects[name].body)["listed"].values()
    return month


def rewrite(world: CopiesWorld, name: str, text: str) -> None:
    world.there.add(StoredObject(name, text.encode()))


def test_a_line_of_another_project_counts_apart(world):
    world.list_failed("photos/a", "videos/b", "photos/gone")
    assert listed(world) == [3, 1]


def test_a_last_line_without_end_counts_once_whatever_is_written_after_it(world):
    lines = [world.line(key) for key in ("photos/a", "videos/b", "photos/c")]
    name = world.list_failed(text="".join(lines[:2]).removesuffix("\n"))
    assert listed(world) == [2, 1]
    rewrite(world, name, "".join(lines).removesuffix("\n"))
    assert listed(world) == [3, 1]


@pytest.mark.parametrize("is_last", [True, False], ids=["the last list", "one before it"])
def test_a_list_that_grows_or_changes_counts_what_it_says_now(world, is_last):
    name = world.list_failed("photos/a", name="1")
    others = 0
    if not is_last:
        world.list_failed("photos/b", name="2")
        others = 1
    assert listed(world) == [others + 1, 0]
    rewrite(world, name, world.line("photos/a") + world.line("photos/c"))
    assert listed(world) == [others + 2, 0]
    rewrite(world, name, world.line("photos/b") + world.line("photos/c") + world.line("photos/a"))
    assert listed(world) == [others + 3, 0]


def test_lines_that_nobody_can_read_are_not_among_them(world):
    world.list_failed(text=world.line("photos/a") + "what is this, 1\n")
    assert listed(world) == [1, 0]


def test_a_key_that_is_named_twice_is_two_failures(world):
    world.list_failed("photos/a", "photos/a")
    assert listed(world) == [2, 0]
