"""A report as a web page."""

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
    Hero,
    Items,
    Link,
    Paragraph,
    Phrase,
    Picture,
    Report,
    Rounded,
    Section,
    Span,
    StepBlock,
    Table,
    Time,
    Track,
)
from ops.report.words import Translator
from ops.show import html
from ops.show.html import Markup, element, join
from ops.show.style import STYLE

# Kinds of spans with their own element, and the element's class.
_SPAN_ELEMENTS = {
    "note": ("span", "note"),
    "aside": ("span", "note"),
    "below": ("div", "note"),
    "strong": ("b", None),
    "small": ("small", None),
}


def draw(report: Report) -> str:
    """Return the page."""
    translate = Translator(report.language)
    name = element("p", element("b", "oss-oms-sync"), " · ", report.title)
    content = element(
        "div",
        element("div", name, element("p", _phrase(report.about)), class_="top"),
        _hero(report.hero, translate),
        *_blocks(report.blocks, translate),
        *(_section(section, translate) for section in report.sections if section),
        class_="page",
    )
    return html.document(f"oss-oms-sync · {report.title}", translate.language, STYLE, content)


def _hero(hero: Hero, translate: Translator) -> Markup:
    step = hero.step
    return element(
        "header",
        element("h1", hero.word, class_=hero.tone),
        element("p", hero.lead, class_="lead"),
        _block(hero.doubts, translate) if hero.doubts else None,
        element("div", *_step(step, translate, ""), class_="next") if step else None,
        class_="hero",
    )


def _step(step: StepBlock, translate: Translator, between: str) -> Iterable[Markup]:
    if step.text:
        yield element("p", element("b", translate("Next")), between, translate.before(step.text, step.command))
    if step.command:
        yield _command(step.command)


def _command(text: str) -> Markup:
    lines = Markup("\n".join(join((line,)) for line in text.split("\n")))
    return element("pre", element("code", lines), class_="command", dir="ltr", translate="no")


def _section(section: Section, translate: Translator) -> Markup:
    note = element("p", section.note, class_="note") if section.note else None
    return element(
        "section",
        element("header", element("h2", section.title, id=section.name), note),
        element("div", *_blocks(section.blocks, translate), class_="body"),
        aria_labelledby=section.name,
    )


def _blocks(blocks: Blocks, translate: Translator) -> Iterator[Markup]:
    return (_block(block, translate) for block in blocks if block)


def _block(block: Block, translate: Translator) -> Markup:
    match block:
        case Paragraph(content, kind):
            return element("p", _phrase(content), class_=kind)
        case Heading(content):
            return element("h3", _phrase(content))
        case FactList(rows):
            return _pairs((name, _phrase(value)) for name, value in rows if value is not None)
        case Figures():
            return _figures(block)
        case Table():
            return _table(block)
        case Picture(caption, total, shares):
            parts = (element("span", _phrase(phrase)) for phrase in (caption, total))
            return element("figure", element("figcaption", *parts), bar(shares))
        case Chart():
            return _chart(block, translate)
        case Items(rows, kind):
            return element("ul", *(element("li", _phrase(row)) for row in rows), class_=kind)
        case CommandBlock(text) | Document(text):
            return _command(text)
        case FindingBlock():
            return _finding(block, translate)
        case Detail(blocks):
            return join(_blocks(blocks, translate))


def _phrase(phrase: Phrase | Cell) -> Markup:
    match phrase:
        case None:
            return Markup()
        case str():
            return join((phrase,))
        case Span():
            return _span(phrase)
        case Link(file, shown):
            return element("a", shown, href=file)
        case Rounded(shown, _):
            return join((shown,))
        case Time(written, shown, age):
            return join(
                (element("time", shown, datetime=written), element("span", age, class_="note") if age else None)
            )
        case Bar():
            return bar(phrase)
        case Track(percent=None):
            return track(phrase)
        case Track(number, percent=percent):
            shown = element("span", percent, class_="n" if number else "n nil")
            return element("span", track(phrase), shown, class_="share")
        case _:
            return join(map(_phrase, phrase))


def _span(span: Span) -> Markup:
    kind, content, tone = span
    match kind:
        case "key":
            return html.key(str(content))
        case "code":
            return html.code(str(content))
        case "outside":
            return html.outside(str(content))
        case "digest":
            return element("code", _phrase(content), class_="digest", dir="ltr", translate="no")
        case "mark":
            return element("span", _phrase(content), class_=f"mark {tone}")
        case "swatch":
            return element("i", class_=f"swatch {tone}", aria_hidden="true")
    name, own = _SPAN_ELEMENTS.get(kind, ("span", tone))
    return element(name, _phrase(content), class_=own)


def _pairs(pairs: Iterable[tuple[str, Markup]]) -> Markup:
    return element(
        "dl", *(join((element("dt", name), element("dd", markup))) for name, markup in pairs), class_="facts"
    )


def _figures(figures: Figures) -> Markup:
    return element("dl", *map(_figure, figures.numbers), class_="figures within" if figures.within else "figures")


def _figure(figure: Figure) -> Markup:
    number = element("span", _phrase(figure.number), class_=f"number {figure.tone or ''}".strip())
    note = element("div", _phrase(figure.note), class_="note") if figure.note else None
    return element("div", element("dt", figure.label), element("dd", number, note))


def _finding(finding_block: FindingBlock, translate: Translator) -> Markup:
    head = element("h3", element("span", _phrase(finding_block.title)), _phrase(finding_block.result))
    evidence = element("p", _phrase(finding_block.evidence)) if finding_block.evidence else None
    pairs = [*((name, _phrase(value)) for name, value in finding_block.facts if value is not None)]
    if finding_block.keys.rows:
        pairs.append((finding_block.keys_title, _block(finding_block.keys, translate)))
    return element(
        "div", head, evidence, _pairs(pairs), *_step(finding_block.next, translate, translate(": ")), class_="trouble"
    )


def _table(table: Table) -> Markup:
    """Draw a table whose rows become cards on a phone, and remain rows for screen readers."""
    columns = table.columns
    head = [element("th", column.title, class_=column.kind, scope="col", role="columnheader") for column in columns]
    foot = [_row(columns, row) for row in table.foot]
    return element(
        "table",
        element("caption", _phrase(table.caption)) if table.caption else None,
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *(_row(columns, row) for row in table.rows), role="rowgroup"),
        element("tfoot", *foot, role="rowgroup") if foot else None,
        # Two columns fit on a phone.
        class_="cards" if len(columns) > 2 else None,
        role="table",
    )


def _row(columns: Sequence[Column], cells: Sequence[Phrase | Cell]) -> Markup:
    made = []
    for number, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        content, own = cell if isinstance(cell, Cell) else (cell, None)
        kind = " ".join(filter(None, (column.kind, own))) or None
        if number:
            label = column.title if column.kind == "n" else None
            made.append(element("td", _phrase(content), class_=kind, role="cell", data_label=label))
        else:
            made.append(element("th", _phrase(content), class_=kind, scope="row", role="rowheader"))
    return element("tr", *made, role="row")


def _chart(chart: Chart, translate: Translator) -> Markup:
    done, asked, failed = chart.titles
    swatches = (_phrase(Span("swatch", tone=tone)) for tone in ("way", "line"))
    legend = [
        element("span", swatch, title, class_="legend") for swatch, title in zip(swatches, (done, asked), strict=True)
    ]
    peaks = [element("span", translate("peak {number}", number=peak)) for peak in chart.peaks]
    return element(
        "figure",
        element("figcaption", element("span", *legend), peaks[0]),
        columns(chart.done, "copied", chart.asked),
        element("figcaption", element("span", _phrase(Span("swatch", tone="bad")), failed), peaks[1]),
        columns(chart.failed, "failures"),
        element(
            "p", *(element("span", f"{time:%Y-%m-%d %H:%M:%S}") for time in (chart.start, chart.end)), class_="ends"
        ),
        _block(chart.note, translate) if chart.note else None,
        role="group",
        aria_label=chart.label,
    )


def bar(shares: Bar) -> Markup:
    """Draw a bar in which each part has its share; every part above 0 is visible."""
    pieces = [
        element("i", class_=part.tone, style=f"flex-grow:{part.number}") for part in shares.parts if part.number > 0
    ]
    return element("div", *pieces, class_="bar thin" if shares.thin else "bar", role="img", aria_label=shares.label)


def track(share: Track) -> Markup:
    """Draw a number as a share of another, beside the number itself."""
    width = f"width:{100 * share.number / max(1, share.of):.3f}%"
    fill = element("span", class_=f"fill {share.tone}", style=width) if share.number > 0 else None
    return element("span", fill, class_="track", aria_hidden="true")


def columns(values: Sequence[int], kind: str, over: Sequence[int] = ()) -> Markup:
    """Draw columns of the class `kind` side by side, and a line over them on the same scale."""
    highest = max(1, *values, *over)
    shown = [
        # A minimum height keeps a count of 1 visible.
        element("rect", class_=kind, x=f"{place + 0.06:.2f}", y=_y(max(value, highest * 0.04), highest), width="0.88",
                height=f"{100 - float(_y(max(value, highest * 0.04), highest)):.2f}")
        for place, value in enumerate(values)
        if value > 0
    ]  # fmt: skip
    if over:
        points = " ".join(
            f"{place},{_y(value, highest)} {place + 1},{_y(value, highest)}" for place, value in enumerate(over)
        )
        shown.append(element("polyline", class_="requests", points=points, vector_effect="non-scaling-stroke"))
    return element(
        "svg",
        *shown,
        element("line", x1="0", y1="100", x2=str(len(values)), y2="100", vector_effect="non-scaling-stroke"),
        viewBox=f"0 0 {max(1, len(values))} 100",
        preserveAspectRatio="none",
        class_="strip" if kind == "failures" else None,
        aria_hidden="true",
        focusable="false",
    )


def _y(value: float, highest: int) -> str:
    return f"{100 - 98 * value / highest:.2f}"
