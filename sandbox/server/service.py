"""The base class of all simulated services, which applies faults to requests and tracks connections.

A service runs on a `Platform`, which has the sockets and the clock. There are two platforms: loopback with the
machine's clock (`loop`), and function calls with virtual time (`sandbox.inprocess`).
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
    """An event loop, a clock, and the routes on which requests reach services.

    `clock_lead` is the number of seconds by which the platform's clock is ahead of clients outside the sandbox.
    """

    clock_lead: float

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Cancel all tasks, because faults such as `hang` leave tasks that never end by themselves."""

    def now(self) -> float:
        """Return the platform's time as Unix time in seconds."""

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine in the loop and return its result; raise TimeoutError after `timeout` seconds."""

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call a function in the loop; any thread may use this method."""

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds` of the platform's time."""

    def serve(self, service: Service) -> Host:
        """Make a service reachable, and return its host."""


class Host(Protocol):
    """The place where clients reach a service: a server on loopback, or a host name within the process."""

    @property
    def endpoint(self) -> str: ...

    def close(self) -> None:
        """Stop passing requests to the service."""


@dataclass(eq=False)
class Connection(ABC):
    """The service's side of a connection.

    `closed_event` is set when client or service has closed the connection. With `is_silent`, no more answers are sent.
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
    """A simulated service; its subclasses answer requests, while this class applies faults and tracks connections."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        """Create a service; `port` and `ssl_context` have an effect on loopback only."""
        self.port = port
        self.ssl_context = ssl_context
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=_MAX_REQUESTS_KEPT)
        self.clock_offset = 0.0
        # The seconds that request and response are on the network, without the handling.
        self.round_trip = 0.0
        self.lock = threading.RLock()
        self._open_connections: set[Connection] = set()
        self._connection_count = 0
        self._used_connections: set[int] = set()
        self._scheduled_calls: set[asyncio.Task[None]] = set()

    @abstractmethod
    def respond(self, request: Request) -> Response:
        """Handle a request and return the response.

        The caller holds `lock`, so that a request takes effect completely or not at all.
        """

    def find_latency(self, request: Request) -> float:  # noqa: ARG002 (most services have none)
        """Return the seconds by which this request takes longer than `round_trip`."""
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
        return self._platform.now() + self.clock_offset

    def find_age(self, sent_at: float) -> float:
        """Return the seconds since `sent_at`, the Unix time at which a request was signed.

        Clients inside the sandbox use its clock, other clients use the machine's clock. The smaller of the two ages is
        returned.
        """
        age = self.now() - sent_at
        return min(age, age - self._platform.clock_lead, key=abs)

    # Scheduled calls.

    def schedule(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function in the loop after `seconds`; any thread may use this method."""
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
        """Keep all open connections open, but answer on none of them."""
        self._platform.call(self._change_connections(lambda connection: setattr(connection, "is_silent", True)))

    def reset_connections(self) -> None:
        """Reset all open connections, including idle connections."""
        self._platform.call(self._change_connections(lambda connection: connection.reset()))

    def add_connection(self, make_connection: Callable[[int], Connection]) -> Connection:
        self._connection_count += 1
        connection = make_connection(self._connection_count)
        self._open_connections.add(connection)
        return connection

    def remove_connection(self, connection: Connection) -> None:
        self._open_connections.discard(connection)
        connection.closed_event.set()

    async def _change_connections(self, change: Callable[[Connection], None]) -> None:
        for connection in sorted(self._open_connections, key=lambda connection: connection.id):
            change(connection)

    # Requests.

    async def handle(self, request: Request, connection: Connection) -> Response:
        """Return the response to a request, after the service's latency and with the fault that a test scheduled."""
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
