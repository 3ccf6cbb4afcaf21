"""What the tests of replay share."""

from __future__ import annotations

import pytest

from support.replay_world import ReplayWorld


@pytest.fixture
def world() -> ReplayWorld:
    return ReplayWorld()
