"""What the tests of setup share."""

import pytest

from unit.ops.setup.setup_world import SetupWorld


@pytest.fixture
def world():
    with SetupWorld() as made:
        yield made
