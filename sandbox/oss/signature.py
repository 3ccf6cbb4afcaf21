"""OSS's check of signatures OSS4-HMAC-SHA256 in the Authorization header.

Written from https://help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4, not from an SDK,
so that it finds an SDK's mistakes. The error codes are from the documents 0002-000002xx, and from responses that users
of the SDKs posted: a wrong region is 400 InvalidArgument, not 403.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from sandbox.keys import Credential
from sandbox.oss.errors import OssError, access_denied, invalid_argument, not_implemented
from sandbox.oss.objects import iso_time
from sandbox.server.message import Request

_ALGORITHM = "OSS4-HMAC-SHA256"
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_MAX_SKEW_SECONDS = 15 * 60
_ALWAYS_SIGNED = ("content-type", "content-md5")
# The query parameters of a signed URL, by version 4 and by earlier versions.
_URL_SIGNATURE_PARAMS = {"x-oss-signature", "Signature"}


class _Scope(NamedTuple):
    """The scope of a signature: <id>/<date>/<region>/oss/aliyun_v4_request."""

    access_key_id: str
    date: str
    region: str
    product: str
    terminator: str


@dataclass(frozen=True)
class _Authorization:
    """The parts of a request's headers that sign it."""

    scope: _Scope
    signature: str
    timestamp: str
    security_token: str | None


def verify_signature(
    request: Request,
    path: str,
    find_credential: Callable[[str], Credential | None],
    region: str,
    find_age: Callable[[float], float],
) -> Credential:
    """Return the caller's credential; raise OssError if the signature is invalid, or the sandbox cannot check it.

    `path` is /bucket/key. `find_age` returns the seconds that have passed since a Unix time.
    """
    authorization = _parse_authorization(request)
    credential = find_credential(authorization.scope.access_key_id)
    if credential is None:
        raise OssError(
            403,
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            ec="0002-00000902",
            OSSAccessKeyId=authorization.scope.access_key_id,
        )
    _check_token(authorization.security_token, credential)
    _check_scope(authorization, region)
    _check_date(authorization, find_age)
    if request.headers.get("x-oss-content-sha256") != _UNSIGNED_PAYLOAD:
        raise invalid_argument("The x-oss-content-sha256 header must be UNSIGNED-PAYLOAD.")
    _check_signature(request, path, authorization, credential)
    return credential


def _parse_authorization(request: Request) -> _Authorization:
    header = request.headers.get("authorization")
    if header is None and _URL_SIGNATURE_PARAMS & request.params.keys():
        raise not_implemented()
    if header is None:
        raise access_denied("Anonymous access is forbidden for this operation.")
    algorithm, _, details = header.partition(" ")
    if algorithm.startswith("OSS") and algorithm != _ALGORITHM:
        raise access_denied("The bucket you access does not support signature version v1 or v2: use v4.")
    if algorithm != _ALGORITHM:
        raise invalid_argument("Authorization header is invalid.")
    fields = dict(part.strip().partition("=")[::2] for part in details.split(","))
    scope = fields.get("Credential", "").split("/")
    if "AdditionalHeaders" in fields:
        raise not_implemented()
    if len(scope) != 5 or fields.keys() != {"Credential", "Signature"}:
        raise invalid_argument("Authorization header is invalid.")
    return _Authorization(
        _Scope(*scope),
        signature=fields["Signature"],
        timestamp=request.headers.get("x-oss-date", ""),
        security_token=request.headers.get("x-oss-security-token"),
    )


def _check_token(sent_token: str | None, credential: Credential) -> None:
    if sent_token is None and credential.security_token is not None:
        raise access_denied("The temporary access key you provided needs its x-oss-security-token.")
    if sent_token != credential.security_token:
        raise OssError(403, "InvalidSecurityToken", "The security token you provided is invalid.")


def _check_scope(authorization: _Authorization, region: str) -> None:
    if authorization.scope.region != region:
        raise invalid_argument(f"Invalid signing region in Authorization header. Expected {region}.", Region=region)
    if authorization.scope.product != "oss":
        raise invalid_argument("Invalid signing product in Authorization header.")
    if authorization.scope.terminator != "aliyun_v4_request":
        raise invalid_argument("Invalid credential terminator in Authorization header.")


def _check_date(authorization: _Authorization, find_age: Callable[[float], float]) -> None:
    try:
        signed_at = _parse_date(authorization.timestamp)
    except ValueError:
        raise access_denied("OSS authentication requires a valid Date.") from None
    if authorization.scope.date != authorization.timestamp[:8]:
        raise invalid_argument("Invalid signing date in Authorization header.")
    age = find_age(signed_at)
    if abs(age) > _MAX_SKEW_SECONDS:
        raise OssError(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            ec="0002-00000504",
            MaxAllowedSkewMilliseconds=str(_MAX_SKEW_SECONDS * 1000),
            RequestTime=iso_time(signed_at),
            ServerTime=iso_time(signed_at + age),
        )


@lru_cache
def _parse_date(timestamp: str) -> float:
    return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()


def _check_signature(request: Request, path: str, authorization: _Authorization, credential: Credential) -> None:
    canonical_request = _build_canonical_request(request, path)
    digest, scope = hashlib.sha256(canonical_request).hexdigest(), authorization.scope[1:]
    string_to_sign = "\n".join([_ALGORITHM, authorization.timestamp, "/".join(scope), digest]).encode()
    expected_signature = hmac.digest(_derive_signing_key(credential.secret, scope), string_to_sign, "sha256").hex()
    if not hmac.compare_digest(expected_signature.encode(), authorization.signature.encode()):
        raise OssError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            ec="0002-00000201",
            StringToSign=string_to_sign.decode(),
            CanonicalRequest=canonical_request.decode("utf-8", "backslashreplace"),
        )


@lru_cache
def _derive_signing_key(secret: str, scope: tuple[str, ...]) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _build_canonical_request(request: Request, path: str) -> bytes:
    """Return the canonical request: method, URI, query, headers, additional headers (none), and payload hash."""
    return b"\n".join(
        [
            request.method.encode(),
            _encode(unquote_to_bytes(path), "/"),
            _build_canonical_query(request),
            _build_canonical_headers(request),
            b"",
            _UNSIGNED_PAYLOAD.encode(),
        ]
    )


def _build_canonical_query(request: Request) -> bytes:
    pairs = sorted((_encode(name.encode()), _encode(value.encode())) for name, value in request.query)
    return b"&".join(name + b"=" + value if value else name for name, value in pairs)


def _build_canonical_headers(request: Request) -> bytes:
    """Return the signed headers, sorted by name; sorted lines would put `x-oss-meta-a-b:` before `x-oss-meta-a:`."""
    signed_headers = [
        (name, value) for name, value in request.raw_headers if name.startswith("x-oss-") or name in _ALWAYS_SIGNED
    ]
    return b"".join(name.encode() + b":" + value.strip() + b"\n" for name, value in sorted(signed_headers))


@lru_cache(10_000)
def _encode(raw: bytes, safe: str = "") -> bytes:
    return quote(raw, safe=safe).encode()
