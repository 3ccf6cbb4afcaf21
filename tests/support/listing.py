"""A page of a listing, as OSS writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from urllib.parse import quote

from oss_oms_sync.clouds.objects import ObjectSummary
from sandbox.server.faults import Fault
from support.world import KNOWN


def listing(objects: Sequence[ObjectSummary], token: str = "", head: str = "<EncodingType>url</EncodingType>") -> str:
    """`token` says that there are more; without `head` keys must be such that XML carries them."""
    encode = (lambda text: quote(text, safe="")) if "url" in head else str
    goes_on = f"<NextContinuationToken>{encode(token)}</NextContinuationToken>" if token else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>{head}<KeyCount>7</KeyCount>'
        f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{goes_on}"
        f"{''.join(_contents(one, encode(one.name)) for one in objects)}</ListBucketResult>"
    )


def _contents(one: ObjectSummary, key: str) -> str:
    modified = datetime.fromtimestamp(one.modified, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{one.etag}&quot;</ETag>"
        f"<Type>{one.type}</Type><Size>{one.size}</Size><StorageClass>Standard</StorageClass></Contents>"
    )


def answer(*names: str, token: str = "") -> Fault:
    """OSS's answer of a page of objects of these names."""
    page = listing([ObjectSummary(name, "AB", 1, 1_767_225_600) for name in names], token)
    return Fault.status(200, page.encode(), KNOWN)
