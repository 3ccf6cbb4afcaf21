"""Listings of objects, by version 1 of the API: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html.

Version 2 is missing here, because that page does not mention `list-type=2`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from sortedcontainers import SortedDict

from sandbox.account import ACCOUNT_ID
from sandbox.obs.errors import invalid_argument
from sandbox.obs.objects import Bucket, ObsObject, iso_time
from sandbox.server.message import Response
from sandbox.versions import Marker

_MAX_KEYS = 1000
VERSIONS_PARAMETERS = {"encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"}
LISTING_PARAMETERS = {"delimiter", "encoding-type", "marker", "max-keys", "prefix"}


def list_objects(bucket: Bucket, params: Mapping[str, str], namespace: str) -> Response:
    """Answer with the page after the marker, which need not be an existing key.

    `namespace` is the XML namespace, which differs between regions.
    """
    encode, limit = _choose_key_encoder(params), _parse_page_limit(params)
    prefix, marker, delimiter = (params.get(name, "") for name in ("prefix", "marker", "delimiter"))
    keys = _list_entries(bucket.objects, prefix, delimiter, marker)
    if bucket.order == "utf-16":
        keys = _list_in_utf16(bucket.objects, prefix, marker)
    entries = list(islice(keys, limit + 1))
    page, is_truncated = entries[:limit], len(entries) > limit
    fields = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Marker": encode(marker),
        "MaxKeys": str(limit),
        "IsTruncated": str(is_truncated).lower(),
    }
    if delimiter:
        fields["Delimiter"] = encode(delimiter)
    if is_truncated:
        fields["NextMarker"] = encode(page[-1])
    if "encoding-type" in params:
        fields["EncodingType"] = "url"
    inner_xml = [f"<{tag}>{text}</{tag}>" for tag, text in fields.items()]
    common_prefixes = [entry for entry in page if _is_common_prefix(entry, prefix, delimiter)]
    inner_xml += [_format_object(encode(key), bucket.objects[key]) for key in page if key not in common_prefixes]
    inner_xml += [
        f"<CommonPrefixes><Prefix>{encode(common_prefix)}</Prefix></CommonPrefixes>"
        for common_prefix in common_prefixes
    ]
    root = f'<ListBucketResult xmlns="{namespace}">{"".join(inner_xml)}</ListBucketResult>'
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'.encode()
    return Response(200, body, {"Content-Type": "application/xml", "x-obs-bucket-location": bucket.region})


def _choose_key_encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("encoding-type")
    return _quote_key


@lru_cache(10_000)
def _quote_key(text: str) -> str:
    return quote_plus(text, safe="/")


def _parse_page_limit(params: Mapping[str, str]) -> int:
    """Return the maximum number of keys in a page, which is 1000 if `max-keys` is missing or out of range."""
    text = params.get("max-keys", str(_MAX_KEYS))
    if not text.isascii() or not text.isdigit():
        raise invalid_argument("max-keys")
    return int(text) if 1 <= int(text) <= _MAX_KEYS else _MAX_KEYS


def _list_entries(objects: SortedDict, prefix: str, delimiter: str, marker: str) -> Iterator[str]:
    """Yield the keys after the marker; for keys with the same common prefix, yield only this prefix.

    The common prefix of a key is its part up to the first delimiter after `prefix`.
    """
    last_entry = marker
    for key in objects.irange(minimum=max(prefix, marker)):
        if not key.startswith(prefix):
            return
        first_part, separator, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        entry = prefix + first_part + delimiter if separator else key
        if entry > last_entry:
            last_entry = entry
            yield entry


def _list_in_utf16(objects: SortedDict, prefix: str, marker: str) -> Iterator[str]:
    """Yield the keys after the marker in the order of UTF-16 code units, which Java uses."""
    keys = {key.encode("utf-16-be"): key for key in objects if key.startswith(prefix)}
    return (keys[key] for key in sorted(keys) if key > marker.encode("utf-16-be"))


def list_versions(bucket: Bucket, params: Mapping[str, str], namespace: str) -> Response:
    """List all versions and delete markers, the latest of each key first (obs_04_0022, "versions")."""
    encode, limit = _choose_key_encoder(params), _parse_page_limit(params)
    page, is_truncated = bucket.history.list_page(params, limit)
    fields = {
        "Name": bucket.name,
        "Prefix": encode(params.get("prefix", "")),
        "KeyMarker": encode(params.get("key-marker", "")),
        "MaxKeys": str(limit),
        "IsTruncated": str(is_truncated).lower(),
    }
    if is_truncated:
        fields |= {"NextKeyMarker": encode(page[-1][0]), "NextVersionIdMarker": page[-1][1].version_id}
    inner_xml = [f"<{tag}>{text}</{tag}>" for tag, text in fields.items()]
    for key, obs_object, is_latest in page:
        tag = "DeleteMarker" if isinstance(obs_object, Marker) else "Version"
        properties = (
            "" if isinstance(obs_object, Marker) else f'<ETag>"{obs_object.etag}"</ETag><Size>{obs_object.size}</Size>'
        )
        inner_xml.append(
            f"<{tag}><Key>{encode(key)}</Key><VersionId>{obs_object.version_id}</VersionId>"
            f"<IsLatest>{str(is_latest).lower()}</IsLatest><LastModified>{iso_time(obs_object.last_modified)}</LastModified>"
            f"{properties}<Owner><ID>{ACCOUNT_ID}</ID></Owner></{tag}>"
        )
    root = f'<ListVersionsResult xmlns="{namespace}">{"".join(inner_xml)}</ListVersionsResult>'
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'.encode()
    return Response(200, body, {"Content-Type": "application/xml"})


def _is_common_prefix(entry: str, prefix: str, delimiter: str) -> bool:
    return bool(delimiter) and entry[len(prefix) :].endswith(delimiter)


def _format_object(key: str, obs_object: ObsObject) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{iso_time(obs_object.last_modified)}</LastModified>"
        f'<ETag>"{obs_object.etag}"</ETag><Size>{obs_object.size}</Size><Owner><ID>{ACCOUNT_ID}</ID></Owner>'
        f"<StorageClass>{obs_object.storage_class}</StorageClass></Contents>"
    )
