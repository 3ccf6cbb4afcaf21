"""What several operations check in a request, each with the refusal of OSS: its body, its numbers, its conditions."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from xml.etree import ElementTree

from sandbox.oss.answers import checksums, last_modified
from sandbox.oss.call import Call
from sandbox.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.oss.objects import OssObject
from sandbox.server.message import Request, parse_http_date


def check_body(request: Request) -> None:
    """Raise what OSS answers to a body without a length (chunked has one), or with an MD5 that is not its own."""
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


def check_conditions(obj: OssObject, headers: Mapping[str, str], prefix: str = "") -> None:
    """Raise what OSS answers where a condition does not hold. Each counts by itself; a malformed date counts for none.

    With the prefix `x-oss-copy-source-` these are the conditions of CopyObject.
    """
    given = headers.get(prefix + "if-match")
    if given is not None and given.strip('"') != obj.etag:
        raise _precondition_failed("If-Match")
    moment = _moment(headers.get(prefix + "if-unmodified-since"))
    if moment is not None and moment < obj.last_modified:
        raise _precondition_failed("If-Unmodified-Since")
    given = headers.get(prefix + "if-none-match")
    moment = _moment(headers.get(prefix + "if-modified-since"))
    if (given is not None and given.strip('"') == obj.etag) or (moment is not None and moment >= obj.last_modified):
        raise OssError(304, "NotModified", "Not Modified", {**checksums(obj), **last_modified(obj)})


def _precondition_failed(condition: str) -> OssError:
    return OssError(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold.",
        ec="0017-00001001",
        Condition=condition,
    )


def _moment(given: str | None) -> float | None:
    try:
        return parse_http_date(given) if given else None
    except ValueError:
        return None


def number_between(params: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    given = params.get(name) or str(default)  # oss2 sends empty ones
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise invalid_argument(
            f"Argument {name} must be an integer between {least} and {most}.", ArgumentName=name, ArgumentValue=given
        )
    return int(given)


def parse_xml(body: bytes, root: str) -> ElementTree.Element:
    try:
        parsed = ElementTree.fromstring(body)
    except ElementTree.ParseError:  # a control character is enough: XML 1.0 has no way to write one
        raise malformed_xml() from None
    if parsed.tag != root:
        raise malformed_xml()
    return parsed
