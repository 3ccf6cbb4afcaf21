"""Alibaba Cloud OSS on loopback: the operations that the function, its users and its tests need."""

from __future__ import annotations

import base64
import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from sandbox.oss.buckets import bucket_info, get_versioning, list_buckets, location, put_versioning
from sandbox.oss.call import Address, Call, Operation, address_of
from sandbox.oss.errors import OssError, access_denied, no_such_bucket, not_implemented
from sandbox.oss.listing import list_objects, list_objects_v2
from sandbox.oss.multipart import (
    abort_upload,
    complete_upload,
    initiate_upload,
    list_parts,
    list_uploads,
    upload_part,
)
from sandbox.oss.objects import Bucket, OssObject, Trigger, check_name, etag_of, event_json, object_name
from sandbox.oss.reading import OVERRIDES, get_object, head_object, object_meta
from sandbox.oss.signature import SIGNING_PARAMETERS, Credential, verify
from sandbox.oss.writing import append_object, delete_object, delete_objects, put_object
from sandbox.server.message import Request, Response
from sandbox.server.server import Server

_MOST_TRIGGERS = 10
# Method, what it is about, the parameters that select an operation; with the action that a policy must allow.
_OPERATIONS: dict[tuple[str, str, frozenset[str]], tuple[str, Operation]] = {
    ("GET", "service", frozenset()): ("oss:ListBuckets", list_buckets),
    ("GET", "bucket", frozenset()): ("oss:ListObjects", list_objects),
    ("GET", "bucket", frozenset({"list-type"})): ("oss:ListObjects", list_objects_v2),
    ("GET", "bucket", frozenset({"bucketInfo"})): ("oss:GetBucketInfo", bucket_info),
    ("GET", "bucket", frozenset({"location"})): ("oss:GetBucketLocation", location),
    ("GET", "bucket", frozenset({"versioning"})): ("oss:GetBucketVersioning", get_versioning),
    ("PUT", "bucket", frozenset({"versioning"})): ("oss:PutBucketVersioning", put_versioning),
    ("GET", "bucket", frozenset({"uploads"})): ("oss:ListMultipartUploads", list_uploads),
    ("POST", "bucket", frozenset({"delete"})): ("oss:DeleteObject", delete_objects),
    ("PUT", "object", frozenset()): ("oss:PutObject", put_object),
    ("POST", "object", frozenset({"append"})): ("oss:PutObject", append_object),
    ("GET", "object", frozenset()): ("oss:GetObject", get_object),
    ("HEAD", "object", frozenset()): ("oss:GetObject", head_object),
    ("HEAD", "object", frozenset({"objectMeta"})): ("oss:GetObject", object_meta),
    ("DELETE", "object", frozenset()): ("oss:DeleteObject", delete_object),
    ("POST", "object", frozenset({"uploads"})): ("oss:PutObject", initiate_upload),
    ("PUT", "object", frozenset({"partNumber", "uploadId"})): ("oss:PutObject", upload_part),
    ("POST", "object", frozenset({"uploadId"})): ("oss:PutObject", complete_upload),
    ("DELETE", "object", frozenset({"uploadId"})): ("oss:AbortMultipartUpload", abort_upload),
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
# These may be asked of any region's endpoint.
_ANYWHERE = {"oss:GetBucketInfo", "oss:GetBucketLocation"}


class Action(NamedTuple):
    """What a RAM policy would have to allow, and how it went."""

    name: str
    bucket: str
    key: str
    status: int


class Oss(Server):
    """Buckets behind V4 signatures, at /bucket/key, as oss2 calls an IP address, or at the bucket's host name."""

    def __init__(self, region: str = "cn-hangzhou", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.region = region
        self.actions: list[Action] = []
        self._buckets: dict[str, Bucket] = {}
        self._loses: Callable[[str], bool] = lambda _: False
        self._credentials: dict[str, Credential] = {}
        self._denied: set[tuple[str, str]] = set()
        self._expired = False

    @property
    def buckets(self) -> Mapping[str, Bucket]:
        """All of the account, in whatever region."""
        return MappingProxyType(self._buckets)

    def create_bucket(self, name: str, region: str = "") -> None:
        """In this service's region, or another, whose endpoint this is not."""
        with self.lock:
            self._buckets[name] = Bucket(name, region or self.region, int(self.now()))

    def remove_bucket(self, name: str) -> None:
        with self.lock:
            del self._buckets[name]

    def encrypt(self, name: str) -> None:
        """Encrypt what is put into this bucket from now on with KMS."""
        with self.lock:
            self.buckets[name].encryption = {"x-oss-server-side-encryption": "KMS"}

    def objects(self, bucket: str) -> Mapping[str, OssObject]:
        """The bucket's objects in listing order, live: copy it before walking it while requests go on."""
        return MappingProxyType(self._buckets[bucket].objects)

    def put(self, bucket: str, key: str, data: bytes, event: str = "ObjectCreated:PutObject") -> OssObject:
        """Store an object without a request, and emit the event that the named way of uploading emits."""
        check_name(key)
        with self.lock:
            return self.store(self._buckets[bucket], key, self.new_object(data), event, _request_id())

    def add_credentials(self, access_key_id: str, secret: str, security_token: str | None = None) -> None:
        with self.lock:
            self._credentials[access_key_id] = Credential(secret, security_token)

    def remove_credentials(self, access_key_id: str) -> None:
        with self.lock:
            del self._credentials[access_key_id]

    def add_trigger(
        self, name: str, bucket: str, events: Iterable[str], prefix: str, suffix: str, deliver: Callable[[bytes], None]
    ) -> None:
        """Hand each event of these names (`oss:ObjectCreated:PutObject`) to `deliver`, which must not block.

        Replaces the trigger of this name. Raises ValueError where it overlaps with another, or is the eleventh: FC,
        "OSS triggers".
        """
        trigger = Trigger(name, frozenset(events), prefix, suffix, deliver)
        with self.lock:
            others = [one for one in self._buckets[bucket].triggers if one.name != name]
            for other in others:
                if trigger.overlaps(other):
                    raise ValueError(f"trigger {name} overlaps with {other.name} in events, prefix and suffix")
            if len(others) == _MOST_TRIGGERS:
                raise ValueError(f"{bucket} has {_MOST_TRIGGERS} triggers, and may not have more")
            self._buckets[bucket].triggers = [*others, trigger]

    def remove_trigger(self, name: str) -> None:
        """From whatever bucket has it."""
        with self.lock:
            for bucket in self._buckets.values():
                bucket.triggers = [one for one in bucket.triggers if one.name != name]

    def deny(self, action: str, bucket: str) -> None:
        """Take away the right to do this in this bucket, as a RAM policy does."""
        with self.lock:
            self._denied.add((action, bucket))

    def expire_tokens(self) -> None:
        """Refuse all temporary credentials."""
        self._expired = True

    def lose_events(self, lost: Callable[[str], bool]) -> None:
        """Let no event of these keys leave their bucket from now on."""
        self._loses = lost

    def age(self, seconds: int) -> None:
        """Make all that is stored so much older, as if that time had gone by."""
        with self.lock:
            for bucket in self._buckets.values():
                for key, obj in bucket.objects.items():
                    bucket.objects[key] = replace(obj, last_modified=obj.last_modified - seconds)

    def respond(self, request: Request) -> Response:
        request_id = _request_id()
        address = address_of(request)
        action, operation = _operation(request, address)
        # What a listing touches is its prefix: policies may say which.
        touched = [unquote(address.quoted_key) or request.params.get("prefix", "")]
        try:
            response = operation(self, self._admit(request, request_id, address, action, touched))
        except OssError as error:
            response = self._refusal(error, request_id)
        for key in touched:
            self.record(action, address.bucket, key, response.status)
        return Response(response.status, response.body, {**response.headers, "x-oss-request-id": request_id})

    def record(self, action: str, bucket: str, key: str, status: int) -> None:
        self.actions.append(Action(action, bucket, key, status))

    def bucket_for(self, action: str, name: str) -> Bucket:
        """The bucket, if this endpoint and the caller's rights allow the action in it."""
        if name not in self._buckets:
            raise no_such_bucket(name)
        if self._buckets[name].region != self.region and action not in _ANYWHERE:
            raise access_denied(
                "The bucket you are attempting to access must be addressed using the specified endpoint.",
                ec="0003-00001403",
            )
        self._check_right(action, name)
        return self._buckets[name]

    def new_object(self, data: bytes, headers: Mapping[str, str] | None = None) -> OssObject:
        return OssObject(data, etag_of(data), int(self.now()), headers or {})

    def store(self, bucket: Bucket, key: str, obj: OssObject, event: str, request_id: str) -> OssObject:
        """Make this the current version of the key, and tell of it."""
        stored = bucket.objects[key] = replace(obj, version_id=bucket.new_version_id())
        self.emit(event, bucket, key, stored, request_id)
        return stored

    def emit(self, event: str, bucket: Bucket, key: str, obj: OssObject, request_id: str) -> None:
        for trigger in bucket.triggers:
            if trigger.wants(event, key) and not self._loses(key):
                trigger.deliver(event_json(event, bucket.name, key, obj, self.region, request_id))

    def _admit(self, request: Request, request_id: str, address: Address, action: str, touched: list[str]) -> Call:
        """Raise what OSS answers to a caller who may not do this."""
        verify(request, address.path, self._credentials, self.region, self.now())
        if self._expired and "x-oss-security-token" in {*request.headers, *request.params}:
            raise OssError(403, "SecurityTokenExpired", "The security token you provided has expired.")
        if address.target == "service":
            self._check_right(action, "")
            bucket = Bucket("", self.region, 0)
        else:
            bucket = self.bucket_for(action, address.bucket)
        key = object_name(address.quoted_key) if address.quoted_key else ""
        return Call(request, request_id, bucket, key, touched)

    def _check_right(self, action: str, bucket: str) -> None:
        if (action, bucket) in self._denied:
            raise access_denied("You have no right to access this object because of its policy.")

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


def _refuse(_oss: Oss, _call: Call) -> Response:
    raise not_implemented()


def _request_id() -> str:
    return uuid.uuid4().hex[:24].upper()
