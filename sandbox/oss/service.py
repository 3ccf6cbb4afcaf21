"""Alibaba Cloud OSS on loopback, with the operations that the project, its users and its tests need.

OSS here refuses parameters and headers that an operation does not list; it never ignores them.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from sandbox.oss.buckets import (
    get_bucket_info,
    get_bucket_location,
    get_bucket_versioning,
    get_bucket_worm,
    list_buckets,
    put_bucket,
    put_bucket_versioning,
)
from sandbox.oss.call import Address, Call, Operation, parse_address
from sandbox.oss.errors import OssError, not_implemented
from sandbox.oss.listing import list_object_versions, list_objects, list_objects_v2
from sandbox.oss.multipart import (
    abort_multipart_upload,
    complete_multipart_upload,
    initiate_multipart_upload,
    list_multipart_uploads,
    list_parts,
    upload_part,
)
from sandbox.oss.objects import Bucket, parse_key
from sandbox.oss.reading import get_object, head_object
from sandbox.oss.settings import SETTINGS, get_bucket_acl, get_setting, list_cname, put_bucket_acl, put_setting
from sandbox.oss.signature import verify_signature
from sandbox.oss.store import Store, make_request_id
from sandbox.oss.writing import (
    copy_object,
    delete_multiple_objects,
    delete_object,
    delete_object_version,
    put_object,
)
from sandbox.server.message import Request, Response

_CONDITION_HEADERS = {"if-match", "if-none-match", "if-unmodified-since"}
# Headers that change the meaning of a request, beside OSS's own headers.
_REQUEST_HEADERS = {*_CONDITION_HEADERS, "if-modified-since", "range"}
_COPY_SOURCE = "x-oss-copy-source"
_FORBID_OVERWRITE, _METADATA = "x-oss-forbid-overwrite", "x-oss-meta-"
_SIGNING_HEADERS = {"x-oss-content-sha256", "x-oss-date", "x-oss-security-token"}
_LISTING_PARAMS = {"delimiter", "encoding-type", "max-keys", "prefix"}
_VERSIONS_PARAMS = {"encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"}


class _Operation(NamedTuple):
    """An operation of OSS's API: the action that a policy must allow, its function, and the requests that it accepts.

    - `params` has the accepted query parameters beside those that select the operation.
    - `headers` has the accepted headers that change a request's meaning; `x-oss-meta-` stands for all user metadata.
    """

    action: str
    run: Operation
    params: AbstractSet[str] = frozenset()
    headers: AbstractSet[str] = frozenset()


def _refuse(_call: Call) -> Response:
    raise not_implemented()


_REFUSED_OPERATION = _Operation("oss:Unknown", _refuse)
# Operations by method, target, and selectors: query parameters, or the header of a copy.
_OPERATIONS: dict[tuple[str, str, frozenset[str]], _Operation] = {
    ("GET", "service", frozenset()): _Operation("oss:ListBuckets", list_buckets, {"marker", "max-keys", "prefix"}),
    ("GET", "bucket", frozenset()): _Operation("oss:ListObjects", list_objects, {*_LISTING_PARAMS, "marker"}),
    ("GET", "bucket", frozenset({"list-type"})): _Operation(
        "oss:ListObjects", list_objects_v2, {*_LISTING_PARAMS, "continuation-token", "fetch-owner", "start-after"}
    ),
    ("GET", "bucket", frozenset({"bucketInfo"})): _Operation("oss:GetBucketInfo", get_bucket_info),
    ("GET", "bucket", frozenset({"location"})): _Operation("oss:GetBucketLocation", get_bucket_location),
    ("GET", "bucket", frozenset({"versioning"})): _Operation("oss:GetBucketVersioning", get_bucket_versioning),
    ("PUT", "bucket", frozenset({"versioning"})): _Operation("oss:PutBucketVersioning", put_bucket_versioning),
    ("GET", "bucket", frozenset({"versions"})): _Operation(
        "oss:ListObjectVersions", list_object_versions, _VERSIONS_PARAMS
    ),
    ("PUT", "bucket", frozenset()): _Operation("oss:PutBucket", put_bucket),
    **{
        ("GET", "bucket", frozenset({name})): _Operation(f"oss:Get{setting.action}", get_setting)
        for name, setting in SETTINGS.items()
    },
    **{
        ("PUT", "bucket", frozenset({name})): _Operation(f"oss:Put{setting.action}", put_setting)
        for name, setting in SETTINGS.items()
    },
    ("GET", "bucket", frozenset({"acl"})): _Operation("oss:GetBucketAcl", get_bucket_acl),
    ("PUT", "bucket", frozenset({"acl"})): _Operation("oss:PutBucketAcl", put_bucket_acl, headers={"x-oss-acl"}),
    ("GET", "bucket", frozenset({"cname"})): _Operation("oss:ListCname", list_cname),
    ("GET", "bucket", frozenset({"worm"})): _Operation("oss:GetBucketWorm", get_bucket_worm),
    ("GET", "bucket", frozenset({"uploads"})): _Operation(
        "oss:ListMultipartUploads", list_multipart_uploads, {"encoding-type", "prefix"}
    ),
    ("POST", "bucket", frozenset({"delete"})): _Operation(
        "oss:DeleteObject", delete_multiple_objects, {"encoding-type"}
    ),
    ("PUT", "object", frozenset()): _Operation("oss:PutObject", put_object, headers={_FORBID_OVERWRITE, _METADATA}),
    ("PUT", "object", frozenset({_COPY_SOURCE})): _Operation(
        "oss:PutObject", copy_object, headers={_COPY_SOURCE, _METADATA, "x-oss-metadata-directive"}
    ),
    ("GET", "object", frozenset()): _Operation(
        "oss:GetObject", get_object, headers={*_CONDITION_HEADERS, "range", "x-oss-range-behavior"}
    ),
    ("HEAD", "object", frozenset()): _Operation("oss:GetObject", head_object, headers=_CONDITION_HEADERS),
    ("DELETE", "object", frozenset()): _Operation("oss:DeleteObject", delete_object),
    ("DELETE", "object", frozenset({"versionId"})): _Operation("oss:DeleteObjectVersion", delete_object_version),
    ("POST", "object", frozenset({"uploads"})): _Operation(
        "oss:PutObject", initiate_multipart_upload, {"encoding-type"}, {_METADATA}
    ),
    # ali-oss sends the upload's metadata also with each part and with the completion, where OSS ignores it.
    ("PUT", "object", frozenset({"partNumber", "uploadId"})): _Operation(
        "oss:PutObject", upload_part, headers={_METADATA}
    ),
    ("POST", "object", frozenset({"uploadId"})): _Operation(
        "oss:PutObject", complete_multipart_upload, {"encoding-type"}, {_METADATA}
    ),
    ("GET", "object", frozenset({"uploadId"})): _Operation(
        "oss:ListParts", list_parts, {"encoding-type", "max-parts", "part-number-marker"}
    ),
    ("DELETE", "object", frozenset({"uploadId"})): _Operation("oss:AbortMultipartUpload", abort_multipart_upload),
}
_OPTIONAL_PARAMS = frozenset().union(*(operation.params for operation in _OPERATIONS.values()))


class Oss(Store):
    """The service of OSS, with V4 signatures.

    The bucket is part of the host name. If the host is an IP address, oss2 puts the bucket first
    in the path.
    """

    def __init__(self, region: str = "cn-hangzhou", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(region, port, ssl_context)
        self._has_expired_tokens = False
        self._latencies: dict[str, float] = {}

    def expire_tokens(self) -> None:
        """Refuse all temporary credentials from now on."""
        self._has_expired_tokens = True

    def set_latency(self, *, listing: float = 0, delete: float = 0) -> None:
        """Set the seconds by which later listings and deletions are delayed."""
        self._latencies = {"oss:ListObjects": listing, "oss:DeleteObject": delete}

    def find_latency(self, request: Request) -> float:
        return self._latencies.get(_choose_operation(request).action, 0) if self._latencies else 0

    def respond(self, request: Request) -> Response:
        request_id = make_request_id()
        address = parse_address(request)
        operation = _choose_operation(request)
        # Policies can name the prefix of a listing.
        affected_keys = [unquote(address.quoted_key) or request.params.get("prefix", "")]
        try:
            response = operation.run(self._admit(request, request_id, address, operation, affected_keys))
        except OssError as error:
            response = self._make_error_response(error, request_id)
        for key in affected_keys:
            self.record(operation.action, address.bucket, key, response.status)
        return Response(response.status, response.body, {**response.headers, "x-oss-request-id": request_id})

    def _admit(
        self, request: Request, request_id: str, address: Address, operation: _Operation, affected_keys: list[str]
    ) -> Call:
        """Return the call for a request; raise OssError if the signature is invalid or the permission missing."""
        caller = verify_signature(request, address.path, self.find_credential, self.region, self.find_age)
        if self._has_expired_tokens and "x-oss-security-token" in request.headers:
            raise OssError(403, "SecurityTokenExpired", "The security token you provided has expired.")
        if operation is _REFUSED_OPERATION and (request.method, address.target) == (
            "PUT",
            "bucket",
        ):  # the bucket may be missing
            raise not_implemented()
        if address.target == "service" or operation.run is put_bucket:
            self.check_permission(caller, operation.action, address.bucket, "")
            bucket = Bucket(address.bucket, self.region, 0)
        else:
            # DeleteMultipleObjects checks the permission for each key itself.
            key_to_check = None if operation.run is delete_multiple_objects else affected_keys[0]
            bucket = self.find_bucket(caller, operation.action, address.bucket, key_to_check)
        key = parse_key(address.quoted_key) if address.quoted_key else ""
        return Call(request, request_id, self, bucket, key, affected_keys, caller)

    def _make_error_response(self, error: OssError, request_id: str) -> Response:
        if error.status == 304:  # oss2 recognizes this response by its missing error code
            return Response(304, headers=dict(error.headers))
        body = error.xml(request_id, self.endpoint)
        # A response to HEAD has no body, so a header repeats the error.
        headers = {"Content-Type": "application/xml", "x-oss-err": base64.b64encode(body).decode(), **error.headers}
        if error.ec:
            headers["x-oss-ec"] = error.ec
        return Response(error.status, body, headers)


@lru_cache
def _choose_operation(request: Request) -> _Operation:
    """Return the operation that accepts the whole request, or `_REFUSED_OPERATION` if there is none."""
    operation = _find_operation(
        request.method, parse_address(request).target, frozenset(request.params), frozenset(request.headers)
    )
    return operation if request.params.get("list-type", "2") == "2" else _REFUSED_OPERATION


@lru_cache
def _find_operation(method: str, target: str, params: frozenset[str], headers: frozenset[str]) -> _Operation:
    request_headers = _select_request_headers(headers)
    selectors = frozenset({*(params - _OPTIONAL_PARAMS), *(request_headers & {_COPY_SOURCE})})
    operation = _OPERATIONS.get((method, target, selectors), _REFUSED_OPERATION)
    return (
        operation
        if params <= selectors | operation.params and request_headers <= operation.headers
        else _REFUSED_OPERATION
    )


def _select_request_headers(names: Iterable[str]) -> set[str]:
    """Return the headers that change a request's meaning: conditions, a range, and OSS's own headers.

    Headers for signing are left out, and all headers of user metadata become `x-oss-meta-`.
    """
    headers = {_METADATA if name.startswith(_METADATA) else name for name in names}
    own_headers = {name for name in headers if name.startswith("x-oss-")} - _SIGNING_HEADERS
    return own_headers | headers & _REQUEST_HEADERS
