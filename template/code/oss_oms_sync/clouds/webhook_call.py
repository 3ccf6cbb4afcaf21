"""One call to a webhook: an address that a user gave, so it is called with care.

The name is resolved, every address is looked at, and the connection is made to one of those: a name that resolves to
another address a moment later changes nothing. No proxy is used and no redirect is followed, because neither's address
was looked at.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from oss_oms_sync.clouds.connection import MAX_SHORT_BODY, tls_context
from oss_oms_sync.errors import root_cause
from oss_oms_sync.settings import is_loopback

_CONNECT_SECONDS = 3.0
# RFC 4291 and IANA, "IPv6 Global Unicast Address Assignments". All that holds an IPv4 address is elsewhere, but for
# 6to4 and Teredo.
_PUBLIC_IPV6 = IPv6Network("2000::/3")


class NotSent(Exception):  # noqa: N818
    """Nothing was sent, so the message has surely not arrived; what is wrong, without the webhook's address."""


class NotAnswered(Exception):  # noqa: N818
    """The message was sent, in part at least, and nobody knows whether it arrived."""


@dataclass(frozen=True)
class Answer:
    """What the webhook answered; of the body the first 64 KiB."""

    status: int
    body: bytes


class WebhookCall:
    """One call. `run` may be given up by another thread: then nothing is sent any more that was not sent before."""

    def __init__(self, url: str, body: bytes) -> None:
        self._parts = urlsplit(url)
        self._body = body
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_given_up = False
        # Whether any of the message may have arrived.
        self.is_sent = False

    def run(self, seconds: float) -> Answer:
        """Send the message as JSON and return the answer. `seconds` is for connecting and for each read.

        Raises NotSent and NotAnswered.
        """
        host = self._parts.hostname or ""
        port = self._parts.port or (443 if self._parts.scheme == "https" else 80)
        connection = http.client.HTTPConnection(host, port)
        try:
            # It never connects by itself, because it would resolve the name once more.
            connection.auto_open = 0
            connection.sock = self._connect(host, port, seconds)
            self._begin_sending()
            return self._exchange(connection)
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            cause = root_cause(error)
            raise NotAnswered(f"it did not answer: {cause}") if self.is_sent else NotSent(cause) from error
        finally:
            connection.close()

    def give_up(self) -> None:
        """Let the thread that waits for an answer, or is about to send, return at once."""
        with self._lock:
            self._is_given_up = True
            if self._socket:
                with contextlib.suppress(OSError):  # already closed
                    # Not as TLS ends a connection, because another thread is reading from it.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _connect(self, host: str, port: int, seconds: float) -> socket.socket:
        problem: OSError | None = None
        for family, address in _allowed_addresses(host, port):
            raw = socket.socket(family, socket.SOCK_STREAM)
            try:
                raw.settimeout(min(seconds, _CONNECT_SECONDS))
                raw.connect(address)
                raw.settimeout(seconds)
                return tls_context().wrap_socket(raw, server_hostname=host) if self._parts.scheme == "https" else raw
            except OSError as error:  # the next address may do
                raw.close()
                problem = error
        raise problem or NotSent("its name has no address")

    def _begin_sending(self) -> None:
        with self._lock:
            if self._is_given_up:
                raise NotSent("no connection in time")
            self.is_sent = True

    def _exchange(self, connection: http.client.HTTPConnection) -> Answer:
        path = self._parts.path or "/"
        target = f"{path}?{self._parts.query}" if self._parts.query else path
        headers = {"Host": self._parts.netloc, "Content-Type": "application/json; charset=utf-8"}
        self._socket = connection.sock
        connection.request("POST", target, self._body, headers)
        response = connection.getresponse()
        body = response.read(MAX_SHORT_BODY)
        if response.length and len(body) < MAX_SHORT_BODY:
            raise NotAnswered("its answer was cut off")
        return Answer(response.status, body)


def _allowed_addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """The addresses of `host`, with their families.

    Raises NotSent if one of them is none of the internet's: not even the others are called then.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent("its name is not found") from error
    for *_, address in found:
        one = ip_address(address[0])
        if not (one.is_loopback if is_loopback(host) else _is_public(one)):
            raise NotSent("its name resolves to a private address, which is never called")
    return [(family, address) for family, _, _, _, address in found]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the internet's; none that only stands for an IPv4 address."""
    if isinstance(address, IPv6Address) and (address not in _PUBLIC_IPV6 or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast
