"""What the tests of a migration of the old objects share."""

import pytest

from unit.ops.migrate.migrate_world import MigrateWorld


@pytest.fixture
def world():
    with MigrateWorld() as made:
        yield made
