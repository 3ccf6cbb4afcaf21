"""A writer of HTML elements that escapes all text except Markup, and makes invisible characters visible."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterable

from ops.shell import COMMAND_IN_TEXT, remove_marks

# Unicode categories of characters that are invisible or reorder others: controls, formats (bidi overrides, zero width),
# lone surrogates (which no file can contain), separators of lines and paragraphs.
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
_VOID_ELEMENTS = ("link", "meta")
# A longer key is shortened to its beginning and its last 60 characters. OSS allows keys of 1023 bytes.
_MAX_KEY_CHARACTERS, _TAIL_CHARACTERS = 240, 60


class Markup(str):
    """Text that is already HTML, and is not escaped again."""

    __slots__ = ()


def escape_invisible(text: str) -> str:
    r"""Return `text` with each invisible character written as in JSON, such as \u202e."""
    if text.isprintable():
        return text
    return "".join(
        json.dumps(character)[1:-1] if unicodedata.category(character) in _INVISIBLE_CATEGORIES else character
        for character in text
    )


def element(name: str, /, *children: str | None, **attributes: str | None) -> Markup:
    """Return an HTML element; children that are None are omitted.

    Attributes have their HTML names, except that `class_` means class, and `aria_label` means aria-label.
    """
    attribute_text = "".join(
        f' {attribute.rstrip("_").replace("_", "-")}="{_escape(value)}"'
        for attribute, value in attributes.items()
        if value is not None
    )
    if name in _VOID_ELEMENTS:
        return Markup(f"<{name}{attribute_text}>")
    return Markup(f"<{name}{attribute_text}>{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Markup:
    """Concatenate the children that are not None. Commands in their texts become code elements."""
    return Markup(
        "".join(child if isinstance(child, Markup) else _mark_up_commands(child) for child in children if child)
    )


def key(name: str) -> Markup:
    """Return an HTML element for an object key.

    A key with invisible characters or unusual spaces is written as a JSON string. A long key is shortened in its
    middle, marked by "[…]".
    """
    shown_text = name
    if len(name) > _MAX_KEY_CHARACTERS:
        shown_text = f"{name[: _MAX_KEY_CHARACTERS - _TAIL_CHARACTERS]} […] {name[-_TAIL_CHARACTERS:]}"
    if name != escape_invisible(name) or name != " ".join(name.split()) or name[:1] == '"':
        escaped_characters = (
            character if character.isprintable() and character not in '"\\' else json.dumps(character)[1:-1]
            for character in shown_text
        )
        shown_text = f'"{"".join(escaped_characters)}"'
    return element(
        "code",
        shown_text,
        class_="key",
        dir="ltr",
        translate="no",
        title=name if len(name) > _MAX_KEY_CHARACTERS else None,
    )


def code(text: str) -> Markup:
    """Return a name or a command as an HTML element that browsers do not translate."""
    return element("code", text, dir="ltr", translate="no")


def outside_text(text: str) -> Markup:
    """Return text from outside this project as an HTML element, which isolates its direction of writing."""
    return element("bdi", text, translate="no")


def document(title: str, language: str, style: str, *body_parts: str | None) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        # Without this element the browser requests favicon.ico.
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )
    page = element(
        "html",
        element("head", *head),
        element("body", *body_parts),
        lang="zh-CN" if language == "zh" else "en",
    )
    return f"<!doctype html>\n{page}\n"


def _mark_up_commands(text: str) -> str:
    parts = COMMAND_IN_TEXT.split(text)
    return "".join(code(part) if index % 2 else _escape(part) for index, part in enumerate(parts))


def _escape(text: str) -> str:
    return html.escape(escape_invisible(remove_marks(text)))
