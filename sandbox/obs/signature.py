"""The scheme "OBS" in the Authorization header, checked from the server's side.

Written from https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html ("Authentication of signature in a
header"), not from an SDK, so that it finds an SDK's mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

from sandbox.keys import Credential
from sandbox.obs.errors import ObsError, access_denied
from sandbox.server.message import Request, parse_http_date

_AUTHORIZATION = re.compile(r"OBS ([^:\s]+):([A-Za-z0-9+/=]+)")
_MAX_SKEW_SECONDS = 15 * 60
# The parameters that are signed, of those that the sandbox heeds.
SIGNED = (
    "acl",
    "cors",
    "customdomain",
    "encryption",
    "lifecycle",
    "location",
    "logging",
    "mirrorBackToSource",
    "object-lock",
    "policy",
    "tagging",
    "versionId",
    "versioning",
    "versions",
    "website",
)
_TOKEN = "x-obs-security-token"


def verify_signature(
    request: Request, resource: str, find: Callable[[str], Credential | None], skew: Callable[[float], float]
) -> Credential:
    """Whose request it is. Raises the ObsError with which OBS refuses it, if it does. `resource` is the path that is
    signed, quoted as it came over the wire; `find` knows the access keys, `skew` how many seconds ago a time was."""
    header = request.headers.get("authorization")
    if header is None:
        raise access_denied()
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise ObsError(403, "AccessDenied", "The sandbox knows no other scheme than OBS.")
    access_key, signature = match.groups()
    credential = find(access_key)
    if credential is None:
        raise ObsError(403, "InvalidAccessKeyId", "The OBS Access Key Id you provided does not exist in our records.")
    _check_date(request, skew)
    expected = _sign(_string_to_sign(request, resource), credential.secret)
    if not hmac.compare_digest(expected, signature):
        raise ObsError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    if request.headers.get(_TOKEN) != credential.security_token:
        raise ObsError(403, "InvalidSecurity", "The provided security credentials are not valid.")
    return credential


def _check_date(request: Request, skew: Callable[[float], float]) -> None:
    given = request.headers.get("x-obs-date") or request.headers.get("date", "")
    try:
        signed_at = parse_http_date(given)
    except ValueError:
        raise ObsError(403, "AccessDenied", "A valid Date or x-obs-date header is required.") from None
    if abs(skew(signed_at)) > _MAX_SKEW_SECONDS:
        raise ObsError(
            403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _string_to_sign(request: Request, resource: str) -> str:
    headers = request.headers
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", "")]
    lines.append("" if "x-obs-date" in headers else headers.get("date", ""))
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-obs-")]
    asked = [f"{name}={value}" if value else name for name, value in sorted(request.query) if name in SIGNED]
    return "\n".join([*lines, quote(unquote_to_bytes(resource), safe="/~") + "?" * bool(asked) + "&".join(asked)])


def _sign(text: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
