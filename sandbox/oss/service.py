"""Alibaba Cloud OSS on loopback: the operations that the function, its users and its tests need."""

from __future__ import annotations

import base64
import ssl
from urllib.parse import unquote

from sandbox.oss.buckets import (
    get_bucket_info,
    get_bucket_location,
    get_bucket_versioning,
    list_buckets,
    put_bucket_versioning,
)
from sandbox.oss.call import Address, Call, Operation, address_of
from sandbox.oss.errors import OssError, not_implemented
from sandbox.oss.listing import list_objects, list_objects_v2
from sandbox.oss.multipart import (
    abort_multipart_upload,
    complete_multipart_upload,
    initiate_multipart_upload,
    list_multipart_uploads,
    list_parts,
    upload_part,
)
from sandbox.oss.objects import Bucket, object_name
from sandbox.oss.reading import OVERRIDES, get_object, get_object_meta, head_object
from sandbox.oss.signature import SIGNING_PARAMETERS, Credential, verify_signature
from sandbox.oss.store import Store, new_request_id
from sandbox.oss.writing import append_object, delete_multiple_objects, delete_object, put_object
from sandbox.server.message import Request, Response

# Method, what it is about, the parameters that select an operation; with the action that a policy must allow. Each
# operation is called as in OSS's API.
_OPERATIONS: dict[tuple[str, str, frozenset[str]], tuple[str, Operation]] = {
    ("GET", "service", frozenset()): ("oss:ListBuckets", list_buckets),
    ("GET", "bucket", frozenset()): ("oss:ListObjects", list_objects),
    ("GET", "bucket", frozenset({"list-type"})): ("oss:ListObjects", list_objects_v2),
    ("GET", "bucket", frozenset({"bucketInfo"})): ("oss:GetBucketInfo", get_bucket_info),
    ("GET", "bucket", frozenset({"location"})): ("oss:GetBucketLocation", get_bucket_location),
    ("GET", "bucket", frozenset({"versioning"})): ("oss:GetBucketVersioning", get_bucket_versioning),
    ("PUT", "bucket", frozenset({"versioning"})): ("oss:PutBucketVersioning", put_bucket_versioning),
    ("GET", "bucket", frozenset({"uploads"})): ("oss:ListMultipartUploads", list_multipart_uploads),
    ("POST", "bucket", frozenset({"delete"})): ("oss:DeleteObject", delete_multiple_objects),
    ("PUT", "object", frozenset()): ("oss:PutObject", put_object),
    ("POST", "object", frozenset({"append"})): ("oss:PutObject", append_object),
    ("GET", "object", frozenset()): ("oss:GetObject", get_object),
    ("HEAD", "object", frozenset()): ("oss:GetObject", head_object),
    ("HEAD", "object", frozenset({"objectMeta"})): ("oss:GetObject", get_object_meta),
    ("DELETE", "object", frozenset()): ("oss:DeleteObject", delete_object),
    ("POST", "object", frozenset({"uploads"})): ("oss:PutObject", initiate_multipart_upload),
    ("PUT", "object", frozenset({"partNumber", "uploadId"})): ("oss:PutObject", upload_part),
    ("POST", "object", frozenset({"uploadId"})): ("oss:PutObject", complete_multipart_upload),
    ("DELETE", "object", frozenset({"uploadId"})): ("oss:AbortMultipartUpload", abort_multipart_upload),
    ("GET", "object", frozenset({"uploadId"})): ("oss:ListParts", list_parts),
}
# Parameters that refine an operation.
_REFINEMENTS = (
    OVERRIDES
    | SIGNING_PARAMETERS
    | {
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "key-marker",
        "marker",
        "max-keys",
        "max-parts",
        "max-uploads",
        "part-number-marker",
        "position",
        "prefix",
        "start-after",
        "upload-id-marker",
    }
)


class Oss(Store):
    """Buckets behind V4 signatures, at /bucket/key, as oss2 calls an IP address, or at the bucket's host name."""

    def __init__(self, region: str = "cn-hangzhou", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(region, port, ssl_context)
        self._credentials: dict[str, Credential] = {}
        self._expired = False
        self._latency: dict[str, float] = {}

    def add_credentials(self, access_key_id: str, secret: str, security_token: str | None = None) -> None:
        with self.lock:
            self._credentials[access_key_id] = Credential(secret, security_token)

    def remove_credentials(self, access_key_id: str) -> None:
        with self.lock:
            del self._credentials[access_key_id]

    def expire_tokens(self) -> None:
        """Refuse all temporary credentials."""
        self._expired = True

    def latency(self, *, listing: float = 0, put: float = 0, get: float = 0, delete: float = 0) -> None:
        """Let each request of these kinds take so many seconds, beside all others, from now on."""
        self._latency = {
            "oss:ListObjects": listing,
            "oss:PutObject": put,
            "oss:GetObject": get,
            "oss:DeleteObject": delete,
        }

    def latency_of(self, request: Request) -> float:
        action, _ = _operation(request, address_of(request))
        return self._latency.get(action, 0)

    def respond(self, request: Request) -> Response:
        request_id = new_request_id()
        address = address_of(request)
        action, operation = _operation(request, address)
        # What a listing touches is its prefix: policies may say which.
        touched = [unquote(address.quoted_key) or request.params.get("prefix", "")]
        try:
            response = operation(self._admit(request, request_id, address, action, touched))
        except OssError as error:
            response = self._refusal(error, request_id)
        for key in touched:
            self.record(action, address.bucket, key, response.status)
        return Response(response.status, response.body, {**response.headers, "x-oss-request-id": request_id})

    def _admit(self, request: Request, request_id: str, address: Address, action: str, touched: list[str]) -> Call:
        """Raise what OSS answers to a caller who may not do this."""
        verify_signature(request, address.path, self._credentials, self.region, self.now())
        if self._expired and "x-oss-security-token" in {*request.headers, *request.params}:
            raise OssError(403, "SecurityTokenExpired", "The security token you provided has expired.")
        if address.target == "service":
            self.check_right(action, "")
            bucket = Bucket("", self.region, 0)
        else:
            bucket = self.bucket_for(action, address.bucket)
        key = object_name(address.quoted_key) if address.quoted_key else ""
        return Call(request, request_id, self, bucket, key, touched)

    def _refusal(self, error: OssError, request_id: str) -> Response:
        if error.status == 304:  # oss2 knows it by its having no code
            return Response(304, headers=dict(error.headers))
        body = error.xml(request_id, self.endpoint)
        # An answer to HEAD has no body, so the error goes into a header as well.
        headers = {"Content-Type": "application/xml", "x-oss-err": base64.b64encode(body).decode(), **error.headers}
        if error.ec:
            headers["x-oss-ec"] = error.ec
        return Response(error.status, body, headers)


def _operation(request: Request, address: Address) -> tuple[str, Operation]:
    selectors = frozenset(request.params) - _REFINEMENTS
    unknown = ("oss:Unknown", _refuse)
    if request.params.get("list-type", "2") != "2":
        return unknown
    return _OPERATIONS.get((request.method, address.target, selectors), unknown)


def _refuse(_call: Call) -> Response:
    raise not_implemented()
