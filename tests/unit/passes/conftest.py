"""What the tests of passes share: they are tried through reconcile, which is what has them."""

from __future__ import annotations

import pytest

from oss_oms_sync.passes import work
from support.reconcile_world import ReconcileWorld


@pytest.fixture
def world() -> ReconcileWorld:
    return ReconcileWorld()


@pytest.fixture(autouse=True)
def split_early(mocker):
    """Ranges split as soon as a lane is free, however few objects they have: some dozens are as good as millions."""
    mocker.patch.object(work, "FIRST_SECONDS", 0)
    mocker.patch.object(work, "WORTH_SPLITTING", 0)
