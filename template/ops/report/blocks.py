"""What a report is made of, whoever draws it: blocks, in which phrases are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """A part of a phrase. `kind`: an object "key"; "code", a name or command that is the same in every language; a
    "digest"; what somebody wrote "outside"; "prose" of the function, in which commands stand out; a "mark", which is a
    result, or a "swatch" beside words, each of a tone; "strong" or "small"; a "note", or one "below" what is said; an
    "aside", which a terminal has no room for. Without a kind it is a text of a tone."""

    kind: str
    content: Phrase = None
    tone: str | None = None


class Time(NamedTuple):
    """A time of an answer as it stands there, what people read, and how long ago that was."""

    given: str
    shown: str
    age: str | None


class Rounded(NamedTuple):
    """What a page shows, where more is beside it, and the same in full."""

    shown: str
    exact: str


class Part(NamedTuple):
    """A part of a bar: how much it is, and its tone."""

    number: int
    tone: str


class Bar(NamedTuple):
    """A bar whose parts add up; `label` says so in words."""

    parts: Sequence[Part]
    label: str
    thin: bool = False


class Track(NamedTuple):
    """How much a number is of another, beside the number itself; with the percentage, if it stands nowhere else."""

    number: int
    of: int
    tone: str
    percent: str | None = None


Phrase: TypeAlias = "str | Span | Time | Rounded | Bar | Track | Sequence[Phrase] | None"


class Figure(NamedTuple):
    """A number with what it counts; `note` says more, `tone` is that of the number."""

    label: str
    number: Phrase
    note: Phrase = None
    tone: str | None = None


class Figures(NamedTuple):
    """Numbers side by side; `within` a section they are smaller."""

    given: Sequence[Figure]
    within: bool = False


class Paragraph(NamedTuple):
    """A sentence or two; `kind` is a tone, or "note"."""

    content: Phrase
    kind: str | None = None


class Heading(NamedTuple):
    """Of what follows in the section."""

    content: Phrase


class FactList(NamedTuple):
    """Names and values, one under the other; without those that are None."""

    rows: Sequence[tuple[str, Phrase]]


class Column(NamedTuple):
    """A column of a table; `kind` is "n" if it has numbers, "wide" or "half" if it has sentences."""

    title: str
    kind: str | None = None


class Cell(NamedTuple):
    """A cell with a tone of its own; "nil" of what is nothing."""

    content: Phrase
    kind: str


class Table(NamedTuple):
    """A table whose first column names the rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Phrase | Cell]]
    foot: Sequence[Sequence[Phrase | Cell]] = ()
    caption: Phrase = None


class Picture(NamedTuple):
    """A bar under what it is of, and the total."""

    caption: Phrase
    total: Phrase
    bar: Bar


class Chart(NamedTuple):
    """Counts from `start` to `end` in equal spans, `asked` on the scale of `done`, `failed` on one of their own; each
    with its title and its peak. `label` says it in words."""

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
    """A list; the first of it is enough on a terminal if it is one of "keys"."""

    rows: Sequence[Phrase]
    kind: str | None = None


class StepBlock(NamedTuple):
    """What to do next: a sentence and a command, either of which may be empty."""

    text: str
    command: str = ""


class CommandBlock(NamedTuple):
    """A command to be copied."""

    line: str


class Document(NamedTuple):
    """A text to be copied as it stands, over lines."""

    text: str


class FindingBlock(NamedTuple):
    """What is not as it has to be, and what to do about it."""

    title: Phrase
    result: Span
    next: StepBlock
    facts: Sequence[tuple[str, Phrase]] = ()
    keys: Items = Items(())
    keys_title: str = ""


class Detail(NamedTuple):
    """What a terminal has no room for."""

    blocks: Blocks


Block: TypeAlias = (
    "Figures | Paragraph | Heading | FactList | Table | Picture | Chart | Items | CommandBlock | Document"
    " | FindingBlock | Detail"
)
# One below the other; None is none.
Blocks: TypeAlias = "Sequence[Block | None]"


class Section(NamedTuple):
    """A part of the report under a heading; `name` is its id."""

    name: str
    title: str
    note: str | None
    blocks: Blocks


class Hero(NamedTuple):
    """The one word, the sentence that explains it, and the next step. A
    terminal has it by its `name`, unless the sentence says it too."""

    word: str
    tone: str
    lead: str
    step: StepBlock | None
    name: str = ""
    doubts: Items | None = None


class Report(NamedTuple):
    """A report in one language. A page needs a `title` and what is said `about` it."""

    hero: Hero
    language: str
    blocks: Blocks
    sections: Sequence[Section | None] = ()
    title: str = ""
    about: Phrase = None


def keys(names: Sequence[object]) -> Items:
    """Object keys, as a list."""
    return Items([Span("key", str(name)) for name in names], "keys")
