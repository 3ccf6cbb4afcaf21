"""Addresses of OMS, and its vendor's client."""

import pytest

from support.oms_sdk import oms_client


@pytest.fixture
def task_url(box):
    """The address of the sandbox's task, with what follows it."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail


@pytest.fixture
def client(box, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return oms_client(box)
