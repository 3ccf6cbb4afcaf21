"""Fixtures of the tests of migrations."""

import pytest

from unit.ops.migrate.migrate_world import MigrateWorld


@pytest.fixture
def world():
    with MigrateWorld() as world:
        yield world
