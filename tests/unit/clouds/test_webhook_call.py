"""One call to a webhook: only to addresses that were looked at, and nobody waits for it longer than it is worth."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from oss_oms_sync.clouds.webhook_call import Answer, NotAnswered, NotSent, WebhookCall
from support.one_answer import answering, request_of, served

PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "0.0.0.0",
    "169.254.169.254",  # where other clouds keep their metadata
    "100.100.100.200",  # where Alibaba Cloud does
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]
PUBLIC = ["8.8.8.8", "2400:3200::1"]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names resolve to each of `answers` in turn, and no connection comes about; returns where one was tried."""
    turns, tried = list(answers), list[str]()

    def resolve(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in turns.pop(0)]

    class Socket:
        def __init__(self, family: int, kind: int) -> None:
            self.family = family

        def settimeout(self, seconds: float) -> None:
            assert 0 < seconds <= 3

        def connect(self, address: tuple[str, int]) -> None:
            tried.append(address[0])
            raise ConnectionRefusedError("refused")

        def close(self) -> None:
            pass

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "socket", Socket)
    return tried


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_never_called(monkeypatch, address):
    tried = resolve_to(monkeypatch, [address])
    with pytest.raises(NotSent, match="a private address, which is never called"):
        WebhookCall("https://hook.example.com/x", b"{}").run(5)
    assert tried == []


@pytest.mark.parametrize("address", PRIVATE)
def test_nor_is_any_other_address_of_a_name_that_has_one(monkeypatch, address):
    tried = resolve_to(monkeypatch, [*PUBLIC, address])
    with pytest.raises(NotSent, match="private"):
        WebhookCall("https://hook.example.com/x", b"{}").run(5)
    assert tried == []


def test_the_name_is_resolved_once_and_what_was_looked_at_is_called(monkeypatch):
    # The second answer is what a server for rebinding would give; asked a third time, the test's own has none.
    tried = resolve_to(monkeypatch, PUBLIC, ["127.0.0.1"])
    with pytest.raises(NotSent, match="refused"):
        WebhookCall("https://hook.example.com/x", b"{}").run(5)
    assert tried == PUBLIC


@pytest.mark.parametrize("address", ["10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1"])
def test_localhost_has_to_be_this_machine(monkeypatch, address):
    tried = resolve_to(monkeypatch, [address])
    with pytest.raises(NotSent, match="private"):
        WebhookCall("http://localhost:1/x", b"{}").run(5)
    assert tried == []


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "017700000001.", "nowhere.invalid", "x" * 70 + ".com"])
def test_other_ways_to_write_an_address_and_names_that_are_none(host):
    with pytest.raises(NotSent):
        WebhookCall(f"https://{host}/x", b"{}").run(5)


def test_the_message_is_posted_as_json_and_the_answer_read():
    got: list[bytes] = []
    with served(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", got)) as url:
        assert WebhookCall(url, '{"text": "山"}'.encode()).run(5) == Answer(200, b"ok")
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?key=k HTTP/1.1\r\n")
    assert head.count(b"Host: 127.0.0.1:") == 1
    assert b"Content-Type: application/json" in head
    assert body == '{"text": "山"}'.encode()


def test_a_redirect_is_not_followed():
    with served(lambda _: pytest.fail("followed")) as other:
        answer = f"HTTP/1.1 307 Go\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        with served(answering(answer)) as url:
            assert WebhookCall(url, b"{}").run(5).status == 307


def test_no_proxy_is_used(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with served(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as url:
        assert WebhookCall(url, b"{}").run(5).status == 204


def test_where_nobody_listens_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(NotSent, match="refused"):
        WebhookCall(url, b"{}").run(5)


UNANSWERED = {
    "hangs": lambda connection: connection.recv(1),  # and then until the client goes
    "closes": request_of,
    "is no HTTP": answering(b"220 smtp ready\r\n"),
    "is cut off": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
    "is cut off in a chunk": answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok"),
}


@pytest.mark.parametrize("how", UNANSWERED)
def test_where_the_answer_is_missing_nobody_knows(how):
    def behave(connection: socket.socket) -> None:
        UNANSWERED[how](connection)
        if how == "hangs":
            while connection.recv(65536):
                pass

    with served(behave) as url, pytest.raises(NotAnswered):
        WebhookCall(url, b"{}").run(0.2)


def test_of_an_endless_answer_only_the_beginning_is_read():
    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):  # until the client has enough
            while True:
                connection.sendall(b"x" * 65536)

    with served(behave) as url:
        assert WebhookCall(url, b"{}").run(5) == Answer(200, b"x" * 65536)


def test_a_call_that_was_given_up_ends_at_once_however_slowly_the_answer_drips():
    dripping = threading.Event()

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                connection.sendall(b"x")
                dripping.set()
                if not connection.recv(1):
                    return

    with served(behave) as url:
        call, ended = WebhookCall(url, b"{}"), list[Exception]()

        def run() -> None:
            try:
                call.run(60)
            except NotAnswered as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert dripping.wait(10)
        call.give_up()
        thread.join(10)
        assert len(ended) == 1


def test_what_was_given_up_before_it_was_sent_is_never_sent():
    got: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        got.append(connection.recv(65536))

    with served(behave) as url:
        call = WebhookCall(url, b"{}")
        call.give_up()
        assert not call.is_sent
        with pytest.raises(NotSent, match="in time"):
            call.run(5)
    assert b"".join(got) == b""
