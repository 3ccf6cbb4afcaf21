"""The renderer of a report as a web page in a single file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ops.report.blocks import (
    Bar,
    Block,
    Blocks,
    Cell,
    Chart,
    Column,
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
    ReportHead,
    RoundedText,
    Section,
    ShareBar,
    Span,
    StepBlock,
    Table,
    Time,
)
from ops.report.words import Translator
from ops.show import html
from ops.show.html import Markup, element, join
from ops.show.style import STYLE

# HTML elements for some kinds of spans, with the element's class.
_SPAN_ELEMENTS = {
    "note": ("span", "note"),
    "aside": ("span", "note"),
    "below": ("div", "note"),
    "strong": ("b", None),
    "small": ("small", None),
}


def draw(report: Report) -> str:
    translate = Translator(report.language)
    name = element("p", element("b", "oss-oms-sync"), " · ", report.title)
    content = element(
        "div",
        element("div", name, element("p", _draw_phrase(report.subtitle)), class_="top"),
        _draw_head(report.head, translate),
        *_draw_blocks(report.blocks, translate),
        *(_draw_section(section, translate) for section in report.sections if section),
        class_="page",
    )
    return html.document(f"oss-oms-sync · {report.title}", translate.language, STYLE, content)


def _draw_head(head: ReportHead, translate: Translator) -> Markup:
    step = head.step
    return element(
        "header",
        element("h1", head.word, class_=head.tone),
        element("p", head.explanation, class_="lead"),
        _draw_block(head.false_claims, translate) if head.false_claims else None,
        element("div", *_draw_step(step, translate, ""), class_="next") if step else None,
        class_="hero",
    )


def _draw_step(step: StepBlock, translate: Translator, separator: str) -> Iterable[Markup]:
    if step.text:
        yield element("p", element("b", translate("Next")), separator, translate.add_colon(step.text, step.command))
    if step.command:
        yield _draw_command(step.command)


def _draw_command(text: str) -> Markup:
    lines = Markup("\n".join(join((line,)) for line in text.split("\n")))
    return element("pre", element("code", lines), class_="command", dir="ltr", translate="no")


def _draw_section(section: Section, translate: Translator) -> Markup:
    note = element("p", section.note, class_="note") if section.note else None
    return element(
        "section",
        element("header", element("h2", section.title, id=section.name), note),
        element("div", *_draw_blocks(section.blocks, translate), class_="body"),
        aria_labelledby=section.name,
    )


def _draw_blocks(blocks: Blocks, translate: Translator) -> Iterator[Markup]:
    return (_draw_block(block, translate) for block in blocks if block)


def _draw_block(block: Block, translate: Translator) -> Markup:
    match block:
        case Paragraph(content, kind):
            return element("p", _draw_phrase(content), class_=kind)
        case Heading(content):
            return element("h3", _draw_phrase(content))
        case FactList(rows):
            return _draw_pairs((name, _draw_phrase(value)) for name, value in rows if value is not None)
        case Figures():
            return _draw_figures(block)
        case Table():
            return _draw_table(block)
        case Picture(caption, total, bar):
            parts = (element("span", _draw_phrase(phrase)) for phrase in (caption, total))
            return element("figure", element("figcaption", *parts), draw_bar(bar))
        case Chart():
            return _draw_chart(block, translate)
        case Items(rows, kind):
            return element("ul", *(element("li", _draw_phrase(row)) for row in rows), class_=kind)
        case CommandBlock(text) | Document(text):
            return _draw_command(text)
        case FindingBlock():
            return _draw_finding(block, translate)
        case Detail(blocks):
            return join(_draw_blocks(blocks, translate))


def _draw_phrase(phrase: Phrase | Cell) -> Markup:
    match phrase:
        case None:
            return Markup()
        case str():
            return join((phrase,))
        case Span():
            return _draw_span(phrase)
        case Link(file, shown_text):
            return element("a", shown_text, href=file)
        case RoundedText(shown_text, _):
            return join((shown_text,))
        case Time(written_time, shown_text, age):
            return join(
                (
                    element("time", shown_text, datetime=written_time),
                    element("span", age, class_="note") if age else None,
                )
            )
        case Bar():
            return draw_bar(phrase)
        case ShareBar(percent=None):
            return draw_share_bar(phrase)
        case ShareBar(number, percent=percent):
            shown_text = element("span", percent, class_="n" if number else "n nil")
            return element("span", draw_share_bar(phrase), shown_text, class_="share")
        case _:
            return join(map(_draw_phrase, phrase))


def _draw_span(span: Span) -> Markup:
    kind, content, tone = span
    match kind:
        case "key":
            return html.key(str(content))
        case "code":
            return html.code(str(content))
        case "outside":
            return html.outside_text(str(content))
        case "digest":
            return element("code", _draw_phrase(content), class_="digest", dir="ltr", translate="no")
        case "mark":
            return element("span", _draw_phrase(content), class_=f"mark {tone}")
        case "swatch":
            return element("i", class_=f"swatch {tone}", aria_hidden="true")
    name, class_name = _SPAN_ELEMENTS.get(kind, ("span", tone))
    return element(name, _draw_phrase(content), class_=class_name)


def _draw_pairs(pairs: Iterable[tuple[str, Markup]]) -> Markup:
    return element(
        "dl", *(join((element("dt", name), element("dd", markup))) for name, markup in pairs), class_="facts"
    )


def _draw_figures(figures: Figures) -> Markup:
    return element(
        "dl", *map(_draw_figure, figures.numbers), class_="figures within" if figures.is_in_section else "figures"
    )


def _draw_figure(figure: Figure) -> Markup:
    number = element("span", _draw_phrase(figure.number), class_=f"number {figure.tone or ''}".strip())
    note = element("div", _draw_phrase(figure.note), class_="note") if figure.note else None
    return element("div", element("dt", figure.label), element("dd", number, note))


def _draw_finding(finding_block: FindingBlock, translate: Translator) -> Markup:
    heading = element("h3", element("span", _draw_phrase(finding_block.title)), _draw_phrase(finding_block.result))
    evidence = element("p", _draw_phrase(finding_block.evidence)) if finding_block.evidence else None
    pairs = [*((name, _draw_phrase(value)) for name, value in finding_block.facts if value is not None)]
    if finding_block.keys.rows:
        pairs.append((finding_block.keys_title, _draw_block(finding_block.keys, translate)))
    return element(
        "div",
        heading,
        evidence,
        _draw_pairs(pairs),
        *_draw_step(finding_block.next, translate, translate(": ")),
        class_="trouble",
    )


def _draw_table(table: Table) -> Markup:
    """Return a table whose rows become cards on a narrow screen, although screen readers always read a table."""
    columns = table.columns
    head = [element("th", column.title, class_=column.kind, scope="col", role="columnheader") for column in columns]
    foot = [_draw_row(columns, row) for row in table.foot]
    return element(
        "table",
        element("caption", _draw_phrase(table.caption)) if table.caption else None,
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *(_draw_row(columns, row) for row in table.rows), role="rowgroup"),
        element("tfoot", *foot, role="rowgroup") if foot else None,
        # A table of two columns fits on a phone.
        class_="cards" if len(columns) > 2 else None,
        role="table",
    )


def _draw_row(columns: Sequence[Column], cells: Sequence[Phrase | Cell]) -> Markup:
    table_cells = []
    for number, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        content, tone = cell if isinstance(cell, Cell) else (cell, None)
        kind = " ".join(filter(None, (column.kind, tone))) or None
        if number:
            label = column.title if column.kind == "n" else None
            table_cells.append(element("td", _draw_phrase(content), class_=kind, role="cell", data_label=label))
        else:
            table_cells.append(element("th", _draw_phrase(content), class_=kind, scope="row", role="rowheader"))
    return element("tr", *table_cells, role="row")


def _draw_chart(chart: Chart, translate: Translator) -> Markup:
    copied_title, requested_title, failures_title = chart.titles
    swatches = (_draw_phrase(Span("swatch", tone=tone)) for tone in ("way", "line"))
    legend = [
        element("span", swatch, title, class_="legend")
        for swatch, title in zip(swatches, (copied_title, requested_title), strict=True)
    ]
    peaks = [element("span", translate("peak {number}", number=peak)) for peak in chart.peaks]
    return element(
        "figure",
        element("figcaption", element("span", *legend), peaks[0]),
        draw_columns(chart.copied_counts, "copied", chart.requested_counts),
        element("figcaption", element("span", _draw_phrase(Span("swatch", tone="bad")), failures_title), peaks[1]),
        draw_columns(chart.failure_counts, "failures"),
        element(
            "p", *(element("span", f"{time:%Y-%m-%d %H:%M:%S}") for time in (chart.start, chart.end)), class_="ends"
        ),
        _draw_block(chart.note, translate) if chart.note else None,
        role="group",
        aria_label=chart.label,
    )


def draw_bar(bar: Bar) -> Markup:
    """Return a bar in which each part is as wide as its share. A part above 0 is always visible."""
    parts = [element("i", class_=part.tone, style=f"flex-grow:{part.number}") for part in bar.parts if part.number > 0]
    return element("div", *parts, class_="bar thin" if bar.is_thin else "bar", role="img", aria_label=bar.label)


def draw_share_bar(share_bar: ShareBar) -> Markup:
    width = f"width:{100 * share_bar.number / max(1, share_bar.total):.3f}%"
    fill = element("span", class_=f"fill {share_bar.tone}", style=width) if share_bar.number > 0 else None
    return element("span", fill, class_="track", aria_hidden="true")


def draw_columns(values: Sequence[int], kind: str, line_values: Sequence[int] = ()) -> Markup:
    """Return a chart with a column for each value; `kind` is the CSS class of the columns.

    `line_values`, if any, are drawn as a line on the same scale.
    """
    max_value = max(1, *values, *line_values)
    elements = [
        element(
            "rect",
            class_=kind,
            x=f"{index + 0.06:.2f}",
            y=y_coordinate,
            width="0.88",
            height=f"{100 - float(y_coordinate):.2f}",
        )
        for index, value in enumerate(values)
        if value > 0
        # A minimum height keeps a count of 1 visible.
        for y_coordinate in [_y_coordinate(max(value, max_value * 0.04), max_value)]
    ]
    if line_values:
        points = " ".join(
            f"{index},{_y_coordinate(value, max_value)} {index + 1},{_y_coordinate(value, max_value)}"
            for index, value in enumerate(line_values)
        )
        elements.append(element("polyline", class_="requests", points=points, vector_effect="non-scaling-stroke"))
    return element(
        "svg",
        *elements,
        element("line", x1="0", y1="100", x2=str(len(values)), y2="100", vector_effect="non-scaling-stroke"),
        viewBox=f"0 0 {max(1, len(values))} 100",
        preserveAspectRatio="none",
        class_="strip" if kind == "failures" else None,
        aria_hidden="true",
        focusable="false",
    )


def _y_coordinate(value: float, max_value: int) -> str:
    return f"{100 - 98 * value / max_value:.2f}"
