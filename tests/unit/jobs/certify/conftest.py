"""A world that is ready to be certified."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from support.certify_world import CertifyWorld


@pytest.fixture
def world():
    """Three objects, copied; clocks that agree."""
    world = CertifyWorld(["a/1", "a/2", "b"])
    with patch("oss_oms_sync.jobs.certify.evidence.date_at", world.date_at):
        for key in world.keys:
            world.put(key, key[:2], fate="copied")
        world.later(1)
        yield world
