"""ListObjectsV2: https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import quote
from xml.sax.saxutils import escape

from sortedcontainers import SortedDict

from sandbox.oss_errors import invalid_argument
from sandbox.oss_objects import ACCOUNT_ID, Bucket, OssObject

_DEFAULT_KEYS = 100
_MOST_KEYS = 1000


@dataclass
class _Page:
    contents: list[tuple[str, OssObject]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: tuple[str, str] = ("key", "")
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.contents) + len(self.prefixes)


def list_objects(bucket: Bucket, params: Mapping[str, str]) -> bytes:
    """One page as XML."""
    encode = encoder(params)
    limit = _limit(params)
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    page = _page(bucket.objects, prefix, delimiter, _start(params), limit)
    fields = [
        ("Name", bucket.name),
        ("Prefix", encode(prefix)),
        ("MaxKeys", str(limit)),
        ("Delimiter", encode(delimiter)),
        ("StartAfter", encode(params.get("start-after", ""))),
        ("ContinuationToken", encode(params.get("continuation-token", ""))),
        ("IsTruncated", str(page.truncated).lower()),
        ("KeyCount", str(len(page))),
    ]
    if "encoding-type" in params:
        fields.append(("EncodingType", "url"))
    if page.truncated:
        fields.append(("NextContinuationToken", encode(_token(*page.last))))
    owner = params.get("fetch-owner") == "true"
    inner = [f"<{tag}>{text}</{tag}>" for tag, text in fields]
    inner += [_contents(encode(key), obj, owner) for key, obj in page.contents]
    inner += [f"<CommonPrefixes><Prefix>{encode(one)}</Prefix></CommonPrefixes>" for one in page.prefixes]
    return xml_document("ListBucketResult", "\n".join(inner))


def encoder(params: Mapping[str, str]) -> Callable[[str], str]:
    """How keys stand in an answer; without encoding-type=url some make it XML that no parser takes."""
    encoding = params.get("encoding-type")
    if encoding is None:
        return escape
    if encoding != "url":
        raise invalid_argument("Invalid Encoding Method specified in Request.", ArgumentName="encoding-type")
    return lambda text: quote(text, safe="")


def xml_document(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def iso_time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _limit(params: Mapping[str, str]) -> int:
    given = params.get("max-keys", str(_DEFAULT_KEYS))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= _MOST_KEYS:
        raise invalid_argument("Argument max-keys must be an integer between 1 and 1000.", ArgumentName="max-keys")
    return int(given)


def _start(params: Mapping[str, str]) -> tuple[str, bool]:
    """Where a page begins, and whether a key of just that name belongs to it."""
    token = params.get("continuation-token")
    if not token:  # oss2 sends an empty one for the first page
        return params.get("start-after", ""), False
    try:
        kind, _, last = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        kind = last = ""
    if kind == "key":
        return last, False
    if kind == "prefix":
        return _behind(last), True
    raise invalid_argument("The continuation token provided is incorrect.", ArgumentName="continuation-token")


def _token(kind: str, last: str) -> str:
    return base64.b64encode(f"{kind}:{last}".encode()).decode()


def _behind(prefix: str) -> str:
    """The first possible name behind all names with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _page(objects: SortedDict, prefix: str, delimiter: str, start: tuple[str, bool], limit: int) -> _Page:
    page = _Page()
    for key, group in _entries(objects, prefix, delimiter, start):
        if len(page) == limit:
            page.truncated = True
            break
        if group is None:
            page.contents.append((key, objects[key]))
            page.last = ("key", key)
        else:
            page.prefixes.append(group)
            page.last = ("prefix", group)
    return page


def _entries(
    objects: SortedDict, prefix: str, delimiter: str, start: tuple[str, bool]
) -> Iterator[tuple[str, str | None]]:
    """Keys from `start` on; of those that share a prefix up to the delimiter only the first, with that prefix."""
    position: tuple[str, bool] | None = start if start[0] >= prefix else (prefix, True)
    while position:
        minimum, inclusive = position
        position = None
        for key in objects.irange(minimum=minimum, inclusive=(inclusive, True)):
            if not key.startswith(prefix):
                return
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if found:
                group = prefix + head + delimiter
                yield key, group
                position = _behind(group), True
                break
            yield key, None


def _contents(key: str, obj: OssObject, owner: bool) -> str:
    who = f"<Owner><ID>{ACCOUNT_ID}</ID><DisplayName>{ACCOUNT_ID}</DisplayName></Owner>" if owner else ""
    return (
        f"<Contents><Key>{key}</Key><LastModified>{iso_time(obj.last_modified)}</LastModified>"
        f'<ETag>"{obj.etag}"</ETag><Type>{obj.type}</Type><Size>{obj.size}</Size>'
        f"<StorageClass>Standard</StorageClass>{who}</Contents>"
    )
