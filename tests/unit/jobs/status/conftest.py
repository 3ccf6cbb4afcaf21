"""Fixtures of the tests of status."""

from __future__ import annotations

import pytest

from support.status import make_status_world
from support.world import World


@pytest.fixture
def world() -> World:
    """Return a world whose verdict is in step, as long as OMS is."""
    status_world = make_status_world()
    status_world.bucket.add_pass(scanned=7)
    return status_world
