"""Fixtures for the tests of reconcile. A world simulates both clouds and a project between them."""

from __future__ import annotations

import pytest

from support.passes import split_early  # noqa: F401  a fixture
from support.world import World


@pytest.fixture
def world() -> World:
    return World.installed()


@pytest.fixture
def single_lane() -> World:
    """Return a world whose passes have a single range, which never splits."""
    return World.installed(LANES="1")


@pytest.fixture
def small_pages(mocker):
    """Limit a listing page to seven objects, and let each page take a second.

    A few dozen objects then need as many pages as ten thousand objects in OSS.
    """
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 7)
    mocker.patch.object(World, "page_seconds", 1.0)
