"""Fixtures for the tests of certify. A world simulates both clouds and a project between them."""

from __future__ import annotations

import pytest

from support.world import World


@pytest.fixture
def world() -> World:
    """Return a world with three copied objects."""
    return World.installed("a/1", "a/2", "b")


@pytest.fixture
def ready(world: World) -> World:
    """Return a world with three copied objects: frozen, compared, and unchanged in a standstill pass."""
    world.reach("ready", world.get_ready)
    return world
