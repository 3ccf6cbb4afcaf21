"""A function's output on its way into Simple Log Service, and as `make sandbox` shows it."""

from pathlib import Path

import pytest

from sandbox.__main__ import describe
from sandbox.fc.logs import records, said
from sandbox.server.faults import Fault
from support.world import payload

CODE = Path(__file__).parents[3] / "template" / "code"
DATED = '2026-01-31T12:00:00.123Z {"job": "forward"}'


def test_a_line_that_begins_with_a_date_opens_a_record():
    assert records([DATED, "2026-01-31 other", DATED]) == [DATED, "2026-01-31 other", DATED]


def test_lines_without_a_date_are_appended_to_the_record_before():
    lines = ["FC Invoke Start", DATED, "Traceback", '{"job": "forward"}', "  on 2026-01-31", DATED]
    assert records(lines) == ["FC Invoke Start", "\n".join(lines[1:5]), DATED]


def test_a_write_of_over_128_kb_is_cut():
    (record,) = records([f"2026-01-31 {'山' * 60_000}"])
    assert 128 * 1024 - 3 < len(record.encode()) <= 128 * 1024


@pytest.mark.parametrize("line", ["", "FC Invoke End", '{"job": "forward"}', "2026-01-31 12:00:00 [INFO] {x}", "{} {}"])
def test_only_the_projects_own_line_says_something(line):
    assert said(line) == {}
    assert said(DATED) == {"job": "forward"}


def test_the_playground_shows_what_became_of_each_key(box):
    box.deploy(CODE)
    (line,) = describe(box.fc.invoke("forward", payload("a", "b")))
    assert line.startswith("[green]accepted[/] in ")
    assert line.endswith(" ms: a, b")
    box.oms.faults.add(Fault.status(401))
    failed, last = describe(box.fc.invoke("forward", payload("c")))
    assert failed.startswith("[yellow]failed[/] c: CREDENTIALS. ")
    assert last.startswith("[yellow]recorded as failed[/]")
