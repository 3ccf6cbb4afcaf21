"""Fixtures for all unit tests, which also run on the interpreters of Function Compute's runtimes."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from support.world import World


@pytest.fixture(autouse=True)
def _worlds_end() -> Iterator[None]:
    """Undo all patches of the process after each test."""
    yield
    World.close_all()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lines(caplog):
    """Return a function that returns the messages that the test has logged so far."""
    caplog.set_level(logging.DEBUG, "oss_oms_sync")
    return lambda: [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")]
