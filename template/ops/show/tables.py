"""Tables on a terminal: each row is a line if all rows fit, otherwise wrapped cells, otherwise a paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ops.report.words import Translator
from ops.terminal import UnwrappedLine, longest_word, width, wrap

_INDENT = "  "
_CELL_MARGIN = _INDENT * 2
# Maximum width of a cell, in terminal columns. A longer object key pushes the next cells to the right.
_MAX_COLUMN_WIDTH = 76


class Grid(NamedTuple):
    """The cells of a table as text.

    `numbers` are the right-aligned columns, and `names` the columns of names; neither is wrapped. `sentences` are
    printed below each row.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[Sequence[str]]
    numbers: set[int]
    names: set[int]


def draw_table(grid: Grid, translate: Translator, columns: int) -> Iterator[str]:
    """Yield the lines of a table on a terminal that is `columns` wide."""
    places = range(len(grid.titles))
    natural_widths = [max(map(width, (grid.titles[place], *(row[place] for row in grid.rows)))) for place in places]
    room = columns - len(_CELL_MARGIN) - len(_INDENT) * (len(natural_widths) - 1)
    if sum(natural_widths) <= room:
        limited_widths = [min(_MAX_COLUMN_WIDTH, number) for number in natural_widths]
        rows = [[_join_cells(row, limited_widths, grid.numbers)] for row in (grid.titles, *grid.rows)]
    elif widths := _fit_widths(grid, natural_widths, room):
        rows = [[*_wrap_row(row, widths, grid.numbers)] for row in (grid.titles, *grid.rows)]
    else:
        rows = [[], *([*_draw_paragraph(row, grid.titles, translate)] for row in grid.rows)]
    yield from rows[0]
    for row, sentences in zip(rows[1:], grid.sentences, strict=True):
        yield from row
        yield from (f"{_INDENT * 4}{sentence}" for sentence in sentences)


def _fit_widths(grid: Grid, natural_widths: Sequence[int], room: int) -> list[int] | None:
    """Return a width for each column, at least that of its longest word; None if even these widths do not fit."""
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


def _wrap_row(row: Sequence[str], widths: Sequence[int], numbers: set[int]) -> Iterator[str]:
    """Yield the lines of a row whose cells are wrapped."""
    cells = [wrap(cell, columns, hanging=0) for cell, columns in zip(row, widths, strict=True)]
    return (_join_cells(pieces, widths, numbers) for pieces in zip_longest(*cells, fillvalue=""))


def _join_cells(cells: Sequence[str], widths: Sequence[int], numbers: set[int]) -> str:
    """Return the line in which cells stand side by side."""
    padded = []
    for place, (cell, columns) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (columns - width(cell))
        padded.append(f"{space}{cell}" if place in numbers else f"{cell}{space}")
    return UnwrappedLine(f"{_CELL_MARGIN}{_INDENT.join(padded)}".rstrip())


def _draw_paragraph(row: Sequence[str], titles: Sequence[str], translate: Translator) -> Iterator[str]:
    """Yield a row as a paragraph: its name, then its values with the columns' titles."""
    yield f"{_CELL_MARGIN}{row[0]}"
    values = [f"{title}{translate(': ')}{cell}" for title, cell in zip(titles[1:], row[1:], strict=True) if cell]
    if values:
        yield f"{_CELL_MARGIN}{_INDENT}{translate(', ').join(values)}"
