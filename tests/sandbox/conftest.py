"""Fixtures of clients that make valid requests to the simulated clouds; each test makes a detail invalid."""

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
from support.grants import Key, create_iam_user, create_ram_user

# Seconds that are enough for a loaded machine; only a failing test waits so long.
TIMEOUT = 10.0


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def photos(box: Sandbox) -> oss2.Bucket:
    return box.bucket("photos")


@pytest.fixture
def catch_refusal() -> Callable[[Callable[[], object]], tuple[int, str]]:
    """Return a function that makes a call of oss2, and returns the status and code of OSS's error."""

    def catch(call: Callable[[], object]) -> tuple[int, str]:
        with pytest.raises(oss2.exceptions.OssError) as error_info:
            call()
        return error_info.value.status, error_info.value.code

    return catch


@pytest.fixture
def refusal() -> Callable[[requests.Response], tuple[int, str | None]]:
    """Return a function that reads the status and the error code in a response of OSS or OBS."""
    return lambda answer: (answer.status_code, ElementTree.fromstring(answer.content).findtext("Code"))


@dataclass
class OssRequests:
    """A client that signs requests as oss2 does, and can send parameters that no method of oss2 sends."""

    box: Sandbox
    http: requests.Session

    def sign(
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
        request = self.sign(method, key, **details)
        return self.http.request(
            method, request.url, params=request.params, headers=request.headers, data=body, timeout=TIMEOUT
        )


@pytest.fixture
def oss_requests(box: Sandbox, http: requests.Session) -> OssRequests:
    return OssRequests(box, http)


@dataclass
class HuaweiClient:
    """A client that signs requests to Huawei's services with the signer of the vendor's SDK."""

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
        unsigned_headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> requests.Response:
        headers_to_sign = {"Content-Type": "application/json"} if headers is None else headers
        signed_headers = self.headers(method, url, body, headers_to_sign, credentials or self.box.huawei_credentials)
        return self.http.request(
            method, url, data=body, headers={**signed_headers, **(unsigned_headers or {})}, timeout=TIMEOUT
        )

    def submit(self, *keys: object, **details: object) -> requests.Response:
        return self.call("POST", self.box.task.sync_url, json.dumps({"object_keys": keys}).encode(), **details)


@pytest.fixture
def huawei(box: Sandbox, http: requests.Session) -> HuaweiClient:
    return HuaweiClient(box, http)


@pytest.fixture
def huawei_sdk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that creates clients of Huawei's SDKs, which use no proxy of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def create_client(kind: Any, endpoint: str, credentials: object) -> Any:
        config = HttpConfig.get_default_config()
        config.timeout = TIMEOUT
        builder = kind.new_builder().with_credentials(credentials).with_http_config(config)
        return builder.with_endpoints([endpoint]).build()

    return create_client


@pytest.fixture
def oms_sdk(box: Sandbox, huawei_sdk: Callable[..., Any]) -> Callable[[str], OmsClient]:
    """Return a function that creates a client of OMS with the administrator's key and a chosen secret."""
    key, _ = box.huawei_credentials
    return lambda secret: huawei_sdk(OmsClient, box.oms.endpoint, BasicCredentials(key, secret, box.project_id))


@pytest.fixture
def client(box: Sandbox, oms_sdk: Callable[[str], OmsClient]) -> OmsClient:
    """Return a client of OMS with the administrator's key."""
    return oms_sdk(box.huawei_credentials[1])


@pytest.fixture
def assert_refused() -> Callable[[requests.Response, int, str], None]:
    """Return a function that checks the status and the error code in a response of OMS or IAM, and for a message."""

    def check(answer: requests.Response, status: int, code: str) -> None:
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)
        assert answer.json()["error_msg"]

    return check


@pytest.fixture
def huawei_of() -> Callable[[Sandbox], HuaweiClient]:
    """Return a function that creates a client for another sandbox than that of the fixture `box`."""
    return lambda box: HuaweiClient(box, box._http.session)


@pytest.fixture
def ram_key(box: Sandbox) -> Callable[..., Key]:
    """Return a function that creates the key of a RAM user with the permissions of policy statements."""
    return lambda *statements: create_ram_user(box, {"Version": "1", "Statement": statements})


@pytest.fixture
def iam_key(box: Sandbox) -> Callable[..., Key]:
    """Return a function that creates the key of an IAM user with the permissions of policy statements."""
    return lambda *statements: create_iam_user(box, "user", {"Version": "5.0", "Statement": statements})


class RawConnection:
    """A TCP connection to a service, for tests of details that client libraries hide."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT)

    def ask(self) -> None:
        self.socket.sendall(b"GET /photos/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    def answer(self) -> bytes:
        self.socket.settimeout(TIMEOUT)
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
    with ExitStack() as open_connections:

        def connect_to(endpoint: str) -> RawConnection:
            connection = RawConnection(endpoint)
            open_connections.enter_context(connection.socket)
            return connection

        yield connect_to


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Return a function that polls a condition until it holds, and fails after ten seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.005)

    return wait
