"""The real host names of the clouds, which a proxy connects to the sandbox."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from sandbox import Sandbox
from sandbox.account import ACCOUNT_ID
from sandbox.inprocess.network import Network
from sandbox.server.certificate import make_certificate

if TYPE_CHECKING:
    from typing_extensions import Self

_HOSTS = (
    *("ram.aliyuncs.com", "sts.aliyuncs.com", "iam.myhuaweicloud.com", "oms.cn-north-4.myhuaweicloud.com"),
    *("*.oss-cn-hangzhou.aliyuncs.com", "*.obs.cn-north-4.myhuaweicloud.com"),
    f"{ACCOUNT_ID}.cn-hangzhou.fc.aliyuncs.com",
)


class OnTheInternet(Sandbox):
    """A sandbox that programs reach at the clouds' real host names.

    `internet` are the environment variables that set the proxy. `hosts` are the hosts to which programs connected.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(**options)
        self._certificate = make_certificate(folder, *_HOSTS)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self._certificate)
        self._names = Network(self._platform)
        self.hosts: set[str] = set()
        self.internet: dict[str, str] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        for service in (self.oss, self.oms, self.obs, self.ram, self.iam, self.functions):
            self._names.add(service)
        proxy = self._platform.call(asyncio.start_server(self._tunnel, "127.0.0.1", 0))
        self.internet = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"}
        self.internet |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(self._certificate))
        return self

    def endpoints(self) -> dict[str, str]:
        """Return the environment variables with the addresses of the clouds, and those that set the proxy."""
        return {**super().endpoints(), **self.internet}

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().partition(":")[0]
        self.hosts.add(host)
        try:
            service_address = urlsplit(self._names.service_at(host).endpoint)
        except requests.ConnectionError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await writer.start_tls(self._context)
        answers, requests_writer = await asyncio.open_connection(service_address.hostname, service_address.port)
        await asyncio.gather(_pass_on(reader, requests_writer), _pass_on(answers, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:  # the other side is gone
        pass
    writer.close()
