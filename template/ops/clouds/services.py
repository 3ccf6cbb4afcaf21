"""Huawei Cloud's services that take JSON, IAM and OMS, and those of Alibaba Cloud that are signed by ACS3: RAM, STS and
Function Compute."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ops.clock import Clock
from ops.clouds import signers
from ops.clouds.keys import Keys
from ops.clouds.wire import ATTEMPTS, Request, ask, patiently

_NOTHING: Mapping[str, str] = {}


class Service:
    """A service at `origin` (scheme and host), as somebody with these keys sees it. `about`: headers that say which
    project or domain it is about, such as X-Project-Id."""

    def __init__(self, origin: str, keys: Keys, clock: Clock, about: Mapping[str, str] = _NOTHING) -> None:
        self.origin, self._keys, self._clock, self._about = origin, keys, clock, about

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = _NOTHING,
        body: Any = None,
        *,
        attempts: int = ATTEMPTS,
        was_made: bool = False,
    ) -> dict[str, Any]:
        """What it answers; empty where it says nothing. `was_made`: what it is about was made just now, and may not be
        seen yet. Raises RefusedError, UnreachableError and UnreadableError."""
        host, sent = urlsplit(self.origin).netloc, b"" if body is None else json.dumps(body).encode()
        asked = f"?{urlencode(sorted(query.items()), quote_via=quote)}" if query else ""

        def made() -> Request:
            headers = {"Content-Type": "application/json", **self._about}
            signed = signers.sdk(method, host, path, query, headers, sent, keys=self._keys, now=self._clock.now())
            return Request(method, f"{self.origin}{path}{asked}", signed, sent)

        asked_once = partial(ask, self._clock, made, attempts)
        answer = patiently(self._clock, asked_once, lambda error: error.status == 404) if was_made else asked_once()
        return answer.json() if answer.body else {}


class Acs:
    """A service of Alibaba Cloud at `origin` (scheme and host), as somebody with these keys sees it."""

    def __init__(self, origin: str, version: str, keys: Keys, clock: Clock) -> None:
        self._origin, self._version, self._keys, self._clock = origin, version, keys, clock

    def call(
        self, method: str, path: str, action: str, query: Mapping[str, str] = _NOTHING, attempts: int = ATTEMPTS
    ) -> dict[str, Any]:
        """What it answers. Raises RefusedError, UnreachableError and UnreadableError."""
        host, asked = urlsplit(self._origin).netloc, urlencode(sorted(query.items()), quote_via=quote)

        def made() -> Request:
            # A nonce belongs to a request: one that is sent again is another.
            now, nonce = self._clock.now(), uuid.uuid4().hex
            signed = signers.acs(
                method, host, path, action, self._version, query, keys=self._keys, now=now, nonce=nonce
            )
            return Request(method, f"{self._origin}{path}?{asked}", signed)

        return ask(self._clock, made, attempts).json()
