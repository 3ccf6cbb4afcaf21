"""Connections of ops.py over sockets: responses that are cut off or undocumented, and proxies."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from ops.clock import WallClock
from ops.clouds import wire
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import Keys, Secret
from ops.clouds.oms import SyncTaskClient
from ops.errors import OpsError, UsageError
from oss_oms_sync.settings import Settings
from sandbox.server.certificate import make_certificate
from support.doctor import find_free_port
from support.world import ENVIRONMENT, TASK

GOOD_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextlib.contextmanager
def listen(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that accepts one connection, and passes it to `answer`."""

    def run() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # a close does not end a waiting accept
    thread.join(5)


def read_head(connection: socket.socket) -> bytes:
    body = b""
    while b"\r\n\r\n" not in body:
        body += connection.recv(1)
    return body


def reply(answer: bytes) -> Callable[[socket.socket], None]:
    """Return a function that reads a request from a connection and sends `answer`."""

    def answers(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    return answers


def get(url: str) -> wire.Request:
    return wire.Request("GET", url, {"Authorization": "signed"})


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tunnel(monkeypatch, tmp_path):
    """Yield the port of a proxy that connects to a simulated cloud, and the requests that proxy and cloud have read."""
    file, received_requests = make_certificate(tmp_path), []
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    def answer(connection: socket.socket) -> None:
        received_requests.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as inside:
            received_requests.append(read_head(inside))
            inside.sendall(GOOD_RESPONSE)

    with listen(answer) as port:
        yield port, received_requests


def test_ops_raises_an_error_for_a_response_that_is_cut_off():
    with listen(reply(GOOD_RESPONSE[:-1])) as port, pytest.raises(http.client.IncompleteRead):
        wire.exchange(get(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_ops_opens_a_tunnel_through_a_proxy_and_sends_it_no_request(monkeypatch, tunnel, name):
    port, received = tunnel
    monkeypatch.setenv(name, f"http://me:p%40ss@127.0.0.1:{port}")
    cloud = f"127.0.0.1:{find_free_port()}"
    response = wire.exchange(get(f"https://{cloud}/a%20b"))
    assert (response.body, response.host) == (b"hello", cloud)
    assert [request.partition(b" HTTP/1.")[0] for request in received] == [f"CONNECT {cloud}".encode(), b"GET /a%20b"]
    basic = b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n"
    assert [(basic in request, request.count(b"Basic")) for request in received] == [(True, 1), (False, 0)]
    assert [b"signed" in request for request in received] == [False, True]


@pytest.mark.parametrize("excepted", ["127.0.0.1", "*"])
def test_ops_calls_the_hosts_of_no_proxy_directly(monkeypatch, tunnel, excepted):
    port, received = tunnel
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", excepted)
    with pytest.raises(ConnectionRefusedError):
        wire.exchange(get(f"https://127.0.0.1:{find_free_port()}/"))
    assert received == []


def in_both_languages(error: OpsError) -> list[str]:
    """Return the texts of an error in English and in Chinese."""
    return [text.of(language) for text in (error.problem, error.fix) for language in ("en", "zh")]


def test_the_error_of_an_unreachable_host_names_the_proxy(monkeypatch):
    def fails(url: str) -> wire.UnreachableError:
        with pytest.raises(wire.UnreachableError) as raised:
            wire.send_request(WallClock(), lambda: get(url), attempts=1)
        return raised.value

    cloud = f"https://127.0.0.1:{find_free_port()}/"
    error = fails(cloud)
    assert "Connection refused" in error.problem.en
    assert "set HTTPS_PROXY" in error.fix.en
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{find_free_port()}")
    error = fails(cloud)
    assert "The request used the proxy 127.0.0.1:" in error.fix.en
    assert not any("p@ss" in text or "p%40ss" in text for text in (str(error), *in_both_languages(error)))

    with listen(reply(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
        assert "407" in fails(cloud).problem.en


def test_ops_does_not_retry_a_request_after_an_untrusted_certificate(monkeypatch, tunnel):
    port, received = tunnel
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(wire.UnreachableError, match="CERTIFICATE_VERIFY_FAILED") as raised:
        wire.send_request(WallClock(), lambda: get("https://127.0.0.1/"), attempts=2)
    assert "SSL_CERT_FILE" in raised.value.fix.en
    assert len(received) == 1


@pytest.mark.parametrize("wrong", ["socks5://me:secret@127.0.0.1:1080", "http://me:secret@127.0.0.1:port", "http://"])
def test_ops_refuses_a_proxy_of_another_kind_and_does_not_show_it(monkeypatch, wrong):
    monkeypatch.setenv("HTTPS_PROXY", wrong)
    with pytest.raises(UsageError) as refused:
        wire.exchange(get("https://127.0.0.1:1/"))
    assert "http://host:port" in refused.value.fix.en
    assert not any("secret" in text for text in in_both_languages(refused.value))


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (403, b"<Code>AccessDenied</Code>", "Check the permissions of the access keys"),
        (400, b'{"error_code": "OMS.0072"}', "Check the permissions of the access keys"),
        (503, b"", "Run the command again in a few minutes"),
        (404, b"<Code>NoSuchKey</Code>", "Look up this response in the cloud's documentation"),
        (409, b"", "Look up this response in the cloud's documentation"),
    ],
)
def test_an_errors_remedy_names_permissions_only_if_access_was_denied(status, body, fix):
    error = wire.RefusedError(get("https://cloud/"), wire.Response(status, {}, body))
    assert error.fix.en.startswith(fix)


@pytest.mark.parametrize("bucket", [OssBucketClient, ObsBucketClient])
@pytest.mark.parametrize("status", [200, 403, 404])
def test_ops_raises_an_error_if_a_login_page_answers_for_a_bucket(monkeypatch, bucket, status):
    page = wire.Response(status, {"content-type": "text/html"}, b"<html><body>Please log in</body></html>")
    monkeypatch.setattr(wire, "exchange", lambda _: page)
    client = bucket.open({}, "cn-north-4", "photos", Keys(Secret("a"), Secret("b")), WallClock())
    calls = [lambda: client.head("a"), lambda: client.get("a"), lambda: client.delete("a"), lambda: client.folders("")]
    calls += [
        lambda: list(client.objects("")),
        lambda: list(client.versions("")),
        lambda: client.read_setting("website"),
    ]
    for call in calls:
        with pytest.raises(wire.UnreadableResponseError):
            call()


@pytest.mark.parametrize("form", ["{}", " {}\n", "HTTPS{}"])
def test_ops_and_the_functions_accept_the_same_task_addresses(form):
    url = form.format(ENVIRONMENT["SYNC_URL"].removeprefix("https" if "HTTPS" in form else ""))
    assert Settings.from_env({**ENVIRONMENT, "SYNC_URL": url}).task.task_id == TASK
    assert SyncTaskClient(url, Keys(Secret("a"), Secret("b")), WallClock()).id == TASK


@pytest.mark.parametrize("body", [b"", b"<html><p>Log in", b'{"a": 1', b"[]", b"7"])
def test_ops_raises_an_error_for_an_undocumented_response_body(body):
    answer = wire.Response(200, {}, body, "obs")
    for parse in (answer.xml, answer.json):
        with pytest.raises(OpsError, match="The response of obs does not have the documented format"):
            parse()
