"""The API gateway in front of Huawei's OMS and IAM: its checks of signatures and dates, and its errors.

The expected signature comes from the vendor's own signer (package huaweicloudsdkcore), as described by the support
pages of the "API request signing guide".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from sandbox.keys import Credential
from sandbox.server.message import Request, Response

_AUTHORIZATION = re.compile(r"SDK-HMAC-SHA256 Access=([^,\s]+), SignedHeaders=([^,\s]+), Signature=([0-9a-f]{64})")
_MAX_SKEW_SECONDS = 15 * 60
_JSON = "application/json"


class GatewayError(Exception):
    """A refusal by the gateway or the service behind it, with the body {"error_code": ..., "error_msg": ...}."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        body = {"error_code": self.code, "error_msg": self.message}
        return json_response(self.status, body)


def json_response(status: int, body: object) -> Response:
    return Response(status, json.dumps(body).encode(), {"Content-Type": _JSON})


def verify_signature(
    request: Request, find_credential: Callable[[str], Credential | None], find_age: Callable[[float], float]
) -> Credential:
    """Return the caller's credential; raise GatewayError if the request is refused.

    `find_age` returns the seconds that have passed since a Unix time.
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise _make_unauthorized_error("authorization header is missing or malformed")
    access_key, header_names, signature = match.groups()
    credential = find_credential(access_key)
    if credential is None:
        raise _make_unauthorized_error("access key does not exist")
    signed_headers = header_names.split(";")
    _check_signed_headers(request, signed_headers, credential)
    _check_date(request.headers["x-sdk-date"], find_age)
    _check_body_hash(request)
    expected_signature = _sign(request, signed_headers, access_key, credential.secret)
    if not hmac.compare_digest(expected_signature.encode(), request.headers["authorization"].encode()):
        raise _make_unauthorized_error(f"verify aksk signature fail, signature: {signature}")
    if request.headers.get("x-security-token") != credential.security_token:
        raise _make_unauthorized_error("x-security-token is missing or does not belong to the access key")
    return credential


def _make_unauthorized_error(reason: str) -> GatewayError:
    return GatewayError(401, "APIGW.0301", f"Incorrect IAM authentication information: {reason}")


def _check_signed_headers(request: Request, signed_headers: list[str], credential: Credential) -> None:
    required_headers = {"host", "x-sdk-date"}
    if request.method == "POST" or "content-type" in request.headers:
        required_headers.add("content-type")
    if credential.security_token is not None:
        required_headers.add("x-security-token")
    # These headers name the account and the project.
    required_headers |= {"x-domain-id", "x-project-id"} & request.headers.keys()
    if not required_headers <= set(signed_headers):
        raise _make_unauthorized_error(f"not signed: {', '.join(sorted(required_headers - set(signed_headers)))}")
    if not set(signed_headers) <= request.headers.keys():
        raise _make_unauthorized_error("a signed header was not sent")


def _check_date(date: str, find_age: Callable[[float], float]) -> None:
    try:
        signed_at = _parse_date(date)
    except ValueError:
        raise _make_unauthorized_error("x-sdk-date is not like 20060102T150405Z") from None
    if abs(find_age(signed_at)) > _MAX_SKEW_SECONDS:
        raise _make_unauthorized_error("the request has expired: x-sdk-date is over 15 minutes off")


@lru_cache
def _parse_date(date: str) -> float:
    return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()


def _check_body_hash(request: Request) -> None:
    """Compare the body with the header that holds its hash, because the signature covers only this header."""
    sent_hash = request.headers.get("x-sdk-content-sha256")
    actual_hash = hashlib.sha256(request.body).hexdigest()
    is_unsigned = sent_hash == "UNSIGNED-PAYLOAD" and not request.headers.get("content-type", "").startswith(_JSON)
    if sent_hash not in (None, actual_hash) and not is_unsigned:
        raise _make_unauthorized_error("x-sdk-content-sha256 does not match the body")


def _sign(request: Request, signed_headers: list[str], access_key: str, secret: str) -> str:
    # The signer needs Content-Type in this spelling.
    headers = {name.title(): request.headers[name] for name in signed_headers}
    sdk_request = SdkRequest(
        method=request.method,
        host=headers["Host"],
        resource_path=request.raw_path,
        query_params=list(request.query),
        header_params=headers,
        body=request.body,
    )
    authorization: str = Signer(BasicCredentials(access_key, secret)).sign(sdk_request).header_params["Authorization"]
    return authorization


def throttling_error() -> GatewayError:
    return GatewayError(429, "APIGW.0308", "The throttling threshold has been reached")
