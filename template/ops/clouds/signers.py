"""Signatures of requests, as pure functions, which tests compare with the vendors' own signers.

Sources: OSS4-HMAC-SHA256, help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4; OBS,
support.huaweicloud.com/intl/en-us/api-obs/obs_04_0010.html; SDK-HMAC-SHA256, Huawei Cloud, "API Gateway: signing
algorithm of API requests"; ACS3-HMAC-SHA256,
help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature.

Keys and parameters are plain text, and a parameter without a value is an empty text. `now` is in UTC. Each function
returns the headers to send: the caller's headers and those of the signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote, unquote

from ops.clouds.keys import Keys

Headers = Mapping[str, str]
Query = Mapping[str, str]

_OSS_SCHEME, _SDK_SCHEME, _ACS_SCHEME = "OSS4-HMAC-SHA256", "SDK-HMAC-SHA256", "ACS3-HMAC-SHA256"
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_OBS_TOKEN = "x-obs-security-token"  # noqa: S105 (a name)
# Query parameters in this project's requests that belong to OBS's signature.
_OBS_SIGNED_PARAMETERS = (
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
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    _OBS_TOKEN,
)


def sign_oss(
    method: str, bucket: str, key: str, query: Query, headers: Headers, *, access_keys: Keys, region: str, now: datetime
) -> dict[str, str]:
    """Sign a request to OSS.

    The signature is the same whether the URL has the bucket's name in the host or in the path.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    all_headers = {
        **headers,
        "Date": format_datetime(now, usegmt=True),
        "x-oss-content-sha256": _UNSIGNED_PAYLOAD,
        "x-oss-date": moment,
        **({"x-oss-security-token": access_keys.token.reveal()} if access_keys.token else {}),
    }
    values = {name.lower(): value.strip() for name, value in all_headers.items()}
    signed_names = sorted(
        name for name in values if name.startswith("x-oss-") or name in ("content-type", "content-md5")
    )
    pairs = sorted((_quote(name), _quote(value)) for name, value in query.items())
    canonical_request = "\n".join(
        (
            method,
            quote(f"/{bucket}/{key}", safe="/~"),
            "&".join(f"{name}={value}" if value else name for name, value in pairs),
            "".join(f"{name}:{values[name]}\n" for name in signed_names),
            "",
            _UNSIGNED_PAYLOAD,
        )
    )
    scope = (moment[:8], region, "oss", "aliyun_v4_request")
    string_to_sign = "\n".join(
        (_OSS_SCHEME, moment, "/".join(scope), hashlib.sha256(canonical_request.encode()).hexdigest())
    )
    signing_key = f"aliyun_v4{access_keys.secret.reveal()}".encode()
    for part in scope:
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, string_to_sign.encode(), "sha256").hex()
    credential = "/".join((access_keys.access.reveal(), *scope))
    return {**all_headers, "Authorization": f"{_OSS_SCHEME} Credential={credential},Signature={signature}"}


def sign_obs(
    method: str, bucket: str, key: str, query: Query, headers: Headers, *, access_keys: Keys, now: datetime
) -> dict[str, str]:
    """Sign a request to OBS in the header Authorization."""
    all_headers = {
        **headers,
        "Date": format_datetime(now, usegmt=True),
        **_obs_token_header(access_keys),
    }
    signature = _compute_obs_signature(method, bucket, key, query, all_headers, access_keys, all_headers["Date"])
    return {**all_headers, "Authorization": f"OBS {access_keys.access.reveal()}:{signature}"}


def sign_obs_url(
    method: str, bucket: str, key: str, query: Query, headers: Headers, *, access_keys: Keys, expires: int
) -> dict[str, str]:
    """Sign a request to OBS by its URL, which is valid until `expires` (seconds since 1970); return the URL's query.

    The headers must be sent unchanged (support.huaweicloud.com/intl/en-us/api-obs/obs_04_0011.html).
    """
    parameters = {**query, **_obs_token_header(access_keys)}
    signature = _compute_obs_signature(method, bucket, key, parameters, headers, access_keys, str(expires))
    return {**parameters, "AccessKeyId": access_keys.access.reveal(), "Expires": str(expires), "Signature": signature}


def _obs_token_header(access_keys: Keys) -> dict[str, str]:
    return {_OBS_TOKEN: access_keys.token.reveal()} if access_keys.token else {}


def _compute_obs_signature(
    method: str, bucket: str, key: str, query: Query, headers: Headers, access_keys: Keys, moment: str
) -> str:
    """Return the signature of a request; `moment` is its date, or the time when its URL expires."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    parameters = "&".join(
        f"{name}={query[name]}" if query[name] else name for name in sorted(query) if name in _OBS_SIGNED_PARAMETERS
    )
    lines = [
        method,
        values.get("content-md5", ""),
        values.get("content-type", ""),
        moment,
        *(f"{name}:{values[name]}" for name in sorted(values) if name.startswith("x-obs-")),
        f"/{bucket}/{quote_key(key)}{'?' if parameters else ''}{parameters}",
    ]
    digest = hmac.digest(access_keys.secret.reveal().encode(), "\n".join(lines).encode(), "sha1")
    return base64.b64encode(digest).decode()


def sign_huawei_service(
    method: str, host: str, path: str, query: Query, headers: Headers, body: bytes, *, access_keys: Keys, now: datetime
) -> dict[str, str]:
    """Sign a request to a Huawei Cloud service other than OBS, with all headers; `path` is quoted as in the request."""
    all_headers = {
        **headers,
        "Host": host,
        "X-Sdk-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        **({"X-Security-Token": access_keys.token.reveal()} if access_keys.token else {}),
    }
    segments = "/".join(_quote(part) for part in unquote(path).split("/"))
    canonical_path = segments if segments.endswith("/") else f"{segments}/"
    names, digest = _digest_request(method, canonical_path, query, all_headers, hashlib.sha256(body).hexdigest())
    string_to_sign = "\n".join((_SDK_SCHEME, all_headers["X-Sdk-Date"], digest))
    signature = hmac.digest(access_keys.secret.reveal().encode(), string_to_sign.encode(), "sha256").hex()
    return {
        **all_headers,
        "Authorization": f"{_SDK_SCHEME} Access={access_keys.access.reveal()}, SignedHeaders={names}"
        f", Signature={signature}",
    }


def sign_alibaba_service(
    method: str,
    host: str,
    path: str,
    action: str,
    version: str,
    query: Query,
    *,
    access_keys: Keys,
    now: datetime,
    nonce: str,
) -> dict[str, str]:
    """Sign a request without a body to an Alibaba Cloud service other than OSS, with all parameters in the query.

    `path` is quoted as in the request; `nonce` must be new for each request.
    """
    all_headers = {
        "Host": host,
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    if access_keys.token:
        all_headers |= {
            "x-acs-accesskey-id": access_keys.access.reveal(),
            "x-acs-security-token": access_keys.token.reveal(),
        }
    names, digest = _digest_request(method, path, query, all_headers, all_headers["x-acs-content-sha256"])
    signature = hmac.digest(access_keys.secret.reveal().encode(), f"{_ACS_SCHEME}\n{digest}".encode(), "sha256").hex()
    return {
        **all_headers,
        "Authorization": f"{_ACS_SCHEME} Credential={access_keys.access.reveal()},SignedHeaders={names}"
        f",Signature={signature}",
    }


def quote_key(key: str) -> str:
    return quote(key, safe="/~")


def _digest_request(method: str, path: str, query: Query, all_headers: Headers, body_digest: str) -> tuple[str, str]:
    """Return the names of the signed headers, and the SHA-256 of the canonical request.

    All services except OSS and OBS sign this digest. `body_digest` is the SHA-256 of the body.
    """
    lines = sorted((name.lower(), value.strip()) for name, value in all_headers.items())
    names = ";".join(name for name, _ in lines)
    canonical_request = "\n".join(
        (
            method,
            path,
            "&".join(f"{_quote(name)}={_quote(value)}" for name, value in sorted(query.items())),
            "".join(f"{name}:{value}\n" for name, value in lines),
            names,
            body_digest,
        )
    )
    return names, hashlib.sha256(canonical_request.encode()).hexdigest()


def _quote(text: str) -> str:
    return quote(text, safe="~")
