"""The listings of both clouds, parsed from their XML.

A page is the response of OSS to ListObjectsV2, or of OBS to "Listing Objects in a Bucket", version 1, each with
encoding-type=url.

https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2,
https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html. `oss2` can read the pages of OSS, but this module
needs a third of the time, and a pass does little else.
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
_BOOLEAN_TEXTS = {"true": True, "false": False}
# An attribute that no page has, so that no other element equals the mark.
_MARK = f"here-{os.urandom(8).hex()}"
# The possible ends of an OSS time, with their seconds.
_SECONDS = {f":{second:02}.000Z": second for second in range(60)}
# Parts of the expression that extracts the objects of a page.
_SPACE_PATTERN = "[ \t\r\n]*"
# ASCII without "&", "<" and ">".
_TEXT_PATTERN = r"[ -%'-;=?-~]*"
_FIRST_OBJECT = re.compile(r"<Contents>.*?</Contents>", re.DOTALL)
_LEAF_PATTERN = re.compile(r"<([A-Za-z]+)>[^<]*</\1>")
_LEAVES_PATTERN = "(?:[ \t\r\n]|<[A-Za-z]+/>)*"
_OWNER_PATTERN = "<Owner>(?:[ \t\r\n]|<(?:ID|DisplayName)/>)*</Owner>"
_OBJECT_PATTERN = re.compile(f"<Contents>{_LEAVES_PATTERN}(?:{_OWNER_PATTERN}{_LEAVES_PATTERN})?</Contents>")
_EMPTY_ELEMENT = re.compile(r"<([A-Za-z]+)/>")
_DAY_PATTERN, _MINUTE_PATTERN = (
    re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T"),
    re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"),
)
_SIZE = re.compile("[0-9]+")
_STORAGE_CLASS = re.compile("<StorageClass>([A-Za-z_][0-9A-Za-z_]*)</StorageClass>")
# Number of objects of a page that others follow, in both clouds.
_FULL_PAGE = 1000
# The values to read of each object, beside its type and storage class.
_ELEMENT_NAMES = ("Key", "ETag", "Size", "LastModified")
_VALUE_PATTERNS = {
    "Key": rf"(?P<name>{_TEXT_PATTERN})",
    "LastModified": rf"(?P<day>{_DAY_PATTERN.pattern})(?P<minute>{_MINUTE_PATTERN.pattern}):(?P<second>[0-5][0-9])",
    "ETag": r'(?:&quot;|")(?P<etag>[0-9A-Za-z-]*)(?:&quot;|")',
    "Size": r"(?P<size>[0-9]{1,18})",
    "Type": r"(?P<type>[A-Za-z]*)",
    "StorageClass": r"(?P<storage_class>(?:[A-Za-z_][0-9A-Za-z_]*)?)",
}


class NotAListing(ValueError):  # noqa: N818  a noun, as in "not a number"
    """A body that is not a page of a listing."""


@dataclass(frozen=True)
class Dialect:
    """The differences between the two clouds' listings.

    `unquote` decodes a name, `seconds` reads a time, and `end` is the expression for the end of a time. `has_types`:
    a page has the types of its objects. `has_token`: a page has a token for its continuation.
    """

    unquote: Callable[[str], str]
    seconds: Callable[[str], int]
    end: str
    has_types: bool
    has_token: bool


class UnreadPage:
    """The body of a page, not yet parsed."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    def guess_next(self) -> str:
        """Return the name after which the next page begins, read from the end of this page's text.

        Empty if there seems to be no next page, or the end lacks the name. The caller parses the page to verify the
        guess.
        """
        _, key, end = self._body.rpartition(b"<Key>")
        if not key or _TRUNCATED not in self._body or _URL_ENCODED not in self._body:
            return ""
        return self._dialect.unquote(end.partition(b"</Key>")[0].decode("utf-8", "replace"))

    def read(self) -> ListPage:
        """Parse the page.

        Raises NotAListing.
        """
        try:
            return _read_uniform(self._body, self._dialect) or _read(self._body, self._dialect)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise NotAListing("the answer is not a listing") from error


def _page(
    body: bytes, dialect: Dialect, columns_of: Callable[[list[ElementTree.Element], str, Callable[[str], str]], Columns]
) -> ListPage:
    """Return a page, with the objects that `columns_of` reads.

    Its arguments are the objects' elements, the beginning of their tags, and the function that decodes their names.
    """
    root = parse_xml(body)
    # The namespace of OBS differs from region to region.
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(f"{name} is not a listing")
    tag = f"{namespace}}}" if namespace else ""
    decode = dialect.unquote if _single_text(root, f"{tag}EncodingType") == "url" else str
    more = _BOOLEAN_TEXTS[_single_text(root, f"{tag}IsTruncated")]
    token = _single_text(root, f"{tag}NextContinuationToken") if more and dialect.has_token else ""
    if more and dialect.has_token and not token:
        raise ValueError("a listing has another page, but no token for it")
    return ListPage(columns_of(root.findall(f"{tag}Contents"), tag, decode), more, decode(token))


def _read(body: bytes, dialect: Dialect) -> ListPage:
    def columns(contents: list[ElementTree.Element], tag: str, decode: Callable[[str], str]) -> Columns:
        values = [{element.tag: element.text or "" for element in content} for content in contents]
        if sum(map(len, values)) < sum(map(len, contents)) and any(_is_ambiguous(content, tag) for content in contents):
            raise ValueError("an object has a value twice")
        keys, etags, sizes, times = ([texts[f"{tag}{name}"] for texts in values] for name in _ELEMENT_NAMES)
        # int() takes signs, underscores, and digits of any script.
        if not all(map(_SIZE.fullmatch, sizes)):
            raise ValueError("a size is not a number")
        return Columns(
            list(map(decode, keys)),
            [etag.strip('"').upper() for etag in etags],
            list(map(int, sizes)),
            list(map(dialect.seconds, times)),
            # OBS reports the type of only some objects; the source's types show the objects that cannot be copied.
            [texts[f"{tag}Type"] for texts in values] if dialect.has_types else ["Normal"] * len(contents),
            [_word(texts.get(f"{tag}StorageClass", "")) for texts in values],
        )

    return _page(body, dialect, columns)


def _read_uniform(body: bytes, dialect: Dialect) -> ListPage | None:
    """Read a page of uniform objects without parsing them; return None if they need parsing."""

    def columns(contents: list[ElementTree.Element], _: str, decode: Callable[[str], str]) -> Columns:
        # The mark is at the place of the page's objects, and no other object is left.
        if [content.attrib for content in contents] != [{_MARK: ""}]:
            raise ValueError("there are other objects")
        return Columns(
            text["name"] if decode is str else _unquote_all(text["name"], dialect),
            "\n".join(text["etag"]).upper().split("\n"),
            list(map(int, text["size"])),
            list(map(add, map(add, map(_day, text["day"]), map(_minute, text["minute"])), map(int, text["second"]))),
            text["type"] if dialect.has_types else ["Normal"] * len(text["name"]),
            text["storage_class"],
        )

    try:
        frame, text = cut(body.decode("ascii"), f'<Contents {_MARK}=""/>', dialect.end) or ("", {})
        return _page(frame.encode(), dialect, columns)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def cut(text: str, mark: str, end: str) -> tuple[str, dict[str, list[str]]] | None:
    """Extract a page's objects by a single expression, if all of them have an equal form (nearly always).

    This takes a quarter of the time of parsing. `end`: the expression for the end of a time.

    Return the page without its objects, with `mark` in their place, and the texts of all their values: `name`, `day`,
    `minute`, `second`, `etag`, `size`, `type` and `storage_class`, if they have all of these. Return None if it has no
    objects, or their forms differ. The caller checks by the place of the mark that the objects were at the right place
    of the page.

    The expression is made of the page's first object. It accepts only ASCII, and only texts that every parser reads in
    the same way: no entity but the quotes of an ETag, no attribute, no size with a sign; and between two objects only
    white space. A page that differs in a single byte goes to the XML parser.
    """
    first = _FIRST_OBJECT.search(text)
    shared = _shared_class(first.group(), text) if first else ""
    expression = _expression(_LEAF_PATTERN.sub(r"<\1/>", first.group()), end, shared) if first else None
    if expression is None:
        return None
    head, *cells = expression.split(text)
    width = expression.groups + 1
    # The last cell is the text after all objects.
    if not cells or any(cells[width - 1 : -1 : width]):
        return None
    tail = cells.pop()
    texts = {name: cells[at - 1 :: width] for name, at in expression.groupindex.items()}
    texts.setdefault("storage_class", [shared] * (len(cells) // width + 1))
    return f"{head}{mark}{tail}", texts


def _shared_class(first: str, text: str) -> str:
    """Return the storage class of the first object if all objects of a full page have it; empty otherwise.

    Counting them takes less time than capturing each of them.
    """
    element = _STORAGE_CLASS.search(first)
    return element[1] if element and text.count(element.group()) == _FULL_PAGE else ""


@lru_cache(maxsize=64)
def _expression(form: str, end: str, storage_class: str) -> re.Pattern[str] | None:
    """Return the expression for objects of this form (an object without texts), including the white space after it.

    `end`: the expression for the end of a time. `storage_class`: the class of all objects; captured if it is empty.
    None if `form` is not that of an object.
    """
    if not _OBJECT_PATTERN.fullmatch(form) or any(form.count(f"<{tag}/>") > 1 for tag in _VALUE_PATTERNS):
        return None

    def element(match: re.Match[str]) -> str:
        tag = match[1]
        value = storage_class if storage_class and tag == "StorageClass" else _VALUE_PATTERNS.get(tag, _TEXT_PATTERN)
        return f"<{tag}>{value}{end if tag == 'LastModified' else ''}</{tag}>"

    return re.compile(f"{_EMPTY_ELEMENT.sub(element, form)}{_SPACE_PATTERN}")


def _word(text: str) -> str:
    """Return a storage class; empty if the text is no name of a class."""
    return text if text.isidentifier() else ""


def _unquote_all(names: list[str], dialect: Dialect) -> list[str]:
    # All names at once, one per line, if only slashes are encoded.
    text = "\n".join(names).replace("%2F", "/")
    return list(map(dialect.unquote, names)) if "%" in text or "+" in text else text.split("\n")


def parse_xml(body: bytes) -> ElementTree.Element:
    """Return the root of an untrusted response.

    Raises ElementTree.ParseError and ValueError.
    """
    # A document type can declare entities that expand without end. Only XML in UTF-16 has zero bytes, and the parser
    # would detect it. It must not try any other encoding, because another encoding could hide the texts searched here.
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise ValueError("a listing has no document type")
    return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))  # noqa: S314


def _single_text(parent: ElementTree.Element, tag: str) -> str:
    """Return the text of the single element; empty without an element. Raises ValueError for several elements."""
    texts = [element.text or "" for element in parent.findall(tag)]
    if len(texts) > 1:
        raise ValueError(f"a listing has {len(texts)} {tag}")
    return "".join(texts)


def _is_ambiguous(element: ElementTree.Element, tag: str) -> bool:
    """Return True if an object has more than one text for a value that is read."""
    return any(len(element.findall(f"{tag}{name}")) > 1 for name in _VALUE_PATTERNS)


def _unquote(text: str) -> str:
    # In most keys only slashes are encoded, and `unquote` is ten times slower.
    text = text.replace("%2F", "/")
    return unquote(text) if "%" in text else text


def _seconds(modified: str) -> int:
    """Return a time such as 2026-01-31T12:00:00.000Z in seconds since 1970."""
    return minutes(modified) + _SECONDS[modified[16:]]


def minutes(modified: str) -> int:
    """Return a time such as 2026-01-31T12:00, without its seconds, in seconds since 1970."""
    # In recurring, cached parts: this takes half the time of parsing the whole.
    return _day(modified[:11]) + _minute(modified[11:16])


@lru_cache(maxsize=4096)
def _day(text: str) -> int:
    """Return the beginning of a day such as "2026-01-31T" in seconds since 1970."""
    # strptime takes digits of any script, and "t".
    if not _DAY_PATTERN.fullmatch(text):
        raise ValueError("a time of the listing is not one")
    return int(datetime.strptime(f"{text}+0000", "%Y-%m-%dT%z").timestamp())


@lru_cache(maxsize=24 * 60)
def _minute(text: str) -> int:
    """Return a time of day such as "12:00" in seconds."""
    if not _MINUTE_PATTERN.fullmatch(text):
        raise ValueError("a time of the listing is not one")
    time = datetime.strptime(f"{text}+0000", "%H:%M%z")
    return 3600 * time.hour + 60 * time.minute


OSS = Dialect(_unquote, _seconds, r"\.000Z", has_types=True, has_token=True)


def can_follow(page: ListPage, after: str) -> bool:
    """Return True if a page can follow the name `after`.

    Its names ascend in the order of their UTF-8 bytes, from `after` on, and it has names if more pages follow.
    Otherwise a merge of listings would skip objects, and paging would never end.
    """
    names = [after, *page.columns.names]
    return all(map(lt, names, names[1:])) and not (page.more and not page.columns.names)
