"""Fixtures for the tests of replay."""

from __future__ import annotations

import logging

import pytest

from unit.jobs.replay.replay_world import ReplayWorld


@pytest.fixture
def world() -> ReplayWorld:
    return ReplayWorld()


@pytest.fixture
def problems(caplog):
    """Return a function that lists the logged warnings and errors."""
    return lambda: [record.msg for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def _small_pages(mocker) -> None:
    """Limit pages of listings and multi-deletes to a hundred objects."""
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 100)
