"""Tables of reports on terminals of 80 and 60 columns."""

from __future__ import annotations

import pytest

from ops.report.blocks import Column, Report, ReportHead, Span, Table
from ops.show import lines
from ops.terminal import width
from support.ops import Console, missing_parts

# Titles of terminal and page, longer than any number.
SIDES = {
    "en": ("class", "source (OSS)", "volume", "destination (OBS)", "volume"),
    "zh": ("类别", "源端（OSS）", "数据量", "目的端（OBS）", "数据量"),
}


def draw_table(monkeypatch, table: Table, columns: int, language: str = "en") -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(typed="")
    console.session.screen.answer(lines.draw(Report(ReportHead("GO", "good", "GO", None), language, [table])))
    return console.out.getvalue().splitlines()[1:]


def make_class_table(language: str, volume: str) -> Table:
    columns = [Column(title, "n" if index else None) for index, title in enumerate(SIDES[language])]
    return Table(columns, [("deleted at the source deleted_at_source", "0", "0 bytes", "1", volume)])


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("language", SIDES)
@pytest.mark.parametrize("volume", ["5 bytes", "200,000,000,000,000 bytes"])
def test_a_table_fits_the_terminal_and_breaks_no_word(monkeypatch, columns, language, volume):
    drawn_table = draw_table(monkeypatch, make_class_table(language, volume), columns, language)
    assert max(map(width, drawn_table)) <= columns
    # Each word of a cell, and each number with its unit, is on a single line.
    words = ("deleted", "deleted_at_source", volume, "OSS", "OBS", "destination" if language == "en" else "")
    assert missing_parts("\n".join(drawn_table), *words) == []


@pytest.mark.parametrize(
    ("volume", "columns", "expected"),
    [
        (
            "5 bytes",
            200,
            [
                "    class                                    source (OSS)   volume  destination (OBS)   volume",
                "    deleted at the source deleted_at_source             0  0 bytes                  1  5 bytes",
            ],
        ),
        (
            "5 bytes",
            60,
            [
                "    class              source   volume  destination   volume",
                "                        (OSS)                 (OBS)",
                "    deleted at the          0  0 bytes            1  5 bytes",
                "    source",
                "    deleted_at_source",
            ],
        ),
        (
            "200,000,000,000,000 bytes",
            60,
            [
                "    deleted at the source deleted_at_source",
                "      source (OSS): 0, volume: 0 bytes, destination (OBS):",
                "        1, volume: 200,000,000,000,000 bytes",
            ],
        ),
    ],
    ids=["a line for each row", "wrapped titles and sentences", "paragraphs"],
)
def test_a_table_takes_the_form_that_fits_the_terminal(monkeypatch, volume, columns, expected):
    assert draw_table(monkeypatch, make_class_table("en", volume), columns) == expected


def test_a_narrow_table_does_not_wrap_an_object_key(monkeypatch):
    key = "a key with spaces, which is copied as it stands"
    table = Table([Column("object key"), Column("since")], [(Span("key", key), "2026-01-31T08:00:00Z (5 min ago)")])
    assert missing_parts("\n".join(draw_table(monkeypatch, table, 60)), repr(key)) == []
