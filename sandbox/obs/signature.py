"""OBS's check of signatures of the scheme "OBS", in the Authorization header or in the URL.

Written from https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html (signature in a header) and
.../obs_04_0011.html (signature in a URL), not from an SDK, so that it finds an SDK's mistakes.
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
# The query parameters that are part of a signature, among those that the sandbox accepts.
SELECTORS = (
    "acl",
    "cors",
    "customdomain",
    "encryption",
    "lifecycle",
    "location",
    "logging",
    "metadata",
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
# The query parameters that hold a signature in a URL. The security token is signed as well.
URL_PARAMS = {"AccessKeyId", "Expires", "Signature", _TOKEN}
_SIGNED_PARAMS = {*SELECTORS, _TOKEN}


def verify_signature(
    request: Request,
    resource: str,
    find_credential: Callable[[str], Credential | None],
    find_age: Callable[[float], float],
) -> Credential:
    """Return the caller's credential; raise ObsError if OBS refuses the request.

    `resource` is the signed path. `find_age` returns the seconds that have passed since a Unix time.
    """
    params, is_in_url = request.params, bool(URL_PARAMS & request.params.keys())
    if is_in_url:
        access_key, signature, date_or_expiry = (
            params.get(name, "") for name in ("AccessKeyId", "Signature", "Expires")
        )
        if "authorization" in request.headers or not (access_key and signature and date_or_expiry):
            raise access_denied()
    else:
        access_key, signature = _parse_authorization(request)
        date_or_expiry = "" if "x-obs-date" in request.headers else request.headers.get("date", "")
    credential = find_credential(access_key)
    if credential is None:
        raise ObsError(403, "InvalidAccessKeyId", "The OBS Access Key Id you provided does not exist in our records.")
    if is_in_url:
        _check_expiry(date_or_expiry, find_age)
    else:
        _check_date(request, find_age)
    expected_signature = _sign(_build_string_to_sign(request, resource, date_or_expiry), credential.secret)
    if not hmac.compare_digest(expected_signature, signature):
        raise ObsError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    if (params if is_in_url else request.headers).get(_TOKEN) != credential.security_token:
        raise ObsError(403, "InvalidSecurity", "The provided security credentials are not valid.")
    return credential


def _parse_authorization(request: Request) -> tuple[str, str]:
    header = request.headers.get("authorization")
    if header is None:
        raise access_denied()
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise ObsError(403, "AccessDenied", "The sandbox knows no other scheme than OBS.")
    return match[1], match[2]


def _check_expiry(expiry: str, find_age: Callable[[float], float]) -> None:
    """Raise ObsError if a signed URL has expired; `expiry` is a Unix time in seconds."""
    if not expiry.isascii() or not expiry.isdigit():
        raise access_denied()
    if find_age(float(expiry)) > 0:
        raise ObsError(403, "AccessDenied", "Request has expired")


def _check_date(request: Request, find_age: Callable[[float], float]) -> None:
    date = request.headers.get("x-obs-date") or request.headers.get("date", "")
    try:
        signed_at = parse_http_date(date)
    except ValueError:
        raise ObsError(403, "AccessDenied", "A valid Date or x-obs-date header is required.") from None
    if abs(find_age(signed_at)) > _MAX_SKEW_SECONDS:
        raise ObsError(
            403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _build_string_to_sign(request: Request, resource: str, date_or_expiry: str) -> str:
    """Return the text to sign; `date_or_expiry` is the request's date, or the expiry of a signed URL."""
    headers = request.headers
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", "")]
    lines.append(date_or_expiry)
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-obs-")]
    signed_params = [
        f"{name}={value}" if value else name for name, value in sorted(request.query) if name in _SIGNED_PARAMS
    ]
    return "\n".join(
        [*lines, quote(unquote_to_bytes(resource), safe="/~") + "?" * bool(signed_params) + "&".join(signed_params)]
    )


def _sign(text: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
