"""Listing the objects of a bucket, version 1: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html.

`list-type=2` is not on that page.
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
    """A page of what follows the marker, which need not exist. The XML's namespace is not the same in every region."""
    encode, limit = _encoder(params), _limit(params)
    prefix, marker, delimiter = (params.get(name, "") for name in ("prefix", "marker", "delimiter"))
    found = _entries(bucket.objects, prefix, delimiter, marker)
    if bucket.order == "utf-16":
        found = _in_utf16(bucket.objects, prefix, marker)
    entries = list(islice(found, limit + 1))
    page, truncated = entries[:limit], len(entries) > limit
    fields = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Marker": encode(marker),
        "MaxKeys": str(limit),
        "IsTruncated": str(truncated).lower(),
    }
    if delimiter:
        fields["Delimiter"] = encode(delimiter)
    if truncated:
        fields["NextMarker"] = encode(page[-1])
    if "encoding-type" in params:
        fields["EncodingType"] = "url"
    inner = [f"<{tag}>{text}</{tag}>" for tag, text in fields.items()]
    groups = [one for one in page if _is_group(one, prefix, delimiter)]
    inner += [_object_xml(encode(key), bucket.objects[key]) for key in page if key not in groups]
    inner += [f"<CommonPrefixes><Prefix>{encode(group)}</Prefix></CommonPrefixes>" for group in groups]
    root = f'<ListBucketResult xmlns="{namespace}">{"".join(inner)}</ListBucketResult>'
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'.encode()
    return Response(200, body, {"Content-Type": "application/xml", "x-obs-bucket-location": bucket.region})


def _encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("encoding-type")
    return _quoted


@lru_cache(10_000)
def _quoted(text: str) -> str:
    return quote_plus(text, safe="/")


def _limit(params: Mapping[str, str]) -> int:
    """A number that is out of range counts as a thousand."""
    given = params.get("max-keys", str(_MAX_KEYS))
    if not given.isascii() or not given.isdigit():
        raise invalid_argument("max-keys")
    return int(given) if 1 <= int(given) <= _MAX_KEYS else _MAX_KEYS


def _entries(objects: SortedDict, prefix: str, delimiter: str, marker: str) -> Iterator[str]:
    """Keys after the marker; in place of those that share a prefix up to the delimiter, that prefix."""
    last = marker
    for key in objects.irange(minimum=max(prefix, marker)):
        if not key.startswith(prefix):
            return
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        entry = prefix + head + delimiter if found else key
        if entry > last:
            last = entry
            yield entry


def _in_utf16(objects: SortedDict, prefix: str, marker: str) -> Iterator[str]:
    """The same in the order of UTF-16's units, in which Java and Windows sort; without a delimiter."""
    keys = {key.encode("utf-16-be"): key for key in objects if key.startswith(prefix)}
    return (keys[key] for key in sorted(keys) if key > marker.encode("utf-16-be"))


def list_versions(bucket: Bucket, params: Mapping[str, str], namespace: str) -> Response:
    """All versions and delete markers, of each key the latest first:
    https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html, "versions"."""
    encode, limit = _encoder(params), _limit(params)
    after = params.get("key-marker", ""), params.get("version-id-marker", "")
    following, is_after = [], not after[1]
    for key, obs_object, is_latest in bucket.history.listed(params.get("prefix", "")):
        if key > after[0] or (key == after[0] and after[1] and is_after):
            following.append((key, obs_object, is_latest))
        is_after = is_after or (key, obs_object.version_id) == after
    page = following[:limit]
    fields = {
        "Name": bucket.name,
        "Prefix": encode(params.get("prefix", "")),
        "KeyMarker": encode(after[0]),
        "MaxKeys": str(limit),
        "IsTruncated": str(len(page) < len(following)).lower(),
    }
    if len(page) < len(following):
        fields |= {"NextKeyMarker": encode(page[-1][0]), "NextVersionIdMarker": page[-1][1].version_id}
    inner = [f"<{tag}>{text}</{tag}>" for tag, text in fields.items()]
    for key, obs_object, is_latest in page:
        tag = "DeleteMarker" if isinstance(obs_object, Marker) else "Version"
        told = (
            "" if isinstance(obs_object, Marker) else f'<ETag>"{obs_object.etag}"</ETag><Size>{obs_object.size}</Size>'
        )
        inner.append(
            f"<{tag}><Key>{encode(key)}</Key><VersionId>{obs_object.version_id}</VersionId>"
            f"<IsLatest>{str(is_latest).lower()}</IsLatest><LastModified>{iso_time(obs_object.last_modified)}</LastModified>"
            f"{told}<Owner><ID>{ACCOUNT_ID}</ID></Owner></{tag}>"
        )
    root = f'<ListVersionsResult xmlns="{namespace}">{"".join(inner)}</ListVersionsResult>'
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'.encode()
    return Response(200, body, {"Content-Type": "application/xml"})


def _is_group(entry: str, prefix: str, delimiter: str) -> bool:
    return bool(delimiter) and entry[len(prefix) :].endswith(delimiter)


def _object_xml(key: str, obj: ObsObject) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{iso_time(obj.last_modified)}</LastModified>"
        f'<ETag>"{obj.etag}"</ETag><Size>{obj.size}</Size><Owner><ID>{ACCOUNT_ID}</ID></Owner>'
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
