"""A fixture of a client that sends valid requests to the simulated OBS, which tests then make invalid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import urlencode

import pytest
import requests
from obs.auth import Authentication
from obs.convertor import Adapter
from obs.util import encode_object_key

from sandbox import Sandbox

HOST = "photos-obs.obs.cn-north-4.myhuaweicloud.com"


@dataclass
class ObsRequests:
    """A client that signs requests with the vendor's SDK, and can send parameters that the SDK never sends."""

    box: Sandbox
    http: requests.Session

    def send(
        self,
        method: str = "GET",
        key: str = "",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        host: str = HOST,
        path: str | None = None,
        credentials: tuple[str, str] | None = None,
        change: Callable[[dict[str, str]], None] = lambda _: None,
    ) -> requests.Response:
        """Sign and send a request.

        After the signature, `change` can alter the headers, and `path` replaces the signed path.
        """
        access_key, secret = credentials or self.box.huawei_credentials
        headers_to_sign = {"Date": formatdate(self.box.obs.now(), usegmt=True), **(headers or {})}
        signer = Authentication(access_key, secret, False, Adapter("obs"), "", False)
        signature = signer.getSignature(method, "photos-obs", key, {}, headers_to_sign)["Signature"]
        headers_to_sign |= {"Host": host, "Authorization": f"OBS {access_key}:{signature}"}
        change(headers_to_sign)
        request = requests.Request(method, self.box.obs.endpoint, headers=headers_to_sign).prepare()
        target = f"/{encode_object_key(key)}" if path is None else path
        # The address is set afterwards, because `requests` would normalize it.
        request.url = f"{self.box.obs.endpoint}{target}{'?' if params else ''}{urlencode(params or {})}"
        return self.http.send(request, timeout=10, allow_redirects=False)


@pytest.fixture
def obs_requests(box: Sandbox, http: requests.Session) -> ObsRequests:
    return ObsRequests(box, http)
