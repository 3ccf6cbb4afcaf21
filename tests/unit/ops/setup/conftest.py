"""Fixtures of the tests of setup."""

import pytest

from unit.ops.setup.setup_world import YES, SetupWorld, expect_success


@pytest.fixture
def world():
    with SetupWorld() as world:
        yield world


@pytest.fixture
def resources(world):
    """Set the project up, and return its resources."""
    expect_success(world.setup(typed=YES))
    return world.resources()
