"""Huawei Cloud's request signature SDK-HMAC-SHA256, as pure functions.

Source: Huawei Cloud, "API Gateway: signing algorithm of API requests". Tested byte for byte against the vendor's
own signer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import quote, unquote

_ALGORITHM = "SDK-HMAC-SHA256"


def sign(
    method: str,
    host: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    *,
    ak: str,
    sk: str,
    now: datetime,
    security_token: str = "",
) -> dict[str, str]:
    """The headers to send: `headers`, Host, X-Sdk-Date, X-Security-Token (if given) and Authorization.

    `path` is URL-encoded as on the wire; `query` and `headers` are not. Every header is signed, so nothing on the way
    may change one. Send Content-Type as application/json, because the vendor's servers do not hash other bodies. `now`
    is in UTC.
    """
    signed = {**headers, "Host": host, "X-Sdk-Date": now.strftime("%Y%m%dT%H%M%SZ")}
    if security_token:
        signed["X-Security-Token"] = security_token
    lines = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in lines)
    canonical = "\n".join(
        (
            method.upper(),
            _canonical_path(path),
            _canonical_query(query),
            "".join(f"{name}:{value}\n" for name, value in lines),
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = f"{_ALGORITHM}\n{signed['X-Sdk-Date']}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(sk.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        **signed,
        "Authorization": f"{_ALGORITHM} Access={ak}, SignedHeaders={names}, Signature={signature}",
    }


def _canonical_path(path: str) -> str:
    segments = "/".join(quote(segment, safe="~") for segment in unquote(path).split("/"))
    return segments if segments.endswith("/") else segments + "/"


def _canonical_query(query: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query))
