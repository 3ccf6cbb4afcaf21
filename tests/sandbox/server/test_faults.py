"""Tests of faults of the simulated clouds that occur only over sockets."""

from __future__ import annotations

import oss2
import pytest

from sandbox.server.faults import Fault, Faults


@pytest.fixture
def idle_connection(box, connect):
    """Return a connection that is idle after the answer to its first request."""
    connection = connect(box.oss.endpoint)
    connection.ask()
    assert connection.answer()
    return connection


def test_a_slow_simulated_service_works_after_its_client_gave_up(box, photos, eventually):
    photos.timeout = 0.1
    box.oss.faults.add(Fault.slow(0.3), times=1)

    with pytest.raises(oss2.exceptions.RequestError, match="timed out"):
        photos.put_object("a", b"")

    eventually(lambda: list(box.oss.objects("photos")) == ["a"])


def test_the_fault_drip_sends_a_response_that_never_ends(box, connect):
    box.oss.faults.add(Fault.drip())
    connection = connect(box.oss.endpoint)

    connection.ask()

    assert b"".join(connection.answer() for _ in range(5)) == b"HTTP/1.1 "[:5]
    assert len(box.oss.actions) == 1, "the work was done"


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


def test_random_faults_with_the_same_seed_are_equal():
    def run(seed):
        faults = Faults()
        faults.random(0.5, [Fault.hang(), Fault.drop_after()], seed=seed)
        return [faults.next(None) for _ in range(50)], faults.used

    faults, used = run(7)

    assert run(7) == (faults, used)
    assert run(8) != (faults, used)
    assert used.total() == 50 - faults.count(None)
    assert used.keys() == {"hang", "drop_after"}
