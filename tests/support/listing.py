"""Pages of listings, as OSS and OBS write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from urllib.parse import quote, quote_plus

from oss_oms_sync.clouds.objects import Columns, ListPage, ObjectSummary
from sandbox.server.faults import Fault
from support.world import OSS_HEADERS

NEW_YEAR = 1_767_225_600
OBS_NAMESPACE = ' xmlns="http://obs.cn-north-4.myhuaweicloud.com/doc/2015-06-30/"'


def listing(objects: Sequence[ObjectSummary], token: str = "", head: str = "<EncodingType>url</EncodingType>") -> str:
    """Return a page of OSS's listing as XML; `token` names the next page.

    Keys are URL-encoded, unless `head` names no encoding; then they must be valid in XML.
    """
    encode = (lambda text: quote(text, safe="")) if "url" in head else str
    goes_on = f"<NextContinuationToken>{encode(token)}</NextContinuationToken>" if token else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>{head}<KeyCount>7</KeyCount>'
        f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{goes_on}"
        f"{''.join(_contents(stored, encode(stored.name)) for stored in objects)}</ListBucketResult>"
    )


def _contents(listed: ObjectSummary, key: str) -> str:
    modified = datetime.fromtimestamp(listed.modified, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{listed.etag}&quot;</ETag>"
        f"<Type>{listed.type}</Type><Size>{listed.size}</Size><StorageClass>{listed.storage_class}</StorageClass></Contents>"
    )


def make_page(objects: Sequence[ObjectSummary], more: bool, token: str = "") -> ListPage:
    return ListPage(
        Columns(*([stored[place] for stored in objects] for place in range(len(ObjectSummary._fields)))), more, token
    )


def answer(*names: str, token: str = "") -> Fault:
    """Return a fault in which OSS answers a listing with a page of these objects."""
    page = listing([ObjectSummary(name, "AB", 1, NEW_YEAR) for name in names], token)
    return Fault.status(200, page.encode(), OSS_HEADERS)


def obs_listing(
    objects: Sequence[ObjectSummary],
    more: bool = False,
    head: str = "<EncodingType>url</EncodingType>",
    namespace: str = OBS_NAMESPACE,
) -> str:
    """Return a page of OBS's listing as XML; keys are URL-encoded, unless `head` names no encoding."""
    encode = (lambda text: quote_plus(text, safe="/")) if "url" in head else str
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult{namespace}><Name>photos-obs</Name>{head}'
        f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        f"{''.join(_obs_contents(stored, encode(stored.name)) for stored in objects)}</ListBucketResult>"
    )


def _obs_contents(listed: ObjectSummary, key: str) -> str:
    modified = datetime.fromtimestamp(listed.modified, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.987Z")
    kind = "" if listed.type == "Normal" else f"<Type>{listed.type}</Type>"
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{listed.etag.lower()}&quot;</ETag>"
        f"<Size>{listed.size}</Size><Owner><ID>1</ID></Owner><StorageClass>{listed.storage_class}</StorageClass>{kind}"
        "</Contents>"
    )
