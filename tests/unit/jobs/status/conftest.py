"""Fixtures of the tests of status."""

from __future__ import annotations

import pytest

from support.status_world import StatusWorld


@pytest.fixture
def world() -> StatusWorld:
    """Return a world whose verdict is in step, as long as OMS is."""
    status_world = StatusWorld()
    status_world.passed(scanned=7)
    return status_world
