"""A service of a cloud: its requests, its faults, and its connections.

Sockets and clock come from its `Platform`: loopback and the machine's clock (`loop`), or the process and virtual time
of a test (`sandbox.inprocess`).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from sandbox.server.faults import Fault, Faults
from sandbox.server.message import Request, Response

_MAX_REQUESTS_KEPT = 100_000

T = TypeVar("T")


class Platform(Protocol):
    """The platform of services and functions: a loop, a clock, and the route of requests to a service.

    `ahead`: the seconds by which the clock is ahead of the clock of clients outside the sandbox.
    """

    ahead: float

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Cancel all tasks: a fault can hang without end."""

    def now(self) -> float:
        """Return the time, in seconds since 1970."""

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `work` in the loop and wait for its result; past `timeout` cancel it and raise TimeoutError."""

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        """Run `call` in the loop; safe from any thread."""

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`."""

    def serve(self, service: Service) -> Host:
        """Route requests to a service."""


class Host(Protocol):
    """The host of a service: a server on loopback, or a name in the process."""

    @property
    def endpoint(self) -> str: ...

    def close(self) -> None:
        """Send no more requests to the service."""


@dataclass(eq=False)
class Connection(ABC):
    """The service's side of a connection. `lost`: either side has closed it."""

    id: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False

    @abstractmethod
    def reset(self) -> None:
        """Reset the connection, as a middlebox or a crashed server would."""

    @abstractmethod
    async def drip(self) -> None:
        """Send header bytes, one by one, until the client closes the connection."""


class Service(ABC):
    """A service; subclasses answer requests, this class handles faults and connections."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        """Create a service; `port` and `ssl_context` are used over loopback."""
        self.port = port
        self.ssl_context = ssl_context
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=_MAX_REQUESTS_KEPT)
        self.clock_offset = 0.0
        # The seconds that every request takes, to the work and back.
        self.round_trip = 0.0
        self.lock = threading.RLock()
        self._open: set[Connection] = set()
        self._connection_count = 0
        self._used: set[int] = set()
        self._late: set[asyncio.Task[None]] = set()

    @abstractmethod
    def respond(self, request: Request) -> Response:
        """Do the work and return the response.

        Runs as a whole, under `lock`: a request is done or not done.
        """

    def latency_of(self, request: Request) -> float:  # noqa: ARG002 (most services have none)
        """Return the additional seconds that this request takes."""
        return 0

    def start(self, platform: Platform) -> None:
        self._platform = platform
        self._host = platform.serve(self)

    def stop(self) -> None:
        self._host.close()

    @property
    def endpoint(self) -> str:
        return self._host.endpoint

    def now(self) -> float:
        """Return the time by the service's clock."""
        return self._platform.now() + self.clock_offset

    def skew(self, sent_at: float) -> float:
        """Return the seconds by which a request's date is behind.

        Both clocks are accepted, the sandbox's and the machine's, because clients outside the sandbox have only the
        machine's.
        """
        skew = self.now() - sent_at
        return min(skew, skew - self._platform.ahead, key=abs)

    # Later calls.

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Run `call` in the loop after `seconds`; safe from any thread."""
        self._platform.call_soon(self._start_late, seconds, call)

    async def settle(self) -> None:
        """Wait until no later call is due."""
        while self._late:
            await asyncio.wait(self._late)

    @property
    def settled(self) -> bool:
        """True if no later call is due."""
        return not self._late

    def _start_late(self, seconds: float, call: Callable[[], object]) -> None:
        late = asyncio.get_running_loop().create_task(self._happen(seconds, call))
        self._late.add(late)
        # Callbacks run in order: the call has ended, or its event is queued, before it leaves the set.
        late.add_done_callback(self._late.discard)

    async def _happen(self, seconds: float, call: Callable[[], object]) -> None:
        await asyncio.sleep(seconds)
        call()

    # Connections.

    @property
    def connections(self) -> int:
        """The number of connections that carried a request."""
        return len(self._used)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def silence_connections(self) -> None:
        """Keep all open connections open, without any further answers."""
        self._platform.call(self._each_connection(lambda connection: setattr(connection, "silent", True)))

    def reset_connections(self) -> None:
        """Reset all open connections, also the idle connections."""
        self._platform.call(self._each_connection(lambda connection: connection.reset()))

    def add_connection(self, made: Callable[[int], Connection]) -> Connection:
        """Add the connection of a client."""
        self._connection_count += 1
        connection = made(self._connection_count)
        self._open.add(connection)
        return connection

    def remove_connection(self, connection: Connection) -> None:
        """Remove a connection."""
        self._open.discard(connection)
        connection.lost.set()

    async def _each_connection(self, change: Callable[[Connection], None]) -> None:
        for connection in sorted(self._open, key=lambda connection: connection.id):
            change(connection)

    # Requests.

    async def handle(self, request: Request, connection: Connection) -> Response:
        """Return the response at its time; it is dropped if the connection is lost by then."""
        self.requests.append(request)
        self._used.add(connection.id)
        half_trip = (self.round_trip + self.latency_of(request)) / 2
        await self._platform.pause(half_trip)
        response = await self._answer(request, connection)
        if not connection.lost.is_set():
            await self._platform.pause(half_trip)
        if connection.silent:
            await connection.lost.wait()
        return Response(response.status, response.body, {"Date": _date(int(self.now())), **response.headers})

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
        if fault.kind == "status":
            return Response(fault.code, fault.body, dict(fault.headers))
        if fault.kind == "status_after":
            self._work(request)
            return Response(fault.code)
        if fault.kind == "slow":
            await self._platform.pause(fault.seconds)
            return self._work(request)
        if fault.kind in ("drop_after", "drip"):
            self._work(request)
        elif fault.kind == "lands_late":
            self.later(fault.seconds, partial(self._work, request))
        if fault.kind in ("drop_before", "drop_after", "lands_late"):
            connection.reset()
        elif fault.kind == "drip":
            await connection.drip()
        elif fault.kind == "silence":
            connection.silent = True
        await connection.lost.wait()
        return Response(503)


@lru_cache
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
