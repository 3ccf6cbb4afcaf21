"""Fixtures of the tests of setup."""

import pytest

from unit.ops.setup.setup_world import SetupWorld


@pytest.fixture
def world():
    with SetupWorld() as world:
        yield world


@pytest.fixture
def resources(world):
    """Set the project up, and return the resources that this created."""
    world.set_up()
    return world.resources()
