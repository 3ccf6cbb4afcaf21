"""A partial import of `oss2`, and its transport over the project's own connections.

The full import of `oss2` takes longer than all others together. Its own connections would follow redirects, and read
responses of any length.
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
    """A stand-in for a module whose names are imported but never used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_importing = Lock()


def import_oss2() -> Any:
    """Import `oss2` without its client-side encryption.

    The encryption is not used here, and takes more than half of the time and memory of the import.
    """
    with _importing:
        if "oss2" not in sys.modules:
            unused = {name: _StubModule(name) for name in ("oss2.crypto", "oss2.crypto_bucket")}
            sys.modules.update(unused)
            try:
                importlib.import_module("oss2")
            finally:
                for name in unused:
                    del sys.modules[name]
    return sys.modules["oss2"]


def preload_oss2() -> None:
    """Import `oss2` in the background, while OMS is being called."""
    Thread(target=import_oss2, daemon=True).start()


class Transport:
    """The session of an `oss2.Bucket`."""

    def __init__(self, session: Connections) -> None:
        self._session = session

    def do_request(self, request: Any, timeout: tuple[float, float]) -> _Answer:
        """Make one call, an `oss2.http.Request`.

        Raises NETWORK_ERRORS, also if a success or refusal comes from another host: only OSS knows that an object does
        not exist.
        """
        # All but the query is encoded. The preparation in requests would take longer than signing.
        query = f"?{urlencode(request.params)}" if request.params else ""
        headers = {name: value for name, value in request.headers.items() if value is not None}
        response = self._session.send_signed(
            request.method, f"{request.url}{query}", headers, timeout, request.data or b""
        )
        answer = _Answer(response, request.method)
        # A gateway may reject or redirect a call temporarily.
        is_refusal = 400 <= answer.status < 500 and answer.status != 429
        if (answer.says_ok or is_refusal) and not answer.request_id:
            raise not_oss(answer.status)
        return answer


class _Answer:
    """A complete response of OSS, with the interface that `oss2` expects."""

    def __init__(self, response: requests.Response, method: str) -> None:
        self.status = response.status_code
        self.says_ok = 200 <= self.status < 300
        self.headers = response.headers
        # OSS, "Common HTTP headers": every response has a request id.
        self.request_id = response.headers.get("x-oss-request-id", "")
        is_long = self.says_ok and method in ("GET", "POST")
        body = read_body(response, MAX_LONG_BODY_BYTES + 1 if is_long else MAX_SHORT_BODY_BYTES)
        if len(body) > MAX_LONG_BODY_BYTES:
            raise requests.ConnectionError(f"the answer is longer than {MAX_LONG_BODY_BYTES} bytes")
        self._body = BytesIO(body)

    def read(self, amount: int | None = None) -> bytes:
        """Read the next `amount` bytes of the body, or all remaining bytes."""
        return self._body.read(amount)


def not_oss(status: int) -> requests.ConnectionError:
    """Return the error for a success or refusal that does not come from OSS."""
    return requests.ConnectionError(
        f"something else than OSS answered {status}: check OSS_ENDPOINT, and that no proxy stands in between"
    )
