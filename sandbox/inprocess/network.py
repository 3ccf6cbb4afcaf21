"""An adapter of the `requests` library that passes requests to services by function calls."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from sandbox.account import ACCOUNT_ID
from sandbox.server.message import Request, Response
from sandbox.server.service import Connection, Service

if TYPE_CHECKING:
    from sandbox.inprocess.platform import Owner, VirtualPlatform


def release(waiter: asyncio.Future[None]) -> None:
    """Complete a future for which a thread waits, unless it is already complete."""
    if not waiter.done():
        waiter.set_result(None)


@dataclass(eq=False)
class _Connection(Connection):
    """A connection within the process.

    `is_reset` is True if client or service has reset the connection. `waiter` is the future for which the client waits.
    """

    is_reset: bool = False
    is_dripping: bool = False
    waiter: asyncio.Future[None] | None = None

    def reset(self) -> None:
        self.closed_event.set()
        self.is_reset = True
        self.end_wait()

    async def drip(self) -> None:
        self.is_dripping = True
        await self.closed_event.wait()

    def end_wait(self) -> None:
        if self.waiter:
            release(self.waiter)

    def time_out(self) -> None:
        """End the client's wait at its read timeout, unless the service sends single bytes (`drip`)."""
        if not self.is_dripping:
            self.end_wait()


class _Exchange:
    """A service's handling of a request, which continues after the client has left."""

    answer: Response

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: _Connection, work: Coroutine[Any, Any, Response]):
        self._loop = loop
        self._connection = connection
        self._work = work
        self.is_done = False
        self._error: BaseException | None = None

    def advance(self, _: object = None) -> None:
        try:
            future = self._work.send(None)
        except StopIteration as end:
            self._end(end.value)
        except Exception as error:
            self._error = error
            self._end(Response(500))
        else:
            if future is None:  # the handling waits for a round of the loop
                self._loop.call_soon(self.advance)
            else:
                future.add_done_callback(self.advance)

    def result(self) -> Response:
        if self._error:
            raise self._error
        return self.answer

    def _end(self, answer: Response) -> None:
        self.answer, self.is_done = answer, True
        self._connection.end_wait()


class _Host:
    """The host of a service: a name without a server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def close(self) -> None:
        pass


class Network:
    """Routes of requests to services, by the host names of the real clouds.

    `before_request` is called before each request, `after_response` when the client gets the response or an error. Both
    run in the client's thread, so they can wait or end the client's call by an exception.
    """

    _NAMES = (
        (re.compile(r"([a-z0-9-]+\.)?oss-[a-z0-9-]+\.aliyuncs\.com"), "Oss", "https://oss-{}-internal.aliyuncs.com"),
        (re.compile(r"([a-z0-9.-]+\.)?obs\.[a-z0-9-]+\.myhuaweicloud\.com"), "Obs", "https://obs.{}.myhuaweicloud.com"),
        (re.compile(r"oms\.[a-z0-9-]+\.myhuaweicloud\.com"), "Oms", "https://oms.{}.myhuaweicloud.com"),
        (re.compile(r"(ram|sts)\.aliyuncs\.com"), "Ram", "https://ram.aliyuncs.com"),
        (re.compile(r"iam(\.[a-z0-9-]+)?\.myhuaweicloud\.com"), "Iam", "https://iam.myhuaweicloud.com"),
        (
            re.compile(r"\d+\.[a-z0-9-]+\.fc\.aliyuncs\.com"),
            "FunctionService",
            f"https://{ACCOUNT_ID}.{{}}.fc.aliyuncs.com",
        ),
        (re.compile(r".+"), "Robots", "https://alerts.example.com"),
    )

    def __init__(self, platform: VirtualPlatform) -> None:
        self._platform = platform
        self._services: dict[str, Service] = {}
        self.before_request: Callable[[requests.PreparedRequest], None] = lambda _: None
        self.after_response: Callable[[requests.PreparedRequest], None] = lambda _: None

    def add(self, service: Service) -> _Host:
        kind = type(service).__name__
        endpoint = next(url for _, name, url in self._NAMES if name == kind)
        self._services[kind] = service
        return _Host(endpoint.format(getattr(service, "region", "cn-north-4")))

    def service_at(self, host: str) -> Service:
        """Return the service with this host name; raise requests.ConnectionError for an unknown host."""
        for pattern, kind, _ in self._NAMES:
            if pattern.fullmatch(host) and kind in self._services:
                return self._services[kind]
        raise requests.ConnectionError(f"Failed to resolve {host!r}")

    def make_adapter(self) -> Adapter:
        """Return an adapter for a new `requests.Session`, which belongs to the owner of the running code."""
        return Adapter(self._platform, self)


class Adapter(BaseAdapter):
    """An adapter for a `requests.Session` that keeps connections like HTTPAdapter: it reuses idle connections."""

    def __init__(self, platform: VirtualPlatform, network: Network) -> None:
        super().__init__()
        self._platform = platform
        self._network = network
        self._owner: Owner | None = platform.owner()
        self._idle_connections: list[tuple[Service, _Connection]] = []
        self._busy_connections: list[tuple[Service, _Connection]] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self._check_owner()
        self._network.before_request(request)
        timeout = options["timeout"]  # in total, or for connecting and for reading
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            answer = self._exchange_messages(request, read_timeout)
        finally:
            self._check_owner()
            self._network.after_response(request)
        return _make_response(request, answer)

    def close(self) -> None:
        connections, self._idle_connections = self._idle_connections, []
        for service, connection in connections:
            service.remove_connection(connection)

    def abort(self) -> None:
        """Reset the connections in use, and close all others."""
        for _, connection in self._busy_connections:
            connection.reset()
        self.close()

    def _check_owner(self) -> None:
        if self._owner:
            self._owner.check_alive()

    def _exchange_messages(self, request: requests.PreparedRequest, read_timeout: float) -> Response:
        url = urlsplit(request.url or "")
        service, connection = self._find_connection(self._network.service_at(url.hostname or ""))
        self._busy_connections.append((service, connection))
        service_request = Request(
            request.method or "",
            url.path or "/",
            url.query,
            _encode_headers(request, url.netloc),
            _read_body(request.body),
            connection.id,
            service.now(),
        )
        exchange = _Exchange(self._platform.loop, connection, service.handle(service_request, connection))
        try:
            self._wait_for_exchange(exchange, connection, self._platform.loop.time() + read_timeout)
        finally:
            self._busy_connections.remove((service, connection))
            if not exchange.is_done or connection.closed_event.is_set():
                service.remove_connection(connection)
        if connection.closed_event.is_set():
            if exchange.is_done or connection.is_reset:
                raise requests.ConnectionError("Connection aborted.")
            raise requests.ReadTimeout("Read timed out.")
        self._idle_connections.append((service, connection))
        return exchange.result()

    def _wait_for_exchange(self, exchange: _Exchange, connection: _Connection, end: float) -> None:
        """Wait until the exchange ends, its connection is reset, or the loop's time is `end`."""
        loop, limit = self._platform.loop, self._platform.loop.limit
        if self._platform.can_wait():
            loop.limit = min(limit, end)
            exchange.advance()
            loop.limit = limit
        else:
            loop.call_soon(exchange.advance)
        if exchange.is_done or connection.is_reset:
            return
        connection.waiter = loop.create_future()
        timer = loop.call_at(end, connection.time_out)
        try:
            self._platform.wait(connection.waiter)
        finally:
            timer.cancel()

    def _find_connection(self, service: Service) -> tuple[Service, _Connection]:
        for idle_connection in reversed(self._idle_connections):
            if idle_connection[0] is service:
                self._idle_connections.remove(idle_connection)
                return idle_connection
        connection = service.add_connection(_Connection)
        assert isinstance(connection, _Connection)
        return service, connection


def _encode_headers(request: requests.PreparedRequest, host: str) -> tuple[tuple[str, bytes], ...]:
    headers = {"host": host, **dict(request.headers.lower_items())}
    return tuple(
        (name, value if isinstance(value, bytes) else str(value).encode("latin-1")) for name, value in headers.items()
    )


def _read_body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    contents: bytes = body.read() if hasattr(body, "read") else b"".join(body)
    return contents


class Body(io.BytesIO):
    """The body of a response, with the signature of urllib3's method `read`."""

    def read(self, size: int | None = None, decode_content: bool = False) -> bytes:  # noqa: ARG002
        return super().read(size)


def _make_response(request: requests.PreparedRequest, answer: Response) -> requests.Response:
    response = requests.Response()
    body = b"" if request.method == "HEAD" else answer.body
    response.status_code, response.request, response.url = answer.status, request, request.url or ""
    headers = {name: _decode_as_latin_1(value) for name, value in answer.headers.items()}
    response.headers.update({"Content-Length": str(len(answer.body)), **headers})
    response.raw = Body(body)
    return response


def _decode_as_latin_1(value: str) -> str:
    """Decode the UTF-8 bytes of a header as Latin-1, as HTTP libraries do; return a header in Latin-1 unchanged."""
    is_readable = value.isascii() or max(value) <= "\xff"
    return value if is_readable else value.encode("utf-8", "surrogateescape").decode("latin-1")
