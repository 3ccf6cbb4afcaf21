"""Connections of calls that hang or have endless responses, which the function resets, and the calls' threads."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import requests
import urllib3

from oss_oms_sync.clock import Clock
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.connection import Connections, read_body


@pytest.fixture
def listener() -> Iterator[tuple[socket.socket, str]]:
    """Yield a socket that accepts connections, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as peer:
        yield peer, f"http://127.0.0.1:{peer.getsockname()[1]}"


@pytest.fixture
def stuck_pool() -> Iterator[tuple[CallPool, Callable[[], object]]]:
    """Yield a thread pool with a single thread, and a call that ends only after the test."""
    end_event = threading.Event()
    yield CallPool(width=1), end_event.wait
    end_event.set()


def wait_for_early_connection(session: Connections, url: str) -> None:
    before = set(threading.enumerate())
    session.connect_ahead(url)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)


def test_a_session_that_is_no_longer_referenced_closes_its_connections(listener):
    peer, address = listener
    wait_for_early_connection(Connections(address, Clock()), address)
    connection, _ = peer.accept()
    gc.collect()
    with connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_two_environment_variables_can_set_the_trusted_certificates(monkeypatch, name):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(name, "some.pem")
    assert Connections("https://oms.example", Clock()).verify == "some.pem"


def make_response(**headers: str) -> requests.Response:
    """Return a response whose body has four bytes, with these headers."""
    answer = requests.Response()
    answer.request = requests.Request("GET", "https://oss.example").prepare()
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    answer.raw = urllib3.HTTPResponse(BytesIO(b"four"), preload_content=False)
    return answer


@pytest.mark.parametrize("length", ["9", "1"])
def test_read_body_raises_an_error_if_the_content_length_differs(length):
    with pytest.raises(requests.ConnectionError, match="cut off"):
        read_body(make_response(Content_Length=length), 100)


def test_a_call_abandoned_during_its_connect_sends_no_request(monkeypatch, listener):
    # GIVEN a host name that takes long to resolve
    (peer, url), resolve_event, request_event, resolve = (
        listener,
        threading.Event(),
        threading.Event(),
        socket.getaddrinfo,
    )
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *words, **named: resolve_event.wait() and resolve(*words, **named)
    )

    def serve() -> None:
        connection, _ = peer.accept()
        with connection, contextlib.suppress(ConnectionResetError):
            if connection.recv(1000):
                request_event.set()

    server_thread = threading.Thread(target=serve, daemon=True)
    server_thread.start()

    def call() -> bool:
        with contextlib.suppress(requests.RequestException):
            session.send_signed("DELETE", url, {}, (5, 5))
        return True

    # WHEN a call is abandoned meanwhile, and the name is then resolved
    with Connections(url, Clock()) as session:
        assert CallPool().run([call], 0.1) == [None]
        session.abort()
        resolve_event.set()
        server_thread.join(60)

    # THEN nothing is sent
    assert not request_event.is_set()


def test_read_body_ignores_the_content_length_with_a_transfer_encoding():
    assert read_body(make_response(Content_Length="9", Transfer_Encoding="chunked"), 100) == b"four"


def test_a_request_keeps_the_leading_slashes_of_its_path(mocker):
    # This replacement behaves like requests 2.32.3.
    mocker.patch("requests.adapters.HTTPAdapter.request_url", lambda _, request, __: f"/{request.path_url.lstrip('/')}")
    with Connections("http://127.0.0.1", Clock()) as session:
        for path in ("/", "/a?b=%2F", "//a", "///a//b?c"):
            request = requests.PreparedRequest()
            request.url = f"http://127.0.0.1{path}"
            assert session._adapter.request_url(request, {}) == path


def test_the_first_call_of_a_session_reports_a_failed_early_connection(listener):
    peer, url = listener
    peer.close()
    with Connections(url, Clock()) as session:
        wait_for_early_connection(session, url)
        with pytest.raises(requests.ConnectionError):
            session.send_signed("GET", url, {}, (5, 5))


def test_a_call_pool_returns_results_in_the_order_of_the_calls():
    first_may_end = threading.Event()

    def second() -> str:
        first_may_end.set()
        return "second"

    assert CallPool().run([lambda: first_may_end.wait() and "first", second], 60) == ["first", "second"]


def test_a_call_during_the_replacement_of_a_pool_runs_on_the_new_pool(monkeypatch, stuck_pool):
    (pool, hanging_call), started_calls, shutdown = stuck_pool, [], ThreadPoolExecutor.shutdown

    def shut_down_and_begin(executor: ThreadPoolExecutor, **options: bool) -> None:
        shutdown(executor, **options)
        started_calls.append(pool.begin(lambda: "next", 60))

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down_and_begin)
    assert pool.run([hanging_call], 0.01) == [None]
    assert [call.result() for call in started_calls] == ["next"]


@pytest.mark.parametrize("error", [ZeroDivisionError, TimeoutError])
def test_a_call_pool_raises_the_exception_of_a_call(error):
    def fail() -> str:
        raise error("of its own")

    with pytest.raises(error, match="of its own"):
        CallPool().run([fail], 60)


def test_a_call_pool_never_runs_a_queued_call_that_was_abandoned():
    pool, may_end, finished_calls = CallPool(width=1), threading.Event(), []
    running_call = pool.begin(may_end.wait, 60)
    assert not pool.begin(lambda: finished_calls.append(1), 60).abandon()
    assert running_call.abandon()
    may_end.set()
    assert pool.run([lambda: "next"], 60) == ["next"]
    assert not finished_calls


def test_a_queued_call_of_an_abandoned_thread_pool_has_no_result(stuck_pool):
    pool, hanging_call = stuck_pool
    calls = pool.begin(hanging_call, 0.01), pool.begin(lambda: "never", 60)
    assert [call.result() for call in calls] == [None, None]
    assert pool.run([lambda: "next"], 60) == ["next"]
