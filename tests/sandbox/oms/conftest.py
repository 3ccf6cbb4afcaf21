"""Addresses of OMS."""

import pytest


@pytest.fixture
def task_url(box):
    """The address of the sandbox's task, with what follows it."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail
