"""A fixture with the URLs of requests to OMS about a sync task."""

import pytest


@pytest.fixture
def task_url(box):
    """Return a function that appends a path or query to the address of the sandbox's task."""
    return lambda suffix: box.task.sync_url.removesuffix("/events") + suffix
