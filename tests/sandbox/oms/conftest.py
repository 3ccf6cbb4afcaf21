"""A fixture that makes the addresses of OMS's calls for a task."""

import pytest


@pytest.fixture
def task_url(box):
    """Return a function that appends a path or query to the address of the sandbox's task."""
    return lambda suffix: box.task.sync_url.removesuffix("/events") + suffix
