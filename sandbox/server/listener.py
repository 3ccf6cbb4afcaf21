"""The HTTP server of a service on loopback, whose connections the service can count and reset."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from sandbox.server.message import Request
from sandbox.server.service import Connection, Platform, Service

# Percent-encoded keys have up to 3 * 1023 bytes, and occur several times in a request line.
_MAX_LINE_BYTES = 64 * 1024
_MAX_BODY_BYTES = 64 * 1024 * 1024
_DRIP_SECONDS = 0.05
# With this linger, closing a connection sends RST, as a middlebox or a crashed server would.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class TcpConnection(Connection):
    """The server's side of a TCP connection."""

    transport: asyncio.Transport = field(kw_only=True)

    def reset(self) -> None:
        raw_socket = self.transport.get_extra_info("socket")
        if raw_socket is not None and not self.transport.is_closing():
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    async def drip(self) -> None:
        endless_header = itertools.chain(b"HTTP/1.1 200 OK\r\nX-Drip: ", itertools.repeat(ord(".")))
        for byte in endless_header:
            if self.closed_event.is_set():
                return
            self.transport.write(bytes([byte]))
            await asyncio.sleep(_DRIP_SECONDS)


class _TrackedServer(web.Server):
    """A server of aiohttp that reports each new and each lost connection to its listener."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(
            listener._handle,
            request_factory=self._make_request,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        self._listener = listener

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY_BYTES)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._listener._add_connection(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._listener._remove_connection(handler)


class Listener:
    """The server of a service, on 127.0.0.1 at the service's port."""

    def __init__(self, service: Service, platform: Platform) -> None:
        self._service = service
        self._platform = platform
        self._connections: dict[object, TcpConnection] = {}
        platform.call(self._listen())

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._service.ssl_context else 'http'}://127.0.0.1:{self._port}"

    def close(self) -> None:
        self._platform.call(self._close())

    async def _listen(self) -> None:
        self._server = _TrackedServer(self)
        self._listener = await asyncio.get_running_loop().create_server(
            self._server, "127.0.0.1", self._service.port, ssl=self._service.ssl_context, backlog=1024
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._listener.close()
        for connection in list(self._connections.values()):
            connection.reset()
        # With a timeout of 0, the shutdown would wait forever for a connection that was opened meanwhile.
        await self._server.shutdown(timeout=0.1)

    def _add_connection(self, handler: object, transport: asyncio.Transport) -> None:
        connection = self._service.add_connection(lambda number: TcpConnection(number, transport=transport))
        assert isinstance(connection, TcpConnection)
        self._connections[handler] = connection

    def _remove_connection(self, handler: object) -> None:
        connection = self._connections.pop(handler, None)
        if connection:
            self._service.remove_connection(connection)

    async def _handle(self, web_request: web.BaseRequest) -> web.Response:
        connection = self._connections.get(web_request.protocol)
        if connection is None:  # the connection was lost before its request was read
            return web.Response()
        body = await web_request.read()
        raw_path, _, raw_query = web_request.raw_path.partition("?")
        headers = tuple((name.decode("latin-1").lower(), value) for name, value in web_request.raw_headers)
        now = self._service.now()
        request = Request(web_request.method, raw_path, raw_query, headers, body, connection.id, now)
        response = await self._service.handle(request, connection)
        return web.Response(status=response.status, body=response.body, headers=response.headers)
