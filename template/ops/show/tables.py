"""Tables on a terminal: in a table that is too wide, cells are wrapped or, failing that, rows become paragraphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ops.report.words import Translator
from ops.terminal import UnwrappedLine, longest_word_width, width, wrap

_INDENT = "  "
_CELL_MARGIN = _INDENT * 2
# Maximum width of a cell, in terminal columns. A longer object key pushes the next cells to the right.
_MAX_COLUMN_WIDTH = 76


class Grid(NamedTuple):
    """The cells of a table as text.

    - `number_columns` are the indexes of the columns with numbers, which are aligned to the right and not wrapped.
    - `name_columns` are the indexes of the columns with names, which are not wrapped either.
    - `sentences` are printed below each row.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[Sequence[str]]
    number_columns: set[int]
    name_columns: set[int]


def draw_table(grid: Grid, translate: Translator, columns: int) -> Iterator[str]:
    column_indexes = range(len(grid.titles))
    natural_widths = [
        max(map(width, (grid.titles[index], *(row[index] for row in grid.rows)))) for index in column_indexes
    ]
    available_width = columns - len(_CELL_MARGIN) - len(_INDENT) * (len(natural_widths) - 1)
    if sum(natural_widths) <= available_width:
        limited_widths = [min(_MAX_COLUMN_WIDTH, number) for number in natural_widths]
        rows = [[_join_cells(row, limited_widths, grid.number_columns)] for row in (grid.titles, *grid.rows)]
    elif widths := _fit_widths(grid, natural_widths, available_width):
        rows = [[*_wrap_row(row, widths, grid.number_columns)] for row in (grid.titles, *grid.rows)]
    else:
        rows = [[], *([*_draw_paragraph(row, grid.titles, translate)] for row in grid.rows)]
    yield from rows[0]
    for row, sentences in zip(rows[1:], grid.sentences, strict=True):
        yield from row
        yield from (f"{_INDENT * 4}{sentence}" for sentence in sentences)


def _fit_widths(grid: Grid, natural_widths: Sequence[int], available_width: int) -> list[int] | None:
    """Return a width for each column, so that the table fits into `available_width`, or None if it cannot fit.

    All widths are in characters. `natural_widths` are those without wrapping; a column is at least as wide as its
    longest word.
    """
    column_indexes = range(len(natural_widths))
    is_unwrapped = [index in grid.number_columns | grid.name_columns for index in column_indexes]
    widths = [
        max(
            longest_word_width(title),
            *(width(row[index]) if is_unwrapped[index] else longest_word_width(row[index]) for row in grid.rows),
        )
        for index, title in enumerate(grid.titles)
    ]
    if sum(widths) > available_width:
        return None
    for _ in range(available_width - sum(widths)):
        narrowest_column = max(column_indexes, key=lambda index: natural_widths[index] - widths[index])
        widths[narrowest_column] += 1
    return widths


def _wrap_row(row: Sequence[str], widths: Sequence[int], number_columns: set[int]) -> Iterator[str]:
    cells = [wrap(cell, column_width, hanging_indent=0) for cell, column_width in zip(row, widths, strict=True)]
    return (_join_cells(line_cells, widths, number_columns) for line_cells in zip_longest(*cells, fillvalue=""))


def _join_cells(cells: Sequence[str], widths: Sequence[int], number_columns: set[int]) -> str:
    padded_cells = []
    for index, (cell, columns) in enumerate(zip(cells, widths, strict=True)):
        padding = " " * (columns - width(cell))
        padded_cells.append(f"{padding}{cell}" if index in number_columns else f"{cell}{padding}")
    return UnwrappedLine(f"{_CELL_MARGIN}{_INDENT.join(padded_cells)}".rstrip())


def _draw_paragraph(row: Sequence[str], titles: Sequence[str], translate: Translator) -> Iterator[str]:
    yield f"{_CELL_MARGIN}{row[0]}"
    values = [f"{title}{translate(': ')}{cell}" for title, cell in zip(titles[1:], row[1:], strict=True) if cell]
    if values:
        yield f"{_CELL_MARGIN}{_INDENT}{translate(', ').join(values)}"
