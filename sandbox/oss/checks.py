"""Checks that several operations share, with OSS's errors: bodies, numbers, conditions."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from xml.etree import ElementTree

from sandbox.oss.answers import make_checksum_headers, make_last_modified_header
from sandbox.oss.call import Call
from sandbox.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.oss.objects import OssObject
from sandbox.server.message import Request, parse_http_date


def check_body(request: Request) -> None:
    """Raise OssError if the header Content-MD5 differs from the body's MD5."""
    md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    if request.headers.get("content-md5", md5) != md5:
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


def check_overwrite(call: Call) -> None:
    """Raise OssError if x-oss-forbid-overwrite is true and the object exists.

    Source: .../developer-reference/putobject. The header has no effect in a bucket whose versioning is enabled or
    suspended.
    """
    is_forbidden = call.headers.get("x-oss-forbid-overwrite") == "true" and not call.bucket.versioning
    if is_forbidden and call.key in call.bucket.objects:
        message = "The object you specified already exists and can not be overwritten."
        raise OssError(409, "FileAlreadyExists", message, ec="0026-00000002")


def check_conditions(oss_object: OssObject, headers: Mapping[str, str]) -> None:
    if headers.get("if-match", oss_object.etag).strip('"') != oss_object.etag:
        raise _make_precondition_error("If-Match")
    if (date := headers.get("if-unmodified-since")) and parse_http_date(date) < oss_object.last_modified:
        raise _make_precondition_error("If-Unmodified-Since")
    if headers.get("if-none-match", "").strip('"') == oss_object.etag:
        raise OssError(
            304,
            "NotModified",
            "Not Modified",
            {**make_checksum_headers(oss_object), **make_last_modified_header(oss_object)},
        )


def _make_precondition_error(condition: str) -> OssError:
    return OssError(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold.",
        ec="0017-00001001",
        Condition=condition,
    )


def parse_number(params: Mapping[str, str], name: str, default: int, minimum: int, maximum: int) -> int:
    text = params.get(name) or str(default)  # oss2 sends parameters without a value
    if not text.isascii() or not text.isdigit() or not minimum <= int(text) <= maximum:
        raise invalid_argument(
            f"Argument {name} must be an integer between {minimum} and {maximum}.",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return int(text)


def parse_xml(body: bytes, root: str) -> ElementTree.Element:
    try:
        element = ElementTree.fromstring(body)
    except ElementTree.ParseError:  # XML 1.0 cannot hold some characters, such as control characters
        raise malformed_xml() from None
    if element.tag != root:
        raise malformed_xml()
    return element
