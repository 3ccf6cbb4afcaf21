"""HTML, element by element. Whatever is not Markup is text: it is escaped, and shows what it cannot print."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable

from ops.shell import IN_TEXT

# Characters that are not seen, or that reorder or hide others: controls, formats (bidi overrides, zero-width ones),
# lone surrogates (which no file can hold), separators of lines and paragraphs.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_VOID = ("link", "meta")
# A command that a text names.
_COMMAND = re.compile(f"`?({IN_TEXT})`?")
# A key is shown in full up to so many characters; OSS allows 1023 bytes.
_MAX_KEY, _TAIL = 240, 60


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` with each character that cannot be seen written as in JSON, such as \\u202e."""
    if text.isprintable():
        return text
    return "".join(json.dumps(one)[1:-1] if unicodedata.category(one) in _UNSEEN else one for one in text)


def element(name: str, /, *children: str | None, **attributes: str | None) -> Markup:
    """An element; `class_` stands for class, `aria_label` for aria-label. What is None is left out."""
    given = "".join(
        f' {attribute.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for attribute, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Markup:
    """All of them, one after the other."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def key(name: str) -> Markup:
    """An object key. What could be mistaken is in quotation marks, as a JSON string; what is too long lacks a part of
    its middle, and says so."""
    shown = name
    if len(name) > _MAX_KEY:
        shown = f"{name[: _MAX_KEY - _TAIL]} […] {name[-_TAIL:]}"
    if name != visible(name) or name != " ".join(name.split()) or name[:1] == '"':
        quoted = (one if one.isprintable() and one not in '"\\' else json.dumps(one)[1:-1] for one in shown)
        shown = f'"{"".join(quoted)}"'
    return element("code", shown, class_="key", dir="ltr", translate="no", title=name if len(name) > _MAX_KEY else None)


def code(text: str) -> Markup:
    """A name or a command, which is the same in every language."""
    return element("code", text, dir="ltr", translate="no")


def prose(text: str) -> Markup:
    """A text of the function, in which commands stand out."""
    return join(code(part) if place % 2 else part for place, part in enumerate(_COMMAND.split(text)))


def outside(text: str) -> Markup:
    """What somebody wrote elsewhere, in whatever language and direction."""
    return element("bdi", text, translate="no")


def document(title: str, language: str, style: str, *body: str | None) -> str:
    """A page of its own. `language` is "en" or "zh"."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        # Or the browser asks for favicon.ico.
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )
    page = element(
        "html",
        element("head", *head),
        element("body", *body),
        lang="zh-CN" if language == "zh" else "en",
    )
    return f"<!doctype html>\n{page}\n"


def _escaped(text: str) -> str:
    return text if isinstance(text, Markup) else html.escape(visible(text))
