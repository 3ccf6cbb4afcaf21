"""Fixtures of the tests of passes, in which the job reconcile runs."""

from __future__ import annotations

import pytest

from support.passes import split_early  # noqa: F401  a fixture
from support.world import World


@pytest.fixture
def world() -> World:
    return World.installed()
