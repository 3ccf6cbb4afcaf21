"""Addresses of OMS."""

import pytest


@pytest.fixture
def task_url(box):
    """Return the address of the sandbox's task with an end."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail
