"""What the tests of reconcile share."""

from __future__ import annotations

import pytest

from oss_oms_sync.passes import work
from support.fake_bucket import MemoryBucket
from support.reconcile_world import ReconcileWorld


@pytest.fixture
def world() -> ReconcileWorld:
    return ReconcileWorld()


@pytest.fixture(autouse=True)
def split_early(mocker):
    """Ranges split as soon as a lane is free, however few objects they have: some dozens are as good as millions."""
    mocker.patch.object(work, "FIRST_SECONDS", 0)
    mocker.patch.object(work, "WORTH_SPLITTING", 0)


@pytest.fixture
def one_lane() -> ReconcileWorld:
    """A world in which a pass is one range: it never splits."""
    return ReconcileWorld(LANES="1")


@pytest.fixture
def small_pages(mocker):
    """Pages of seven objects, so that a few dozen take as many turns as ten thousand; each takes a second."""
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    init = MemoryBucket.__init__

    def slow(self: MemoryBucket, clock: object) -> None:
        init(self, clock)
        self.seconds_a_page = 1.0

    mocker.patch.object(MemoryBucket, "__init__", slow)
