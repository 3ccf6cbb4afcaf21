"""The listings of both clouds: a page as OSS answers ListObjectsV2, and OBS "Listing Objects in a Bucket", version 1,
each with encoding-type=url.

https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2,
https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html. `oss2` reads the former, too, but a pass does
little else, and this takes a third of the time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import add, lt
from urllib.parse import unquote
from xml.etree import ElementTree

from oss_oms_sync.clouds.objects import Columns, ListPage

_TRUNCATED = b"<IsTruncated>true</IsTruncated>"
_URL_ENCODED = b"<EncodingType>url</EncodingType>"
_BOOLEANS = {"true": True, "false": False}
# An attribute that no page has, so that the element is told from all others.
_MARK = f"here-{os.urandom(8).hex()}"
# How a time of OSS ends.
_SECONDS = {f":{second:02}.000Z": second for second in range(60)}
# Of the expression that cuts objects out of a page.
_SPACE = "[ \t\r\n]*"
# ASCII without "&", "<" and ">".
_TEXT = r"[ -%'-;=?-~]*"
_FIRST = re.compile(r"<Contents>.*?</Contents>", re.DOTALL)
_LEAF = re.compile(r"<([A-Za-z]+)>[^<]*</\1>")
_LEAVES = "(?:[ \t\r\n]|<[A-Za-z]+/>)*"
_OWNER = "<Owner>(?:[ \t\r\n]|<(?:ID|DisplayName)/>)*</Owner>"
_FORM = re.compile(f"<Contents>{_LEAVES}(?:{_OWNER}{_LEAVES})?</Contents>")
_EMPTY = re.compile(r"<([A-Za-z]+)/>")
_DAY, _MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T"), re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_SIZE = re.compile("[0-9]+")
# What is read of each object, beside its type.
_NAMES = ("Key", "ETag", "Size", "LastModified")
_VALUES = {
    "Key": rf"(?P<name>{_TEXT})",
    "LastModified": rf"(?P<day>{_DAY.pattern})(?P<minute>{_MINUTE.pattern}):(?P<second>[0-5][0-9])",
    "ETag": r'(?:&quot;|")(?P<etag>[0-9A-Za-z-]*)(?:&quot;|")',
    "Size": r"(?P<size>[0-9]{1,18})",
    "Type": r"(?P<type>[A-Za-z]*)",
}


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


def _page(
    body: bytes, dialect: Dialect, columns_of: Callable[[list[ElementTree.Element], str, Callable[[str], str]], Columns]
) -> ListPage:
    """A page whose objects `columns_of` reads, by the elements that tell of them, how their tags begin, and how their
    names are decoded."""
    root = parse_xml(body)
    # The namespace of OBS differs from region to region.
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(f"{name} is not a listing")
    tag = f"{namespace}}}" if namespace else ""
    decode = dialect.unquote if _only(root, f"{tag}EncodingType") == "url" else str
    more = _BOOLEANS[_only(root, f"{tag}IsTruncated")]
    token = _only(root, f"{tag}NextContinuationToken") if more and dialect.has_token else ""
    if more and dialect.has_token and not token:
        raise ValueError("a listing goes on, and does not say where")
    return ListPage(columns_of(root.findall(f"{tag}Contents"), tag, decode), more, decode(token))


def _read(body: bytes, dialect: Dialect) -> ListPage:
    def columns(contents: list[ElementTree.Element], tag: str, decode: Callable[[str], str]) -> Columns:
        values = [{element.tag: element.text or "" for element in content} for content in contents]
        if sum(map(len, values)) < sum(map(len, contents)) and any(_is_ambiguous(content, tag) for content in contents):
            raise ValueError("an object has a value twice")
        keys, etags, sizes, times = ([texts[f"{tag}{name}"] for texts in values] for name in _NAMES)
        # int() takes signs, underscores, and digits of any script.
        if not all(map(_SIZE.fullmatch, sizes)):
            raise ValueError("a size is not a number")
        return Columns(
            list(map(decode, keys)),
            [etag.strip('"').upper() for etag in etags],
            list(map(int, sizes)),
            list(map(dialect.seconds, times)),
            # OBS says the type of some, and nobody asks: what cannot be copied is told by the source's.
            [texts[f"{tag}Type"] for texts in values] if dialect.tells_types else ["Normal"] * len(contents),
        )

    return _page(body, dialect, columns)


def _read_alike(body: bytes, dialect: Dialect) -> ListPage | None:
    """The same without parsing; None where only that tells."""

    def columns(contents: list[ElementTree.Element], _: str, decode: Callable[[str], str]) -> Columns:
        # Where all the objects of a page are, there is the mark now, and no other.
        if [content.attrib for content in contents] != [{_MARK: ""}]:
            raise ValueError("there are other objects")
        return Columns(
            text["name"] if decode is str else _unquoted(text["name"], dialect),
            "\n".join(text["etag"]).upper().split("\n"),
            list(map(int, text["size"])),
            list(map(add, map(add, map(_day, text["day"]), map(_minute, text["minute"])), map(int, text["second"]))),
            text["type"] if dialect.tells_types else ["Normal"] * len(text["name"]),
        )

    try:
        rest, text = cut(body.decode("ascii"), f'<Contents {_MARK}=""/>', dialect.end) or ("", {})
        return _page(rest.encode(), dialect, columns)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def cut(text: str, mark: str, end: str) -> tuple[str, dict[str, list[str]]] | None:
    """Cut the objects of a page out of it, where they all look alike, as they nearly always do, by one expression: that
    takes a quarter of the time of parsing them. `end`: how a time ends.

    Return the page without its objects, `mark` in their place, and the texts of all their values: `name`, `day`,
    `minute`, `second`, `etag`, `size` and `type`, if they have all of these. None if it has no objects, or they do not
    look alike. Whether they stood where a page has them is for the rest to tell, by the place of the mark.

    The expression is made of the page's first object. It takes only ASCII and only what reads the same for everybody:
    no entity but the quotes of an ETag, no attribute, no size with a sign; and between two objects nothing but white
    space. A page that is not so to the last byte is not cut at all: the XML parser judges it.
    """
    first = _FIRST.search(text)
    expression = _expression(_LEAF.sub(r"<\1/>", first.group()), end) if first else None
    if expression is None:
        return None
    head, *cells = expression.split(text)
    width = expression.groups + 1
    # The last is what follows all objects.
    if not cells or any(cells[width - 1 : -1 : width]):
        return None
    tail = cells.pop()
    return f"{head}{mark}{tail}", {name: cells[at - 1 :: width] for name, at in expression.groupindex.items()}


@lru_cache(maxsize=16)
def _expression(form: str, end: str) -> re.Pattern[str] | None:
    """What finds objects of this form, which has no texts, and white space behind them; `end`: how a time ends. None if
    that is no form of an object."""
    if not _FORM.fullmatch(form) or any(form.count(f"<{tag}/>") > 1 for tag in _VALUES):
        return None

    def element(match: re.Match[str]) -> str:
        tag = match[1]
        return f"<{tag}>{_VALUES.get(tag, _TEXT)}{end if tag == 'LastModified' else ''}</{tag}>"

    return re.compile(f"{_EMPTY.sub(element, form)}{_SPACE}")


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


def _only(parent: ElementTree.Element, tag: str) -> str:
    """The text of an element; empty if there is none. Raises ValueError if there are more."""
    texts = [element.text or "" for element in parent.findall(tag)]
    if len(texts) > 1:
        raise ValueError(f"a listing has {len(texts)} {tag}")
    return "".join(texts)


def _is_ambiguous(element: ElementTree.Element, tag: str) -> bool:
    """True if an object has more than one text for a value that is read."""
    return any(len(element.findall(f"{tag}{name}")) > 1 for name in _VALUES)


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
    # strptime takes digits of any script, and "t".
    if not _DAY.fullmatch(text):
        raise ValueError("a time of the listing is not one")
    return int(datetime.strptime(f"{text}+0000", "%Y-%m-%dT%z").timestamp())


@lru_cache(maxsize=24 * 60)
def _minute(text: str) -> int:
    """Seconds of "12:00"."""
    if not _MINUTE.fullmatch(text):
        raise ValueError("a time of the listing is not one")
    time = datetime.strptime(f"{text}+0000", "%H:%M%z")
    return 3600 * time.hour + 60 * time.minute


OSS = Dialect(_unquote, _seconds, r"\.000Z", tells_types=True, has_token=True)


def can_follow(page: ListPage, after: str) -> bool:
    """Whether a page can follow the name `after`: its names rise from there on in the order of their UTF-8 bytes, and
    it has some if there are more. What merges listings would pass over objects otherwise, and paging on never end."""
    names = [after, *page.columns.names]
    return all(map(lt, names, names[1:])) and not (page.more and not page.columns.names)
