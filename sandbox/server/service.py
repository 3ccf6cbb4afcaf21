"""The base class of all simulated services: it applies faults to requests, and tracks connections.

A service runs on a `Platform`, which has the sockets and the clock: loopback and the machine's clock (`loop`), or
function calls and virtual time (`sandbox.inprocess`).
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
    """A platform of services and functions: an event loop, a clock, and the routes of requests to services.

    `clock_lead` is the number of seconds by which the platform's clock is ahead of the clients outside the sandbox.
    """

    clock_lead: float

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Cancel all tasks, because faults such as `hang` leave tasks that never end by themselves."""

    def now(self) -> float:
        """Return the platform's time in seconds since 1970."""

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `work` in the loop and return its result; after `timeout` seconds cancel it and raise TimeoutError."""

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        """Run `call` in the loop; any thread can call this."""

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds` of the platform's time."""

    def serve(self, service: Service) -> Host:
        """Route requests to a service, and return its host."""


class Host(Protocol):
    """The host of a service: a server on loopback, or a name within the process."""

    @property
    def endpoint(self) -> str: ...

    def close(self) -> None:
        """Accept no more requests to the service."""


@dataclass(eq=False)
class Connection(ABC):
    """The service's side of a connection.

    `closed_event` is set when either side has closed the connection. `is_silent` is True if no more answers are sent.
    """

    id: int
    closed_event: asyncio.Event = field(default_factory=asyncio.Event)
    is_silent: bool = False

    @abstractmethod
    def reset(self) -> None:
        """Reset the connection, as a middlebox or a crashed server would."""

    @abstractmethod
    async def drip(self) -> None:
        """Send the bytes of an endless header, one by one, until the client closes the connection."""


class Service(ABC):
    """A service; its subclasses answer requests, while this class applies faults and tracks connections."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        """Create a service; `port` and `ssl_context` have an effect on loopback only."""
        self.port = port
        self.ssl_context = ssl_context
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=_MAX_REQUESTS_KEPT)
        self.clock_offset = 0.0
        # The seconds that a request takes to the service and back, without the work.
        self.round_trip = 0.0
        self.lock = threading.RLock()
        self._open_connections: set[Connection] = set()
        self._connection_count = 0
        self._used_connections: set[int] = set()
        self._scheduled_calls: set[asyncio.Task[None]] = set()

    @abstractmethod
    def respond(self, request: Request) -> Response:
        """Do the work of a request and return the response.

        The caller holds `lock`, so that a request takes effect completely or not at all.
        """

    def find_latency(self, request: Request) -> float:  # noqa: ARG002 (most services have none)
        """Return the seconds that this request takes in addition to `round_trip`."""
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
        """Return the time of the service's clock, in seconds since 1970."""
        return self._platform.now() + self.clock_offset

    def find_age(self, sent_at: float) -> float:
        """Return the age in seconds of a request with the date `sent_at`, which is in seconds since 1970.

        The date is from the sandbox's clock, or from the machine's, which clients outside the sandbox use. The smaller
        of both ages is returned.
        """
        age = self.now() - sent_at
        return min(age, age - self._platform.clock_lead, key=abs)

    # Scheduled calls.

    def schedule(self, seconds: float, call: Callable[[], object]) -> None:
        """Schedule `call` in the loop after `seconds`; any thread can call this."""
        self._platform.call_soon(self._start_call, seconds, call)

    async def wait_until_idle(self) -> None:
        """Wait until all scheduled calls have ended."""
        while self._scheduled_calls:
            await asyncio.wait(self._scheduled_calls)

    @property
    def is_idle(self) -> bool:
        """True if no scheduled call is left."""
        return not self._scheduled_calls

    def _start_call(self, seconds: float, call: Callable[[], object]) -> None:
        task = asyncio.get_running_loop().create_task(self._call_after(seconds, call))
        self._scheduled_calls.add(task)
        # Callbacks run in order: a call leaves the set only after it has ended, or after its event is queued.
        task.add_done_callback(self._scheduled_calls.discard)

    async def _call_after(self, seconds: float, call: Callable[[], object]) -> None:
        await asyncio.sleep(seconds)
        call()

    # Connections.

    @property
    def connections(self) -> int:
        """The number of connections that have carried a request."""
        return len(self._used_connections)

    def silence_connections(self) -> None:
        """Keep all open connections open, but send nothing more over them."""
        self._platform.call(self._change_connections(lambda connection: setattr(connection, "is_silent", True)))

    def reset_connections(self) -> None:
        """Reset all open connections, including idle connections."""
        self._platform.call(self._change_connections(lambda connection: connection.reset()))

    def add_connection(self, make_connection: Callable[[int], Connection]) -> Connection:
        """Add a client's connection; `make_connection` creates it from its number."""
        self._connection_count += 1
        connection = make_connection(self._connection_count)
        self._open_connections.add(connection)
        return connection

    def remove_connection(self, connection: Connection) -> None:
        """Remove a connection, and set its event `closed_event`."""
        self._open_connections.discard(connection)
        connection.closed_event.set()

    async def _change_connections(self, change: Callable[[Connection], None]) -> None:
        for connection in sorted(self._open_connections, key=lambda connection: connection.id):
            change(connection)

    # Requests.

    async def handle(self, request: Request, connection: Connection) -> Response:
        """Return the response to a request, after the latency of the service and the fault that tests ordered."""
        self.requests.append(request)
        self._used_connections.add(connection.id)
        half_trip = (self.round_trip + self.find_latency(request)) / 2
        await self._platform.pause(half_trip)
        response = await self._answer(request, connection)
        if not connection.closed_event.is_set():
            await self._platform.pause(half_trip)
        if connection.is_silent:
            await connection.closed_event.wait()
        return Response(
            response.status, response.body, {"Date": _format_http_date(int(self.now())), **response.headers}
        )

    async def _answer(self, request: Request, connection: Connection) -> Response:
        if connection.is_silent:
            await connection.closed_event.wait()
            return Response(503)
        fault = self.faults.next(request)
        if fault is None:
            return self._do_work(request)
        return await self._apply_fault(fault, request, connection)

    def _do_work(self, request: Request) -> Response:
        with self.lock:
            return self.respond(request)

    async def _apply_fault(self, fault: Fault, request: Request, connection: Connection) -> Response:
        if fault.kind == "status":
            return Response(fault.code, fault.body, dict(fault.headers))
        if fault.kind == "status_after":
            self._do_work(request)
            return Response(fault.code)
        if fault.kind == "slow":
            await self._platform.pause(fault.seconds)
            return self._do_work(request)
        if fault.kind in ("drop_after", "drip"):
            self._do_work(request)
        elif fault.kind == "lands_late":
            self.schedule(fault.seconds, partial(self._do_work, request))
        if fault.kind in ("drop_before", "drop_after", "lands_late"):
            connection.reset()
        elif fault.kind == "drip":
            await connection.drip()
        elif fault.kind == "silence":
            connection.is_silent = True
        await connection.closed_event.wait()
        return Response(503)


@lru_cache
def _format_http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
