"""Servers of OMS and OSS with a set round-trip time: `python -m benchmarks.network MILLISECONDS [CERTIFICATE]`.

A request takes a round trip, a new TCP connection another, and its TLS handshake a third, as on a real network. The
servers accept each write and store nothing. The program prints the ports of OMS and OSS, and then the counts of
requests for each line of its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import ssl
import sys
from collections import Counter

# With the ETag, by which OSS confirms the body.
_ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-oss-request-id: 5D12\r\nETag: "%s"\r\nConnection: keep-alive\r\n\r\n'
)

_NOTHING = b"<Error><Code>NoSuchKey</Code></Error>"
_ABSENT = (
    b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\nx-oss-request-id: 5D12\r\nConnection: keep-alive\r\n\r\n%s"
    % (len(_NOTHING), _NOTHING)
)


class Network:
    """Servers behind a delay, with counts of their connections and requests."""

    def __init__(self, round_trip: float, context: ssl.SSLContext | None) -> None:
        self._half = round_trip / 2
        self._context = context
        self.counts: Counter[str] = Counter()

    async def open(self, name: str) -> int:
        """Start a server, and a relay in front of it that delays all bytes; return the relay's port."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
                    body = await reader.readexactly(int(length or 0))
                    self.counts[f"{name} requests"] += 1
                    is_put = not head.startswith(b"get ")
                    writer.write(_ANSWER % hashlib.md5(body).hexdigest().upper().encode() if is_put else _ABSENT)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", ssl=self._context)
        port = server.sockets[0].getsockname()[1]

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.counts[f"{name} connections"] += 1
            # On loopback the client's connect returned at once, so its round trip is added here.
            await asyncio.sleep(2 * self._half)
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(self._pump(reader, server_writer), self._pump(server_reader, writer))

        relay = await asyncio.start_server(carry, "127.0.0.1")
        return int(relay.sockets[0].getsockname()[1])

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(1 << 16):
                loop.call_later(self._half, writer.write, chunk)
            await asyncio.sleep(self._half)
        writer.close()


async def main(milliseconds: str, certificate: str = "") -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    network = Network(float(milliseconds) / 1000, context)
    print(json.dumps([await network.open("OMS"), await network.open("OSS")]), flush=True)
    loop = asyncio.get_running_loop()
    # Each line requests the counts since the line before.
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(network.counts), flush=True)
        network.counts.clear()


if __name__ == "__main__":
    asyncio.new_event_loop().run_until_complete(main(*sys.argv[1:]))
    os._exit(0)  # connected clients are not waited for
