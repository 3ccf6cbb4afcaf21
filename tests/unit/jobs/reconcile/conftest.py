"""What the tests of reconcile share."""

from __future__ import annotations

import pytest

from support.fake_bucket import MemoryBucket
from support.reconcile_world import ReconcileWorld


@pytest.fixture
def world() -> ReconcileWorld:
    return ReconcileWorld()


@pytest.fixture
def small_pages(mocker):
    """Pages of seven objects, so that a few dozen take as many turns as ten thousand."""
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    mocker.patch("oss_oms_sync.jobs.reconcile._SAVE_INTERVAL_SECONDS", 4)
    # A page takes a second, so that time goes by.
    init = MemoryBucket.__init__

    def slow(self: MemoryBucket, clock: object) -> None:
        init(self, clock)
        self.seconds_a_page = 1.0

    mocker.patch.object(MemoryBucket, "__init__", slow)
