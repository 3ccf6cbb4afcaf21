"""The signature "OBS" (HMAC-SHA1), in a header or in a URL. Tested byte for byte against the vendor's SDK.

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
    """Return an object's key in the form of the URL and of the signed text."""
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

    `resource` is "/bucket/" and the quoted key. Parameters of listings and ranges are not signed. `now` is in UTC.
    """
    sent = {**headers, "Date": format_datetime(now, usegmt=True)}
    if security_token:
        sent[_TOKEN_HEADER] = security_token
    date = "" if "x-obs-date" in {name.lower() for name in sent} else sent["Date"]
    return {**sent, "Authorization": f"OBS {ak}:{_signature(method, resource, sent, date, sk)}"}


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

    `resource` is as in `sign`. All parameters of `query` are signed; a parameter without a value is an empty text. The
    request must have these `headers`. The URL grants the request to any holder, so it is neither logged nor stored.
    """
    parameters = {**query, **({_TOKEN_HEADER: security_token} if security_token else {})}
    selected = "&".join(f"{name}={parameters[name]}" if parameters[name] else name for name in sorted(parameters))
    signed = f"{resource}?{selected}" if selected else resource
    signature = _signature(method, signed, headers, str(expires), sk)
    return {**parameters, "AccessKeyId": ak, "Expires": str(expires), "Signature": signature}


def _signature(method: str, resource: str, headers: Mapping[str, str], moment: str, sk: str) -> str:
    """Return the signature of a request; `moment` is its date, or the expiry of its URL."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    lines = [
        method,
        values.get("content-md5", ""),
        values.get("content-type", ""),
        moment,
        *(f"{name}:{values[name]}" for name in sorted(values) if name.startswith("x-obs-")),
        resource,
    ]
    digest = hmac.new(sk.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
