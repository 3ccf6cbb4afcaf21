"""A TLS server that answers writes to OMS and OSS: `python -m benchmarks.packets_server ADDRESS CERTIFICATE`.

It prints a line of JSON when it is ready, and a line for each complete request: its time by the machine's monotonic
clock, and its text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import ssl
import sys
import time

_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nx-oss-request-id: 5D12\r\nETag: {etag}\r\n"
    "Connection: keep-alive\r\n\r\n"
)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request on a connection: confirm a PUT by the MD5 of its body, and a multi-delete by its keys."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            line = head.partition(b"\r\n")[0]
            request = {"at": time.monotonic(), "text": (line + b" " + body).decode("latin-1")}
            print(json.dumps(request), flush=True)
            names = re.findall(rb"<Key>.*?</Key>", body)
            deleted = b"".join(b"<Deleted>%b</Deleted>" % name for name in names)
            reply = b"<DeleteResult>%b</DeleteResult>" % deleted if names else b""
            etag = hashlib.md5(body).hexdigest().upper()
            writer.write(_HEAD.format(length=len(reply), etag=etag).encode() + reply)
    writer.close()


async def main(address: str, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(answer, address, 443, ssl=context):
        print(json.dumps("ready"), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
