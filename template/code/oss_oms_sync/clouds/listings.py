"""The listings of both clouds: a page as OSS answers ListObjectsV2, and OBS "Listing Objects in a Bucket", version 1,
each with encoding-type=url.

https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2,
https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html. `oss2` reads the former, too, but a pass does
little else, and this takes a third of the time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import add, lt
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from oss_oms_sync.clouds.alike import cut
from oss_oms_sync.clouds.objects import Columns, ListPage

_TRUNCATED = b"<IsTruncated>true</IsTruncated>"
_URL_ENCODED = b"<EncodingType>url</EncodingType>"
_BOOLEANS = {"true": True, "false": False}
# An attribute that no page has, so that the element is told from all others.
_MARK = f"here-{os.urandom(8).hex()}"
# How a time of OSS ends.
_SECONDS = {f":{second:02}.000Z": second for second in range(60)}


class NotAListing(ValueError):  # noqa: N818  what it is, as in "not a number"
    """A body that is not a page of a listing."""


@dataclass(frozen=True)
class Dialect:
    """What differs in the two clouds' listings: how a name and a time are read, by which expression a time ends, and
    whether a page tells the types of its objects and, by a token, where it goes on."""

    unquote: Callable[[str], str]
    seconds: Callable[[str], int]
    end: str
    tells_types: bool
    has_token: bool


class UnreadPage:
    """The body of a page, not yet parsed."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    def guess_next(self) -> str:
        """The name after which the next page begins, by a look at the end of this one; empty if there seems to be no
        next page, or a look does not tell. Parsing decides whether it was right."""
        _, key, end = self._body.rpartition(b"<Key>")
        if not key or _TRUNCATED not in self._body or _URL_ENCODED not in self._body:
            return ""
        return self._dialect.unquote(end.partition(b"</Key>")[0].decode("utf-8", "replace"))

    def read(self) -> ListPage:
        """The page.

        Raises NotAListing.
        """
        try:
            return _read_alike(self._body, self._dialect) or _read(self._body, self._dialect)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise NotAListing("the answer is not a listing") from error


class _Frame(NamedTuple):
    """A page but for its objects' own properties: the elements that tell of them, how their tags begin, how their names
    are decoded, and what ListPage has of the rest."""

    contents: list[ElementTree.Element]
    tag: str
    decode: Callable[[str], str]
    more: bool
    token: str


def _frame(body: bytes, dialect: Dialect) -> _Frame:
    root = parse_xml(body)
    # The namespace of OBS differs from region to region.
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(f"{name} is not a listing")
    tag = f"{namespace}}}" if namespace else ""
    decode = dialect.unquote if root.findtext(f"{tag}EncodingType") == "url" else str
    more = _BOOLEANS[root.findtext(f"{tag}IsTruncated", "")]
    token = root.findtext(f"{tag}NextContinuationToken", "") if more and dialect.has_token else ""
    if more and dialect.has_token and not token:
        raise ValueError("a listing goes on, and does not say where")
    return _Frame(root.findall(f"{tag}Contents"), tag, decode, more, decode(token))


def _read(body: bytes, dialect: Dialect) -> ListPage:
    contents, tag, decode, more, token = _frame(body, dialect)
    # Column by column, which is faster than object by object.
    columns = Columns(
        list(map(decode, _texts(contents, f"{tag}Key"))),
        [etag.strip('"').upper() for etag in _texts(contents, f"{tag}ETag")],
        list(map(int, _texts(contents, f"{tag}Size"))),
        list(map(dialect.seconds, _texts(contents, f"{tag}LastModified"))),
        # OBS says the type of some, and nobody asks: what cannot be copied is told by the source's.
        _texts(contents, f"{tag}Type") if dialect.tells_types else ["Normal"] * len(contents),
    )
    return ListPage(columns, more, token)


def _read_alike(body: bytes, dialect: Dialect) -> ListPage | None:
    """The same without parsing; None where only that tells."""
    try:
        rest, text = cut(body.decode("ascii"), f'<Contents {_MARK}=""/>', dialect.end) or ("", {})
        frame = _frame(rest.encode(), dialect)
        # Where all the objects of a page are, there is the mark now, and no other.
        if [one.attrib for one in frame.contents] != [{_MARK: ""}]:
            return None
        columns = Columns(
            text["name"] if frame.decode is str else _unquoted(text["name"], dialect),
            "\n".join(text["etag"]).upper().split("\n"),
            list(map(int, text["size"])),
            list(map(add, map(add, map(_day, text["day"]), map(_minute, text["minute"])), map(int, text["second"]))),
            text["type"] if dialect.tells_types else ["Normal"] * len(text["name"]),
        )
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    return ListPage(columns, frame.more, frame.token)


def _unquoted(names: list[str], dialect: Dialect) -> list[str]:
    # All at once, where nothing but slashes is encoded. They are in one line each.
    text = "\n".join(names).replace("%2F", "/")
    return list(map(dialect.unquote, names)) if "%" in text or "+" in text else text.split("\n")


def parse_xml(body: bytes) -> ElementTree.Element:
    """The root of an answer that is not to be trusted.

    Raises ElementTree.ParseError and ValueError.
    """
    # In a document type entities are declared, which expand without end. A zero byte is in no XML but UTF-16, which
    # the parser finds out by itself; every other encoding that could hide what is looked for here, it is not to try.
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise ValueError("a listing has no document type")
    return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))  # noqa: S314


def _texts(contents: Sequence[ElementTree.Element], tag: str) -> list[str]:
    texts = [text for one in contents if (text := one.findtext(tag)) is not None]
    if len(texts) < len(contents):
        raise ValueError(f"an object of the listing has no {tag}")
    return texts


def _unquote(text: str) -> str:
    # Most keys hold nothing else that is encoded, and `unquote` takes ten times as long.
    text = text.replace("%2F", "/")
    return unquote(text) if "%" in text else text


def _seconds(modified: str) -> int:
    """Seconds since 1970 of a time such as 2026-01-31T12:00:00.000Z."""
    return minutes(modified) + _SECONDS[modified[16:]]


def minutes(modified: str) -> int:
    """Seconds since 1970 of a time that begins like 2026-01-31T12:00, without its seconds."""
    # By parts that come again and again: that takes half as long as parsing it.
    return _day(modified[:11]) + _minute(modified[11:16])


@lru_cache(maxsize=4096)
def _day(text: str) -> int:
    """Seconds since 1970 of "2026-01-31T"."""
    return int(datetime.strptime(f"{text}+0000", "%Y-%m-%dT%z").timestamp())


@lru_cache(maxsize=24 * 60)
def _minute(text: str) -> int:
    """Seconds of "12:00"."""
    time = datetime.strptime(f"{text}+0000", "%H:%M%z")
    return 3600 * time.hour + 60 * time.minute


OSS = Dialect(_unquote, _seconds, r"\.000Z", tells_types=True, has_token=True)


def rises(page: ListPage, after: str) -> bool:
    """Whether a page can follow the name `after`: its names rise from there on in the order of their UTF-8 bytes, and
    it has some if there are more. What merges listings would pass over objects otherwise, and paging on never end."""
    names = [after, *page.columns.names]
    return all(map(lt, names, names[1:])) and not (page.more and not page.columns.names)
