"""Abandoned calls, whose unsent bytes the kernel discards, so that the server sees a reset of the connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from oss_oms_sync.clock import Clock
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import MAX_CALL_SECONDS, Connections, read_body
from sandbox.server.certificate import make_certificate

BODY = b"keys"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"


class Peer:
    """A server for a single connection, which answers each request with `answer`.

    `end` returns how the connection ended: "closed" or "reset".
    """

    def __init__(self, answer: bytes, certificate: Path | None) -> None:
        self._answer, self._certificate = answer, certificate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._end = ""
        self._thread.start()

    @property
    def address(self) -> str:
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def end(self) -> str:
        self._thread.join(60)
        return self._end

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            try:
                # The packets beneath TLS show how the connection ends.
                while socket.socket.recv(connection, 1, socket.MSG_PEEK):
                    if connection.recv(10_000).endswith(BODY):
                        connection.sendall(self._answer)
                self._end = "closed"
            except ConnectionResetError:
                self._end = "reset"


@pytest.fixture(params=["plain", "TLS", "proxy"])
def connect(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Yield a function that starts a server; its argument is the answer that the server sends.

    The function returns the server, a session, and a URL of the server, which may lead through a proxy.
    """
    certificate = make_certificate(tmp_path) if request.param == "TLS" else None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate or ""))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with contextlib.ExitStack() as stack:

        def connect(answer: bytes) -> tuple[Peer, Connections, str]:
            peer = stack.enter_context(contextlib.closing(Peer(answer, certificate)))
            proxied_scheme = {"proxy": "http", "tunnel": "https"}.get(request.param)
            for scheme in ("http", "https"):
                monkeypatch.setenv(f"{scheme}_proxy", peer.address if scheme == proxied_scheme else "")
            url = f"{proxied_scheme}://oms.example/" if proxied_scheme else f"{peer.address}/"
            return peer, stack.enter_context(Connections(url, Clock())), url

        yield connect


def call(session: Connections, url: str, seconds: float = 60) -> bytes:
    return read_body(session.send_signed("POST", url, {}, (60, seconds), BODY), 100)


@pytest.mark.parametrize("answer", [b"", HEAD, HEAD + b"x"], ids=["head", "body", "rest of the body"])
def test_a_call_without_a_timely_response_resets_its_connection(connect, answer):
    peer, session, url = connect(answer)
    with pytest.raises(requests.Timeout):
        call(session, url, 0.1)
    assert peer.end() == "reset"


def test_a_call_that_reads_part_of_its_response_resets_its_connection(connect):
    peer, session, url = connect(HEAD + b"123456789")
    assert read_body(session.send_signed("POST", url, {}, (60, 60), BODY), 3) == b"123"
    assert peer.end() == "reset"


@pytest.mark.parametrize("connect", ["plain", "TLS", "proxy", "tunnel"], indirect=True)
def test_an_abandoned_call_resets_its_connection_and_ends(connect):
    peer, session, url = connect(b"")
    end_event = threading.Event()

    def wait() -> None:
        with contextlib.suppress(requests.RequestException):
            call(session, url)
        end_event.set()

    assert CallPool().run([wait], 0.2) == [None]
    session.abort()
    assert peer.end() == "reset"
    assert end_event.wait(60)


def test_an_abandoned_call_is_reset_at_once_even_if_its_thread_hangs(connect):
    # GIVEN a call that waits for its answer; this thread is the call's thread, as in a frozen instance
    peer, session, url = connect(HEAD)
    response = session.send_signed("POST", url, {}, (60, 60), BODY)

    # WHEN the call is abandoned
    session.abort()

    # THEN the kernel sends nothing more, and the thread receives no response when it continues to read
    assert peer.end() == "reset"
    with pytest.raises(requests.ConnectionError):
        read_body(response, 100)


def test_the_close_of_a_session_resets_its_idle_connection(connect):
    peer, session, url = connect(HEAD + b"123456789")
    call(session, url)
    session.close()
    assert peer.end() == "reset"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system's kernel gives no call up by itself")
def test_the_kernel_ends_a_call_that_exceeds_the_maximum_duration(connect):
    _, session, url = connect(HEAD + b"123456789")
    call(session, url)
    (opened_socket,) = session._adapter._sockets
    assert opened_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == MAX_CALL_SECONDS * 1000


def test_a_call_on_an_open_connection_sets_no_socket_option(connect, monkeypatch):
    options, set_option = [], socket.socket.setsockopt
    monkeypatch.setattr(
        socket.socket,
        "setsockopt",
        lambda opened_socket, *option: options.append(option) or set_option(opened_socket, *option),
    )
    _, session, url = connect(HEAD + b"123456789")
    call(session, url)
    options.clear()
    call(session, url)
    assert options == []
