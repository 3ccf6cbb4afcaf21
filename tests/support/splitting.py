"""A fixture for tests in which a few dozen objects are as good as millions."""

import pytest

from oss_oms_sync.passes import work


@pytest.fixture(autouse=True)
def split_early(mocker):
    """Ranges split as soon as a lane is free, however few objects they have."""
    mocker.patch.object(work, "FIRST_SECONDS", 0)
    mocker.patch.object(work, "WORTH_SPLITTING", 0)
