"""The parser of the listings of both clouds, which are XML.

A page is the response of OSS to ListObjectsV2, or of OBS to "Listing Objects in a Bucket", version 1, each with
encoding-type=url. `oss2` would need three times as long to parse the pages of OSS, and a pass does little else.

Sources: https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2,
https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html.
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

_TRUNCATED_ELEMENT = b"<IsTruncated>true</IsTruncated>"
_URL_ENCODING_ELEMENT = b"<EncodingType>url</EncodingType>"
_BOOLEAN_TEXTS = {"true": True, "false": False}
# The attribute of the element that replaces a page's objects. It is random, so that no page contains it.
_MARK_ATTRIBUTE = f"here-{os.urandom(8).hex()}"
# The possible ends of a time in OSS, with their seconds.
_SECONDS_BY_TIME_END = {f":{second:02}.000Z": second for second in range(60)}
# Parts of the expression that extracts the objects of a page.
_SPACE_PATTERN = "[ \t\r\n]*"
# Printable ASCII characters except "&", "<" and ">".
_TEXT_PATTERN = r"[ -%'-;=?-~]*"
_FIRST_OBJECT_PATTERN = re.compile(r"<Contents>.*?</Contents>", re.DOTALL)
_LEAF_PATTERN = re.compile(r"<([A-Za-z]+)>[^<]*</\1>")
_LEAVES_PATTERN = "(?:[ \t\r\n]|<[A-Za-z]+/>)*"
_OWNER_PATTERN = "<Owner>(?:[ \t\r\n]|<(?:ID|DisplayName)/>)*</Owner>"
_OBJECT_PATTERN = re.compile(f"<Contents>{_LEAVES_PATTERN}(?:{_OWNER_PATTERN}{_LEAVES_PATTERN})?</Contents>")
_EMPTY_ELEMENT_PATTERN = re.compile(r"<([A-Za-z]+)/>")
_DAY_PATTERN, _MINUTE_PATTERN = (
    re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T"),
    re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"),
)
_SIZE_PATTERN = re.compile("[0-9]+")
_STORAGE_CLASS_PATTERN = re.compile("<StorageClass>([A-Za-z_][0-9A-Za-z_]*)</StorageClass>")
# Number of objects in a page that other pages follow, in both clouds.
_FULL_PAGE_OBJECTS = 1000
# The elements of an object that are always read, in addition to its type and storage class.
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
    """The error of a body that is not a page of a listing."""


@dataclass(frozen=True)
class Dialect:
    """The differences between the listings of the two clouds.

    - `unquote_name`: a function that decodes the name of an object.
    - `parse_seconds`: a function that parses a time, and returns seconds since 1970.
    - `time_end`: a regular expression for the end of a time.
    - `has_types`: True if a page states the types of its objects.
    - `has_token`: True if a page has a token to request the next page.
    """

    unquote_name: Callable[[str], str]
    parse_seconds: Callable[[str], int]
    time_end: str
    has_types: bool
    has_token: bool


class UnreadPage:
    """The body of a page of a listing, which was received but not parsed yet."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    def guess_next(self) -> str:
        """Return the last name in the page's text, after which the next page probably begins.

        Return "" if the text shows that no page follows, or lacks the name. The caller parses the page later, and then
        verifies the guess.
        """
        _, key, end = self._body.rpartition(b"<Key>")
        if not key or _TRUNCATED_ELEMENT not in self._body or _URL_ENCODING_ELEMENT not in self._body:
            return ""
        return self._dialect.unquote_name(end.partition(b"</Key>")[0].decode("utf-8", "replace"))

    def read(self) -> ListPage:
        try:
            return _read_uniform_page(self._body, self._dialect) or _read_any_page(self._body, self._dialect)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise NotAListing("the answer is not a listing") from error


def _parse_page(
    body: bytes,
    dialect: Dialect,
    read_columns: Callable[[list[ElementTree.Element], str, Callable[[str], str]], Columns],
) -> ListPage:
    """Return the page in `body`; the function `read_columns` reads its objects.

    The arguments of `read_columns` are the elements of the objects, the namespace before their tags, and the function
    that decodes their names.
    """
    root = parse_xml(body)
    # The namespace of OBS differs from region to region.
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(f"{name} is not a listing")
    tag = f"{namespace}}}" if namespace else ""
    decode = dialect.unquote_name if _read_single_text(root, f"{tag}EncodingType") == "url" else str
    has_more = _BOOLEAN_TEXTS[_read_single_text(root, f"{tag}IsTruncated")]
    token = _read_single_text(root, f"{tag}NextContinuationToken") if has_more and dialect.has_token else ""
    if has_more and dialect.has_token and not token:
        raise ValueError("a listing has another page, but no token for it")
    return ListPage(read_columns(root.findall(f"{tag}Contents"), tag, decode), has_more, decode(token))


def _read_any_page(body: bytes, dialect: Dialect) -> ListPage:

    def read_columns(contents: list[ElementTree.Element], tag: str, decode: Callable[[str], str]) -> Columns:
        values = [{element.tag: element.text or "" for element in content} for content in contents]
        if sum(map(len, values)) < sum(map(len, contents)) and any(_is_ambiguous(content, tag) for content in contents):
            raise ValueError("an object has a value twice")
        keys, etags, sizes, times = ([texts[f"{tag}{name}"] for texts in values] for name in _ELEMENT_NAMES)
        # Without this check, int() would accept signs, underscores, and digits of any script.
        if not all(map(_SIZE_PATTERN.fullmatch, sizes)):
            raise ValueError("a size is not a number")
        return Columns(
            list(map(decode, keys)),
            [etag.strip('"').upper() for etag in etags],
            list(map(int, sizes)),
            list(map(dialect.parse_seconds, times)),
            # OBS reports the type of only some objects; the source's types show the objects that cannot be copied.
            [texts[f"{tag}Type"] for texts in values] if dialect.has_types else ["Normal"] * len(contents),
            [_clean_class_name(texts.get(f"{tag}StorageClass", "")) for texts in values],
        )

    return _parse_page(body, dialect, read_columns)


def _read_uniform_page(body: bytes, dialect: Dialect) -> ListPage | None:

    def read_columns(contents: list[ElementTree.Element], _: str, decode: Callable[[str], str]) -> Columns:
        # The only remaining object has to be the mark, at the place of the page's objects.
        if [content.attrib for content in contents] != [{_MARK_ATTRIBUTE: ""}]:
            raise ValueError("there are other objects")
        return Columns(
            values["name"] if decode is str else _unquote_names(values["name"], dialect),
            "\n".join(values["etag"]).upper().split("\n"),
            list(map(int, values["size"])),
            list(
                map(
                    add,
                    map(add, map(_parse_day, values["day"]), map(_parse_minute, values["minute"])),
                    map(int, values["second"]),
                )
            ),
            values["type"] if dialect.has_types else ["Normal"] * len(values["name"]),
            values["storage_class"],
        )

    try:
        page_without_objects, values = extract_objects(
            body.decode("ascii"), f'<Contents {_MARK_ATTRIBUTE}=""/>', dialect.time_end
        ) or ("", {})
        return _parse_page(page_without_objects.encode(), dialect, read_columns)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def extract_objects(text: str, mark: str, time_end: str) -> tuple[str, dict[str, list[str]]] | None:
    """Extract the objects of a page by a single regular expression if all of them have the same form, as is usual.

    This takes a quarter of the time of parsing. The expression is made from the first object, and accepts only texts
    that every XML parser reads in the same way. `time_end` is a regular expression for the end of a time.

    Return the page with the text `mark` in the place of its objects, and the texts of their values: `name`, `day`,
    `minute`, `second`, `etag`, `size`, and, if the objects have them, `type` and `storage_class`. The caller checks the
    place of `mark`. Return None if the page has no objects, or if their forms differ.
    """
    first_object = _FIRST_OBJECT_PATTERN.search(text)
    shared_class = _find_shared_class(first_object.group(), text) if first_object else ""
    expression = (
        _make_expression(_LEAF_PATTERN.sub(r"<\1/>", first_object.group()), time_end, shared_class)
        if first_object
        else None
    )
    if expression is None:
        return None
    text_before, *cells = expression.split(text)
    width = expression.groups + 1
    # The last cell is the text after all objects.
    if not cells or any(cells[width - 1 : -1 : width]):
        return None
    text_after = cells.pop()
    texts = {name: cells[group_number - 1 :: width] for name, group_number in expression.groupindex.items()}
    texts.setdefault("storage_class", [shared_class] * (len(cells) // width + 1))
    return f"{text_before}{mark}{text_after}", texts


def _find_shared_class(first_object: str, text: str) -> str:
    """Return the class of the first object if all objects of a full page have this storage class, otherwise "".

    Counting the occurrences of the class takes less time than capturing the class of each object.
    """
    element = _STORAGE_CLASS_PATTERN.search(first_object)
    return element[1] if element and text.count(element.group()) == _FULL_PAGE_OBJECTS else ""


@lru_cache(maxsize=64)
def _make_expression(form: str, time_end: str, storage_class: str) -> re.Pattern[str] | None:
    """Return the regular expression for objects of the form `form`, the text of an object without its values.

    The result is None if `form` has another structure. `time_end` is the expression for the end of a time.
    `storage_class` is the class of all objects; if it is empty, the expression captures the classes.
    """
    if not _OBJECT_PATTERN.fullmatch(form) or any(form.count(f"<{tag}/>") > 1 for tag in _VALUE_PATTERNS):
        return None

    def element(match: re.Match[str]) -> str:
        tag = match[1]
        value = storage_class if storage_class and tag == "StorageClass" else _VALUE_PATTERNS.get(tag, _TEXT_PATTERN)
        return f"<{tag}>{value}{time_end if tag == 'LastModified' else ''}</{tag}>"

    return re.compile(f"{_EMPTY_ELEMENT_PATTERN.sub(element, form)}{_SPACE_PATTERN}")


def _clean_class_name(text: str) -> str:
    return text if text.isidentifier() else ""


def _unquote_names(names: list[str], dialect: Dialect) -> list[str]:
    # If only slashes are encoded, all names are decoded at once, as the lines of a text.
    text = "\n".join(names).replace("%2F", "/")
    return list(map(dialect.unquote_name, names)) if "%" in text or "+" in text else text.split("\n")


def parse_xml(body: bytes) -> ElementTree.Element:
    """Return the root element of a response that any host may have sent.

    Raises ElementTree.ParseError, and ValueError for XML that is not safe to parse.
    """
    # A document type can declare entities that expand without end. XML in UTF-16, which the parser would detect by its
    # zero bytes, could hide a document type from this search, and so could any other encoding than UTF-8.
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise ValueError("a listing has no document type")
    return ElementTree.fromstring(body, ElementTree.XMLParser(encoding="utf-8"))  # noqa: S314


def _read_single_text(parent: ElementTree.Element, tag: str) -> str:
    """Return the text of the only element with this tag, or "" if there is none.

    Raises ValueError if there are several elements.
    """
    texts = [element.text or "" for element in parent.findall(tag)]
    if len(texts) > 1:
        raise ValueError(f"a listing has {len(texts)} {tag}")
    return "".join(texts)


def _is_ambiguous(element: ElementTree.Element, tag: str) -> bool:
    """Return True if the element of an object contains several texts for the same value."""
    return any(len(element.findall(f"{tag}{name}")) > 1 for name in _VALUE_PATTERNS)


def _unquote_name(text: str) -> str:
    # In most keys only slashes are encoded, and `unquote` takes ten times as long as `replace`.
    text = text.replace("%2F", "/")
    return unquote(text) if "%" in text else text


def _parse_time(time: str) -> int:
    """Return the Unix time in seconds of a time such as "2026-01-31T12:00:00.000Z"."""
    return parse_to_minute(time) + _SECONDS_BY_TIME_END[time[16:]]


def parse_to_minute(time: str) -> int:
    """Return the Unix time in seconds, rounded down to the minute, of a time such as "2026-01-31T12:00:30Z"."""
    # The parts of a time recur and are cached, which takes half the time of parsing the whole text.
    return _parse_day(time[:11]) + _parse_minute(time[11:16])


@lru_cache(maxsize=4096)
def _parse_day(text: str) -> int:
    """Return the Unix time in seconds of the beginning of a day such as "2026-01-31T"."""
    # Without this check, strptime would accept digits of any script, and a lower-case "t".
    if not _DAY_PATTERN.fullmatch(text):
        raise ValueError("a time in the listing is invalid")
    return int(datetime.strptime(f"{text}+0000", "%Y-%m-%dT%z").timestamp())


@lru_cache(maxsize=24 * 60)
def _parse_minute(text: str) -> int:
    """Return the seconds since midnight of a time of day such as "12:00"."""
    if not _MINUTE_PATTERN.fullmatch(text):
        raise ValueError("a time in the listing is invalid")
    time = datetime.strptime(f"{text}+0000", "%H:%M%z")
    return 3600 * time.hour + 60 * time.minute


OSS_LISTING = Dialect(_unquote_name, _parse_time, r"\.000Z", has_types=True, has_token=True)


def can_follow(page: ListPage, after_name: str) -> bool:
    """Return True if all names of a page follow `after_name`, in the ascending order of their UTF-8 bytes.

    A page without names must be the last page. Otherwise a merge of listings would skip objects, or paging would never
    end.
    """
    names = [after_name, *page.columns.names]
    return all(map(lt, names, names[1:])) and not (page.has_more and not page.columns.names)
