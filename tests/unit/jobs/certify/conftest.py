"""Fixtures with worlds that are ready for a certificate."""

from __future__ import annotations

import pytest

from support.certify_world import CertifyWorld


@pytest.fixture
def world() -> CertifyWorld:
    """Return a world with three copied objects."""
    return CertifyWorld("a/1", "a/2", "b")


@pytest.fixture
def ready(world: CertifyWorld) -> CertifyWorld:
    """Return a world with three copied objects: frozen, compared, and unchanged in a standstill pass."""
    world.get_ready()
    return world
