"""Tests of a single invocation of a simulated function: its event, its response, and its logs."""

import re
from pathlib import Path

import pytest

from sandbox.__main__ import PassTotals, describe_invocation
from sandbox.fc.logs import parse_line, split_records
from sandbox.server.faults import Fault
from support.world import payload


def test_the_simulated_fc_assigns_output_and_log_lines_to_an_invocation(box, create):
    create(
        """
        import logging, os, sys
        logging.getLogger().info("loading")
        def handler(event, context):
            print("printed", event.decode())
            logging.getLogger("room").info("logged %s", event.decode())
            logging.getLogger().debug("not shown")
            sys.stderr.write("complained\\n")
            os.write(1, b"raw, without an end of line")
        """
    )

    for number, loading in (("one", [" [INFO] loading"]), ("two", [])):
        invocation = box.fc.invoke("f", number.encode())
        assert [line.rpartition(invocation.request_id)[2] for line in invocation.logs] == [
            *loading,
            f"printed {number}",
            f" [INFO] logged {number}",
            "complained",
            "raw, without an end of line",
        ]


def test_the_simulated_fc_cuts_off_an_output_of_over_128_kb(box, create):
    create(
        """
        import sys
        def handler(event, context):
            sys.stdout.write("山" * 50_000 + "\\n")
            sys.stdout.write("\\n")
            sys.stdout.write("x" * 131_071 + "\\n")
            sys.stdout.write("cut\\n")
        """
    )

    logs = box.fc.invoke("f", b"").logs

    assert [len(line.encode()) for line in logs] == [131_070, 131_071, 3], "nothing is cut within a character"


def test_the_simulated_fc_reports_the_stack_of_an_error_as_a_list_of_lists(box, create):
    code = create(
        """\
        def deeper(): raise ValueError("no good")
        def handler(event, context):
            deeper()
        """
    )

    invocation = box.fc.invoke("f", b"")
    assert invocation.error_type == "ValueError"
    assert invocation.error_message == "no good"
    assert "Traceback" in invocation.logs[0]
    assert len(box.fc.invocations) == 1, "a direct call is not repeated"
    index = f'File "{code / "index.py"}"'
    assert list(invocation.stack_trace) == [
        [index, "line 3", "in handler", "deeper()"],
        [index, "line 1", "in deeper", 'def deeper(): raise ValueError("no good")'],
    ]


# Expressions that a function returns, with the bodies of the responses.
BODIES = {
    "{'b': 1, 'a': [True, '山']}": '{\n    "a": [\n        true,\n        "\\u5c71"\n    ],\n    "b": 1\n}',
    "False": "false",
    "'山 as it is'": "山 as it is",
    "b'bytes'": "bytes",
}


def test_the_simulated_fc_returns_values_in_the_json_format_of_the_runtime(box, create):
    create("def handler(event, context): return eval(event)")
    assert {value: box.fc.invoke("f", value.encode()).body for value in BODIES} == BODIES


HANDLER = "def handler(event, context): "


@pytest.mark.parametrize(
    ("source", "outcome", "error"),
    [
        ("import no_such_module", "raised", "ModuleNotFoundError"),
        ("handle = None", "raised", "AttributeError"),
        (f"{HANDLER}return object()", "raised", "TypeError"),
        (f"{HANDLER}return {{1: 'keys that cannot be', 'sorted': ''}}", "raised", "TypeError"),
        (f"import sys\n{HANDLER}sys.exit(0)", "crashed", "FunctionCrashed"),
    ],
)
def test_the_simulated_fc_fails_each_event_of_a_broken_function(box, create, source, outcome, error):
    create(source)
    assert [
        (invocation.outcome, invocation.error_type) for invocation in (box.fc.invoke("f", b""), box.fc.invoke("f", b""))
    ] == [(outcome, error)] * 2


CODE = Path(__file__).parents[3] / "template" / "code"
DATED_LINE = '2026-01-31T12:00:00.123Z {"job": "forward"}'


def test_a_line_with_a_date_begins_a_record_of_the_simulated_log():
    lines = [
        "FC Invoke Start",
        DATED_LINE,
        "Traceback",
        '{"job": "forward"}',
        "  on 2026-01-31",
        "2026-01-31 other",
        DATED_LINE,
    ]
    assert split_records(lines) == ["FC Invoke Start", "\n".join(lines[1:5]), *lines[5:]]


def test_the_simulated_log_cuts_off_a_record_of_over_128_kb():
    (record,) = split_records([f"2026-01-31 {'山' * 60_000}"])
    assert 128 * 1024 - 3 < len(record.encode()) <= 128 * 1024


@pytest.mark.parametrize("line", ["", "FC Invoke End", '{"job": "forward"}', "2026-01-31 12:00:00 [INFO] {x}", "{} {}"])
def test_the_sandbox_parses_only_log_lines_of_the_project_as_json(line):
    assert parse_line(line) == {}
    assert parse_line(DATED_LINE) == {"job": "forward"}


def test_the_interactive_sandbox_prints_the_outcome_of_each_key(box):
    box.deploy(CODE)
    (line,) = describe_invocation(box.fc.invoke("forward", payload("a", "b")), PassTotals())
    assert re.fullmatch(r"\[green\]accepted\[/\] in .* ms: a, b", line)
    box.oms.faults.add(Fault.status(401))
    failed_line, summary_line = describe_invocation(box.fc.invoke("forward", payload("c")), PassTotals())
    assert failed_line.startswith("[yellow]failed[/] c: CREDENTIALS. ")
    assert summary_line.startswith("[yellow]recorded as failed[/]")
