"""A request on its way through an operation of OSS, and what several operations need."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sandbox.oss.errors import OssError, invalid_argument, malformed_xml, no_such_key, not_implemented
from sandbox.oss.objects import Bucket, OssObject, object_name
from sandbox.server.message import Request, Response

if TYPE_CHECKING:
    from sandbox.oss.service import Oss

_BUCKET_HOST = re.compile(r"([a-z0-9-]+)\.oss-[a-z0-9-]+\.aliyuncs\.com")


class Address(NamedTuple):
    """What a request is about; the key is quoted, as it came over the wire. Both are empty for the service itself."""

    bucket: str
    quoted_key: str

    @property
    def path(self) -> str:
        """The path that is signed, in whatever way the bucket was addressed."""
        return "/" if self.target == "service" else f"/{self.bucket}/{self.quoted_key}"

    @property
    def target(self) -> str:
        return "object" if self.quoted_key else "bucket" if self.bucket else "service"


def address_of(request: Request) -> Address:
    """The bucket stands in an endpoint's name, as `ali-oss` puts it in the Host header, else first in the path."""
    path = request.raw_path.removeprefix("/")
    host = _BUCKET_HOST.fullmatch(request.headers.get("host", "").partition(":")[0])
    if host:
        return Address(host[1], path)
    bucket, _, key = path.partition("/")
    return Address(bucket, key)


class Call(NamedTuple):
    """A request that may do what it asks for. `touched` are the keys that it reads or changes."""

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


Operation: TypeAlias = Callable[["Oss", Call], Response]


def find(bucket: Bucket, key: str) -> OssObject:
    try:
        found: OssObject = bucket.objects[key]
    except KeyError:
        raise no_such_key(key) from None
    return found


def check_body(request: Request) -> None:
    """Its length must be told (chunked does), its MD5 right where given."""
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        raise OssError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    given = request.headers.get("content-md5")
    actual = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    if given is not None and given != actual:
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


def check_overwrite(call: Call, ec: str = "0026-00000002") -> None:
    """x-oss-forbid-overwrite: help.aliyun.com/zh/oss/developer-reference/putobject.

    Where versioning is enabled or suspended it has no effect.
    """
    forbidden = call.headers.get("x-oss-forbid-overwrite") == "true" and not call.bucket.versioning
    if forbidden and call.key in call.bucket.objects:
        message = "The object you specified already exists and can not be overwritten."
        raise OssError(409, "FileAlreadyExists", message, ec=ec)


def source_of(oss: Oss, call: Call) -> tuple[Bucket, OssObject]:
    """The object that x-oss-copy-source names; reading it takes a right of its own."""
    path, _, query = call.headers["x-oss-copy-source"].removeprefix("/").partition("?")
    if query:  # a versionId
        raise not_implemented()
    name, _, quoted_key = path.partition("/")
    bucket, key = oss.bucket_for("oss:GetObject", name), object_name(quoted_key)
    source = find(bucket, key)
    oss.record("oss:GetObject", name, key, 200)
    return bucket, source


def checksums(obj: OssObject) -> dict[str, str]:
    crc64 = {} if obj.crc64 is None else {"x-oss-hash-crc64ecma": str(obj.crc64)}
    return {"ETag": f'"{obj.etag}"', **crc64}


def version_header(bucket: Bucket, version_id: str) -> dict[str, str]:
    """Answers name a version only where versioning was ever switched on."""
    return {"x-oss-version-id": version_id} if bucket.versioning else {}


def number_between(params: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    given = params.get(name) or str(default)  # oss2 sends empty ones
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise invalid_argument(
            f"Argument {name} must be an integer between {least} and {most}.", ArgumentName=name, ArgumentValue=given
        )
    return int(given)


def encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    """How keys stand in an answer; without encoding-type=url some make it XML that no parser takes."""
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("Invalid Encoding Method specified in Request.", ArgumentName="encoding-type")
    return lambda text: quote(text, safe="")


def encoding_tag(params: Mapping[str, str]) -> str:
    return "<EncodingType>url</EncodingType>" if "encoding-type" in params else ""


def parse_xml(body: bytes, root: str) -> ElementTree.Element:
    try:
        parsed = ElementTree.fromstring(body)
    except ElementTree.ParseError:  # a control character is enough: XML 1.0 has no way to write one
        raise malformed_xml() from None
    if parsed.tag != root:
        raise malformed_xml()
    return parsed


def xml_response(root: str, inner: str, headers: Mapping[str, str] | None = None) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()
    return Response(200, body, {"Content-Type": "application/xml", **(headers or {})})
