"""A page of a listing, as OBS answers "Listing Objects in a Bucket", version 1, with encoding-type=url.

https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html.
"""

from __future__ import annotations

from urllib.parse import unquote_plus
from xml.etree import ElementTree

from oss_oms_sync.clouds.listings import BOOLEANS, NotAListing, minutes, parse_xml, texts
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary

_TRUNCATED = b"<IsTruncated>true</IsTruncated>"
_URL_ENCODED = b"<EncodingType>url</EncodingType>"
_SECONDS = {f":{second:02}": second for second in range(60)}
# How a time ends: milliseconds do not count, because OSS has none.
_ENDS = {"Z", *(f".{millisecond:03}Z" for millisecond in range(1000))}


class UnreadObsPage:
    """The body of a page, not yet parsed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def guess_next(self) -> str:
        """The name after which the next page begins; empty if there seems to be none, or a look at the end does not
        tell."""
        _, key, end = self._body.rpartition(b"<Key>")
        if not key or _TRUNCATED not in self._body or _URL_ENCODED not in self._body:
            return ""
        return unquote_plus(end.partition(b"</Key>")[0].decode("utf-8", "replace"))

    def read(self) -> tuple[ListPage, str]:
        """The page; its marker of the next page is not looked at, so the second value is empty.

        Raises NotAListing.
        """
        try:
            return _read(self._body), ""
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise NotAListing("the answer is not a listing") from error


def _read(body: bytes) -> ListPage:
    root = parse_xml(body)
    # The namespace differs from region to region.
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(f"{name} is not a listing")
    tag = f"{namespace}}}" if namespace else ""
    decode = _unquote if root.findtext(f"{tag}EncodingType") == "url" else str
    more = BOOLEANS[root.findtext(f"{tag}IsTruncated", "")]
    contents = root.findall(f"{tag}Contents")
    # Column by column, which is faster than object by object.
    columns = (
        map(decode, texts(contents, f"{tag}Key")),
        [etag.strip('"').upper() for etag in texts(contents, f"{tag}ETag")],
        map(int, texts(contents, f"{tag}Size")),
        map(_seconds, texts(contents, f"{tag}LastModified")),
        # OBS says the type of some, and nobody asks: what cannot be copied is told by the source's.
        ["Normal"] * len(contents),
    )
    return ListPage(list(map(ObjectSummary._make, zip(*columns, strict=True))), more)


def _unquote(text: str) -> str:
    # Most keys hold nothing else that is encoded, and `unquote_plus` takes ten times as long.
    text = text.replace("%2F", "/")
    return unquote_plus(text) if "%" in text or "+" in text else text


def _seconds(modified: str) -> int:
    """Whole seconds since 1970 of a time such as 2026-01-31T12:00:00.123Z."""
    if modified[19:] not in _ENDS:
        raise ValueError("a time of the listing is not one")
    return minutes(modified) + _SECONDS[modified[16:19]]
