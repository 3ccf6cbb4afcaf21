"""Tests of faults of the simulated clouds that occur only over sockets."""

from __future__ import annotations

import pytest

from sandbox.server.faults import Fault


@pytest.fixture
def idle_connection(box, connect):
    """Return a connection that is idle after the answer to its first request."""
    connection = connect(box.oss.endpoint)
    connection.ask()
    assert connection.answer()
    return connection


def test_the_fault_silence_keeps_a_connection_open_without_a_response(box, connect):
    box.oss.faults.add(Fault.silence(), times=1)
    connection = connect(box.oss.endpoint)

    for _ in range(2):
        connection.ask()
        assert connection.is_silent()

    other_connection = connect(box.oss.endpoint)
    other_connection.ask()
    assert other_connection.answer().startswith(b"HTTP/1.1 403 ")
    assert len(box.oss.actions) == 1, "on the silent connection no work was done"


def test_a_simulated_service_can_silence_all_open_connections(box, connect, idle_connection):
    box.oss.silence_connections()

    idle_connection.ask()
    assert idle_connection.is_silent()
    fresh = connect(box.oss.endpoint)
    fresh.ask()
    assert fresh.answer()
