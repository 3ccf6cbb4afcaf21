"""What the tests of setup share."""

import pytest

from unit.ops.setup.setup_world import YES, SetupWorld, well


@pytest.fixture
def world():
    with SetupWorld() as made:
        yield made


@pytest.fixture
def made(world):
    """The project is set up: what there is then."""
    well(world.setup(typed=YES))
    return world.made()
