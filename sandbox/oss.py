"""Alibaba Cloud OSS on loopback: the operations that the function, its users and its tests need."""

from __future__ import annotations

import base64
import hashlib
import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from email.utils import formatdate
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from sandbox.oss_errors import (
    OssError,
    access_denied,
    invalid_argument,
    malformed_xml,
    no_such_bucket,
    no_such_key,
    no_such_upload,
    not_implemented,
)
from sandbox.oss_listing import encoder, iso_time, list_objects, xml_document
from sandbox.oss_objects import (
    Bucket,
    OssObject,
    Trigger,
    Upload,
    check_name,
    etag_of,
    event_json,
    object_name,
)
from sandbox.oss_signature import Credential, verify
from sandbox.server import Request, Response, Server

_MOST_DELETES = 1000
# Parameters that select an operation; all others refine one.
_SUBRESOURCES = {"append", "delete", "list-type", "location", "partNumber", "uploadId", "uploads"}
_REFINEMENTS = {
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "max-keys",
    "position",
    "prefix",
    "start-after",
}


class Action(NamedTuple):
    """What a RAM policy would have to allow, and how it went."""

    name: str
    bucket: str
    key: str
    status: int


class _Call(NamedTuple):
    """A request on its way through an operation."""

    request: Request
    id: str
    bucket: Bucket
    key: str
    touched: list[str]

    @property
    def params(self) -> Mapping[str, str]:
        return self.request.params

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers


_MOST_TRIGGERS = 10

_Operation = Callable[[_Call], Response]
# Method, bucket or object, selecting parameters.
_Route = tuple[str, str, frozenset[str]]


class Oss(Server):
    """Buckets behind V4 signatures, path-style (http://127.0.0.1:port/bucket/key), as oss2 calls an IP address."""

    def __init__(self, region: str = "cn-hangzhou", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.region = region
        self.actions: list[Action] = []
        self._loses: Callable[[str], bool] = lambda _: False
        self._buckets: dict[str, Bucket] = {}
        self._credentials: dict[str, Credential] = {}
        self._denied: set[tuple[str, str]] = set()
        self._expired = False
        self._operations: dict[_Route, tuple[str, _Operation]] = {
            ("PUT", "object", frozenset()): ("oss:PutObject", self._put_object),
            ("POST", "object", frozenset({"append"})): ("oss:PutObject", self._append_object),
            ("GET", "object", frozenset()): ("oss:GetObject", self._get_object),
            ("HEAD", "object", frozenset()): ("oss:GetObject", self._get_object),
            ("DELETE", "object", frozenset()): ("oss:DeleteObject", self._delete_object),
            ("POST", "bucket", frozenset({"delete"})): ("oss:DeleteObject", self._delete_objects),
            ("GET", "bucket", frozenset({"list-type"})): ("oss:ListObjects", self._list_objects),
            ("GET", "bucket", frozenset({"location"})): ("oss:GetBucketLocation", self._location),
            ("POST", "object", frozenset({"uploads"})): ("oss:PutObject", self._initiate_upload),
            ("PUT", "object", frozenset({"partNumber", "uploadId"})): ("oss:PutObject", self._upload_part),
            ("POST", "object", frozenset({"uploadId"})): ("oss:PutObject", self._complete_upload),
        }

    def create_bucket(self, name: str, region: str = "") -> None:
        """In this service's region, or another, whose endpoint this is not."""
        with self.lock:
            self._buckets[name] = Bucket(name, region or self.region)

    def remove_bucket(self, name: str) -> None:
        with self.lock:
            del self._buckets[name]

    def objects(self, bucket: str) -> Mapping[str, OssObject]:
        """The bucket's objects in listing order, live: copy it before walking it while requests go on."""
        return MappingProxyType(self._buckets[bucket].objects)

    def put(self, bucket: str, key: str, data: bytes, event: str = "ObjectCreated:PutObject") -> OssObject:
        """Store an object without a request, and emit the event that the named way of uploading emits."""
        check_name(key)
        with self.lock:
            return self._store(self._buckets[bucket], key, self._object(data), event, _request_id())

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
        bucket, _, quoted_key = request.raw_path.removeprefix("/").partition("/")
        action, operation = self._operation(request, "object" if quoted_key else "bucket")
        key = unquote(quoted_key)
        # What a listing touches is its prefix: policies may say which.
        touched = [key or request.params.get("prefix", "")]
        try:
            verify(request, self._credentials, self.region, self.now())
            self._check_access(request, action, bucket)
            if quoted_key:
                key = object_name(quoted_key)
            response = operation(_Call(request, request_id, self._buckets[bucket], key, touched))
        except OssError as error:
            body = error.xml(request_id, self.endpoint)
            # An answer to HEAD has no body, so the error goes into a header as well.
            headers = {"Content-Type": "application/xml", "x-oss-err": base64.b64encode(body).decode()}
            headers.update(error.headers)
            response = Response(error.status, body, headers)
        self.actions += [Action(action, bucket, one, response.status) for one in touched]
        return Response(response.status, response.body, {**response.headers, "x-oss-request-id": request_id})

    def _check_access(self, request: Request, action: str, bucket: str) -> None:
        if self._expired and "x-oss-security-token" in request.headers:
            raise OssError(403, "SecurityTokenExpired", "The security token you provided has expired.")
        if bucket not in self._buckets:
            raise no_such_bucket(bucket)
        if self._buckets[bucket].region != self.region:
            raise access_denied(
                "The bucket you are attempting to access must be addressed using the specified endpoint."
            )
        if (action, bucket) in self._denied:
            raise access_denied("You have no right to access this object because of its policy.")

    def _operation(self, request: Request, target: str) -> tuple[str, _Operation]:
        selectors = frozenset(request.params) - _REFINEMENTS
        unknown = ("oss:Unknown", _refuse)
        if not selectors <= _SUBRESOURCES or request.params.get("list-type", "2") != "2":
            return unknown
        return self._operations.get((request.method, target, selectors), unknown)

    def _object(self, data: bytes, headers: Mapping[str, str] | None = None, kind: str = "Normal") -> OssObject:
        headers = headers or {}
        return OssObject(
            data,
            etag_of(data),
            int(self.now()),
            meta={name: value for name, value in headers.items() if name.startswith("x-oss-meta-")},
            content_type=headers.get("content-type", "application/octet-stream"),
            type=kind,
        )

    def _store(self, bucket: Bucket, key: str, obj: OssObject, event: str, request_id: str) -> OssObject:
        bucket.objects[key] = obj
        self._emit(event, bucket, key, obj, request_id)
        return obj

    def _emit(self, event: str, bucket: Bucket, key: str, obj: OssObject, request_id: str) -> None:
        for trigger in bucket.triggers:
            if trigger.wants(event, key) and not self._loses(key):
                trigger.deliver(event_json(event, bucket.name, key, obj, self.region, request_id))

    def _put_object(self, call: _Call) -> Response:
        if "x-oss-copy-source" in call.headers:
            return self._copy_object(call)
        _check_body(call.request)
        _check_overwrite(call)
        obj = self._object(call.request.body, call.headers)
        self._store(call.bucket, call.key, obj, "ObjectCreated:PutObject", call.id)
        return Response(200, headers=_checksums(obj))

    def _copy_object(self, call: _Call) -> Response:
        source_bucket, _, quoted = call.headers["x-oss-copy-source"].removeprefix("/").partition("/")
        if source_bucket not in self._buckets:
            raise no_such_bucket(source_bucket)
        source_key = object_name(quoted)
        source = _find(self._buckets[source_bucket], source_key)
        self.actions.append(Action("oss:GetObject", source_bucket, source_key, 200))
        _check_overwrite(call)
        headers = {"content-type": source.content_type, **source.meta}
        obj = self._object(source.data, headers)
        self._store(call.bucket, call.key, obj, "ObjectCreated:CopyObject", call.id)
        inner = f'<ETag>"{obj.etag}"</ETag><LastModified>{iso_time(obj.last_modified)}</LastModified>'
        return _xml("CopyObjectResult", inner)

    def _append_object(self, call: _Call) -> Response:
        _check_body(call.request)
        existing = call.bucket.objects.get(call.key)
        if existing and existing.type != "Appendable":
            raise OssError(409, "ObjectNotAppendable", "The object is not appendable.")
        before = existing.data if existing else b""
        if call.params.get("position") != str(len(before)):
            raise OssError(
                409,
                "PositionNotEqualToLength",
                "Position is not equal to file length.",
                {"x-oss-next-append-position": str(len(before))},
            )
        obj = self._object(before + call.request.body, call.headers, "Appendable")
        self._store(call.bucket, call.key, obj, "ObjectCreated:AppendObject", call.id)
        return Response(200, headers={**_checksums(obj), "x-oss-next-append-position": str(obj.size)})

    def _get_object(self, call: _Call) -> Response:
        """GET and HEAD: the web library leaves the body of a HEAD out and keeps its length."""
        obj = _find(call.bucket, call.key)
        headers = {
            **_checksums(obj),
            **obj.meta,
            "Content-Type": obj.content_type,
            "Last-Modified": formatdate(obj.last_modified, usegmt=True),
            "x-oss-object-type": obj.type,
            "x-oss-storage-class": "Standard",
        }
        return Response(200, obj.data, headers)

    def _delete_object(self, call: _Call) -> Response:
        call.bucket.objects.pop(call.key, None)
        return Response(204)

    def _delete_objects(self, call: _Call) -> Response:
        """https://help.aliyun.com/zh/oss/developer-reference/deletemultipleobjects."""
        if "content-md5" not in call.headers:  # 0016-00000606
            raise OssError(400, "MissingArgument", "Missing Some Required Arguments: Content-MD5.")
        _check_body(call.request)
        encode = encoder({**call.headers, **call.params})
        keys, quiet = _keys_to_delete(call.request.body)
        call.touched[:] = keys
        for key in keys:
            call.bucket.objects.pop(key, None)
        if quiet:
            return Response(200)
        url = "<EncodingType>url</EncodingType>" if "encoding-type" in call.params else ""
        return _xml("DeleteResult", url + "".join(f"<Deleted><Key>{encode(k)}</Key></Deleted>" for k in keys))

    def _list_objects(self, call: _Call) -> Response:
        headers = {"Content-Type": "application/xml"}
        return Response(200, list_objects(call.bucket, call.params), headers)

    def _location(self, _: _Call) -> Response:
        return _xml("LocationConstraint", f"oss-{self.region}")

    def _initiate_upload(self, call: _Call) -> Response:
        upload_id = uuid.uuid4().hex.upper()
        meta = {name: value for name, value in call.headers.items() if name.startswith("x-oss-meta-")}
        kind = call.headers.get("content-type", "application/octet-stream")
        call.bucket.uploads[upload_id] = Upload(call.key, kind, meta)
        self._emit("ObjectCreated:InitiateMultipartUpload", call.bucket, call.key, self._object(b""), call.id)
        encode = encoder(call.params)
        url = "<EncodingType>url</EncodingType>" if "encoding-type" in call.params else ""
        inner = f"{url}<Bucket>{call.bucket.name}</Bucket><Key>{encode(call.key)}</Key><UploadId>{upload_id}</UploadId>"
        return _xml("InitiateMultipartUploadResult", inner)

    def _upload_part(self, call: _Call) -> Response:
        _check_body(call.request)
        part = self._object(call.request.body)
        _upload(call).parts[_part_number(call.params["partNumber"])] = part.data
        self._emit("ObjectCreated:UploadPart", call.bucket, call.key, part, call.id)
        return Response(200, headers=_checksums(part))

    def _complete_upload(self, call: _Call) -> Response:
        upload = _upload(call)
        parts = [upload.parts.get(number) for number in _parts_to_join(call.request.body)]
        if not parts or None in parts:
            raise OssError(400, "InvalidPart", "One or more of the specified parts could not be found.")
        chosen = [part for part in parts if part is not None]
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in chosen)).hexdigest().upper()
        obj = OssObject(
            b"".join(chosen),
            f"{digest}-{len(chosen)}",
            int(self.now()),
            upload.meta,
            upload.content_type,
            "Multipart",
        )
        self._store(call.bucket, call.key, obj, "ObjectCreated:CompleteMultipartUpload", call.id)
        del call.bucket.uploads[call.params["uploadId"]]
        return _xml(
            "CompleteMultipartUploadResult",
            f'<Bucket>{call.bucket.name}</Bucket><ETag>"{obj.etag}"</ETag>',
            {"x-oss-hash-crc64ecma": str(obj.crc64)},
        )


def _refuse(_: _Call) -> Response:
    raise not_implemented()


def _request_id() -> str:
    return uuid.uuid4().hex[:24].upper()


def _find(bucket: Bucket, key: str) -> OssObject:
    try:
        found: OssObject = bucket.objects[key]
    except KeyError:
        raise no_such_key(key) from None
    return found


def _upload(call: _Call) -> Upload:
    upload_id = call.params["uploadId"]
    upload = call.bucket.uploads.get(upload_id)
    if upload is None or upload.key != call.key:
        raise no_such_upload(upload_id)
    return upload


def _part_number(given: str) -> int:
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 10_000:
        raise invalid_argument("Part number must be an integer between 1 and 10000, inclusive.")
    return int(given)


def _checksums(obj: OssObject) -> dict[str, str]:
    return {"ETag": f'"{obj.etag}"', "x-oss-hash-crc64ecma": str(obj.crc64)}


def _check_body(request: Request) -> None:
    """Its length must be told (chunked does), its MD5 right where given."""
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        raise OssError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    given = request.headers.get("content-md5")
    actual = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    if given is not None and given != actual:
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


def _check_overwrite(call: _Call) -> None:
    if call.headers.get("x-oss-forbid-overwrite") == "true" and call.key in call.bucket.objects:
        raise OssError(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.")


def _parse_xml(body: bytes, root: str) -> ElementTree.Element:
    try:
        parsed = ElementTree.fromstring(body)
    except ElementTree.ParseError:  # a control character is enough: XML 1.0 has no way to write one
        raise malformed_xml() from None
    if parsed.tag != root:
        raise malformed_xml()
    return parsed


def _keys_to_delete(body: bytes) -> tuple[list[str], bool]:
    root = _parse_xml(body, "Delete")
    quiet = root.findtext("Quiet", "false")
    keys = [node.findtext("Key") for node in root.findall("Object")]
    if not 1 <= len(keys) <= _MOST_DELETES or quiet not in ("true", "false") or not all(keys):
        raise malformed_xml()
    names = [key for key in keys if key]
    for name in names:
        check_name(name)
    return names, quiet == "true"


def _parts_to_join(body: bytes) -> list[int]:
    root = _parse_xml(body, "CompleteMultipartUpload")
    numbers = [_part_number(node.findtext("PartNumber", "")) for node in root.findall("Part")]
    if numbers != sorted(set(numbers)):
        raise OssError(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    return numbers


def _xml(root: str, inner: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(200, xml_document(root, inner), {"Content-Type": "application/xml", **(headers or {})})
