"""A fixture with the addresses of OMS's calls."""

import pytest


@pytest.fixture
def task_url(box):
    """Return a function that returns the address of the sandbox's task, followed by `end`."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail
