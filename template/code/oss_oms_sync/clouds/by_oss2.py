"""A partial import of the library `oss2`, and a transport for it over the project's own connections.

The full import of `oss2` takes longer than all other imports together. The library's own connections would follow
redirects, and read responses of any length.
"""

from __future__ import annotations

import importlib
import sys
from io import BytesIO
from threading import Lock, Thread
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import requests

from oss_oms_sync.clouds.connection import MAX_LONG_BODY_BYTES, MAX_SHORT_BODY_BYTES, Connections, read_body


class _StubModule(ModuleType):
    """A replacement for a module whose names are imported, but never used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_import_lock = Lock()


def import_oss2() -> Any:
    """Import `oss2` without its client-side encryption, and return the module.

    The project does not use the encryption, whose import takes more than half of the time and memory.
    """
    with _import_lock:
        if "oss2" not in sys.modules:
            stub_modules = {name: _StubModule(name) for name in ("oss2.crypto", "oss2.crypto_bucket")}
            sys.modules.update(stub_modules)
            try:
                importlib.import_module("oss2")
            finally:
                for name in stub_modules:
                    del sys.modules[name]
    return sys.modules["oss2"]


def preload_oss2() -> None:
    """Import `oss2` in the background while the first call to OMS is running."""
    Thread(target=import_oss2, daemon=True).start()


class Transport:
    """The session that an `oss2.Bucket` uses for its calls."""

    def __init__(self, session: Connections) -> None:
        self._session = session

    def do_request(self, request: Any, timeout: tuple[float, float]) -> _OssResponse:
        """Send a request (an `oss2.http.Request`), and return the response.

        Raises NETWORK_ERRORS. A success or a refusal from another host is one of these errors, because only OSS knows
        whether an object exists.
        """
        # Only the query needs encoding. If requests prepared the request, that would take longer than signing it.
        query = f"?{urlencode(request.params)}" if request.params else ""
        headers = {name: value for name, value in request.headers.items() if value is not None}
        response = self._session.send_signed(
            request.method, f"{request.url}{query}", headers, timeout, request.data or b""
        )
        answer = _OssResponse(response, request.method)
        # A 429, a redirect or a 5xx may come from a gateway, so such a response needs no proof that OSS sent it.
        is_refusal = 400 <= answer.status < 500 and answer.status != 429
        if (answer.is_success or is_refusal) and not answer.request_id:
            raise make_foreign_answer_error(answer.status)
        return answer


class _OssResponse:
    """A response of OSS that was read completely, with the interface that `oss2` expects."""

    def __init__(self, response: requests.Response, method: str) -> None:
        self.status = response.status_code
        self.is_success = 200 <= self.status < 300
        self.headers = response.headers
        # OSS, "Common HTTP headers": every response has a request id.
        self.request_id = response.headers.get("x-oss-request-id", "")
        is_long = self.is_success and method in ("GET", "POST")
        body = read_body(response, MAX_LONG_BODY_BYTES + 1 if is_long else MAX_SHORT_BODY_BYTES)
        if len(body) > MAX_LONG_BODY_BYTES:
            raise requests.ConnectionError(f"the answer is longer than {MAX_LONG_BODY_BYTES} bytes")
        self._body = BytesIO(body)

    def read(self, amount: int | None = None) -> bytes:
        return self._body.read(amount)


def make_foreign_answer_error(status: int) -> requests.ConnectionError:
    return requests.ConnectionError(
        f"another service than OSS answered {status}: check OSS_ENDPOINT and the proxy settings"
    )
