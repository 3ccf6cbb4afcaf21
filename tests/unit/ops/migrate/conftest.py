"""A fixture with both clouds and an administrator who migrates the existing objects."""

import pytest

from unit.ops.migrate.migrate_world import MigrateWorld


@pytest.fixture
def world():
    with MigrateWorld() as world:
        yield world
