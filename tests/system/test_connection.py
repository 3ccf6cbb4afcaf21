"""Connections of the function: reuse, cookies, threads that end, and listings and objects of OBS over sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds import oms
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import Connections, read_body
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.obs import ObsBucket, ObsClient
from oss_oms_sync.delivery.batches import submit
from oss_oms_sync.errors import Reason
from sandbox import Sandbox
from sandbox.server.certificate import make_certificate
from sandbox.server.faults import Fault
from support.instance import Instance
from support.law import HOSTILE
from support.names import obs_server, redirect_huawei_hosts

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def serve_once(behave: Serve, certificate: Path | None = None) -> Iterator[str]:
    """Yield the address of a loopback server that accepts a single connection and passes it to `behave`."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                if certificate:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate)
                    with context.wrap_socket(connection, server_side=True) as secured:
                        behave(secured)
                else:
                    behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{listener.getsockname()[1]}/hook?key=k"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def test_a_session_neither_stores_nor_sends_cookies(box):
    box.oss.faults.add(Fault.status(200, headers={"Set-Cookie": "a=b"}))
    with Connections(box.oss.endpoint, Clock()) as session:
        for _ in range(2):
            read_body(session.send_signed("GET", box.oss.endpoint, {}, (5, 5)), 100)
    assert [request.headers.get("cookie") for request in box.oss.requests] == [None, None]


@pytest.fixture
def threads() -> Callable[[], list[threading.Thread]]:
    """Return a function that lists the threads that were started during the test."""
    before = set(threading.enumerate())
    return lambda: [thread for thread in threading.enumerate() if thread not in before]


def test_a_write_with_an_endless_response_leaves_no_thread(box, threads):
    # GIVEN an OSS that sends its answer a byte at a time and never ends
    box.oss.faults.add(Fault.drip())
    bucket = Instance(box).invocation(0.5).log_bucket

    # WHEN the time is up, THEN each write is a storage failure, and its thread ends
    assert all(bucket.try_put_all([StoredObject(f"k{number}", b"x") for number in range(3)]))
    for thread in threads():
        thread.join(60)
    assert threads() == []


def test_a_submission_with_an_endless_response_leaves_no_thread(box, threads, monkeypatch):
    monkeypatch.setattr(oms, "MAX_CALL_SECONDS", 0.2)
    box.oms.faults.add(Fault.drip())
    invocation = Instance(box).invocation(1)
    (failure,) = submit(invocation, ["a"], invocation.deadline).outcomes.values()
    assert failure.reason is Reason.TIMEOUT
    for thread in threads():
        thread.join(60)
    assert threads() == []


def test_a_session_does_not_reuse_a_connection_with_an_unread_response(box):
    box.oms.faults.add(Fault.status(404, b"x" * 1_000_000), times=1)
    invocation = Instance(box).invocation()
    for key in ("a", "b", "c"):
        submit(invocation, [key], invocation.deadline)
    assert box.oms.accepted == {"b": 1, "c": 1}
    assert box.oms.connections == 2


def answer_twice(connection: socket.socket) -> None:
    for _ in range(2):
        if not connection.recv(10_000).startswith(b"GET"):
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_opened_ahead_serves_the_first_call_and_the_next(tmp_path, monkeypatch, threads, tls):
    # GIVEN a server with a single connection, which is open
    certificate = make_certificate(tmp_path) if tls else None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate or ""))
    with serve_once(answer_twice, certificate) as url, Connections(url, Clock()) as session:
        begun = threads()
        session.connect_ahead(url)
        for thread in set(threads()).difference(begun):
            thread.join(60)

        # WHEN calls are made, THEN they are answered
        answers = [read_body(session.send_signed("GET", url, {}, (5, 5)), 100) for _ in range(2)]
        assert answers == [b"ok", b"ok"]


# No key in OSS begins with a slash, but in OBS it may.
KEYS = [*HOSTILE, "/lead", "//lead", "a//b/", "a/./b", "..", "~"]


@pytest.fixture
def bucket(box: Sandbox) -> ObsBucket:
    return Instance(box).destination()


@pytest.fixture
def named_bucket(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ObsBucket:
    """Return the destination bucket with a client that resolves the bucket's host name to this machine."""
    redirect_huawei_hosts(monkeypatch)
    client = ObsClient(Instance(box).settings, CallPool(), Clock())
    return ObsBucket(client, box.destination_bucket, obs_server(box), Deadline(60, Clock()))


@pytest.fixture(params=["bucket", "named_bucket"])
def any_bucket(request: pytest.FixtureRequest) -> ObsBucket:
    """Return the destination bucket, once at an IP address and once at its host name."""
    return request.getfixturevalue(request.param)


def test_an_obs_client_reads_an_object_with_any_key(box, any_bucket):
    for key in KEYS:
        stored = box.obs.put(box.destination_bucket, key, b"hello")

        head, part = any_bucket.head(key), any_bucket.read(key, 1, 3)

        assert head.size == 5
        assert head.etag == stored.etag.upper()
        assert head.modified == int(stored.last_modified)
        assert part.body == b"ell"
        assert part.head == head
        assert any_bucket.head(f"{key}x") is None
