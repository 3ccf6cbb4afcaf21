"""What both clouds have in common: an HTTP server on loopback with countable, breakable connections."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from sandbox.server.faults import Fault, Faults
from sandbox.server.loop import LoopThread
from sandbox.server.message import Request, Response

# Names of 1023 bytes, three times as long when quoted, occur several times in one request line.
_MAX_LINE_BYTES = 64 * 1024
_MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_REQUESTS_KEPT = 100_000
_DRIP_SECONDS = 0.05
# A close with this linger sends RST, as a middlebox or a crashed server would.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Connection:
    """One TCP connection, as the server sees it."""

    id: int
    transport: asyncio.Transport
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False

    @property
    def client_port(self) -> int:
        """What tells the client's process, on this machine. 0 where the client has gone."""
        peer = self.transport.get_extra_info("peername")
        return int(peer[1]) if peer else 0

    def reset(self) -> None:
        raw = self.transport.get_extra_info("socket")
        if raw is not None and not self.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()


class _TrackedServer(web.Server):
    """aiohttp's low-level server, which reports connections that come and go."""

    def __init__(self, owner: Server) -> None:
        super().__init__(
            owner._handle,
            request_factory=self._keep_large_bodies,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        self._owner = owner

    def _keep_large_bodies(
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
        self._owner._opened(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._owner._lost(handler)


class Server(ABC):
    """A service on 127.0.0.1. Subclasses say how to answer; faults and connections are handled here."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=_MAX_REQUESTS_KEPT)
        self.clock_offset = 0.0
        self.lock = threading.RLock()
        self._port = port
        self._ssl_context = ssl_context
        self._open: dict[object, Connection] = {}
        self._opened_ever = 0
        self._used: set[int] = set()

    @abstractmethod
    def respond(self, request: Request) -> Response:
        """Do the work and say what to answer. Runs whole, under `lock`: a request is done or not done."""

    def latency_of(self, request: Request) -> float:  # noqa: ARG002 (of most services it is none)
        """How many seconds this request is on its way, to the work and back."""
        return 0

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many TCP connections ever carried a request."""
        return len(self._used)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def now(self) -> float:
        """The service's idea of the time."""
        return time.time() + self.clock_offset

    def start(self, loop: LoopThread) -> None:
        self._loop = loop
        loop.call(self._listen())

    def stop(self) -> None:
        self._loop.call(self._close())

    def silence_connections(self) -> None:
        """All connections open now stay open and answer nothing any more."""
        self._loop.call(self._silence())

    def reset_connections(self) -> None:
        """Reset all connections open now, the idle ones too."""
        self._loop.call(self._reset())

    async def _listen(self) -> None:
        self._web = _TrackedServer(self)
        self._listener = await asyncio.get_running_loop().create_server(
            self._web, "127.0.0.1", self._port, ssl=self._ssl_context, backlog=1024
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._listener.close()
        await self._reset()
        # 0 would mean to wait for ever, should a connection have come meanwhile.
        await self._web.shutdown(timeout=0.1)

    async def _silence(self) -> None:
        for connection in self._open.values():
            connection.silent = True

    async def _reset(self) -> None:
        for connection in list(self._open.values()):
            connection.reset()

    def _opened(self, handler: object, transport: asyncio.Transport) -> None:
        self._opened_ever += 1
        self._open[handler] = Connection(self._opened_ever, transport)

    def _lost(self, handler: object) -> None:
        connection = self._open.pop(handler, None)
        if connection:
            connection.lost.set()

    async def _handle(self, web_request: web.BaseRequest) -> web.Response:
        connection = self._open.get(web_request.protocol)
        if connection is None:  # gone before its request was looked at
            return web.Response()
        request = await self._read(web_request, connection)
        one_way = self.latency_of(request) / 2
        await asyncio.sleep(one_way)
        response = await self._answer(request, connection)
        await asyncio.sleep(one_way)
        if connection.silent:
            await connection.lost.wait()
        date = formatdate(self.now(), usegmt=True)
        return web.Response(status=response.status, body=response.body, headers={"Date": date, **response.headers})

    async def _read(self, web_request: web.BaseRequest, connection: Connection) -> Request:
        body = await web_request.read()
        raw_path, _, raw_query = web_request.raw_path.partition("?")
        headers = tuple((name.decode("latin-1").lower(), value) for name, value in web_request.raw_headers)
        request = Request(
            web_request.method, raw_path, raw_query, headers, body, connection.id, connection.client_port, self.now()
        )
        self.requests.append(request)
        self._used.add(connection.id)
        return request

    async def _answer(self, request: Request, connection: Connection) -> Response:
        if connection.silent:
            await connection.lost.wait()
            return Response(503)
        fault = self.faults.next(request)
        if fault is None:
            return self._work(request)
        return await self._show_fault(fault, request, connection)

    def _work(self, request: Request) -> Response:
        with self.lock:
            return self.respond(request)

    async def _show_fault(self, fault: Fault, request: Request, connection: Connection) -> Response:
        """Show the fault. Where it ends in a lost connection, nobody reads the answer returned here."""
        if fault.kind == "status":
            return Response(fault.code, fault.body, dict(fault.headers))
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return self._work(request)
        if fault.kind in ("drop_after", "drip"):
            self._work(request)
        if fault.kind in ("drop_before", "drop_after"):
            connection.reset()
        elif fault.kind == "drip":
            await self._drip(connection)
        elif fault.kind == "silence":
            connection.silent = True
        await connection.lost.wait()
        return Response(503)

    async def _drip(self, connection: Connection) -> None:
        endless = itertools.chain(b"HTTP/1.1 200 OK\r\nX-Drip: ", itertools.repeat(ord(".")))
        for byte in endless:
            if connection.lost.is_set():
                return
            connection.transport.write(bytes([byte]))
            await asyncio.sleep(_DRIP_SECONDS)
