"""Addresses and refusals of OMS."""

import pytest


@pytest.fixture
def assert_refused():
    """Checks an answer's status and OMS's code, and that it says something."""

    def check(answer, status, code):
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)
        assert answer.json()["error_msg"]

    return check


@pytest.fixture
def task_url(box):
    """The address of the sandbox's task, with what follows it."""
    return lambda tail: box.task.sync_url.removesuffix("/events") + tail
