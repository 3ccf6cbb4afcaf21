"""Blocks of a report, such as tables and figures, which `ops.show` draws on a terminal or as a web page.

A tone is a colour and its meaning: "good", "open" (not proven), "bad", "way" (in progress) or "calm".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """A part of a phrase with its own appearance, and with a tone if it has a colour.

    `kind` is one of these:

        "key"      an object key
        "code"     a name or command that is not translated
        "digest"   a digest in hexadecimal
        "outside"  text from outside this project
        "mark"     a result with a tone
        "swatch"   a coloured square beside words, with a tone
        "strong"   bold text
        "small"    small text
        "note"     a note after the text
        "below"    a note on its own line
        "aside"    a note that a terminal omits
        ""         text with a tone
    """

    kind: str
    content: Phrase = None
    tone: str | None = None


class Time(NamedTuple):
    """A time: `written_time` is its form in the answer, `text` its form for readers, and `age` its age or None."""

    written_time: str
    text: str
    age: str | None


class RoundedText(NamedTuple):
    """A short text for a web page, and the full text for a terminal."""

    short_text: str
    full_text: str


class Part(NamedTuple):
    """A part of a bar: its length, such as a number of objects, and its tone."""

    number: int
    tone: str


class Bar(NamedTuple):
    """A bar made of parts; `label` is its text for screen readers, and `is_thin` makes it lower."""

    parts: Sequence[Part]
    label: str
    is_thin: bool = False


class ShareBar(NamedTuple):
    """A bar whose filled part is the share of `number` in `total`.

    `percent` is the share as text, or None if the report prints the share elsewhere.
    """

    number: int
    total: int
    tone: str
    percent: str | None = None


class Link(NamedTuple):
    """A text that a web page shows as a link to a file in its own folder."""

    file: str
    text: str


Phrase: TypeAlias = "str | Span | Link | Time | RoundedText | Bar | ShareBar | Sequence[Phrase] | None"


class Figure(NamedTuple):
    """A number with its label; `note` adds details, and `tone` colours the number."""

    label: str
    number: Phrase
    note: Phrase = None
    tone: str | None = None


class Figures(NamedTuple):
    """Figures side by side, which are smaller within a section."""

    numbers: Sequence[Figure]
    is_in_section: bool = False


class Paragraph(NamedTuple):
    """A paragraph of one or two sentences; `kind` is a tone, or "note" for small grey text."""

    content: Phrase
    kind: str | None = None


class Heading(NamedTuple):
    """A heading above the following blocks of a section."""

    content: Phrase


class FactList(NamedTuple):
    """A list of names with their values, one on each line. A name whose value is None is omitted."""

    rows: Sequence[tuple[str, Phrase]]


class Column(NamedTuple):
    """A column of a table; `kind` is "n" for numbers, and "wide" or "half" for sentences."""

    title: str
    kind: str | None = None


class Cell(NamedTuple):
    """A table cell with a tone of its own; the tone "nil" makes zeros pale."""

    content: Phrase
    tone: str


class Table(NamedTuple):
    """A table whose first column has the names of the rows; `foot` has the rows of totals."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Phrase | Cell]]
    foot: Sequence[Sequence[Phrase | Cell]] = ()
    caption: Phrase = None


class Picture(NamedTuple):
    """A bar with its caption and its total."""

    caption: Phrase
    total: Phrase
    bar: Bar


class Chart(NamedTuple):
    """A chart of counts from `start` to `end`, in time spans of equal length; `label` is the text for screen readers.

    - `copied_counts` and `requested_counts` share a scale, and `failure_counts` have another.
    - `titles` are the titles of the three series, and `peaks` the maximums of the two scales, as text.
    """

    label: str
    start: datetime
    end: datetime
    copied_counts: Sequence[int]
    requested_counts: Sequence[int]
    failure_counts: Sequence[int]
    titles: tuple[str, str, str]
    peaks: tuple[str, str]
    note: Paragraph | None


class Items(NamedTuple):
    """A list of phrases. If its kind is "keys", a terminal prints only the first few."""

    rows: Sequence[Phrase]
    kind: str | None = None


class StepBlock(NamedTuple):
    """The next step: a sentence and a command, either of which may be empty."""

    text: str
    command: str = ""


class CommandBlock(NamedTuple):
    """A shell command that readers copy and run."""

    line: str


class Document(NamedTuple):
    """A text of several lines, such as a JSON document, which readers copy unchanged."""

    text: str


class FindingBlock(NamedTuple):
    """A check that has not passed, with its remedy `next`.

    A terminal prints the title, the result and the `evidence` on a single line. Without `evidence`, it prints the
    result before the title.
    """

    title: Phrase
    result: Span
    next: StepBlock
    evidence: Phrase = None
    facts: Sequence[tuple[str, Phrase]] = ()
    keys: Items = Items(())
    keys_title: str = ""


class Detail(NamedTuple):
    """Blocks that a web page shows and a terminal omits."""

    blocks: Blocks


Block: TypeAlias = (
    "Figures | Paragraph | Heading | FactList | Table | Picture | Chart | Items | CommandBlock | Document"
    " | FindingBlock | Detail"
)
# Blocks from top to bottom; None is omitted.
Blocks: TypeAlias = "Sequence[Block | None]"


class Section(NamedTuple):
    """A part of the report under a heading; `name` is the id of its HTML element."""

    name: str
    title: str
    note: str | None
    blocks: Blocks


class ReportHead(NamedTuple):
    """The head of a report: the verdict in one word, an explanation of the verdict, and the next step.

    A terminal prints the verdict as `name`, which is empty if the explanation contains the verdict.
    """

    word: str
    tone: str
    explanation: str
    step: StepBlock | None
    name: str = ""
    false_claims: Items | None = None


class Report(NamedTuple):
    """A report in one language; `title` is for a web page, and `subtitle` is a line below it, such as the date."""

    head: ReportHead
    language: str
    blocks: Blocks
    sections: Sequence[Section | None] = ()
    title: str = ""
    subtitle: Phrase = None


def keys(names: Sequence[object]) -> Items:
    """Return object keys as a list of which a terminal prints only the first few."""
    return Items([Span("key", str(name)) for name in names], "keys")
