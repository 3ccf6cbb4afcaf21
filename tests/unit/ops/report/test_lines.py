"""Tables of reports on terminals of 80 and 60 columns."""

from __future__ import annotations

import io

import pytest

from ops.clock import WallClock
from ops.report.blocks import Column, Report, ReportHead, Span, Table
from ops.show import lines
from ops.terminal import Screen, width

KEY = "a key with spaces, which is copied as it stands"
# Titles of terminal and page, longer than any number.
SIDES = {
    "en": ("class", "source (OSS)", "volume", "destination (OBS)", "volume"),
    "zh": ("类别", "源端（OSS）", "数据量", "目的端（OBS）", "数据量"),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def draw_table(monkeypatch, table: Table, columns: int, language: str = "en") -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen(WallClock(0), Terminal(), Terminal())
    screen.answer(lines.draw(Report(ReportHead("GO", "good", "GO", None), language, [table])))
    return screen._out.getvalue().splitlines()[1:]


def make_class_table(language: str, volume: str) -> Table:
    first_column, *other_columns = (
        Column(title, "n" if index else None) for index, title in enumerate(SIDES[language])
    )
    rows = [("deleted at the source deleted_at_source", "0", "0 bytes", "1", volume)]
    return Table([first_column, *other_columns], rows)


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("language", SIDES)
@pytest.mark.parametrize("volume", ["5 bytes", "200,000,000,000,000 bytes"])
def test_a_table_fits_the_terminal_and_breaks_no_word(monkeypatch, columns, language, volume):
    drawn_table = draw_table(monkeypatch, make_class_table(language, volume), columns, language)

    assert all(width(line) <= columns for line in drawn_table), drawn_table
    # Each word of a cell, and each number with its unit, is on a single line.
    unbroken_words = [
        "deleted",
        "deleted_at_source",
        volume,
        "OSS",
        "OBS",
        *(["destination"] if language == "en" else []),
    ]
    assert [word for word in unbroken_words if not any(word in line for line in drawn_table)] == []


def test_a_table_that_fits_the_terminal_has_a_line_for_each_row(monkeypatch):
    assert draw_table(monkeypatch, make_class_table("en", "5 bytes"), 200) == [
        "    class                                    source (OSS)   volume  destination (OBS)   volume",
        "    deleted at the source deleted_at_source             0  0 bytes                  1  5 bytes",
    ]


def test_a_table_on_a_narrow_terminal_wraps_its_titles_and_sentences(monkeypatch):
    assert draw_table(monkeypatch, make_class_table("en", "5 bytes"), 60) == [
        "    class              source   volume  destination   volume",
        "                        (OSS)                 (OBS)",
        "    deleted at the          0  0 bytes            1  5 bytes",
        "    source",
        "    deleted_at_source",
    ]


def test_a_table_too_wide_for_the_terminal_becomes_paragraphs(monkeypatch):
    assert draw_table(monkeypatch, make_class_table("en", "200,000,000,000,000 bytes"), 60) == [
        "    deleted at the source deleted_at_source",
        "      source (OSS): 0, volume: 0 bytes, destination (OBS):",
        "        1, volume: 200,000,000,000,000 bytes",
    ]


def test_a_narrow_table_does_not_wrap_an_object_key(monkeypatch):
    table = Table([Column("object key"), Column("since")], [(Span("key", KEY), "2026-01-31T08:00:00Z (5 min ago)")])

    assert any(repr(KEY) in line for line in draw_table(monkeypatch, table, 60))
