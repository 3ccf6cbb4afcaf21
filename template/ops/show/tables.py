"""Tables on a terminal: a line for each row if it fits, else wrapped cells, else a paragraph for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ops.report.words import Translator
from ops.terminal import UnwrappedLine, longest_word, width, wrap

_INDENT = "  "
_CELL_MARGIN = _INDENT * 2
# Maximum width in columns; a wider cell moves later cells aside, because an object key may take a thousand columns.
_MAX_COLUMN_WIDTH = 76


class Grid(NamedTuple):
    """The cells of a table as text.

    Columns of `numbers` are right-aligned; cells of `numbers` and `names` are not wrapped. `sentences` follow each row.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[Sequence[str]]
    numbers: set[int]
    names: set[int]


def table_lines(grid: Grid, translate: Translator, columns: int) -> Iterator[str]:
    """Draw a table for a terminal of `columns` columns."""
    places = range(len(grid.titles))
    natural_widths = [max(map(width, (grid.titles[place], *(row[place] for row in grid.rows)))) for place in places]
    room = columns - len(_CELL_MARGIN) - len(_INDENT) * (len(natural_widths) - 1)
    if sum(natural_widths) <= room:
        limited_widths = [min(_MAX_COLUMN_WIDTH, number) for number in natural_widths]
        rows = [[_joined(row, limited_widths, grid.numbers)] for row in (grid.titles, *grid.rows)]
    elif widths := _fit_widths(grid, natural_widths, room):
        rows = [[*_wrapped_row(row, widths, grid.numbers)] for row in (grid.titles, *grid.rows)]
    else:
        rows = [[], *([*_paragraph(row, grid.titles, translate)] for row in grid.rows)]
    yield from rows[0]
    for row, sentences in zip(rows[1:], grid.sentences, strict=True):
        yield from row
        yield from (f"{_INDENT * 4}{sentence}" for sentence in sentences)


def _fit_widths(grid: Grid, natural_widths: Sequence[int], room: int) -> list[int] | None:
    """Return a width for each column, at least as wide as its longest word; None if the words do not fit."""
    places = range(len(natural_widths))
    is_whole = [place in grid.numbers | grid.names for place in places]
    widths = [
        max(
            longest_word(title),
            *(width(row[place]) if is_whole[place] else longest_word(row[place]) for row in grid.rows),
        )
        for place, title in enumerate(grid.titles)
    ]
    if sum(widths) > room:
        return None
    for _ in range(room - sum(widths)):
        tightest = max(places, key=lambda place: natural_widths[place] - widths[place])
        widths[tightest] += 1
    return widths


def _wrapped_row(row: Sequence[str], widths: Sequence[int], numbers: set[int]) -> Iterator[str]:
    """Draw a row whose cells take several lines."""
    cells = [wrap(cell, columns, hanging=0) for cell, columns in zip(row, widths, strict=True)]
    return (_joined(pieces, widths, numbers) for pieces in zip_longest(*cells, fillvalue=""))


def _joined(cells: Sequence[str], widths: Sequence[int], numbers: set[int]) -> str:
    """Draw cells side by side."""
    padded = []
    for place, (cell, columns) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (columns - width(cell))
        padded.append(f"{space}{cell}" if place in numbers else f"{cell}{space}")
    return UnwrappedLine(f"{_CELL_MARGIN}{_INDENT.join(padded)}".rstrip())


def _paragraph(row: Sequence[str], titles: Sequence[str], translate: Translator) -> Iterator[str]:
    """Draw a row as its name, and its values with their titles."""
    yield f"{_CELL_MARGIN}{row[0]}"
    values = [f"{title}{translate(': ')}{cell}" for title, cell in zip(titles[1:], row[1:], strict=True) if cell]
    if values:
        yield f"{_CELL_MARGIN}{_INDENT}{translate(', ').join(values)}"
