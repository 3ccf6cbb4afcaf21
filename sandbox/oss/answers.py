"""Parts of responses that several operations share: an object's headers, encoded keys, XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import formatdate
from urllib.parse import quote
from xml.sax.saxutils import escape

from sandbox.account import ACCOUNT_ID
from sandbox.oss.errors import invalid_argument
from sandbox.oss.objects import Bucket, OssObject
from sandbox.server.message import Response

OWNER = f"<Owner><ID>{ACCOUNT_ID}</ID><DisplayName>{ACCOUNT_ID}</DisplayName></Owner>"


def make_checksum_headers(oss_object: OssObject) -> dict[str, str]:
    crc64 = {} if oss_object.crc64 is None else {"x-oss-hash-crc64ecma": str(oss_object.crc64)}
    return {"ETag": f'"{oss_object.etag}"', **crc64}


def make_last_modified_header(oss_object: OssObject) -> dict[str, str]:
    return {"Last-Modified": formatdate(oss_object.last_modified, usegmt=True)}


def make_version_header(bucket: Bucket, version_id: str) -> dict[str, str]:
    return {"x-oss-version-id": version_id} if bucket.versioning else {}


_PLAIN_KEY = re.compile(r"[\w./~-]*", re.ASCII)


def choose_key_encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function that encodes the keys in a response.

    Without encoding-type=url, a control character in a key makes the response invalid XML, which parsers refuse.
    """
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("Invalid Encoding Method specified in Request.", ArgumentName="encoding-type")
    # Most keys are plain, and `quote` would take as long as the rest of an object's XML.
    return lambda text: text.replace("/", "%2F") if _PLAIN_KEY.fullmatch(text) else quote(text, safe="")


def make_encoding_tag(params: Mapping[str, str]) -> str:
    return "<EncodingType>url</EncodingType>" if "encoding-type" in params else ""


def xml_response(root: str, inner_xml: str, headers: Mapping[str, str] | None = None) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner_xml}</{root}>'.encode()
    return Response(200, body, {"Content-Type": "application/xml", **(headers or {})})
