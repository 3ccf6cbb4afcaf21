"""Web pages that tests parse, and extreme answers with hostile text or huge numbers."""

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
# Hostile texts: markup, quotation marks, controls, reordering, characters that no file can contain, length.
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


def certificate_page(document: Mapping[str, Any], language: str = "en") -> str:
    """Return the web page of a certificate."""
    return page.draw(cutover_result.report(document, language))


def status_page(document: Mapping[str, Any], language: str = "en") -> str:
    """Return the web page of an answer of the job `status`."""
    return page.draw(status.report(from_json(StatusAnswer, document), language))


def page_of(document: Mapping[str, Any], language: str = "en") -> str:
    """Return the web page of a certificate, or of an answer of the job `status`."""
    return (certificate_page if "kind" in document else status_page)(document, language)


# Names of strings that a page looks up, and of times and digests.
_LOOKED_UP = (
    *("state", "kind", "verdict", "result", "id", "step", "at", "made", "from", "digest", "state_digest", "twin"),
    *("started", "ended", "oldest", "watermark", "acknowledged", "as_of", "frozen_since", "amended", "busy", "began"),
    *("written", "would_be"),
)


def hostile(value: object, texts: Iterator[str], path: tuple[str, ...] = ()) -> Any:
    """Return a copy of `value` in which `texts` replace the keys and strings that the page does not look up."""
    match value:
        case dict():
            has_free_names = path[-1:] in (("by_reason",), ("folders",)) or path == ("accepted",)
            return {
                f"{next(texts)}{number}" if has_free_names else name: hostile(part, texts, (*path, name))
                for number, (name, part) in enumerate(value.items())
            }
        case list():
            return [hostile(part, texts, path) for part in value]
        case str() if (
            path and "digests" not in path and path[-1] not in _LOOKED_UP and path[-2:] != ("closed", "since")
        ):
            return next(texts)
    return value


def huge() -> dict[str, Any]:
    """Return the status of a very large migration with many failures."""
    document = answer("status")
    comparison = document["compare"]["last"]
    for class_counts in comparison["classes"].values():
        for side in ("source", "destination"):
            class_counts[side] = {name: number * 10**6 for name, number in class_counts[side].items()}
    comparison["folders"] = {
        f"folder-{number}/": {"equal_contents": [10**9, 10**15, 10**9, 10**15], "missing": [number, number, 0, 0]}
        for number in range(200)
    }
    document["backlog"]["by_reason"] = {f"REASON_{number}": 10**9 + number for number in range(20)}
    document["backlog"]["keys"] = [
        {"key": text, "reason": text, "since": "2026-01-31T00:00:00Z", "message": text} for text in NASTY
    ]
    return document


class Element:
    """An element of a web page, with its attributes and contents."""

    def __init__(self, name: str, attributes: Mapping[str, str], parent: Element | None) -> None:
        self.name = name
        self.attributes = attributes
        self.parent = parent
        self.children: list[Element | str] = []

    def every(self, name: str = "", **attributes: str) -> Iterator[Element]:
        """Yield the descendants with this name and these attributes; `class_` stands for `class`."""
        required_attributes = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        for child in self.children:
            if isinstance(child, Element):
                if name in ("", child.name) and required_attributes.items() <= child.attributes.items():
                    yield child
                yield from child.every(name, **attributes)

    def only(self, name: str = "", **attributes: str) -> Element:
        """Return the only descendant with this name and these attributes."""
        (element,) = self.every(name, **attributes)
        return element

    @property
    def text(self) -> str:
        """All text in the element, with plain spaces instead of non-breaking spaces."""
        texts = (child if isinstance(child, str) else child.text for child in self.children)
        return "".join(texts).replace("\u00a0", " ")

    def words(self) -> Iterator[str]:
        """Yield the texts of the page, except those marked as another language or as untranslated."""
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.name == "html" or (
                child.attributes.get("translate") != "no" and "lang" not in child.attributes and child.name != "style"
            ):
                yield from child.words()

    def section(self, name: str) -> Element:
        """Return the section whose heading has the id `name`, or the list or division with this class."""
        parts = (part for tag in ("section", "dl", "div") for part in self.every(tag))
        (part,) = (part for part in parts if name in map(part.attributes.get, ("aria-labelledby", "class")))
        return part

    def word(self) -> tuple[str, str]:
        """Return the verdict in the page's heading, and its tone, which is a CSS class."""
        heading = self.only("h1")
        return heading.text, heading.attributes["class"]

    def cells(self) -> list[list[str]]:
        """Return the texts of a table's cells, row by row."""
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
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(element)
        if tag not in _VOID:
            self._open = element

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.name, f"</{tag}> ends <{self._open.name}>"
        assert self._open.parent
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)


def parse(page: str) -> Element:
    """Parse a page; raise AssertionError if it is not well-formed, or if no file can contain it."""
    page.encode()
    return _Parser(page).root
