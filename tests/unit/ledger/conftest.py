"""What the tests of what is remembered in the log bucket share."""

from __future__ import annotations

import logging

import pytest

from support.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lines(caplog):
    """Called for all that was logged."""
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]
