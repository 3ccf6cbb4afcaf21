"""RAM's check of signatures ACS3-HMAC-SHA256 in the Authorization header.

Written from help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature, not from an SDK, so that it
finds an SDK's mistakes. The error codes are those of the gateway that all RPC services of Alibaba Cloud share.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timezone
from urllib.parse import quote

from sandbox.keys import Credential
from sandbox.ram.limits import RamError
from sandbox.server.message import Request

_ALGORITHM = "ACS3-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    _ALGORITHM + r" Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_REQUIRED_HEADERS = ("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
_MAX_SKEW_SECONDS = 15 * 60


def verify_signature(
    request: Request, find_credential: Callable[[str], Credential | None], find_age: Callable[[float], float]
) -> Credential:
    """Return the caller's credential; raise RamError if the request is refused.

    `find_age` returns the seconds that have passed since a Unix time.
    """
    for name in _REQUIRED_HEADERS:
        if not request.headers.get(name):
            raise RamError(f"Missing{name}", f"{name} is mandatory for this action.")
    if len(request.params) < len(request.query):
        raise RamError("NotImplemented", "The sandbox takes no parameter twice.")
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise RamError("MissingAuthorization", "The Authorization header is missing, or it is not of ACS3.")
    access_key, header_names, signature = match.groups()
    credential = find_credential(access_key)
    if credential is None:
        raise RamError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    _check_token(request, access_key, credential)
    _check_date(request.headers["x-acs-date"], find_age)
    _check_signed_headers(request, header_names)
    if request.headers["x-acs-content-sha256"] != hashlib.sha256(request.body).hexdigest():
        raise RamError("SignatureDoesNotMatch", "x-acs-content-sha256 is not that of the body.")
    canonical_request = _build_canonical_request(request, header_names)
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical_request).hexdigest()}"
    if not hmac.compare_digest(hmac.digest(credential.secret.encode(), text.encode(), "sha256").hex(), signature):
        raise RamError("SignatureDoesNotMatch", f"Specified signature is not matched. Server string to sign: {text}")
    return credential


def _check_token(request: Request, access_key: str, credential: Credential) -> None:
    sent_token = request.headers.get("x-acs-security-token")
    if sent_token is None and credential.security_token is not None:
        raise RamError("MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if sent_token != credential.security_token:
        raise RamError("InvalidSecurityToken.Malformed", "The specified parameter SecurityToken is not valid.")
    if request.headers.get("x-acs-accesskey-id", access_key) != access_key:
        raise RamError("InvalidSecurityToken.MismatchWithAccessKey", "SecurityToken mismatch with the AccessKeyId.")


def _check_date(date: str, find_age: Callable[[float], float]) -> None:
    try:
        signed_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise RamError("InvalidTimeStamp.Format", "x-acs-date is not like 2006-01-02T15:04:05Z.") from None
    if abs(find_age(signed_at.timestamp())) > _MAX_SKEW_SECONDS:
        raise RamError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _check_signed_headers(request: Request, header_names: str) -> None:
    signed_headers = header_names.split(";")
    public_headers = {name for name in request.headers if name.startswith("x-acs-") or name in ("host", "content-type")}
    if signed_headers != sorted(set(signed_headers)) or not public_headers <= set(signed_headers) <= set(
        request.headers
    ):
        raise RamError("IncompleteSignature", "The signed headers are not all that are there, in order.")


def _build_canonical_request(request: Request, header_names: str) -> bytes:
    pairs = sorted((_quote(name), _quote(value)) for name, value in request.query)
    lines = [
        request.method,
        request.raw_path,
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{request.headers[name]}" for name in header_names.split(";")),
        "",
        header_names,
        request.headers["x-acs-content-sha256"],
    ]
    return "\n".join(lines).encode()


def _quote(text: str) -> str:
    return quote(text, safe="~")
