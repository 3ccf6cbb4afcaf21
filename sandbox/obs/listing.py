"""Listing the objects of a bucket, version 1: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html.

`list-type=2` is not on that page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from sortedcontainers import SortedDict

from sandbox.account import ACCOUNT_ID
from sandbox.obs.errors import invalid_argument
from sandbox.obs.objects import Bucket, ObsObject, iso_time
from sandbox.server.message import Response

_MAX_KEYS = 1000
LISTING_PARAMETERS = {"delimiter", "encoding-type", "marker", "max-keys", "prefix"}


def list_objects(bucket: Bucket, params: Mapping[str, str], namespace: str) -> Response:
    """A page of what follows the marker, which need not exist. The XML's namespace is not the same in every region."""
    encode, limit = _encoder(params), _limit(params)
    prefix, marker, delimiter = (params.get(name, "") for name in ("prefix", "marker", "delimiter"))
    entries = list(islice(_entries(bucket.objects, prefix, delimiter, marker), limit + 1))
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
    inner += [f"<CommonPrefixes><Prefix>{encode(one)}</Prefix></CommonPrefixes>" for one in groups]
    root = f'<ListBucketResult xmlns="{namespace}">{"".join(inner)}</ListBucketResult>'
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'.encode()
    return Response(200, body, {"Content-Type": "application/xml", "x-obs-bucket-location": bucket.region})


def _encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("encoding-type")
    return lambda text: quote_plus(text, safe="/")


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


def _is_group(entry: str, prefix: str, delimiter: str) -> bool:
    return bool(delimiter) and entry[len(prefix) :].endswith(delimiter)


def _object_xml(key: str, obj: ObsObject) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{iso_time(obj.last_modified)}</LastModified>"
        f'<ETag>"{obj.etag}"</ETag><Size>{obj.size}</Size><Owner><ID>{ACCOUNT_ID}</ID></Owner>'
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
