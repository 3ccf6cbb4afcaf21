"""Names of hosts, for clients that only know the clouds' own, and the vendor's client of OBS that asks at them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from obs import ObsClient

from sandbox import Sandbox


def lead_huawei_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Huawei's names lead to this machine, and to nothing else: its SDK asks at a bucket's host name."""
    resolve = socket.getaddrinfo

    def resolve_here(host: str, *details: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host.endswith(".myhuaweicloud.com") else host, *details, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)


def obs_server(box: Sandbox) -> str:
    """Where that is then."""
    return f"http://obs.cn-north-4.myhuaweicloud.com:{urlsplit(box.obs.endpoint).port}"


@contextmanager
def esdk_client(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObsClient]:
    """esdk-obs-python, which asks once, by the scheme that is OBS's own."""
    lead_huawei_here(monkeypatch)
    options = {"is_signature_negotiation": False, "max_retry_count": 0, "timeout": 10}
    client = ObsClient(*box.huawei_credentials, server=obs_server(box), **options)
    yield client
    client.close()
