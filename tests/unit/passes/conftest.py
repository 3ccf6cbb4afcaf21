"""Fixtures of the tests of passes, in which the job reconcile runs."""

from __future__ import annotations

import pytest

from support.reconcile_world import ReconcileWorld, split_early  # noqa: F401  a fixture


@pytest.fixture
def world() -> ReconcileWorld:
    return ReconcileWorld()
