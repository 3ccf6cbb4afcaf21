"""Huawei's host names, resolved to this machine, and the vendor's client of OBS, which requires them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from obs import ObsClient

from sandbox import Sandbox


def redirect_huawei_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve Huawei's host names to this machine, because the SDK connects to the host name of a bucket."""
    resolve = socket.getaddrinfo

    def resolve_here(host: str, *details: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host.endswith(".myhuaweicloud.com") else host, *details, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)


def obs_server(box: Sandbox) -> str:
    """Return the address of the sandbox's OBS with Huawei's host name."""
    return f"http://obs.cn-north-4.myhuaweicloud.com:{urlsplit(box.obs.endpoint).port}"


@contextmanager
def esdk_client(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObsClient]:
    """Yield a client of esdk-obs-python with signatures of the scheme "OBS" and without retries."""
    redirect_huawei_hosts(monkeypatch)
    options = {"is_signature_negotiation": False, "max_retry_count": 0, "timeout": 10}
    client = ObsClient(*box.huawei_credentials, server=obs_server(box), **options)
    yield client
    client.close()
