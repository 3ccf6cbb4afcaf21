"""What faults do on the wire, beyond what `tests/sandbox/inprocess/test_same.py` shows of each."""

from __future__ import annotations

import threading

import oss2
import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault, Faults

IMPATIENT = 0.1


def stored(box):
    return list(box.oss.objects("photos"))


@pytest.fixture
def impatient(box: Sandbox) -> oss2.Bucket:
    bucket = box.bucket("photos")
    bucket.timeout = IMPATIENT
    return bucket


def test_a_slow_service_does_the_work_though_the_client_gave_up(box, impatient, eventually):
    box.oss.faults.add(Fault.slow(0.3), times=1)

    with pytest.raises(oss2.exceptions.RequestError, match="timed out"):
        impatient.put_object("a", b"")

    eventually(lambda: stored(box) == ["a"])


def test_a_hanging_service_neither_works_nor_answers(box, impatient, eventually):
    box.oss.faults.add(Fault.hang(), times=1)

    with pytest.raises(oss2.exceptions.RequestError, match="timed out"):
        impatient.put_object("a", b"")

    box._http.session.close()
    eventually(lambda: box.oss.open_connections == 0)
    assert stored(box) == []


def test_a_status_is_answered_instead_of_working(box, photos):
    box.oss.faults.add(Fault.status(503, b"busy", {"Retry-After": "7"}), times=1)

    with pytest.raises(oss2.exceptions.ServerError) as refused:
        photos.put_object("a", b"")

    assert (refused.value.status, refused.value.body) == (503, b"busy")
    assert refused.value.headers["Retry-After"] == "7"
    assert stored(box) == []


def test_a_dripping_answer_never_ends_and_never_pauses(box, connect):
    box.oss.faults.add(Fault.drip())
    connection = connect(box.oss.endpoint)

    connection.ask()

    received = [connection.answer() for _ in range(5)]
    assert b"".join(received) == b"HTTP/1.1 "[:5]
    assert len(box.oss.actions) == 1, "the work was done"


def test_a_dripping_answer_defeats_a_read_timeout(box):
    box.oss.faults.add(Fault.drip())
    finished = threading.Event()

    def read():
        bucket = box.bucket("photos")
        bucket.timeout = IMPATIENT
        with pytest.raises(oss2.exceptions.RequestError):
            bucket.put_object("a", b"")
        finished.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert not finished.wait(3 * IMPATIENT), "each byte starts the timeout anew"
    box.oss.reset_connections()
    reader.join()


def test_a_connection_that_fell_silent_stays_open_and_silent(box, connect):
    box.oss.faults.add(Fault.silence(), times=1)
    connection = connect(box.oss.endpoint)

    connection.ask()
    assert connection.is_silent()
    connection.ask()
    assert connection.is_silent()

    other = connect(box.oss.endpoint)
    other.ask()
    assert other.answer().startswith(b"HTTP/1.1 403 ")
    assert len(box.oss.actions) == 1, "on the silent connection no work was done"


def test_all_open_connections_can_fall_silent(box, connect):
    idle = connect(box.oss.endpoint)
    idle.ask()
    assert idle.answer()

    box.oss.silence_connections()

    idle.ask()
    assert idle.is_silent()
    fresh = connect(box.oss.endpoint)
    fresh.ask()
    assert fresh.answer()


def test_all_open_connections_can_be_reset(box, connect):
    idle = connect(box.oss.endpoint)
    idle.ask()
    assert idle.answer()

    box.oss.reset_connections()

    with pytest.raises(ConnectionResetError):
        idle.answer()


def test_connections_are_counted_by_use(box, connect, eventually):
    used, unused = connect(box.oss.endpoint), connect(box.oss.endpoint)
    for _ in range(2):
        used.ask()
        assert used.answer()
    eventually(lambda: box.oss.open_connections == 2)

    assert box.oss.connections == 1
    unused.socket.close()
    eventually(lambda: box.oss.open_connections == 1)


def test_a_fault_concerns_only_requests_that_are_meant(box, photos):
    box.oss.faults.add(Fault.status(500), where=lambda request: request.raw_path.endswith("/bad"))

    photos.put_object("good", b"")
    with pytest.raises(oss2.exceptions.ServerError):
        photos.put_object("bad", b"")

    assert box.oss.faults.used == {"status": 1}


def test_cleared_faults_are_gone_but_stay_counted(box, photos):
    box.oss.faults.add(Fault.status(500))
    box.oss.faults.random(1.0, [Fault.status(500)], seed=1)
    with pytest.raises(oss2.exceptions.ServerError):
        photos.put_object("a", b"")

    box.oss.faults.clear()

    assert photos.put_object("a", b"").status == 200
    assert box.oss.faults.used == {"status": 1}


def test_the_same_seed_gives_the_same_faults():
    def run(seed):
        faults = Faults()
        faults.random(0.5, [Fault.hang(), Fault.drop_after()], seed=seed)
        return [faults.next(None) for _ in range(50)], faults.used

    faults, used = run(7)

    assert run(7) == (faults, used)
    assert run(8) != (faults, used)
    assert used.total() == 50 - faults.count(None)
    assert used.keys() == {"hang", "drop_after"}


def test_requests_are_kept_as_they_came(box, photos):
    photos.put_object("a b/c", b"body")

    [request] = box.oss.requests
    assert (request.method, request.raw_path, request.body) == ("PUT", "/photos/a%20b%2Fc", b"body")
    assert request.headers["x-oss-content-sha256"] == "UNSIGNED-PAYLOAD"
