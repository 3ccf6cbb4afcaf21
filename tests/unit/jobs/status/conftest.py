"""Fixtures for the tests of status. A world simulates both clouds and a project between them."""

from __future__ import annotations

import pytest

from support.status import make_status_world
from support.world import World


@pytest.fixture
def world() -> World:
    """Return a world for which status reports the verdict "in step" unless a test changes OMS."""
    status_world = make_status_world()
    status_world.bucket.add_pass(scanned=7)
    return status_world
