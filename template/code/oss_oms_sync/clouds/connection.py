"""Kept-alive connections to both clouds, and the threads that carry the calls."""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

import requests
import urllib3

from oss_oms_sync.clock import Clock

# Function Compute freezes an instance between events, and networks drop idle connections without a word.
_KEEPALIVE_EXPIRY = 30.0

# Of an answer that is neither a listing nor an object of ours no more is read: who knows what sends it.
MAX_SHORT_BODY = 64 * 1024
# A listing's page of the longest names takes some 4 MB, a month of OMS's statistics 3, a run file no more than 7.
MAX_LONG_BODY = 16 * 1024 * 1024

# What a call that finds no whole answer raises.
NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)

T = TypeVar("T")


class Session(requests.Session):
    """Kept-alive connections to the cloud at `url`: one for the life of an instance.

    No redirect is followed, because what is sent, and the token in its headers, is meant for this cloud alone; no
    cookie is kept; and what is left behind in the middle of a call can be closed.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        # Proxies and trusted certificates as requests takes them from the environment, but not at every call: that
        # takes longer than signing. A .netrc is not looked for, because signing is all the authorization there is.
        self.proxies.update(requests.utils.get_environ_proxies(url))
        self.verify = trusted_certificates() or True
        self.trust_env = False
        self._adapters = (_Adapter(), _Adapter())
        for scheme, adapter in zip(("http://", "https://"), self._adapters, strict=True):
            self.mount(scheme, adapter)
        self._clock = clock
        self._used: datetime | None = None

    def use(self) -> Session:
        """The session, for calls now: on new connections if the open ones were idle too long."""
        now = self._clock.now()
        if self._used and abs((now - self._used).total_seconds()) > _KEEPALIVE_EXPIRY:
            self.close()
        self._used = now
        return self

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No target, whatever the answer says: requests looks at it even where it is told not to follow."""

    def abort(self) -> None:
        """Closes every connection, also those in use: a call that was left behind ends, and its thread with it."""
        for adapter in self._adapters:
            adapter.abort()
        self.close()


class _Adapter(requests.adapters.HTTPAdapter):
    """Knows its open sockets while they are in use, too: urllib3's pools know idle connections only."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._aborted = 0
        self._lock = Lock()
        self._pools = {
            "http": self._telling(urllib3.HTTPConnectionPool),
            "https": self._telling(urllib3.HTTPSConnectionPool),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As requests does, with pools that tell of their sockets."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        """The same for connections through a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def _telling(self, pool: Any) -> Any:
        base = pool.ConnectionCls

        def connect(connection: Any) -> None:
            connection.begun = self._aborted
            base.connect(connection)
            self._know(connection, connection.sock)

        # TLS, and a proxy's tunnel, are made over a socket of its own.
        def new_conn(connection: Any) -> Any:
            return self._know(connection, base._new_conn(connection))

        telling = type("Connection", (base,), {"connect": connect, "_new_conn": new_conn})
        return type("Pool", (pool,), {"ConnectionCls": telling})

    def _know(self, connection: Any, opened: socket.socket) -> socket.socket:
        with self._lock:
            if connection.begun != self._aborted:
                opened.close()
                raise OSError("the call was left behind while it connected")
            self._sockets.add(opened)
        return opened

    def abort(self) -> None:
        """Shuts down every socket: who waits for one hears at once that it has ended."""
        with self._lock:
            self._aborted += 1
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):  # it is closed already
                # Not as TLS ends a connection: another thread is reading from it.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def read_body(response: requests.Response, most: int) -> bytes:
    """The body of an answer that was asked for as a stream, or the first `most` bytes of it: nobody reads the rest.

    It is not decompressed, because no call asks for compression. Raises requests.ConnectionError where it ends before
    its Content-Length.
    """
    try:
        body: bytes = response.raw.read(most + 1, decode_content=False)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error
    if len(body) > most:
        response.close()
        return body[:most]
    length = response.headers.get("Content-Length", "")
    # RFC 9112, 6.3: beside a Transfer-Encoding the length says nothing.
    if length.isdecimal() and int(length) != len(body) and "Transfer-Encoding" not in response.headers:
        raise requests.ConnectionError("the answer was cut off")
    return body


def trusted_certificates() -> str | None:
    """The file or folder of certificates that the environment names; None where it names none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
