"""Tests of a single invocation of a simulated function: its event, its response, and its logs."""

import re
from pathlib import Path

import pytest

from sandbox.__main__ import PassTotals, describe_invocation
from sandbox.fc.logs import parse_line, split_records
from sandbox.server.faults import Fault
from support.world import payload


def test_a_simulated_function_receives_a_payload_and_returns_a_value(box, create):
    create("def handler(event, context): return {'got': event.decode(), 'type': type(event).__name__}")

    invocation = box.fc.invoke("f", "照片".encode())

    assert invocation.outcome == "returned"
    assert invocation.value == {"got": "照片", "type": "bytes"}
    assert invocation.payload == "照片".encode()


def test_the_handler_of_a_simulated_function_can_be_in_any_module(box, create):
    code = create("", handler="pkg/door.open_it")
    (code / "pkg").mkdir()
    (code / "pkg" / "door.py").write_text("def open_it(event, context): return 'opened'")

    assert box.fc.invoke("f", b"").value == "opened"


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


def test_the_simulated_fc_does_not_retry_a_direct_call(box, create, outcomes):
    create("def handler(event, context): raise ValueError('no good')")

    invocation = box.fc.invoke("f", b"")

    assert invocation.failed is True
    assert invocation.error_type == "ValueError"
    assert invocation.error_message == "no good"
    assert "Traceback" in invocation.logs[0]
    assert outcomes() == [("f", 1, "raised")]


def test_the_simulated_fc_reports_the_stack_of_an_error_as_a_list_of_lists(box, create):
    code = create(
        """\
        def deeper(): raise ValueError("no good")
        def handler(event, context):
            deeper()
        """
    )

    index = f'File "{code / "index.py"}"'
    assert list(box.fc.invoke("f", b"").stack_trace) == [
        [index, "line 3", "in handler", "deeper()"],
        [index, "line 1", "in deeper", 'def deeper(): raise ValueError("no good")'],
    ]


@pytest.mark.parametrize(
    ("returned_value", "body"),
    [
        ("{'b': 1, 'a': [True, '山']}", '{\n    "a": [\n        true,\n        "\\u5c71"\n    ],\n    "b": 1\n}'),
        ("False", "false"),
        ("'山 as it is'", "山 as it is"),
        ("b'bytes'", "bytes"),
    ],
)
def test_the_simulated_fc_returns_values_in_the_json_format_of_the_runtime(box, create, returned_value, body):
    create(f"def handler(event, context): return {returned_value}")

    assert box.fc.invoke("f", b"").body == body


def test_a_caller_of_the_simulated_fc_stops_waiting_after_its_timeout(box, create):
    create("import time\ndef handler(event, context): time.sleep(1000)")

    with pytest.raises(TimeoutError):
        box.fc.invoke("f", b"", timeout=0.2)


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
