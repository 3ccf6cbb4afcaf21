"""Fixtures of the tests of setup."""

import pytest

from unit.ops.setup.setup_world import YES, SetupWorld, expect_success


@pytest.fixture
def world():
    with SetupWorld() as world:
        yield world


@pytest.fixture
def resources(world):
    """Run setup, and return the resources that it created."""
    expect_success(world.setup(typed=YES))
    return world.resources()
