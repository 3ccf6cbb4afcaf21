"""What every page is made of: its head, figures, sections, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ops.pages import html, units
from ops.pages.answers import moment
from ops.pages.html import Markup, element, join
from ops.pages.style import STYLE
from ops.pages.words import Words


class Figure(NamedTuple):
    """A number with what it counts; `note` says more, `tone` is that of the number."""

    label: str
    number: str
    note: str | None = None
    tone: str | None = None


class Column(NamedTuple):
    """A column of a table; `kind` is the class of its cells, "n" of those that are numbers."""

    title: str
    kind: str | None = None


class Cell(NamedTuple):
    """A cell with a class of its own."""

    content: str
    kind: str


class Step(NamedTuple):
    """What to do next: a sentence and a command, either of which may be empty."""

    text: str
    command: str = ""


def page(title: str, say: Words, about: Markup, *body: str | None) -> str:
    """A page of these parts; `about` is on its right, above."""
    name = element("p", element("b", "oss-oms-sync"), " · ", title)
    content = element("div", element("div", name, element("p", about), class_="top"), *body, class_="page")
    return html.document(f"oss-oms-sync · {title}", say.language, STYLE, content)


def hero(word: str, tone: str, lead: str, step: Step | None, say: Words, *more: str | None) -> Markup:
    """The one word, the sentence that explains it, and the next command."""
    following = None
    if step:
        following = element(
            "div",
            element("p", element("b", say("next")), say.before(step.text, step.command)) if step.text else None,
            command(step.command) if step.command else None,
            class_="next",
        )
    return element(
        "header",
        element("h1", word, class_=tone),
        element("p", html.prose(lead), class_="lead"),
        *more,
        following,
        class_="hero",
    )


def command(line: str) -> Markup:
    """A command to be copied."""
    return element("pre", element("code", line), class_="command", dir="ltr", translate="no")


def key_figures(given: Iterable[Figure], within: bool = False) -> Markup:
    """Numbers side by side; `within` a section they are smaller."""
    cells = [
        element(
            "div",
            element("dt", one.label),
            element(
                "dd",
                element("span", one.number, class_=f"number {one.tone or ''}".strip()),
                element("div", one.note, class_="note") if one.note else None,
            ),
        )
        for one in given
    ]
    return element("dl", *cells, class_="figures within" if within else "figures")


def section(name: str, title: str, note: str | None, *body: str | None) -> Markup:
    """A part of the page under a heading; `name` is its id."""
    head = element("header", element("h2", title, id=name), element("p", note, class_="note") if note else None)
    return element("section", head, element("div", *body, class_="body"), aria_labelledby=name)


def facts(given: Iterable[tuple[str, str | None]]) -> Markup:
    """Names and values, one under the other; without those that are None."""
    pairs = (element("dt", name) + element("dd", value) for name, value in given if value is not None)
    return element("dl", *map(Markup, pairs), class_="facts")


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Cell]],
    foot: Iterable[Sequence[str | Cell]] = (),
    caption: str | None = None,
) -> Markup:
    """A table whose first column names the rows. On a phone each row is a card of its own, and still a row to those who
    hear it."""
    head = [element("th", one.title, class_=one.kind, scope="col", role="columnheader") for one in columns]
    foot_rows = [_row(columns, row) for row in foot]
    return element(
        "table",
        element("caption", caption) if caption else None,
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *(_row(columns, row) for row in rows), role="rowgroup"),
        element("tfoot", *foot_rows, role="rowgroup") if foot_rows else None,
        # Two columns fit on a phone as they are.
        class_="cards" if len(columns) > 2 else None,
        role="table",
    )


def _row(columns: Sequence[Column], cells: Sequence[str | Cell]) -> Markup:
    made = []
    for number, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        content, own = (cell.content, cell.kind) if isinstance(cell, Cell) else (cell, None)
        kind = " ".join(filter(None, (column.kind, own))) or None
        if number:
            label = column.title if column.kind == "n" else None
            made.append(element("td", content, class_=kind, role="cell", data_label=label))
        else:
            made.append(element("th", content, class_=kind, scope="row", role="rowheader"))
    return element("tr", *made, role="row")


def number(count: int | None, say: Words, tone: str = "") -> str | Cell:
    """A count in a table: pale if it is 0, and in its tone if it is not."""
    if count is None:
        return Cell(say("not known"), "open")
    return Cell(units.count(count, say), tone if count else "nil") if tone or not count else units.count(count, say)


def volume(size: int | None, say: Words) -> Cell:
    """Bytes in a table, in the same way."""
    return Cell(units.size(size, say), "open" if size is None else "" if size else "nil")


def time(given: object, now: datetime | None, say: Words) -> Markup:
    """A time of an answer, and how long before `now` it was."""
    if given is None or given == "":
        return Markup(element("span", say("not known"), class_="open"))
    at = moment(given)
    if at is None:
        return html.outside(str(given))
    shown = element("time", clock(at), datetime=str(given))
    age = units.age(at, now, say)
    return join((shown, element("span", age, class_="note"))) if age else shown


def clock(at: datetime) -> str:
    """A time as people read it, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def mark(tone: str, text: str) -> Markup:
    """A result: its word, with a sign of its tone."""
    return element("span", text, class_=f"mark {tone}")


def swatch(tone: str) -> Markup:
    """The colour of a tone, beside words that say it."""
    return element("i", class_=f"swatch {tone}", aria_hidden="true")


def keys(names: Sequence[object]) -> Markup:
    """Object keys, as a list."""
    return element("ul", *(element("li", html.key(str(one))) for one in names), class_="keys")
