"""The renderer of a report as lines on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ops.report.blocks import (
    Bar,
    Block,
    Blocks,
    Cell,
    Chart,
    CommandBlock,
    Detail,
    Document,
    FactList,
    Figure,
    Figures,
    FindingBlock,
    Heading,
    Items,
    Link,
    Paragraph,
    Phrase,
    Picture,
    Report,
    RoundedText,
    ShareBar,
    Span,
    StepBlock,
    Table,
    Time,
)
from ops.report.words import Translator
from ops.show.tables import Grid, draw_table
from ops.terminal import FittedLines, Line, MarkedLine, UnwrappedLine, escape

_MAX_SHOWN_KEYS = 5
_INDENT = "  "
# Kinds of columns with sentences, which are printed below their row.
_SENTENCE_KINDS = ("wide", "half")


def draw(report: Report) -> Iterator[Line]:
    translate, head = Translator(report.language), report.head
    if head.name:
        yield MarkedLine("", head.name, head.tone)
        yield f"{_INDENT}{head.explanation}"
    else:
        yield MarkedLine("", head.explanation, head.tone)
    if head.false_claims:
        yield from _draw_block(head.false_claims, translate)
    if head.step:
        yield from _draw_step(head.step)
    if subtitle := _flatten(translate, report.subtitle):
        yield f"{_INDENT}{subtitle}"
    yield from _draw_blocks(report.blocks, translate)
    for section in filter(None, report.sections):
        if section_lines := [*_draw_blocks(section.blocks, translate)]:
            yield translate.add_colon(section.title, section.title)
            yield from section_lines


def _draw_blocks(blocks: Blocks, translate: Translator) -> Iterator[Line]:
    return (line for block in blocks if block for line in _draw_block(block, translate))


def _draw_step(step: StepBlock) -> Iterator[Line]:
    if step.text:
        yield f"{_INDENT * 3}-> {step.text}"
    if step.command:
        yield UnwrappedLine(f"{_INDENT * 3}-> {step.command}")


def _draw_block(block: Block, translate: Translator) -> Iterator[Line]:
    colon = translate(": ")
    match block:
        case Paragraph(content) | Heading(content):
            yield from _draw_paragraph(content, translate)
        case FactList(rows):
            yield from (
                f"{_INDENT}{name}{colon}{_flatten(translate, value)}" for name, value in rows if value is not None
            )
        case Figures(figures):
            yield from (_draw_figure(figure, translate) for figure in figures)
        case Table():
            yield from _draw_table(block, translate)
        case Picture(caption, total):
            yield f"{_INDENT}{_flatten(translate, caption)}{colon}{_flatten(translate, total)}"
        case Chart(label):
            yield f"{_INDENT}{_flatten(translate, label)}"
        case Items(rows, kind):
            yield from (
                f"{_INDENT * 3}{_flatten(translate, row)}"
                for row in rows[: _MAX_SHOWN_KEYS if kind == "keys" else None]
            )
        case CommandBlock(line):
            yield UnwrappedLine(f"{_INDENT * 3}-> {line}")
        case Document(text):
            yield from map(UnwrappedLine, text.split("\n"))
        case FindingBlock():
            yield from _draw_finding(block, translate)
        case Detail():
            pass


def _draw_figure(figure: Figure, translate: Translator) -> Line:
    note = translate(" ({note})", note=_flatten(translate, figure.note)) if figure.note else ""
    return MarkedLine(
        f"{_INDENT}{figure.label}{translate(': ')}", _flatten(translate, figure.number), figure.tone or "", note
    )


def _draw_finding(finding_block: FindingBlock, translate: Translator) -> Iterator[Line]:
    colon = translate(": ")
    title, result = _flatten(translate, finding_block.title), _flatten(translate, finding_block.result)
    prefix, suffix = _INDENT, title
    if finding_block.evidence:
        prefix, suffix = f"{_INDENT}{title} ", _flatten(translate, finding_block.evidence)
    yield MarkedLine(prefix, result, finding_block.result.tone or "", f"{colon}{suffix}")
    for name, value in finding_block.facts:
        if value is not None:
            yield f"{_INDENT * 3}{name}{colon}{_flatten(translate, value)}"
    if finding_block.keys.rows:
        if finding_block.keys_title:
            yield f"{_INDENT * 3}{finding_block.keys_title}{colon.rstrip()}"
        yield from _draw_block(finding_block.keys, translate)
    yield from _draw_step(finding_block.next)


def _draw_paragraph(content: Phrase, translate: Translator) -> Iterator[Line]:
    # A phrase that is a single mark colours the line.
    tone = content.tone if isinstance(content, Span) else None
    yield MarkedLine(_INDENT, _flatten(translate, content), tone or "")


def _draw_table(table: Table, translate: Translator) -> Iterator[Line]:
    if table.caption:
        yield from _draw_paragraph(table.caption, translate)
    yield FittedLines(partial(draw_table, _make_grid(table, translate), translate))


def _make_grid(table: Table, translate: Translator) -> Grid:
    rows = [*table.rows, *table.foot]
    column_indexes = range(len(table.columns))
    sentence_columns = [index for index in column_indexes if table.columns[index].kind in _SENTENCE_KINDS]
    short_columns = [index for index in column_indexes if index not in sentence_columns]
    return Grid(
        [table.columns[index].title for index in short_columns],
        [[escape(_flatten(translate, row[index])) for index in short_columns] for row in rows],
        [[text for index in sentence_columns if (text := _flatten(translate, row[index]))] for row in rows],
        number_columns={
            short_index for short_index, index in enumerate(short_columns) if table.columns[index].kind == "n"
        },
        name_columns={
            short_index for short_index, index in enumerate(short_columns) if any(_is_name(row[index]) for row in rows)
        },
    )


def _is_name(cell: Phrase | Cell) -> bool:
    """Return True if the cell is an object key or a name, which must not be wrapped."""
    return isinstance(cell, Span) and cell.kind in ("key", "code")


def _flatten(translate: Translator, phrase: Phrase | Cell) -> str:
    match phrase:
        case str():
            return phrase
        case Span("key", str(name)):
            return repr(name)
        case Span("note", content):
            return translate(" ({note})", note=_flatten(translate, content))
        case Span("below", content):
            return translate(", {detail}", detail=_flatten(translate, content))
        case Span("aside"):
            return ""
        case Span(_, content) | Cell(content):
            return _flatten(translate, content)
        case Link(_, link_text):
            return link_text
        case RoundedText(_, exact_text):
            return _flatten(translate, exact_text)
        case Time(written_time, _, age):
            return f"{written_time}{translate(' ({note})', note=age)}" if age else written_time
        case None | Bar() | ShareBar():
            return ""
        case _:
            return "".join(_flatten(translate, part) for part in phrase)
