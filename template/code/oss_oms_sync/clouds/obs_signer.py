"""OBS's request signature (HMAC-SHA1, scheme "OBS"), as pure functions.

Source: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html. Tested byte for byte against the vendor's
SDK.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote


def quote_key(key: str) -> str:
    """An object's key as it stands in the URL and in what is signed."""
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
    """The headers to send: `headers`, Date, x-obs-security-token (if given) and Authorization.

    `resource` is "/bucket/" and the quoted key. Parameters of listings and ranges are not signed. `now` is in UTC.
    """
    sent = {**headers, "Date": format_datetime(now, usegmt=True)}
    if security_token:
        sent["x-obs-security-token"] = security_token
    values = {name.lower(): value.strip() for name, value in sent.items()}
    own = sorted(name for name in values if name.startswith("x-obs-"))
    lines = [
        method,
        values.get("content-md5", ""),
        values.get("content-type", ""),
        "" if "x-obs-date" in values else values["date"],
        *(f"{name}:{values[name]}" for name in own),
        resource,
    ]
    digest = hmac.new(sk.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()
    return {**sent, "Authorization": f"OBS {ak}:{base64.b64encode(digest).decode()}"}
