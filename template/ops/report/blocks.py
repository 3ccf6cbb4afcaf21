"""Blocks of a report, made of phrases, for a terminal or a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """A part of a phrase.

    Kinds: "key", an object key; "code", a name or command that is not translated; "digest"; "outside", text from
    outside this project; "mark", a result, and "swatch", a colour
    beside words, each with a tone; "strong" and "small"; "note", and "below", a note on its own line; "aside", omitted
    on a terminal. The empty kind is text with a tone.
    """

    kind: str
    content: Phrase = None
    tone: str | None = None


class Time(NamedTuple):
    """A time of the answer (`written`), its form for readers, and its age."""

    written: str
    shown: str
    age: str | None


class Rounded(NamedTuple):
    """A short text for a page, which shows the details elsewhere, and the full text."""

    shown: str
    exact: str


class Part(NamedTuple):
    """A part of a bar: its number and its tone."""

    number: int
    tone: str


class Bar(NamedTuple):
    """A bar whose parts add up; `label` describes it in words."""

    parts: Sequence[Part]
    label: str
    thin: bool = False


class Track(NamedTuple):
    """A number as a share of another, drawn beside it; `percent` only if it is printed nowhere else."""

    number: int
    of: int
    tone: str
    percent: str | None = None


class Link(NamedTuple):
    """A text that a page shows as a link to a file in its folder."""

    file: str
    shown: str


Phrase: TypeAlias = "str | Span | Link | Time | Rounded | Bar | Track | Sequence[Phrase] | None"


class Figure(NamedTuple):
    """A number with its label; `note` adds details, and `tone` colours the number."""

    label: str
    number: Phrase
    note: Phrase = None
    tone: str | None = None


class Figures(NamedTuple):
    """Numbers side by side; smaller `within` a section."""

    numbers: Sequence[Figure]
    within: bool = False


class Paragraph(NamedTuple):
    """A sentence or two; `kind` is a tone, or "note"."""

    content: Phrase
    kind: str | None = None


class Heading(NamedTuple):
    """A heading of the following blocks of a section."""

    content: Phrase


class FactList(NamedTuple):
    """Names and values in lines; None values are omitted."""

    rows: Sequence[tuple[str, Phrase]]


class Column(NamedTuple):
    """A column of a table; `kind` is "n" for numbers, "wide" or "half" for sentences."""

    title: str
    kind: str | None = None


class Cell(NamedTuple):
    """A cell with its own tone; "nil" for nothing."""

    content: Phrase
    kind: str


class Table(NamedTuple):
    """A table whose first column names the rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Phrase | Cell]]
    foot: Sequence[Sequence[Phrase | Cell]] = ()
    caption: Phrase = None


class Picture(NamedTuple):
    """A bar below its caption and total."""

    caption: Phrase
    total: Phrase
    bar: Bar


class Chart(NamedTuple):
    """Counts from `start` to `end` in equal spans.

    `done` and `asked` share a scale, `failed` has its own: three titles, two peaks. `label`: text alternative.
    """

    label: str
    start: datetime
    end: datetime
    done: Sequence[int]
    asked: Sequence[int]
    failed: Sequence[int]
    titles: tuple[str, str, str]
    peaks: tuple[str, str]
    note: Paragraph | None


class Items(NamedTuple):
    """A list; a terminal shows only the beginning of a list of "keys"."""

    rows: Sequence[Phrase]
    kind: str | None = None


class StepBlock(NamedTuple):
    """The next step: a sentence and a command, either of which may be empty."""

    text: str
    command: str = ""


class CommandBlock(NamedTuple):
    """A command to copy."""

    line: str


class Document(NamedTuple):
    """A text of several lines to copy unchanged."""

    text: str


class FindingBlock(NamedTuple):
    """A check that has not passed, with its remedy.

    A terminal prints the title, the result and `evidence` as a line; without `evidence`, the result and the title.
    """

    title: Phrase
    result: Span
    next: StepBlock
    evidence: Phrase = None
    facts: Sequence[tuple[str, Phrase]] = ()
    keys: Items = Items(())
    keys_title: str = ""


class Detail(NamedTuple):
    """Blocks that a terminal omits."""

    blocks: Blocks


Block: TypeAlias = (
    "Figures | Paragraph | Heading | FactList | Table | Picture | Chart | Items | CommandBlock | Document"
    " | FindingBlock | Detail"
)
# Blocks below each other; None is omitted.
Blocks: TypeAlias = "Sequence[Block | None]"


class Section(NamedTuple):
    """A part of the report under a heading; `name` is its id."""

    name: str
    title: str
    note: str | None
    blocks: Blocks


class Hero(NamedTuple):
    """The verdict in one word, its explanation, and the next step.

    A terminal prints the verdict's `name`, unless the explanation contains it.
    """

    word: str
    tone: str
    lead: str
    step: StepBlock | None
    name: str = ""
    doubts: Items | None = None


class Report(NamedTuple):
    """A report in one language. A page needs a `title` and a line `about` the report."""

    hero: Hero
    language: str
    blocks: Blocks
    sections: Sequence[Section | None] = ()
    title: str = ""
    about: Phrase = None


def keys(names: Sequence[object]) -> Items:
    """Return object keys as a list."""
    return Items([Span("key", str(name)) for name in names], "keys")
