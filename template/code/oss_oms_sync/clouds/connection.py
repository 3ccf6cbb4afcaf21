"""Keep-alive connections to both clouds, and functions that read responses from them."""

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

# The longest call, to OMS, from the connect to the end of a response in pieces.
MAX_CALL_SECONDS = 15.0
# While packets are lost, a kernel sends a request again for about 100 s, although its connection was closed: a key
# would reach OMS, and a DELETE a record, long after the call was abandoned. So closing a connection resets it, which
# drops the unsent bytes. If nothing closes it, Linux gives up after the longest call's time; other systems have no such
# option.
_SOCKET_OPTIONS = [
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]
if hasattr(socket, "TCP_USER_TIMEOUT"):
    _SOCKET_OPTIONS.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(MAX_CALL_SECONDS * 1000)))

# Maximum bytes to read of a response other than a listing or an object of the project: any host may have sent it.
MAX_SHORT_BODY_BYTES = 64 * 1024
# A page of a listing with the longest names has about 4 MB, a month of OMS statistics 3 MB, a run file at most 7 MB.
MAX_LONG_BODY_BYTES = 16 * 1024 * 1024

# The errors of a call without a complete response.
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)

# The number of parallel calls of an instance. A thread starts with its first call. As many connections are kept,
# because additional connections would be opened for every call.
POOL_WIDTH = 20


class Connections(contextlib.AbstractContextManager["Connections"]):
    """Kept-alive connections to the cloud at `url`, for the life of an instance.

    They can be closed while a call is using them. A session of requests would follow redirects and keep cookies, but a
    request has the token in its headers, and is for this cloud alone.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        # Proxies and trusted certificates come from the environment, as in requests, but are read only once: reading
        # them takes longer than signing. A .netrc is not read, because only the signature authorizes.
        self._proxies = requests.utils.get_environ_proxies(url)
        self.verify = trusted_certificates() or True
        self._adapter = _SocketAdapter()
        self._clock = clock
        self._used: datetime | None = None

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that no call is using; the next call opens a connection."""
        self._adapter.close()

    def connect_ahead(self, url: str) -> None:
        """Open a connection to `url` in the background, for the first call.

        It sends nothing. After a failure here, that call opens a connection and reports its failure.
        """

        def connect() -> None:
            with contextlib.suppress(*NETWORK_ERRORS, OSError):
                self._adapter.connect(url, self.verify)

        self._used = self._clock.now()
        if not self._proxies:
            Thread(target=connect, daemon=True).start()

    def use(self) -> Connections:
        """Return the session for calls now, with new connections if the open connections were idle for too long."""
        now = self._clock.now()
        if self._used and abs((now - self._used).total_seconds()) > _KEEPALIVE_SECONDS:
            self.close()
        self._used = now
        return self

    def send_signed(
        self, method: str, url: str, headers: Mapping[str, str], timeout: tuple[float, float], body: bytes = b""
    ) -> requests.Response:
        """Send a request unchanged, because every byte may be signed: the caller has checked and encoded it.

        `timeout` is for connecting and for each read, in seconds. The response is streamed: see `read_body`.

        Raises NETWORK_ERRORS.
        """
        request = requests.PreparedRequest()
        # An empty body of unknown length would be sent in chunks.
        request.method, request.url, request.body = method, url, body or None
        length = {"Content-Length": str(len(body))} if body else {}
        request.headers = requests.structures.CaseInsensitiveDict({**headers, **length})
        return self._adapter.send(request, timeout=timeout, stream=True, proxies=self._proxies, verify=self.verify)

    def abort(self) -> None:
        """Reset every connection, including those in use: an abandoned call ends with its thread.

        When this returns, the kernel has dropped all unsent bytes.
        """
        self._adapter.abort()
        self.close()


class _SocketAdapter(requests.adapters.HTTPAdapter):
    """An adapter that also knows the sockets in use: urllib3's pools know only idle connections."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._aborted = 0
        self._lock = Lock()
        self._pools = {
            "http": self._registering(urllib3.HTTPConnectionPool),
            "https": self._registering(urllib3.HTTPSConnectionPool),
        }
        super().__init__(pool_maxsize=POOL_WIDTH)

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """Return the URL as in requests, but keep all leading slashes of the path, because the path is signed.

        requests 2.32.3, in the runtime python3.12, would keep only the first slash.
        """
        url: str = super().request_url(request, proxies)
        path = request.path_url
        return path if path.startswith("//") and url == f"/{path.lstrip('/')}" else url

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Use pools that register their sockets, and sockets that reset on close."""
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """Use the same pools and sockets for connections through a proxy."""
        manager = super().proxy_manager_for(*args, **options, socket_options=_SOCKET_OPTIONS)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def _registering(self, pool: Any) -> Any:
        # The reference is weak, because urllib3 keeps connections until their pool is deleted, and the adapter keeps
        # the pool.
        base, this = pool.ConnectionCls, proxy(self)

        def connect(connection: Any) -> None:
            connection.begun = this._aborted
            base.connect(connection)
            this._register(connection, connection.sock)

        # The socket is registered before the proxy's tunnel and TLS, which use it.
        def new_conn(connection: Any) -> Any:
            return this._register(connection, base._new_conn(connection))

        # urllib3 considers a connection dropped when it has unread bytes, such as the server's TLS tickets.
        def get_conn(of: Any, timeout: float | None = None) -> Any:
            was_opened_ahead, of.opened_ahead = of.opened_ahead, False
            if was_opened_ahead:
                with contextlib.suppress(AttributeError, Empty):  # the pool was closed meanwhile
                    return of.pool.get_nowait() or of._new_conn()
            return pool._get_conn(of, timeout)

        registering = type("Connection", (base,), {"connect": connect, "_new_conn": new_conn})
        return type("Pool", (pool,), {"ConnectionCls": registering, "_get_conn": get_conn, "opened_ahead": False})

    def _register(self, connection: Any, opened: socket.socket) -> socket.socket:
        with self._lock:
            if connection.begun != self._aborted:
                opened.close()
                raise OSError("the call was left behind while it connected")
            self._sockets.add(opened)
        return opened

    def connect(self, url: str, verify: bool | str | None) -> None:
        """Open a connection, and keep it for the next call to `url`.

        Raises NETWORK_ERRORS and OSError.
        """
        request = requests.PreparedRequest()
        request.prepare_url(url, {})
        # requests 2.32 chooses pools by TLS settings as well; 2.28.1, in the runtime python3.10, lacks that method.
        by_tls = getattr(self, "get_connection_with_tls_context", None)
        pool: Any = by_tls(request, verify) if by_tls else self.get_connection(url)
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]
        connection = pool._get_conn()
        connection.timeout = _CONNECT_SECONDS
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        pool._put_conn(connection)
        pool.opened_ahead = True

    def abort(self) -> None:
        """Reset every socket; threads waiting for a socket return immediately."""
        with self._lock:
            self._aborted += 1
            sockets = list(self._sockets)
        for opened in sockets:
            _reset(opened)


def _reset(opened: socket.socket) -> None:
    """Reset a connection immediately, even if another thread is reading from it, and leave the socket to that thread.

    Closing it here would free its number for the next connection, and that thread would read from it. A shutdown leaves
    the unsent bytes in the kernel until that thread closes the socket: in a frozen instance it does not run.
    """
    # Imported here because few calls are abandoned.
    from ctypes import CDLL

    # connect(2), of Linux: an address of the family AF_UNSPEC (0) dissolves a connection. Python has no such address.
    # If another connection has the number now, its call fails like after a reset by the network.
    CDLL(None).connect(opened.fileno(), bytes(16), 16)
    with contextlib.suppress(OSError):  # closed or reset already
        # For other systems. The TLS shutdown is not used, because another thread is reading from the connection.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


def read_body(response: requests.Response, max_bytes: int) -> bytes:
    """Read the body of a streamed response, or only its first `max_bytes` bytes.

    The response to a HEAD has no body, for any Content-Length; reading it frees the connection.

    The body is not decompressed, because no call asks for compression.

    Raises requests.ReadTimeout, and requests.ConnectionError if the body ends before its Content-Length.
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
    length = response.headers.get("Content-Length", "") if response.request.method != "HEAD" else ""
    # RFC 9112, 6.3: a Transfer-Encoding overrides the Content-Length.
    if length.isdecimal() and int(length) != len(body) and "Transfer-Encoding" not in response.headers:
        raise requests.ConnectionError("the answer was cut off")
    return body


def trusted_certificates() -> str | None:
    """Return the file or folder of certificates in the environment variables; None if they are unset."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def tls_context() -> ssl.SSLContext:
    """Return the TLS settings, with the same certificates, for connections made without requests."""
    certificates = trusted_certificates() or DEFAULT_CA_BUNDLE_PATH
    is_folder = Path(certificates).is_dir()
    return ssl.create_default_context(
        cafile=None if is_folder else certificates, capath=certificates if is_folder else None
    )
