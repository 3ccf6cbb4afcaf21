"""Kept-alive connections to the clouds, and functions that read responses from them."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from queue import Empty
from threading import Lock, Thread
from typing import Any
from weakref import WeakSet, proxy

import requests
import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from oss_oms_sync.clock import Clock

# Function Compute freezes an instance between events, and networks silently drop idle connections.
_KEEPALIVE_SECONDS = 30.0
_CONNECT_SECONDS = 3.0

# The time limit of a call to OMS, the longest of all calls, from connecting to the end of the response.
MAX_CALL_SECONDS = 15.0
# While packets are lost, a kernel repeats a request for about 100 s even after the connection was closed. A key would
# then reach OMS, or a DELETE would remove a record, long after the call was abandoned. SO_LINGER makes closing a
# connection reset it, which drops the unsent bytes. If nothing closes the connection, TCP_USER_TIMEOUT ends it after
# the time of the longest call; systems other than Linux have no such option.
_SOCKET_OPTIONS = [
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]
if hasattr(socket, "TCP_USER_TIMEOUT"):
    _SOCKET_OPTIONS.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(MAX_CALL_SECONDS * 1000)))

# Maximum bytes to read of a response that is neither a listing nor an object of the project. Any host may have sent it.
MAX_SHORT_BODY_BYTES = 64 * 1024
# Maximum bytes to read of other responses. A page of a listing has up to 4 MB, a month of OMS statistics 3 MB, and a
# run file 7 MB.
MAX_LONG_BODY_BYTES = 16 * 1024 * 1024

# Exceptions of a call that has no complete response.
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)

# The maximum number of parallel calls of an instance. As many connections are kept, because each connection above the
# number of kept connections would be opened again for every call.
POOL_WIDTH = 20


class Connections(contextlib.AbstractContextManager["Connections"]):
    """Kept-alive connections to the cloud at `url`, for the life of an instance.

    Another thread can close them while a call is using them. A session of the library requests would follow redirects
    and keep cookies, but a request must not be sent to another host, because its headers contain the security token.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        # Proxies and trusted certificates come from the environment, as in requests, but are read only once, because
        # reading them takes longer than signing. A .netrc is ignored, because only the signature authorizes a call.
        self._proxies = requests.utils.get_environ_proxies(url)
        self.verify = find_trusted_certificates() or True
        self._adapter = _SocketAdapter()
        self._clock = clock
        self._last_use: datetime | None = None

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that no call is using; the next call opens a new connection."""
        self._adapter.close()

    def connect_ahead(self, url: str) -> None:
        """Open a connection to `url` in the background, so that the first call does not have to wait for it.

        If connecting fails, the first call opens a connection itself, and reports its own failure.
        """

        def connect() -> None:
            with contextlib.suppress(*NETWORK_ERRORS, OSError):
                self._adapter.connect(url, self.verify)

        self._last_use = self._clock.now()
        if not self._proxies:
            Thread(target=connect, daemon=True).start()

    def use(self) -> Connections:
        """Return these connections, ready for a call.

        Connections that have been idle for too long are closed first, because the network may have dropped them.
        """
        now = self._clock.now()
        if self._last_use and abs((now - self._last_use).total_seconds()) > _KEEPALIVE_SECONDS:
            self.close()
        self._last_use = now
        return self

    def send_signed(
        self, method: str, url: str, headers: Mapping[str, str], timeout: tuple[float, float], body: bytes = b""
    ) -> requests.Response:
        """Send a signed request without changing it. The body of the response is not read yet: `read_body` reads it.

        `timeout` has the seconds for connecting and for each read. Raises NETWORK_ERRORS.
        """
        request = requests.PreparedRequest()
        # An empty body of unknown length would be sent in chunks.
        request.method, request.url, request.body = method, url, body or None
        length_header = {"Content-Length": str(len(body))} if body else {}
        request.headers = requests.structures.CaseInsensitiveDict({**headers, **length_header})
        return self._adapter.send(request, timeout=timeout, stream=True, proxies=self._proxies, verify=self.verify)

    def abort(self) -> None:
        """Reset every connection, also the connections in use, so that an abandoned call and its thread end.

        When this method returns, the kernel has dropped all unsent bytes.
        """
        self._adapter.abort()
        self.close()


class _SocketAdapter(requests.adapters.HTTPAdapter):
    """An adapter of requests that can reset all sockets in use; urllib3's pools know only idle connections."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._abort_count = 0
        self._lock = Lock()
        self._pools = {
            "http": self._make_registering_pool(urllib3.HTTPConnectionPool),
            "https": self._make_registering_pool(urllib3.HTTPSConnectionPool),
        }
        super().__init__(pool_maxsize=POOL_WIDTH)

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """Return the URL as requests does, but keep all leading slashes of the path, because the path is signed.

        The version 2.32.3 of requests, in the runtime python3.12, would keep only the first slash.
        """
        url: str = super().request_url(request, proxies)
        path = request.path_url
        return path if path.startswith("//") and url == f"/{path.lstrip('/')}" else url

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Create pools that register their sockets, and that reset a connection when they close it."""
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options, socket_options=_SOCKET_OPTIONS)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def _make_registering_pool(self, pool_class: Any) -> Any:
        # The reference is weak, because urllib3 keeps connections until their pool is deleted, and the adapter keeps
        # the pool.
        base_class, adapter = pool_class.ConnectionCls, proxy(self)

        def connect(connection: Any) -> None:
            connection.initial_abort_count = adapter._abort_count
            base_class.connect(connection)
            adapter._register(connection, connection.sock)

        # The socket is registered before the proxy's tunnel and TLS, which use it.
        def new_conn(connection: Any) -> Any:
            return adapter._register(connection, base_class._new_conn(connection))

        # urllib3 considers a connection dropped when it has unread bytes, such as the server's TLS tickets.
        def get_conn(pool: Any, timeout: float | None = None) -> Any:
            was_opened_ahead, pool.is_opened_ahead = pool.is_opened_ahead, False
            if was_opened_ahead:
                with contextlib.suppress(AttributeError, Empty):  # the pool was closed meanwhile
                    return pool.pool.get_nowait() or pool._new_conn()
            return pool_class._get_conn(pool, timeout)

        connection_class = type("Connection", (base_class,), {"connect": connect, "_new_conn": new_conn})
        return type(
            "Pool", (pool_class,), {"ConnectionCls": connection_class, "_get_conn": get_conn, "is_opened_ahead": False}
        )

    def _register(self, connection: Any, opened_socket: socket.socket) -> socket.socket:
        with self._lock:
            if connection.initial_abort_count != self._abort_count:
                opened_socket.close()
                raise OSError("the call was given up while it connected")
            self._sockets.add(opened_socket)
        return opened_socket

    def connect(self, url: str, verify: bool | str | None) -> None:
        """Open a connection, and keep it for the next call to `url`.

        Raises NETWORK_ERRORS and OSError.
        """
        request = requests.PreparedRequest()
        request.prepare_url(url, {})
        # requests 2.32 chooses pools by TLS settings as well; 2.28.1, in the runtime python3.10, lacks that method.
        get_pool_by_tls = getattr(self, "get_connection_with_tls_context", None)
        pool: Any = get_pool_by_tls(request, verify) if get_pool_by_tls else self.get_connection(url)
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]
        connection = pool._get_conn()
        connection.timeout = _CONNECT_SECONDS
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        pool._put_conn(connection)
        pool.is_opened_ahead = True

    def abort(self) -> None:
        """Reset every socket; a thread that waits for a socket returns immediately."""
        with self._lock:
            self._abort_count += 1
            sockets = list(self._sockets)
        for opened_socket in sockets:
            _reset(opened_socket)


def _reset(opened_socket: socket.socket) -> None:
    """Reset a connection immediately, even if another thread is reading from it.

    The socket stays open, because its file number must not go to another connection that this thread would then read. A
    mere shutdown would keep the unsent bytes in the kernel until the thread closes the socket, and in a frozen instance
    no thread runs.
    """
    # This import is local because few calls are abandoned.
    from ctypes import CDLL

    # On Linux, connect(2) with an address of the family AF_UNSPEC (0) dissolves a connection. Python cannot make such
    # an address. If another connection has the file number by now, its call fails as after a reset by the network.
    CDLL(None).connect(opened_socket.fileno(), bytes(16), 16)
    with contextlib.suppress(OSError):  # closed or reset already
        # Other systems need this shutdown. A TLS shutdown would read, while another thread reads from the connection.
        socket.socket.shutdown(opened_socket, socket.SHUT_RDWR)


def read_body(response: requests.Response, max_bytes: int) -> bytes:
    """Read the body of a streamed response, or only its first `max_bytes` bytes.

    The response to a HEAD has no body; reading it frees the connection. The body is not decompressed, because no
    request permits compression.

    Raises requests.ReadTimeout, and requests.ConnectionError if the body is shorter than its Content-Length.
    """
    try:
        body: bytes = response.raw.read(max_bytes + 1, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error
    if len(body) > max_bytes:
        response.close()
        return body[:max_bytes]
    expected_length = response.headers.get("Content-Length", "") if response.request.method != "HEAD" else ""
    # RFC 9112, 6.3: a Transfer-Encoding overrides the Content-Length.
    if (
        expected_length.isdecimal()
        and int(expected_length) != len(body)
        and "Transfer-Encoding" not in response.headers
    ):
        raise requests.ConnectionError("the answer was cut off")
    return body


def find_trusted_certificates() -> str | None:
    """Return the path of the certificates in REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or None if neither is set."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def make_tls_context() -> ssl.SSLContext:
    """Return TLS settings for connections without requests, with the certificates that requests would trust."""
    certificates = find_trusted_certificates() or DEFAULT_CA_BUNDLE_PATH
    is_folder = Path(certificates).is_dir()
    return ssl.create_default_context(
        cafile=None if is_folder else certificates, capath=certificates if is_folder else None
    )
