"""A web page, as the tests look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from ops.report import cutover_result, status
from ops.show import page
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.status_answer import StatusAnswer
from support.answers import answer

# Elements that have no end.
_VOID = ("meta", "link")
# What is hostile in a text: markup, quotation marks, controls, what reorders, what no file can hold, length.
NASTY = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></title></code><svg onload=alert(1)>",
    "\u202egpj.exe\u202c",
    "line\nbreak\ttab\x00\x1b[31m\u2028",
    "\ud800 alone",
    "x" * 1023,
    "\u754c" * 341,
    "&lt;b&gt; &amp; {name} {0} %s",
    "  two  blanks ",
    "",
)


def certificate_page(given: Mapping[str, Any], language: str = "en") -> str:
    """The page of an answer of certify."""
    return page.draw(cutover_result.report(given, language))


def status_page(given: Mapping[str, Any], language: str = "en") -> str:
    """The page of an answer of status."""
    return page.draw(status.report(from_json(StatusAnswer, given), language))


def page_of(given: Mapping[str, Any], language: str = "en") -> str:
    """The page of either."""
    return (certificate_page if "kind" in given else status_page)(given, language)


def hostile(value: object, text: str, path: tuple[str, ...] = ()) -> Any:
    """`value` with this text instead of each key and each text that the page does not look up."""
    match value:
        case dict():
            named = path[-1:] in (("by_reason",), ("folders",)) or path == ("accepted",)
            return {
                f"{text}{number}" if named else name: hostile(one, text, (*path, name))
                for number, (name, one) in enumerate(value.items())
            }
        case list():
            return [hostile(one, text, path) for one in value]
        case str() if (
            path
            and "digests" not in path
            and path[-1]
            not in (
                "state",
                "kind",
                "verdict",
                "result",
                "id",
                "step",
                "at",
                "made",
                "from",
                "digest",
                "state_digest",
                "twin",
                "started",
                "ended",
                "oldest",
                "watermark",
                "acknowledged",
                "as_of",
                "frozen_since",
                "amended",
                "busy",
                "would_be",
            )
            and path[-2:] != ("closed", "since")
        ):
            return text
    return value


def huge() -> dict[str, Any]:
    """A status of a very large migration in trouble."""
    given = answer("status")
    last = given["compare"]["last"]
    for one in last["classes"].values():
        for side in ("source", "destination"):
            one[side] = {name: number * 10**6 for name, number in one[side].items()}
    last["folders"] = {
        f"folder-{number}/": {"equal_contents": [10**9, 10**15, 10**9, 10**15], "missing": [number, number, 0, 0]}
        for number in range(200)
    }
    given["backlog"]["by_reason"] = {f"REASON_{number}": 10**9 + number for number in range(20)}
    given["backlog"]["keys"] = [
        {"key": text, "reason": text, "since": "2026-01-31T00:00:00Z", "message": text} for text in NASTY
    ]
    return given


class Element:
    """An element with its attributes and what is in it."""

    def __init__(self, name: str, attributes: Mapping[str, str], parent: Element | None) -> None:
        self.name = name
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element | str] = []

    def every(self, name: str = "", **attributes: str) -> Iterator[Element]:
        """All elements in it of this name that have these attributes; "class" is given as class_."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        for child in self.children:
            if isinstance(child, Element):
                if name in ("", child.name) and wanted.items() <= child.attributes.items():
                    yield child
                yield from child.every(name, **attributes)

    def one(self, name: str = "", **attributes: str) -> Element:
        """The only such element."""
        (element,) = self.every(name, **attributes)
        return element

    @property
    def text(self) -> str:
        """All text in it. Numbers are kept with their units by blanks of another kind, which are here like others."""
        texts = (child if isinstance(child, str) else child.text for child in self.children)
        return "".join(texts).replace("\u00a0", " ")

    def words(self) -> Iterator[str]:
        """Its texts, those apart that are the same in every language or marked as of another one."""
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.name == "html" or (
                child.attributes.get("translate") != "no" and "lang" not in child.attributes and child.name != "style"
            ):
                yield from child.words()

    def section(self, name: str) -> Element:
        """The section with this heading."""
        (element,) = (element for element in self.every("section") if element.attributes["aria-labelledby"] == name)
        return element

    def word(self) -> tuple[str, str]:
        """The big word, and its tone."""
        heading = self.one("h1")
        return heading.text, heading.attributes["class"]

    def cells(self) -> list[list[str]]:
        """The texts of a table's cells, row by row."""
        return [[cell.text for cell in row.children if isinstance(cell, Element)] for row in self.every("tr")]


class _Parser(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {}, None)
        self._open = self.root
        self.feed(page)
        self.close()
        assert self._open is self.root, f"<{self._open.name}> has no end"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        made = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(made)
        if tag not in _VOID:
            self._open = made

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.name, f"</{tag}> ends <{self._open.name}>"
        assert self._open.parent
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)


def parse(page: str) -> Element:
    """The page; an AssertionError if it is not well-formed, or no file can hold it."""
    page.encode()
    return _Parser(page).root
