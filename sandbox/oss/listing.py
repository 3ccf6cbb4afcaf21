"""Listings: GetBucket (ListObjects), GetBucketV2 (ListObjectsV2) and ListObjectVersions.

Sources: https://help.aliyun.com/zh/oss/developer-reference/listobjects, .../listobjectsv2, .../listobjectversions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from sandbox.oss.answers import OWNER, choose_key_encoder, make_encoding_tag, xml_response
from sandbox.oss.call import Call
from sandbox.oss.checks import parse_number
from sandbox.oss.errors import invalid_argument
from sandbox.oss.objects import OssObject, iso_time
from sandbox.server.message import Response
from sandbox.versions import Marker

_DEFAULT_KEYS = 100
_MAX_KEYS = 1000


@dataclass
class _Page:
    contents: list[tuple[str, OssObject]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last_entry: tuple[str, str] = ("key", "")
    is_truncated: bool = False

    def __len__(self) -> int:
        return len(self.contents) + len(self.prefixes)


def list_objects(call: Call) -> Response:
    """Answer GetBucket with the page after the marker, which need not be an existing key."""
    params, encode = call.params, choose_key_encoder(call.params)
    prefix, marker, delimiter = params.get("prefix", ""), params.get("marker", ""), params.get("delimiter", "")
    # The previous page can end with a common prefix, whose keys must not be listed again.
    is_common_prefix = bool(delimiter) and marker.startswith(prefix) and marker[len(prefix) :].endswith(delimiter)
    start = (_find_end_of_prefix(marker), True) if is_common_prefix else (marker, False)
    page = _fill_page(call.bucket.objects, prefix, delimiter, start, _parse_page_limit(params))
    fields = {"Marker": encode(marker)}
    if page.is_truncated:
        fields["NextMarker"] = encode(page.last_entry[1])
    return _make_response(call, page, fields, include_owner=True)


def list_objects_v2(call: Call) -> Response:
    params, encode = call.params, choose_key_encoder(call.params)
    page = _fill_page(
        call.bucket.objects,
        params.get("prefix", ""),
        params.get("delimiter", ""),
        _find_page_start(params),
        _parse_page_limit(params),
    )
    fields = {
        "StartAfter": encode(params.get("start-after", "")),
        "ContinuationToken": encode(params.get("continuation-token", "")),
        "KeyCount": str(len(page)),
    }
    if page.is_truncated:
        fields["NextContinuationToken"] = encode(_make_token(*page.last_entry))
    return _make_response(call, page, fields, include_owner=params.get("fetch-owner") == "true")


def list_object_versions(call: Call) -> Response:
    """List all versions and delete markers, the latest version of each key first."""
    params, encode = call.params, choose_key_encoder(call.params)
    limit = _parse_page_limit(params)
    page, is_truncated = call.bucket.history.list_page(params, limit)
    fields = {
        "Name": call.bucket.name,
        "Prefix": encode(params.get("prefix", "")),
        "KeyMarker": encode(params.get("key-marker", "")),
        "VersionIdMarker": params.get("version-id-marker", ""),
        "MaxKeys": str(limit),
        "IsTruncated": str(is_truncated).lower(),
    }
    if is_truncated:
        fields |= {"NextKeyMarker": encode(page[-1][0]), "NextVersionIdMarker": page[-1][1].version_id}
    inner_xml = [f"<{tag}>{text}</{tag}>" for tag, text in fields.items()]
    inner_xml.append(make_encoding_tag(params))
    for key, oss_object, is_latest in page:
        tag = "DeleteMarker" if isinstance(oss_object, Marker) else "Version"
        properties = (
            ""
            if isinstance(oss_object, Marker)
            else f'<ETag>"{oss_object.etag}"</ETag><Size>{oss_object.size}</Size><Type>{oss_object.type}</Type>'
        )
        inner_xml.append(
            f"<{tag}><Key>{encode(key)}</Key><VersionId>{oss_object.version_id}</VersionId>"
            f"<IsLatest>{str(is_latest).lower()}</IsLatest><LastModified>{iso_time(oss_object.last_modified)}</LastModified>"
            f"{properties}{OWNER}</{tag}>"
        )
    return xml_response("ListVersionsResult", "".join(inner_xml))


def _make_response(call: Call, page: _Page, fields: Mapping[str, str], include_owner: bool) -> Response:
    """Return a listing's response; `fields` has the elements that only one version of the API has."""
    params, encode = call.params, choose_key_encoder(call.params)
    common_fields = {
        "Name": call.bucket.name,
        "Prefix": encode(params.get("prefix", "")),
        "MaxKeys": str(_parse_page_limit(params)),
        "Delimiter": encode(params.get("delimiter", "")),
        "IsTruncated": str(page.is_truncated).lower(),
    }
    inner_xml = [f"<{tag}>{text}</{tag}>" for tag, text in {**common_fields, **fields}.items()]
    inner_xml.append(make_encoding_tag(params))
    inner_xml += [
        _format_object(encode(key), oss_object, OWNER if include_owner else "") for key, oss_object in page.contents
    ]
    inner_xml += [f"<CommonPrefixes><Prefix>{encode(prefix)}</Prefix></CommonPrefixes>" for prefix in page.prefixes]
    return xml_response("ListBucketResult", "\n".join(inner_xml))


def _parse_page_limit(params: Mapping[str, str]) -> int:
    return parse_number(params, "max-keys", _DEFAULT_KEYS, 1, _MAX_KEYS)


def _find_page_start(params: Mapping[str, str]) -> tuple[str, bool]:
    """Return the key at which a page begins, and True if the page includes the object with this key."""
    token = params.get("continuation-token")
    if not token:  # oss2 sends an empty token for the first page
        return params.get("start-after", ""), False
    try:
        kind, _, last_entry = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        kind = last_entry = ""
    if kind == "key":
        return last_entry, False
    if kind == "prefix":
        return _find_end_of_prefix(last_entry), True
    raise invalid_argument("The continuation token provided is incorrect.", ArgumentName="continuation-token")


def _make_token(kind: str, last_entry: str) -> str:
    return base64.b64encode(f"{kind}:{last_entry}".encode()).decode()


def _find_end_of_prefix(prefix: str) -> str:
    """Return the first possible key after all keys that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _fill_page(objects: SortedDict, prefix: str, delimiter: str, start: tuple[str, bool], limit: int) -> _Page:
    page = _Page()
    for key, common_prefix in _list_entries(objects, prefix, delimiter, start):
        if len(page) == limit:
            page.is_truncated = True
            break
        if common_prefix is None:
            page.contents.append((key, objects[key]))
            page.last_entry = ("key", key)
        else:
            page.prefixes.append(common_prefix)
            page.last_entry = ("prefix", common_prefix)
    return page


def _list_entries(
    objects: SortedDict, prefix: str, delimiter: str, start: tuple[str, bool]
) -> Iterator[tuple[str, str | None]]:
    """Yield the keys of a page, each with its common prefix, or with None if it has no common prefix.

    The common prefix of a key is its part up to the first delimiter after `prefix`; only the first key with a common
    prefix is yielded. `start` has the first possible key, and False if this key itself is excluded.
    """
    position: tuple[str, bool] | None = start if start[0] >= prefix else (prefix, True)
    while position:
        minimum, is_inclusive = position
        position = None
        for key in objects.irange(minimum=minimum, inclusive=(is_inclusive, True)):
            if not key.startswith(prefix):
                return
            first_part, separator, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if separator:
                common_prefix = prefix + first_part + delimiter
                yield key, common_prefix
                position = _find_end_of_prefix(common_prefix), True
                break
            yield key, None


def _format_object(key: str, oss_object: OssObject, owner: str) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{iso_time(oss_object.last_modified)}</LastModified>"
        f'<ETag>"{oss_object.etag}"</ETag><Type>{oss_object.type}</Type><Size>{oss_object.size}</Size>'
        f"<StorageClass>{oss_object.storage_class}</StorageClass>{owner}</Contents>"
    )
