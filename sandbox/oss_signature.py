"""OSS4-HMAC-SHA256 in the Authorization header, checked from the server's side.

Written from https://help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4, not from an
SDK, so that it can tell an SDK wrong. The error codes are those of the documents 0002-000002xx and of answers that
users of the SDKs posted (a wrong region is 400 InvalidArgument, not 403).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

from sandbox.oss_errors import OssError, access_denied, invalid_argument
from sandbox.server import Request

_ALGORITHM = "OSS4-HMAC-SHA256"
_PAYLOAD = "UNSIGNED-PAYLOAD"
_LARGEST_SKEW = 15 * 60
_ALWAYS_SIGNED = ("content-type", "content-md5")
_BASIC_DATE = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Credential:
    """An access key; with a security token it is a temporary one."""

    secret: str
    security_token: str | None = None


@dataclass(frozen=True)
class _Authorization:
    """The header's parts: Credential=<id>/<date>/<region>/oss/aliyun_v4_request, AdditionalHeaders, Signature."""

    access_key_id: str
    date: str
    region: str
    product: str
    terminator: str
    additional_headers: str
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.product}/{self.terminator}"


def verify(request: Request, credentials: Mapping[str, Credential], region: str, now: float) -> None:
    """Raise the OssError with which OSS refuses this request, if it does."""
    authorization = _parse(request.headers.get("authorization"))
    credential = credentials.get(authorization.access_key_id)
    if credential is None:
        raise OssError(
            403,
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            OSSAccessKeyId=authorization.access_key_id,
        )
    _check_token(request, credential)
    _check_scope(authorization, region)
    timestamp = _timestamp(request)
    _check_date(timestamp, authorization, now)
    _check_payload(request)
    _check_signature(request, authorization, credential, timestamp)


def _parse(header: str | None) -> _Authorization:
    if header is None:
        raise access_denied("Anonymous access is forbidden for this operation.")
    algorithm, _, rest = header.partition(" ")
    if algorithm.startswith("OSS") and algorithm != _ALGORITHM:
        raise access_denied("The bucket you access does not support signature version v1 or v2: use v4.")
    if algorithm != _ALGORITHM:
        raise invalid_argument("Authorization header is invalid.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = fields.get("Credential", "").split("/")
    unknown = fields.keys() - {"Credential", "Signature", "AdditionalHeaders"}
    if len(scope) != 5 or not fields.get("Signature") or unknown:
        raise invalid_argument("Authorization header is invalid.")
    additional = fields.get("AdditionalHeaders")
    if additional is not None:
        _check_additional(additional)
    access_key_id, date, region, product, terminator = scope
    return _Authorization(access_key_id, date, region, product, terminator, additional or "", fields["Signature"])


def _check_additional(additional: str) -> None:
    """Lower-case names, sorted, none empty: documents 0002-00000209 and 0002-00000210."""
    names = additional.split(";")
    if "" in names or additional != additional.lower() or names != sorted(names):
        raise invalid_argument("Invalid additional headers in Authorization header.")


def _check_token(request: Request, credential: Credential) -> None:
    sent = request.headers.get("x-oss-security-token")
    if sent is None and credential.security_token is not None:
        raise access_denied("The temporary access key you provided needs its x-oss-security-token.")
    if sent != credential.security_token:
        raise OssError(403, "InvalidSecurityToken", "The security token you provided is invalid.")


def _check_scope(authorization: _Authorization, region: str) -> None:
    if authorization.region != region:
        raise invalid_argument(f"Invalid signing region in Authorization header. Expected {region}.", Region=region)
    if authorization.product != "oss":
        raise invalid_argument("Invalid signing product in Authorization header.")
    if authorization.terminator != "aliyun_v4_request":
        raise invalid_argument("Invalid credential terminator in Authorization header.")


def _timestamp(request: Request) -> str:
    """When the client signed, in the basic ISO form; x-oss-date goes before Date."""
    given = request.headers.get("x-oss-date")
    if given is not None and _BASIC_DATE.fullmatch(given):
        return given
    try:
        moment = parsedate_to_datetime(given or request.headers["date"])
    except (KeyError, ValueError):
        raise access_denied("OSS authentication requires a valid Date.") from None
    return moment.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def _check_date(timestamp: str, authorization: _Authorization, now: float) -> None:
    try:
        signed_at = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise access_denied("OSS authentication requires a valid Date.") from None
    if authorization.date != timestamp[:8]:
        raise invalid_argument("Invalid signing date in Authorization header.")
    if abs(now - signed_at) > _LARGEST_SKEW:
        server_time = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        raise OssError(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            RequestTime=timestamp,
            ServerTime=server_time,
        )


def _check_payload(request: Request) -> None:
    if request.headers.get("x-oss-content-sha256") != _PAYLOAD:
        raise invalid_argument("The x-oss-content-sha256 header must be UNSIGNED-PAYLOAD.")


def _check_signature(request: Request, authorization: _Authorization, credential: Credential, timestamp: str) -> None:
    canonical = canonical_request(request, authorization.additional_headers)
    to_sign = "\n".join([_ALGORITHM, timestamp, authorization.scope, hashlib.sha256(canonical).hexdigest()]).encode()
    key = f"aliyun_v4{credential.secret}".encode()
    for part in authorization.scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
        raise OssError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            StringToSign=to_sign.decode(),
            CanonicalRequest=canonical.decode("utf-8", "backslashreplace"),
        )


def canonical_request(request: Request, additional_headers: str) -> bytes:
    """Method, URI, query, headers, additional headers and payload hash, one a line."""
    return b"\n".join(
        [
            request.method.encode(),
            _encode(unquote_to_bytes(request.raw_path), "/"),
            _canonical_query(request),
            _canonical_headers(request, additional_headers.split(";")),
            additional_headers.encode(),
            _PAYLOAD.encode(),
        ]
    )


def _canonical_query(request: Request) -> bytes:
    pairs = sorted((_encode(name.encode()), _encode(value.encode())) for name, value in request.query)
    return b"&".join(name + b"=" + value if value else name for name, value in pairs)


def _canonical_headers(request: Request, additional: list[str]) -> bytes:
    lines = [
        name.encode() + b":" + value.strip() + b"\n"
        for name, value in request.raw_headers
        if name.startswith("x-oss-") or name in _ALWAYS_SIGNED or name in additional
    ]
    return b"".join(sorted(lines))


def _encode(text: bytes, safe: str = "") -> bytes:
    """URI-encode all but letters, digits and `-_.~`."""
    return quote(text, safe=safe).encode()
