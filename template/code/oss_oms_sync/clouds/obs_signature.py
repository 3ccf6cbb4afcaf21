"""The signature "OBS" (HMAC-SHA1) in a header or in a URL, which tests compare byte for byte with the vendor's SDK.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html and obs_04_0011.html.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

_TOKEN_HEADER = "x-obs-security-token"  # noqa: S105 (a name)


def quote_key(key: str) -> str:
    return quote(key, safe="/~")


def sign(
    method: str,
    resource: str,
    headers: Mapping[str, str],
    *,
    ak: str,
    sk: str,
    now: datetime,
    security_token: str = "",
) -> dict[str, str]:
    """Return the headers to send: `headers`, Date, x-obs-security-token (if there is a token) and Authorization.

    `resource` is "/bucket/" followed by the quoted key. The query parameters of listings and the Range header are not
    signed. `now` is in UTC.
    """
    sent_headers = {**headers, "Date": format_datetime(now, usegmt=True)}
    if security_token:
        sent_headers[_TOKEN_HEADER] = security_token
    date = "" if "x-obs-date" in {name.lower() for name in sent_headers} else sent_headers["Date"]
    return {**sent_headers, "Authorization": f"OBS {ak}:{_compute_signature(method, resource, sent_headers, date, sk)}"}


def sign_url(
    method: str,
    resource: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    ak: str,
    sk: str,
    expires: int,
    security_token: str = "",
) -> dict[str, str]:
    """Return the query of a URL that OBS accepts until `expires`, in seconds since 1970 by OBS's clock.

    `resource` has the same form as in `sign`. A parameter of `query` without a value has an empty text. The request
    must have exactly these `headers`. The URL permits every holder to make the request, so it is neither logged nor
    stored.
    """
    parameters = {**query, **({_TOKEN_HEADER: security_token} if security_token else {})}
    query_text = "&".join(f"{name}={parameters[name]}" if parameters[name] else name for name in sorted(parameters))
    signed_resource = f"{resource}?{query_text}" if query_text else resource
    signature = _compute_signature(method, signed_resource, headers, str(expires), sk)
    return {**parameters, "AccessKeyId": ak, "Expires": str(expires), "Signature": signature}


def _compute_signature(method: str, resource: str, headers: Mapping[str, str], date: str, sk: str) -> str:
    """Return the signature of a request; `date` is the date of the request, or the expiry of its URL."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    lines = [
        method,
        values.get("content-md5", ""),
        values.get("content-type", ""),
        date,
        *(f"{name}:{values[name]}" for name in sorted(values) if name.startswith("x-obs-")),
        resource,
    ]
    digest = hmac.new(sk.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
