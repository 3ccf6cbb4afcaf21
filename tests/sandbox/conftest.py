"""Clients that send valid requests, which tests then make invalid: oss2, and the vendor's signer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree

import oss2
import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkoms.v2 import OmsClient

from sandbox import Sandbox
from support.grants import Key, iam_user, ram_user

# Long enough for a loaded machine; only a failing test ever waits for it.
PATIENCE = 10.0


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def photos(box: Sandbox) -> oss2.Bucket:
    return box.bucket("photos")


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], tuple[int, str]]:
    """Return a function that calls oss2, and returns the status and the code of OSS's error."""

    def refusal(call: Callable[[], object]) -> tuple[int, str]:
        with pytest.raises(oss2.exceptions.OssError) as caught:
            call()
        return caught.value.status, caught.value.code

    return refusal


@pytest.fixture
def refusal() -> Callable[[requests.Response], tuple[int, str | None]]:
    """Return a function that returns the status and the code of a response of OSS or OBS."""
    return lambda answer: (answer.status_code, ElementTree.fromstring(answer.content).findtext("Code"))


@dataclass
class OssRequests:
    """A client that signs requests as oss2 does, and can send parameters that no method of oss2 sends."""

    box: Sandbox
    http: requests.Session

    def signed(
        self,
        method: str,
        key: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        bucket: str = "photos",
        auth: object = None,
    ) -> oss2.http.Request:
        url = f"{self.box.oss.endpoint}/{bucket}/{quote(key, safe='')}"
        request = oss2.http.Request(
            method, url, params=dict(params or {}), headers=headers, region=self.box.region, product="oss"
        )
        (auth or oss2.AuthV4(*self.box.user_credentials))._sign_request(request, bucket, key)
        return request

    def send(self, method: str, key: str, body: bytes = b"", **details: object) -> requests.Response:
        request = self.signed(method, key, **details)
        return self.http.request(
            method, request.url, params=request.params, headers=request.headers, data=body, timeout=PATIENCE
        )


@pytest.fixture
def oss_requests(box: Sandbox, http: requests.Session) -> OssRequests:
    return OssRequests(box, http)


@dataclass
class HuaweiClient:
    """A sender of OMS's calls with the signature of the vendor's SDK."""

    box: Sandbox
    http: requests.Session

    def headers(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], credentials: tuple[str, str]
    ) -> dict[str, str]:
        parts = urlsplit(url)
        request = SdkRequest(
            method=method,
            host=parts.netloc,
            resource_path=parts.path,
            query_params=parse_qsl(parts.query, keep_blank_values=True),
            header_params=dict(headers),
            body=body,
        )
        return dict(Signer(BasicCredentials(*credentials)).sign(request).header_params)

    def call(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        unsigned: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> requests.Response:
        to_sign = {"Content-Type": "application/json"} if headers is None else headers
        signed = self.headers(method, url, body, to_sign, credentials or self.box.huawei_credentials)
        return self.http.request(method, url, data=body, headers={**signed, **(unsigned or {})}, timeout=PATIENCE)

    def submit(self, *sent: object, **details: object) -> requests.Response:
        return self.call("POST", self.box.task.sync_url, json.dumps({"object_keys": sent}).encode(), **details)


@pytest.fixture
def huawei(box: Sandbox, http: requests.Session) -> HuaweiClient:
    return HuaweiClient(box, http)


@pytest.fixture
def huawei_sdk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that creates clients of Huawei's SDKs, without this machine's proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def made(kind: Any, endpoint: str, credentials: object) -> Any:
        config = HttpConfig.get_default_config()
        config.timeout = PATIENCE
        builder = kind.new_builder().with_credentials(credentials).with_http_config(config)
        return builder.with_endpoints([endpoint]).build()

    return made


@pytest.fixture
def oms_sdk(box: Sandbox, huawei_sdk: Callable[..., Any]) -> Callable[[str], OmsClient]:
    """Return a function that creates a client of OMS with this secret."""
    key, _ = box.huawei_credentials
    return lambda secret: huawei_sdk(OmsClient, box.oms.endpoint, BasicCredentials(key, secret, box.project_id))


@pytest.fixture
def client(box: Sandbox, oms_sdk: Callable[[str], OmsClient]) -> OmsClient:
    """Return a client of OMS with the administrator's key."""
    return oms_sdk(box.huawei_credentials[1])


@pytest.fixture
def assert_refused() -> Callable[[requests.Response, int, str], None]:
    """Return a function that checks a response: its status, the code of OMS or IAM, and that it has a message."""

    def check(answer: requests.Response, status: int, code: str) -> None:
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)
        assert answer.json()["error_msg"]

    return check


@pytest.fixture
def huawei_of() -> Callable[[Sandbox], HuaweiClient]:
    """Return a function that creates a client of OMS for its argument, a sandbox other than the fixture `box`."""
    return lambda box: HuaweiClient(box, box._http.session)


@pytest.fixture
def ram_key(box: Sandbox) -> Callable[..., Key]:
    """Return a function that takes policy statements, and creates the key of a RAM user with these permissions."""
    return lambda *statements: ram_user(box, {"Version": "1", "Statement": statements})


@pytest.fixture
def iam_key(box: Sandbox) -> Callable[..., Key]:
    """Return a function that creates the key of an IAM user with the permissions of these statements."""
    return lambda *statements: iam_user(box, "user", {"Version": "5.0", "Statement": statements})


class RawConnection:
    """A TCP connection for details that client libraries hide."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)

    def ask(self) -> None:
        self.socket.sendall(b"GET /photos/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    def answer(self) -> bytes:
        self.socket.settimeout(PATIENCE)
        return self.socket.recv(65536)

    def is_silent(self) -> bool:
        self.socket.settimeout(0.1)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def connect() -> Iterator[Callable[[str], RawConnection]]:
    with ExitStack() as opened:

        def connect_to(endpoint: str) -> RawConnection:
            connection = RawConnection(endpoint)
            opened.enter_context(connection.socket)
            return connection

        yield connect_to


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Return a function that waits until a condition holds, for conditions without an event."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.005)

    return wait
