"""What the tests of passes share: they are tried through reconcile, which is what has them."""

from __future__ import annotations

import pytest

from support.reconcile_world import ReconcileWorld, split_early  # noqa: F401  a fixture


@pytest.fixture
def world() -> ReconcileWorld:
    return ReconcileWorld()
